package restjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/carillon-rtc/carillon/api"
)

// maxDepth bounds the nesting of values that are skipped; no shape is nearly
// as deep.
const maxDepth = 128

// lexer reads JSON text (RFC 8259) from front to back, without copying what it
// need not keep.
type lexer struct {
	data []byte
	pos  int
}

func (l *lexer) fail(format string, args ...any) error {
	return api.Errorf(api.Serialization, "the body is not valid JSON at byte %d: "+format, append([]any{l.pos}, args...)...)
}

// next skips white space and returns the byte that follows, 0 at the end.
func (l *lexer) next() byte {
	for l.pos < len(l.data) {
		switch c := l.data[l.pos]; c {
		case ' ', '\t', '\n', '\r':
			l.pos++
		default:
			return c
		}
	}
	return 0
}

// accept takes the byte c if it comes next.
func (l *lexer) accept(c byte) bool {
	if l.next() != c || l.pos >= len(l.data) {
		return false
	}
	l.pos++
	return true
}

func (l *lexer) expect(c byte) error {
	if !l.accept(c) {
		return l.fail("expected %q", c)
	}
	return nil
}

// literal takes the words null, true and false.
func (l *lexer) literal(word string) bool {
	if l.next(); len(l.data)-l.pos < len(word) || string(l.data[l.pos:l.pos+len(word)]) != word {
		return false
	}
	l.pos += len(word)
	return true
}

// each calls fn for the items between open and close, with the lexer in front
// of each item.
func (l *lexer) each(open, closing byte, fn func() error) error {
	if err := l.expect(open); err != nil {
		return err
	}
	if l.accept(closing) {
		return nil
	}
	for {
		if err := fn(); err != nil {
			return err
		}
		if l.accept(closing) {
			return nil
		}
		if !l.accept(',') {
			return l.fail("expected ',' or %q", closing)
		}
	}
}

// object calls fn for each member, with the lexer in front of its value.
func (l *lexer) object(fn func(name []byte) error) error {
	return l.each('{', '}', func() error {
		name, err := l.str()
		if err != nil {
			return err
		}
		if err := l.expect(':'); err != nil {
			return err
		}
		return fn(name)
	})
}

// skip passes over a value.
func (l *lexer) skip(depth int) error {
	if depth > maxDepth {
		return l.fail("nested too deep")
	}
	switch c := l.next(); {
	case c == '{':
		return l.object(func([]byte) error { return l.skip(depth + 1) })
	case c == '[':
		return l.each('[', ']', func() error { return l.skip(depth + 1) })
	case c == '"':
		_, err := l.str()
		return err
	case c == '-' || '0' <= c && c <= '9':
		_, err := l.number()
		return err
	case l.literal("null"), l.literal("true"), l.literal("false"):
		return nil
	}
	return l.fail("expected a value")
}

// kind names the value that comes next, for messages.
func (l *lexer) kind() string {
	switch c := l.next(); {
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '"':
		return "a string"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	}
	return "no JSON value"
}

// number returns the text of a number.
func (l *lexer) number() (string, error) {
	l.next()
	start := l.pos
	digits := func() bool {
		from := l.pos
		for l.pos < len(l.data) && '0' <= l.data[l.pos] && l.data[l.pos] <= '9' {
			l.pos++
		}
		return l.pos > from
	}
	take := func(set string) bool {
		if l.pos < len(l.data) {
			for i := range len(set) {
				if l.data[l.pos] == set[i] {
					l.pos++
					return true
				}
			}
		}
		return false
	}
	take("-")
	zero := l.pos < len(l.data) && l.data[l.pos] == '0'
	if from := l.pos; !digits() || zero && l.pos > from+1 {
		return "", l.fail("malformed number")
	}
	if take(".") && !digits() {
		return "", l.fail("malformed number")
	}
	if take("eE") {
		take("+-")
		if !digits() {
			return "", l.fail("malformed number")
		}
	}
	return string(l.data[start:l.pos]), nil
}

// str returns the characters of a string. The bytes may be a part of the input
// and are valid until it changes.
func (l *lexer) str() ([]byte, error) {
	if err := l.expect('"'); err != nil {
		return nil, err
	}
	start := l.pos
	for ; l.pos < len(l.data); l.pos++ {
		switch c := l.data[l.pos]; {
		case c == '"':
			s := l.data[start:l.pos]
			if !utf8.Valid(s) {
				return nil, l.fail("a string is not valid UTF-8")
			}
			l.pos++
			return s, nil
		case c == '\\':
			return l.escaped(append([]byte(nil), l.data[start:l.pos]...))
		case c < 0x20:
			return nil, l.fail("a control character in a string")
		}
	}
	return nil, l.fail("a string does not end")
}

// escaped goes on with a string that has escapes; s is what it had before.
func (l *lexer) escaped(s []byte) ([]byte, error) {
	for l.pos < len(l.data) {
		c := l.data[l.pos]
		l.pos++
		switch {
		case c == '"':
			if !utf8.Valid(s) {
				return nil, l.fail("a string is not valid UTF-8")
			}
			return s, nil
		case c < 0x20:
			return nil, l.fail("a control character in a string")
		case c != '\\':
			s = append(s, c)
		default:
			var err error
			if s, err = l.escape(s); err != nil {
				return nil, err
			}
		}
	}
	return nil, l.fail("a string does not end")
}

// escape appends the character of an escape; its backslash is read already.
func (l *lexer) escape(s []byte) ([]byte, error) {
	if l.pos >= len(l.data) {
		return nil, l.fail("a string does not end")
	}
	c := l.data[l.pos]
	l.pos++
	switch c {
	case '"', '\\', '/':
		return append(s, c), nil
	case 'b':
		return append(s, '\b'), nil
	case 'f':
		return append(s, '\f'), nil
	case 'n':
		return append(s, '\n'), nil
	case 'r':
		return append(s, '\r'), nil
	case 't':
		return append(s, '\t'), nil
	case 'u':
		r, ok := l.hex4()
		if !ok {
			return nil, l.fail("malformed \\u escape")
		}
		if utf16.IsSurrogate(r) {
			r = l.lowSurrogate(r)
		}
		return utf8.AppendRune(s, r), nil
	}
	return nil, l.fail("unknown escape")
}

// lowSurrogate joins a high surrogate with the low one behind it; a lone one
// becomes the replacement character.
func (l *lexer) lowSurrogate(high rune) rune {
	before := l.pos
	if l.pos+1 < len(l.data) && l.data[l.pos] == '\\' && l.data[l.pos+1] == 'u' {
		l.pos += 2
		if low, ok := l.hex4(); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r
			}
		}
	}
	l.pos = before
	return utf8.RuneError
}

func (l *lexer) hex4() (rune, bool) {
	if len(l.data)-l.pos < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(l.data[l.pos:l.pos+4]), 16, 16)
	if err != nil {
		return 0, false
	}
	l.pos += 4
	return rune(n), true
}
