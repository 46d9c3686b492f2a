// Package rtc carries the packets of all media sessions: ICE, DTLS, SRTP and TURN on one UDP port.
//
// A [Server] owns one UDP socket and the TCP port of the same number. Everything that arrives is told apart by its
// first byte (RFC 7983 section 7):
//
//	  0 –   3   STUN: connectivity checks of a session (ICE-lite, RFC 8445), or TURN control
//	 20 –  63   DTLS: the handshake of a session
//	 64 –  79   TURN ChannelData
//	128 – 191   SRTP and SRTCP, told apart by the second byte (RFC 5761 section 4)
//
// A [Session] is one client's bundled transport. Its way through life: the owner writes [Session.Local] into an SDP
// answer and gives the offer's side to [Session.SetRemote]; the first connectivity check whose MESSAGE-INTEGRITY is
// right sets the path and starts the DTLS handshake; its keys open and seal SRTP from then on. Only addresses that
// passed such a check are ever matched to a session, so what strangers send creates no state.
//
// # Who runs what
//
// Packets come from the UDP read loop, from one reader per TURN connection over TCP or TLS, and from TURN's control
// goroutine. All of them hold the dispatch lock while they handle a packet, so handling is single-threaded: the receive
// contexts of all sessions, and the calls of [Handler], belong to whoever holds it. Sending is safe from anywhere: a
// session seals under its own lock, straight into a slot of the outgoing batch, which leaves with one system call when
// it is full, at the end of each input batch, or on [Server.Flush].
//
// # TURN
//
// pion/turn speaks TURN's control protocol; relayed packets never touch a second socket. An allocation's relayed address
// is made up (198.51.100.0/24, RFC 5737): what a client sends to our own media address goes to the dispatcher in memory,
// and what a session sends goes back wrapped as ChannelData. Every other peer is refused, so this is no open relay.
package rtc
