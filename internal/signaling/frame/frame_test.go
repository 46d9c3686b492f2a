package frame

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var at = time.UnixMilli(1700000000123)

func TestAppend_Envelope(t *testing.T) {
	b, err := Append(nil, at, Signal_PING_PONG, &Signal{PingPong: &PingPong{Type: PingPong_PONG.Enum(), PingId: new(uint32(7))}})
	if err != nil {
		t.Fatal(err)
	}
	// Signaling spec 1.3: byte 0 is 0x02, timestamp_ms and type always set;
	// appendix A: payload ping_pong is field 20.
	want := []byte{0x02, 0x08, 0xfb, 0xd0, 0x95, 0xff, 0xbc, 0x31, 0x10, 19, 0xa2, 0x01, 4, 0x08, 2, 0x10, 7}
	if !bytes.Equal(b, want) {
		t.Errorf("got  % x\nwant % x", b, want)
	}
}

func TestDecode_FirstByte(t *testing.T) {
	for _, first := range []byte{0x02, 0x05, 0x00, 0xff} {
		b, _ := Append(nil, at, Signal_LEAVE, &Signal{Leave: &Leave{}})
		b[0] = first
		s, err := Decode(b)
		if err != nil || s.GetType() != Signal_LEAVE || s.GetTimestampMs() != uint64(at.UnixMilli()) {
			t.Errorf("first byte %#x: %v, %v", first, s, err)
		}
	}
}

func TestDecode_Refused(t *testing.T) {
	envelope := func(kind Signal_Type) []byte {
		b, _ := Append(nil, at, kind, &Signal{})
		return b
	}
	field := func(b []byte, num protowire.Number, payload []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), payload)
	}
	cases := map[string]struct {
		in  []byte
		err error
	}{
		"empty":                    {nil, ErrShort},
		"one byte":                 {[]byte{5}, ErrShort},
		"no timestamp":             {[]byte{5, 0x10, 1}, ErrMalformed},
		"no type":                  {[]byte{5, 0x08, 1}, ErrMalformed},
		"cut off":                  {append(envelope(Signal_JOIN), 0x22, 40, 1), ErrMalformed},
		"text":                     {[]byte("hello, is this thing on?"), ErrMalformed},
		"payload is no message":    {append(envelope(Signal_JOIN), 0x20, 1), ErrMalformed},
		"payload is garbage":       {field(envelope(Signal_JOIN), 4, []byte{0xff, 0xff}), ErrMalformed},
		"ping without id":          {field(envelope(Signal_PING_PONG), 20, []byte{0x08, 1}), ErrMalformed},
		"subscription without mid": {field(envelope(Signal_REMOTE_VIDEO_UPDATE), 25, []byte{0x0a, 0}), ErrMalformed},
		"too many fields":          {field(envelope(Signal_DATA_MESSAGE), 23, bytes.Repeat([]byte{0x0a, 0}, maxFields+1)), ErrTooManyFields},
	}
	for name, c := range cases {
		if s, err := Decode(c.in); !errors.Is(err, c.err) {
			t.Errorf("%s: got %v, %v; want %v", name, s, err, c.err)
		}
	}
}

func TestDecode_UnknownType(t *testing.T) {
	b, _ := Append(nil, at, Signal_Type(99), &Signal{Join: &Join{}})
	s, err := Decode(b)
	if err != nil || s.GetType() != 99 || s.Join != nil {
		t.Errorf("got %v, %v; want type 99 without a payload", s, err)
	}
}

