package rtc

import (
	"bytes"
	"encoding/binary"
	"net"
	"time"

	"github.com/pion/stun/v4"
)

const bindingRequest = 0x0001

// stun handles a STUN message: our own agent's Binding requests here, everything else is TURN's. The dispatch lock is
// held.
func (s *Server) stun(b []byte, src source, now time.Time) {
	if !stun.IsMessage(b) || int(binary.BigEndian.Uint16(b[2:]))+20 != len(b) {
		s.stats.dropped.Add(1)
		return
	}
	if binary.BigEndian.Uint16(b) != bindingRequest {
		if src.peer == nil {
			s.turn.control(b, src.addr)
		}
		return
	}
	m := &s.request
	m.Raw = append(m.Raw[:0], b...)
	if m.Decode() != nil {
		s.stats.dropped.Add(1)
		return
	}
	if !m.Contains(stun.AttrUsername) {
		if src.peer == nil {
			s.mapped(src)
		}
		return
	}
	s.check(src, now)
}

// mapped answers a Binding request without credentials, as any STUN server does (RFC 8489 section 12).
func (s *Server) mapped(src source) {
	r := &s.response
	if r.Build(stun.NewTransactionIDSetter(s.request.TransactionID), stun.BindingSuccess, xorMapped(src),
		stun.Fingerprint) == nil {
		s.out.sendTo(net.UDPAddrFromAddrPort(src.addr), r.Raw)
	}
}

func xorMapped(src source) *stun.XORMappedAddress {
	return &stun.XORMappedAddress{IP: src.addr.Addr().AsSlice(), Port: int(src.addr.Port())}
}

// check answers a connectivity check (RFC 8445 section 7.3), which is in s.request. What fails authentication gets no
// answer: it cannot come from a client that has read our SDP, and a stranger learns nothing.
func (s *Server) check(src source, now time.Time) {
	m := &s.request
	username, _ := m.Get(stun.AttrUsername)
	local, remote, _ := bytes.Cut(username, []byte(":"))
	sess := s.tables.byUfrag(local)
	if sess == nil || stun.Fingerprint.Check(m) != nil {
		s.stats.dropped.Add(1)
		return
	}
	if sess.integrity.Check(m) != nil || !sess.knows(remote) {
		s.stats.integrityFailures.Add(1)
		sess.once(&sess.badCheckSeen, func() { sess.trace.Warn("ice-wrong-integrity", "from", src.addr.String()) })
		return
	}
	for _, a := range m.Attributes {
		if a.Type.Required() && !understood(a.Type) {
			s.refuse(sess, src, stun.CodeUnknownAttribute, stun.UnknownAttributes{a.Type})
			return
		}
	}
	// We are lite, and so always the controlled side: a client that thinks it is controlled has to change its mind.
	if m.Contains(stun.AttrICEControlled) {
		s.refuse(sess, src, stun.CodeRoleConflict)
		return
	}
	ep := sess.heardCheck(src, m.Contains(stun.AttrUseCandidate), now)
	if ep == nil {
		s.stats.dropped.Add(1)
		return
	}
	r := &s.response
	if r.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess, xorMapped(src), sess.integrity,
		stun.Fingerprint) == nil {
		s.send(ep, r.Raw)
	}
}

// understood says whether a comprehension-required attribute of a check is known here (RFC 8489 section 14, RFC 8445
// section 16.1). pion's AttrType.Known would make a map of all attributes for each call.
func understood(t stun.AttrType) bool {
	switch t {
	case stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256, stun.AttrPriority,
		stun.AttrUseCandidate:
		return true
	}
	return false
}

// refuse answers an authenticated check with an error.
func (s *Server) refuse(sess *Session, src source, code stun.ErrorCode, extra ...stun.Setter) {
	setters := append([]stun.Setter{
		stun.NewTransactionIDSetter(s.request.TransactionID), stun.BindingError, &stun.ErrorCodeAttribute{Code: code},
	}, extra...)
	r := &s.response
	if r.Build(append(setters, sess.integrity, stun.Fingerprint)...) != nil {
		return
	}
	to := endpoint{addr: src.addr, peer: src.peer}
	if src.peer == nil {
		to.dst = net.UDPAddrFromAddrPort(src.addr)
	}
	s.send(&to, r.Raw)
}
