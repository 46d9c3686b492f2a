// Package audio mixes the voices of a room and sends everybody one continuous
// Opus stream of what the others say.
//
// An [Engine] ticks every 20 ms while there is anybody to send to, and in each
// tick every [Room] takes one frame from each of its talkers and gives each
// [Leg] one packet. The work is kept down to what differs:
//
//   - Who is silent is not decoded. The RTP level extension (RFC 6464) tells,
//     or the packet itself when it is DTX or a CELT silence frame. A leg that
//     has not been heard yet has neither decoder nor packet buffer; these come
//     from a pool when it starts to talk and return a second after it stopped.
//   - Who is not talking hears the shared mix, encoded once; its packet is
//     handed to every sink as it is.
//   - Who is talking hears a private mix without itself, and without the legs
//     of the same owner (a sharer does not hear its own content).
//   - A mix that is digital silence is not encoded: the standard silence frame
//     goes out instead. Packets never stop, since clients take a pause for a
//     broken connection (signaling spec 5.5).
//
// A listener that changes streams must not hear a click. An Opus decoder
// depends on its past, so a private encoder starts as a copy of the encoder
// that its listener has been hearing. The way back leads through a second of
// silence of its own, after which both mixes are the same. A packet with
// newcomers among its listeners is coded without prediction from its past.
//
// # Goroutines
//
// The engine has one goroutine, and more that help it only in ticks with much
// to do; none while no room has legs. [Leg.Push] is called from network read
// loops and takes one short lock. Sinks are called with the room locked: they
// must not call back into this package, nor wait for a lock that is held
// around such a call.
package audio
