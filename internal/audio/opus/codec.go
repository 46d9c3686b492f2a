//go:build cgo

package opus

/*
#cgo LDFLAGS: -l:libopus.a -lm
#include <opus/opus.h>

// The ctl functions are variadic, which cgo cannot call.
static int carillon_enc_set(OpusEncoder *e, int request, opus_int32 v) { return opus_encoder_ctl(e, request, v); }
static int carillon_enc_reset(OpusEncoder *e) { return opus_encoder_ctl(e, OPUS_RESET_STATE); }
static int carillon_dec_reset(OpusDecoder *d) { return opus_decoder_ctl(d, OPUS_RESET_STATE); }

#cgo noescape carillon_enc_set
#cgo nocallback carillon_enc_set
#cgo noescape carillon_enc_reset
#cgo nocallback carillon_enc_reset
#cgo noescape carillon_dec_reset
#cgo nocallback carillon_dec_reset
#cgo noescape opus_encode
#cgo nocallback opus_encode
#cgo noescape opus_decode
#cgo nocallback opus_decode
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Encoder compresses one stream.
type Encoder struct {
	// state is an OpusEncoder. libopus promises that it is self-contained and
	// position independent, so Go may own it (8-byte aligned by its type).
	state    []uint64
	channels int
}

// Decoder decompresses one stream. It makes mono or stereo of whatever the
// packets carry.
type Decoder struct {
	state    []uint64
	channels int
}

// NewEncoder makes an encoder, DTX off.
func NewEncoder(c EncoderConfig) (*Encoder, error) {
	size := C.opus_encoder_get_size(C.int(c.Channels))
	if size <= 0 {
		return nil, fmt.Errorf("opus: %d channels; only 1 and 2 are possible", c.Channels)
	}
	if c.Application == 0 {
		c.Application = Audio
	}
	e := &Encoder{state: make([]uint64, (size+7)/8), channels: c.Channels}
	if r := C.opus_encoder_init(e.c(), SampleRate, C.int(c.Channels), C.int(c.Application)); r != C.OPUS_OK {
		return nil, failure("make an encoder", int(r))
	}
	fec := 0
	if c.FEC {
		fec = 1
	}
	for _, s := range []struct {
		what           string
		request, value int
	}{
		{"bitrate", C.OPUS_SET_BITRATE_REQUEST, orAuto(c.Bitrate)},
		{"complexity", C.OPUS_SET_COMPLEXITY_REQUEST, c.Complexity},
		{"FEC", C.OPUS_SET_INBAND_FEC_REQUEST, fec},
		{"packet loss", C.OPUS_SET_PACKET_LOSS_PERC_REQUEST, c.PacketLoss},
	} {
		if err := e.set(s.request, s.value); err != nil {
			return nil, fmt.Errorf("%s %d: %w", s.what, s.value, err)
		}
	}
	return e, nil
}

func orAuto(bitrate int) int {
	if bitrate == 0 {
		return C.OPUS_AUTO
	}
	return bitrate
}

func (e *Encoder) c() *C.OpusEncoder { return (*C.OpusEncoder)(unsafe.Pointer(&e.state[0])) }

func (e *Encoder) set(request, value int) error {
	if r := C.carillon_enc_set(e.c(), C.int(request), C.opus_int32(value)); r != C.OPUS_OK {
		return failure("set an encoder option", int(r))
	}
	return nil
}

// Encode compresses one frame of 120, 240, 480, 960, 1920 or 2880 samples per
// channel into out and returns the packet's length in bytes. A small out
// lowers the bit rate to what fits.
func (e *Encoder) Encode(pcm []int16, out []byte) (int, error) {
	if len(pcm) == 0 || len(out) == 0 {
		return 0, failure("encode", C.OPUS_BAD_ARG)
	}
	n := C.opus_encode(e.c(), (*C.opus_int16)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)/e.channels),
		(*C.uchar)(unsafe.Pointer(&out[0])), C.opus_int32(len(out)))
	if n < 0 {
		return 0, failure("encode", int(n))
	}
	return int(n), nil
}

// Reset makes the encoder forget what it has heard; its options stay.
func (e *Encoder) Reset() error {
	if r := C.carillon_enc_reset(e.c()); r != C.OPUS_OK {
		return failure("reset an encoder", int(r))
	}
	return nil
}

// CopyFrom makes e continue where src stands, options included: a decoder
// that has followed src may follow e from here on. Both must have the same
// number of channels.
func (e *Encoder) CopyFrom(src *Encoder) {
	copy(e.state, src.state)
	e.channels = src.channels
}

// Independent makes the following frames decodable without those before them,
// at some cost in quality (on), or allows prediction again (off).
func (e *Encoder) Independent(on bool) error {
	v := 0
	if on {
		v = 1
	}
	return e.set(C.OPUS_SET_PREDICTION_DISABLED_REQUEST, v)
}

// NewDecoder makes a decoder with 1 or 2 channels.
func NewDecoder(channels int) (*Decoder, error) {
	size := C.opus_decoder_get_size(C.int(channels))
	if size <= 0 {
		return nil, fmt.Errorf("opus: %d channels; only 1 and 2 are possible", channels)
	}
	d := &Decoder{state: make([]uint64, (size+7)/8), channels: channels}
	if r := C.opus_decoder_init(d.c(), SampleRate, C.int(channels)); r != C.OPUS_OK {
		return nil, failure("make a decoder", int(r))
	}
	return d, nil
}

func (d *Decoder) c() *C.OpusDecoder { return (*C.OpusDecoder)(unsafe.Pointer(&d.state[0])) }

// Decode decompresses one packet into pcm and returns the number of samples
// per channel. Room for [MaxSamples] per channel always suffices. A nil
// packet conceals a lost one of len(pcm) samples, a multiple of 2.5 ms.
func (d *Decoder) Decode(packet []byte, pcm []int16) (int, error) {
	return d.decode(packet, pcm, 0)
}

// DecodeFEC recovers, from the packet after a lost one, the lost one of
// len(pcm) samples; where the packet has no redundant copy it is concealed.
func (d *Decoder) DecodeFEC(next []byte, pcm []int16) (int, error) {
	return d.decode(next, pcm, 1)
}

func (d *Decoder) decode(packet []byte, pcm []int16, fec C.int) (int, error) {
	if len(pcm) < d.channels {
		return 0, failure("decode", C.OPUS_BUFFER_TOO_SMALL)
	}
	var data *C.uchar
	if len(packet) > 0 {
		data = (*C.uchar)(unsafe.Pointer(&packet[0]))
	}
	n := C.opus_decode(d.c(), data, C.opus_int32(len(packet)),
		(*C.opus_int16)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)/d.channels), fec)
	if n < 0 {
		return 0, failure("decode", int(n))
	}
	return int(n), nil
}

// Reset makes the decoder forget what it has heard.
func (d *Decoder) Reset() error {
	if r := C.carillon_dec_reset(d.c()); r != C.OPUS_OK {
		return failure("reset a decoder", int(r))
	}
	return nil
}

// Version names the linked library.
func Version() string { return C.GoString(C.opus_get_version_string()) }

// Available is nil when the codec can be used.
func Available() error { return nil }

func failure(what string, code int) error {
	if code == C.OPUS_INVALID_PACKET {
		return ErrPacket
	}
	return fmt.Errorf("opus: %s: %s", what, C.GoString(C.opus_strerror(C.int(code))))
}
