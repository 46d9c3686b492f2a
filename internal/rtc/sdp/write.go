package sdp

import (
	"fmt"
	"strings"
)

// cname names us as the source of everything that we send (RFC 3550 section 6.5.1).
const cname = "carillon"

// write writes the answer. One attribute per line, in the order of signaling spec appendix B.
func (n *negotiation) write(tagged *result, version uint64) string {
	var w writer
	w.line("v=0")
	w.line("o=- 1 %d IN IP4 127.0.0.1", version)
	w.line("s=-")
	w.line("t=0 0")
	if len(n.offer.bundle) > 0 {
		w.line("a=group:BUNDLE %s", strings.Join(n.bundle(), " "))
	}
	w.line("a=ice-lite")
	if n.offer.allowMixed {
		w.line("a=extmap-allow-mixed")
	}
	w.line("a=msid-semantic: WMS *")
	for i := range n.results {
		switch res := &n.results[i]; {
		case res.rejected():
			w.rejected(res.offered)
		default:
			w.section(res)
			if res == tagged {
				w.transport(n.request.Transport, n.answer.Remote)
			}
			w.common(res)
			w.media(res)
		}
	}
	return w.String()
}

type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteString("\r\n")
}

// rejected mirrors a stopped section: the answer needs as many sections as the offer (RFC 3264 section 6).
func (w *writer) rejected(s *section) {
	w.line("m=%s 0 %s %s", s.kind, s.proto, strings.Join(s.formats, " "))
	w.line("c=IN IP4 0.0.0.0")
	if s.mid != "" {
		w.line("a=mid:%s", s.mid)
	}
	w.line("a=inactive")
}

func (w *writer) section(res *result) {
	fmt.Fprintf(w, "m=%s 9 %s", res.offered.kind, res.offered.proto)
	if res.audio != nil {
		fmt.Fprintf(w, " %d", res.audio.PayloadType)
	} else {
		for _, c := range res.video.Codecs {
			fmt.Fprintf(w, " %d", c.PayloadType)
			if c.RTX != 0 {
				fmt.Fprintf(w, " %d", c.RTX)
			}
		}
	}
	w.line("")
	w.line("c=IN IP4 0.0.0.0")
}

// transport writes what all sections share; RFC 9143 section 7.1.3 wants it once, in the tagged section.
func (w *writer) transport(t Transport, r Remote) {
	for i, c := range t.Candidates {
		priority := c.Priority
		if priority == 0 {
			// RFC 8445 section 5.1.2.1, type preference 126 of host candidates.
			priority = 126<<24 | (65535-uint32(i))<<8 | 255
		}
		w.line("a=candidate:%d 1 udp %d %s %d typ host", i+1, priority, c.Address, c.Port)
	}
	if len(t.Candidates) > 0 {
		w.line("a=end-of-candidates")
	}
	w.line("a=ice-ufrag:%s", t.Ufrag)
	w.line("a=ice-pwd:%s", t.Pwd)
	w.line("a=fingerprint:%s", t.Fingerprint)
	if r.DialsDTLS() {
		w.line("a=setup:active")
	} else {
		w.line("a=setup:passive")
	}
}

func (w *writer) common(res *result) {
	w.line("a=mid:%s", res.offered.mid)
	for _, e := range res.extensions {
		if e.direction == "" {
			w.line("a=extmap:%d %s", e.id, e.uri)
		} else {
			w.line("a=extmap:%d/%s %s", e.id, e.direction.reversed(), e.uri)
		}
	}
	w.line("a=%s", res.direction)
	if res.msid != "" {
		w.line("a=msid:%s", res.msid)
	}
	w.line("a=rtcp-mux")
	if res.offered.rsize {
		w.line("a=rtcp-rsize")
	}
}

func (w *writer) media(res *result) {
	if a := res.audio; a != nil {
		w.audio(a, res.offered.formatsByPT[a.PayloadType])
		return
	}
	for _, c := range res.video.Codecs {
		w.codec(c)
	}
	w.simulcast(res.rids)
	if s := res.video; s.SSRC != 0 {
		if s.RTXSSRC != 0 {
			w.line("a=ssrc-group:FID %d %d", s.SSRC, s.RTXSSRC)
		}
		w.source(s.SSRC)
		if s.RTXSSRC != 0 {
			w.source(s.RTXSSRC)
		}
	}
}

func (w *writer) audio(a *AudioSection, f *format) {
	w.line("a=rtpmap:%d opus/48000/2", a.PayloadType)
	for _, v := range f.accepted([]string{"transport-cc"}) {
		w.line("a=rtcp-fb:%d %s", a.PayloadType, v)
	}
	w.line("a=fmtp:%d %s", a.PayloadType, a.Fmtp)
	if a.SSRC != 0 {
		w.source(a.SSRC)
	}
}

func (w *writer) codec(c Codec) {
	w.line("a=rtpmap:%d %s/90000", c.PayloadType, c.Name)
	for _, v := range c.Feedback {
		w.line("a=rtcp-fb:%d %s", c.PayloadType, v)
	}
	if c.Fmtp != "" {
		w.line("a=fmtp:%d %s", c.PayloadType, c.Fmtp)
	}
	if c.RTX != 0 {
		w.line("a=rtpmap:%d rtx/90000", c.RTX)
		w.line("a=fmtp:%d apt=%d", c.RTX, c.PayloadType)
	}
}

// simulcast accepts every layer, without the tildes of paused ones: those would be our wish to have them paused.
func (w *writer) simulcast(layers []Layer) {
	rids := make([]string, 0, len(layers))
	for _, l := range layers {
		w.line("a=rid:%s recv", l.RID)
		rids = append(rids, l.RID)
	}
	if len(rids) > 1 {
		w.line("a=simulcast:recv %s", strings.Join(rids, ";"))
	}
}

func (w *writer) source(ssrc uint32) { w.line("a=ssrc:%d cname:%s", ssrc, cname) }
