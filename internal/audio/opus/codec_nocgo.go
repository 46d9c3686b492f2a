//go:build !cgo

package opus

// Encoder compresses one stream; this build has none.
type Encoder struct{}

// Decoder decompresses one stream; this build has none.
type Decoder struct{}

// NewEncoder answers [ErrUnavailable].
func NewEncoder(EncoderConfig) (*Encoder, error) { return nil, ErrUnavailable }

// Encode answers [ErrUnavailable].
func (*Encoder) Encode([]int16, []byte) (int, error) { return 0, ErrUnavailable }

// Reset answers [ErrUnavailable].
func (*Encoder) Reset() error { return ErrUnavailable }

// CopyFrom does nothing.
func (*Encoder) CopyFrom(*Encoder) {}

// Independent answers [ErrUnavailable].
func (*Encoder) Independent(bool) error { return ErrUnavailable }

// NewDecoder answers [ErrUnavailable].
func NewDecoder(int) (*Decoder, error) { return nil, ErrUnavailable }

// Decode answers [ErrUnavailable].
func (*Decoder) Decode([]byte, []int16) (int, error) { return 0, ErrUnavailable }

// DecodeFEC answers [ErrUnavailable].
func (*Decoder) DecodeFEC([]byte, []int16) (int, error) { return 0, ErrUnavailable }

// Reset answers [ErrUnavailable].
func (*Decoder) Reset() error { return ErrUnavailable }

// Version names the linked library: none.
func Version() string { return "none" }

// Available answers [ErrUnavailable].
func Available() error { return ErrUnavailable }
