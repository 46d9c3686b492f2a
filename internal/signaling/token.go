package signaling

import (
	"net/http"
	"slices"

	"github.com/gorilla/websocket"
)

const (
	// tokenProtocol is the subprotocol that browsers offer together with their
	// token, and the name of the cookie in which C++ clients send it.
	tokenProtocol = "_aws_wt_session"
	// nativeProtocol is the subprotocol of C++ clients.
	nativeProtocol = "Signaling-SDK"

	// maxToken bounds what is looked up; ours have about a hundred bytes.
	maxToken = 1024
)

// tokenOf finds the join token of an upgrade request. A browser cannot set
// headers, so it offers the token as one more subprotocol:
//
//	Sec-WebSocket-Protocol: _aws_wt_session, <token>
//
// The C++ client sends a cookie instead (signaling spec 1.2). An empty string
// is no token.
func tokenOf(r *http.Request) string {
	offered := websocket.Subprotocols(r)
	if slices.Contains(offered, tokenProtocol) {
		for _, p := range offered {
			if p != tokenProtocol && p != nativeProtocol {
				return bounded(p)
			}
		}
	}
	if cookie, err := r.Cookie(tokenProtocol); err == nil {
		return bounded(cookie.Value)
	}
	return ""
}

func bounded(token string) string {
	if len(token) > maxToken {
		return ""
	}
	return token
}

// ignoresCloseCodes says whether the client is one that notices a close while
// it joins only after 15 s, and so must be told by a frame. JavaScript SDKs
// from 1.19 on ask for close codes in the URL (signaling spec 1.1 and 12); C++
// clients, known by their cookie, understand them anyway.
func ignoresCloseCodes(r *http.Request) bool {
	if _, err := r.Cookie(tokenProtocol); err == nil {
		return false
	}
	return r.URL.Query().Get("X-Amzn-Chime-Send-Close-On-Error") != "1"
}