// Appendix A: repeated scalars are unpacked on the wire, packed is accepted too.
func TestDecode_RepeatedScalars(t *testing.T) {
	plain, _ := Append(nil, at, Signal_PAUSE, &Signal{Pause: &PauseResume{StreamIds: []uint32{1, 300}}})
	if !bytes.Contains(plain, []byte{0x08, 1, 0x08, 0xac, 0x02}) {
		t.Errorf("stream_ids are not unpacked: % x", plain)
	}
	packed, _ := Append(nil, at, Signal_PAUSE, &Signal{})
	packed = append(packed, 0x52, 5, 0x0a, 3, 1, 0xac, 0x02)
	for name, b := range map[string][]byte{"unpacked": plain, "packed": packed} {
		s, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]uint32{1, 300}, s.GetPause().GetStreamIds()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Presence separates a mute change from a departure (signaling spec 5.1).
func TestAppend_Presence(t *testing.T) {
	b, _ := Append(nil, at, Signal_AUDIO_STREAM_ID_INFO, &Signal{AudioStreamIdInfo: &AudioStreamIdInfo{Streams: []*AudioStream{
		{AudioStreamId: new(uint32(1)), Muted: new(false)},
		{AudioStreamId: new(uint32(2))},
	}}})
	s, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	got := s.GetAudioStreamIdInfo().GetStreams()
	if got[0].Muted == nil || got[1].Muted != nil {
		t.Errorf("presence of muted was lost: %v", got)
	}
}

// payloadField must name a message field of the envelope for every known type.
func TestPayloadField(t *testing.T) {
	fields := (&Signal{}).ProtoReflect().Descriptor().Fields()
	for value, name := range Signal_Type_name {
		fd := fields.ByNumber(payloadField(Signal_Type(value)))
		if fd == nil || fd.Kind() != protoreflect.MessageKind {
			t.Errorf("type %s (%d) has no payload field", name, value)
			continue
		}
		want := strings.ReplaceAll(strings.ToLower(name), "_", "")
		switch name {
		case "SUBSCRIBE":
			want = "sub"
		case "SUBSCRIBE_ACK":
			want = "suback"
		case "RESUME":
			want = "pause"
		}
		if got := strings.ReplaceAll(string(fd.Name()), "_", ""); got != want {
			t.Errorf("type %s has payload %s", name, fd.Name())
		}
	}
}

func TestAppendVolumes(t *testing.T) {
	cases := map[string][]Volume{
		"nobody": nil,
		"some":   {{1, 0, 2}, {300, 127, 0}, {1 << 31, 42, 1}},
	}
	for name, volumes := range cases {
		got := AppendVolumes(nil, at, len(volumes), func(i int) Volume { return volumes[i] })
		states := []*AudioAttendeeState{}
		for _, v := range volumes {
			states = append(states, &AudioAttendeeState{AudioStreamId: &v.AudioStreamID, Volume: &v.Volume, SignalStrength: &v.SignalStrength})
		}
		if len(volumes) == 0 {
			states = append(states, &AudioAttendeeState{AudioStreamId: new(uint32(0)), Volume: new(uint32(0))})
		}
		want, _ := Append(nil, at, Signal_AUDIO_METADATA, &Signal{AudioMetadata: &AudioMetadata{AttendeeStates: states}})
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got  % x\nwant % x", name, got, want)
		}
	}
}

func TestAppendVolumes_Allocates(t *testing.T) {
	volumes := make([]Volume, 250)
	b := make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() {
		b = AppendVolumes(b[:0], at, len(volumes), func(i int) Volume { return volumes[i] })
	}); n != 0 {
		t.Errorf("%v allocations per frame, want 0", n)
	}
}

func FuzzDecode(f *testing.F) {
	seed := func(kind Signal_Type, s *Signal) {
		b, err := Append(nil, at, kind, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	seed(Signal_JOIN, &Signal{Join: &Join{Flags: new(uint32(2)), ClientDetails: &ClientDetails{ClientSource: new("x")}}})
	seed(Signal_SUBSCRIBE, &Signal{Sub: &Subscribe{Duplex: Duplex_RX.Enum(), ReceiveStreamIds: []uint32{0, 3}, SdpOffer: new("v=0\r\n")}})
	seed(Signal_DATA_MESSAGE, &Signal{DataMessage: &DataMessages{Messages: []*DataMessage{{Topic: new("t"), Data: []byte("d")}}}})
	seed(Signal_REMOTE_VIDEO_UPDATE, &Signal{RemoteVideoUpdate: &RemoteVideoUpdate{RemovedVideoSubscriptionMids: []string{"2"}}})
	seed(Signal_CLIENT_METRIC, &Signal{ClientMetric: &ClientMetric{GlobalMetrics: []*Metric{{Value: new(1.5)}}}})
	seed(Signal_PAUSE, &Signal{Error: &Error{Status: new(uint32(206))}, Pause: &PauseResume{GroupIds: []uint32{1}}})
	f.Add([]byte{5, 0x08, 1, 0x10, 1, 0x23, 0x24})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, typeErr := TypeOf(b)
		s, err := Decode(b)
		if err != nil {
			return
		}
		if typeErr != nil || kind != s.GetType() {
			t.Fatalf("TypeOf says %v, %v; Decode says %v", kind, typeErr, s.GetType())
		}
		again, err := Append(nil, at, kind, proto.Clone(s).(*Signal))
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		back.TimestampMs = s.TimestampMs // may be beyond what a time.Time holds
		if !proto.Equal(s, back) {
			t.Fatalf("%v became %v", s, back)
		}
	})
}
