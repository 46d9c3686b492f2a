// Package frame is the wire form of the signalling protocol: one type byte and
// one protobuf message, [Signal], in each binary WebSocket message.
//
//	 0        1                                        n
//	+--------+----------------------------------------+
//	| 0x02   | Signal{timestamp_ms, type, payload …}  |
//	+--------+----------------------------------------+
//
// The byte is 0x02 from servers and C++ clients and 0x05 from the JavaScript
// client; nobody depends on it (signaling spec 1.3). The messages are generated
// from signaling.proto.
package frame

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

//go:generate protoc -I ../../.. --go_out=../../.. --go_opt=paths=source_relative internal/signaling/frame/signaling.proto

// ServerByte is byte 0 of every frame that a server sends.
const ServerByte = 0x02

// maxFields bounds the fields of one payload. It keeps a small message of very
// many empty submessages from growing a hundredfold in memory; real frames
// have a few hundred fields at most.
const maxFields = 8192

// Decoding errors.
var (
	// ErrShort: fewer than 2 bytes.
	ErrShort = errors.New("frame is shorter than 2 bytes")
	// ErrMalformed: not a protobuf message of this protocol.
	ErrMalformed = errors.New("malformed frame")
	// ErrTooManyFields: an absurd number of fields.
	ErrTooManyFields = errors.New("frame has too many fields")
)

// Append appends the wire form of s to b and returns the longer slice. It sets
// the two required fields of s, timestamp_ms (from at) and type.
func Append(b []byte, at time.Time, t Signal_Type, s *Signal) ([]byte, error) {
	s.TimestampMs = new(uint64(at.UnixMilli()))
	s.Type = &t
	return proto.MarshalOptions{}.MarshalAppend(append(b, ServerByte), s)
}

// TypeOf reads the type of a frame without decoding it, so that frames nobody
// needs cost next to nothing. It checks the envelope's form and its required
// fields, but no payload.
func TypeOf(b []byte) (Signal_Type, error) {
	if len(b) < 2 {
		return 0, ErrShort
	}
	var kind Signal_Type
	var stamped, typed bool
	for b = b[1:]; len(b) > 0; {
		num, wire, n := protowire.ConsumeField(b)
		if n < 0 {
			return 0, ErrMalformed
		}
		if wire == protowire.VarintType && num <= typeField {
			_, _, tag := protowire.ConsumeTag(b)
			v, _ := protowire.ConsumeVarint(b[tag:])
			switch num {
			case timestampField:
				stamped = true
			case typeField:
				typed, kind = true, Signal_Type(int32(v)) //nolint:gosec // enums are 32 bits, the rest is cut off as protobuf says
			}
		}
		b = b[n:]
	}
	if !stamped || !typed {
		return 0, fmt.Errorf("%w: timestamp_ms or type is missing", ErrMalformed)
	}
	return kind, nil
}

// Numbers of the envelope's fields.
const (
	timestampField protowire.Number = 1
	typeField      protowire.Number = 2
	errorField     protowire.Number = 3
)

// Decode reads one WebSocket message. Byte 0 may be anything. Only the envelope
// and the payload that belongs to the frame's type are decoded; all else is
// skipped, which also keeps unknown types and fields harmless. Nothing of b is
// kept.
func Decode(b []byte) (*Signal, error) {
	kind, err := TypeOf(b)
	if err != nil {
		return nil, err
	}
	s := &Signal{Type: &kind}
	payload := payloadField(kind)
	for b = b[1:]; len(b) > 0; {
		num, wire, tag := protowire.ConsumeTag(b)
		n := protowire.ConsumeFieldValue(num, wire, b[tag:])
		value := b[tag : tag+n]
		b = b[tag+n:]
		switch {
		case num == timestampField && wire == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			s.TimestampMs = &v
		case num == errorField, num == payload && payload != 0:
			if wire != protowire.BytesType {
				return nil, ErrMalformed
			}
			inner, _ := protowire.ConsumeBytes(value)
			if err := decodePayload(s, num, inner); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// decodePayload merges the bytes of one message field into s.
func decodePayload(s *Signal, num protowire.Number, b []byte) error {
	if err := countFields(b); err != nil {
		return err
	}
	m := s.ProtoReflect()
	inner := m.Mutable(m.Descriptor().Fields().ByNumber(num)).Message().Interface()
	if err := (proto.UnmarshalOptions{Merge: true, DiscardUnknown: true, RecursionLimit: 8}).Unmarshal(b, inner); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func countFields(b []byte) error {
	for count := 0; len(b) > 0; count++ {
		if count == maxFields {
			return ErrTooManyFields
		}
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return ErrMalformed
		}
		b = b[n:]
	}
	return nil
}

// payloadField is the number of the field that holds the payload of frames of
// type t, 0 when t is unknown. No one rule gives it: JOIN is 4, PAUSE and RESUME
// share 10, and from BITRATES on it is the type plus one.
func payloadField(t Signal_Type) protowire.Number {
	switch t {
	case Signal_JOIN:
		return 4
	case Signal_JOIN_ACK:
		return 5
	case Signal_SUBSCRIBE:
		return 6
	case Signal_SUBSCRIBE_ACK:
		return 7
	case Signal_INDEX:
		return 8
	case Signal_PAUSE, Signal_RESUME:
		return 10
	case Signal_LEAVE:
		return 11
	case Signal_LEAVE_ACK:
		return 12
	case Signal_BITRATES, Signal_AUDIO_CONTROL, Signal_AUDIO_METADATA, Signal_AUDIO_STREAM_ID_INFO,
		Signal_PING_PONG, Signal_AUDIO_STATUS, Signal_CLIENT_METRIC, Signal_DATA_MESSAGE,
		Signal_REMOTE_VIDEO_UPDATE, Signal_PRIMARY_MEETING_JOIN, Signal_PRIMARY_MEETING_JOIN_ACK,
		Signal_PRIMARY_MEETING_LEAVE, Signal_NOTIFICATION, Signal_MEETING_SESSION_TIMING:
		return protoreflect.FieldNumber(t) + 1
	}
	return 0
}
