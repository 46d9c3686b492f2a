package restjson

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Append appends out, a generated struct or a pointer to one, as a JSON object.
// Absent values (nil) are left out; empty lists and maps are written. A nil
// pointer gives an empty object.
func (ps *Plans) Append(b []byte, out any) []byte {
	v := reflect.ValueOf(out)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(b, "{}"...)
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return append(b, "{}"...)
	}
	return ps.writerOf(v.Type())(b, v)
}

// writer appends a value of one type.
type writer func(b []byte, v reflect.Value) []byte

func (ps *Plans) writerOf(t reflect.Type) writer {
	if w, ok := ps.writers.Load(t); ok {
		return w.(writer)
	}
	w := newWriter(t, false)
	ps.writers.Store(t, w)
	return w
}

// newWriter makes a writer. Shapes have no cycles, so neither has this.
func newWriter(t reflect.Type, epoch bool) writer {
	switch {
	case t == reflect.TypeFor[time.Time]() && epoch:
		return func(b []byte, v reflect.Value) []byte { return appendEpoch(b, v.Interface().(time.Time)) }
	case t == reflect.TypeFor[time.Time]():
		return func(b []byte, v reflect.Value) []byte {
			return v.Interface().(time.Time).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000Z"`)
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := newWriter(t.Elem(), epoch)
		return func(b []byte, v reflect.Value) []byte { return inner(b, v.Elem()) }
	case reflect.Struct:
		return structWriter(t)
	case reflect.Slice:
		return listWriter(newWriter(t.Elem(), epoch))
	case reflect.Map:
		return mapWriter(newWriter(t.Elem(), epoch))
	case reflect.Int64:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendInt(b, v.Int(), 10) }
	case reflect.Float64:
		return func(b []byte, v reflect.Value) []byte { return appendFloat(b, v.Float()) }
	case reflect.Bool:
		return func(b []byte, v reflect.Value) []byte { return strconv.AppendBool(b, v.Bool()) }
	default:
		return func(b []byte, v reflect.Value) []byte { return appendString(b, v.String()) }
	}
}

func structWriter(t reflect.Type) writer {
	type member struct {
		name  string // with quotes and colon
		index int
		write writer
	}
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, member{strconv.Quote(name) + ":", i, newWriter(f.Type, f.Tag.Get("wire") == "epoch")})
	}
	return func(b []byte, v reflect.Value) []byte {
		b = append(b, '{')
		first := true
		for _, m := range members {
			fv := v.Field(m.index)
			if fv.IsNil() {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = m.write(append(b, m.name...), fv)
		}
		return append(b, '}')
	}
}

func listWriter(item writer) writer {
	return func(b []byte, v reflect.Value) []byte {
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = item(b, v.Index(i))
		}
		return append(b, ']')
	}
}

func mapWriter(value writer) writer {
	return func(b []byte, v reflect.Value) []byte {
		b = append(b, '{')
		first := true
		for it := v.MapRange(); it.Next(); first = false {
			if !first {
				b = append(b, ',')
			}
			b = append(appendString(b, it.Key().String()), ':')
			b = value(b, it.Value())
		}
		return append(b, '}')
	}
}

// appendEpoch writes seconds since 1970 with up to three decimals.
func appendEpoch(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(b, ms/1000, 10)
	}
	return strconv.AppendFloat(b, float64(ms)/1000, 'f', 3, 64)
}

// appendFloat writes a number; JSON has no infinities, so they become 0.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// AppendString appends s as a JSON string. What is not valid UTF-8 becomes the
// replacement character.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }

func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
