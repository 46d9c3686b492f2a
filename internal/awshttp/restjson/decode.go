package restjson

import (
	"bytes"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-rtc/carillon/api"
)

// Label is a label of the path with its value, unescaped.
type Label struct{ Name, Value string }

// Decode reads a request into in, a pointer to the codec's struct. body is the
// whole body, which may be empty; nothing of it is kept. The error is an *api.Error with code Serialization that
// names the field. Rules are not checked here; see Validate.
//
// Members that the operation does not have are passed over, and null is as
// good as absent.
func (c *Codec) Decode(in any, labels []Label, query url.Values, header http.Header, body []byte) error {
	v := reflect.ValueOf(in).Elem()
	for _, l := range labels {
		if f := c.path[l.Name]; f != nil {
			if err := f.setText(v, l.Value); err != nil {
				return err
			}
		}
	}
	for _, f := range c.query {
		if values, ok := query[f.rule.Wire]; ok {
			if err := f.setText(v, values[0]); err != nil {
				return err
			}
		}
	}
	for _, f := range c.header {
		if text := header.Get(f.rule.Wire); text != "" {
			if err := f.setText(v, text); err != nil {
				return err
			}
		}
	}
	return c.decodeBody(v, body)
}

func (c *Codec) decodeBody(v reflect.Value, body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := &decoder{lexer{data: body}}
	if d.next() != '{' {
		return api.Errorf(api.Serialization, "the body must be a JSON object, but is %s", d.kind())
	}
	if err := d.structure(c.root, v, ""); err != nil {
		return err
	}
	if d.next(); d.pos < len(d.data) {
		return d.fail("more text behind the object")
	}
	return nil
}

// setText sets a field from a label, parameter or header.
func (f *field) setText(v reflect.Value, text string) error {
	wrong := func(want string) error {
		return api.Errorf(api.Serialization, "%s must be %s, but is '%s'", f.display, want, clip(text))
	}
	dst := v.Field(f.index)
	switch f.rule.Shape.Kind {
	case api.KindString:
		dst.Set(reflect.ValueOf(&text))
	case api.KindInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong("an integer")
		}
		dst.Set(reflect.ValueOf(&n))
	case api.KindBoolean:
		if text != "true" && text != "false" {
			return wrong("true or false")
		}
		dst.Set(reflect.ValueOf(new(text == "true")))
	case api.KindTimestamp:
		t, ok := parseTime(text)
		if !ok {
			return wrong("a timestamp such as 2024-01-02T03:04:05Z")
		}
		dst.Set(reflect.ValueOf(&t))
	default:
		return wrong("in the body")
	}
	return nil
}

type decoder struct{ lexer }

// structure reads an object into a struct.
func (d *decoder) structure(p *plan, v reflect.Value, path string) error {
	return d.object(func(name []byte) error {
		f := p.byName[string(name)]
		if f == nil {
			return d.skip(0)
		}
		dst := v.Field(f.index)
		if d.literal("null") {
			dst.SetZero()
			return nil
		}
		return d.value(f.plan, dst, path, f.display)
	})
}

// value reads a value that is not null into a field, an item or a map's value.
// dst is settable; scalars and structures may be pointers (in fields) or plain
// (in lists and maps). parent and name make up the path for messages.
func (d *decoder) value(p *plan, dst reflect.Value, parent, name string) error {
	wrong := func(want string) error {
		return api.Errorf(api.Serialization, "%s must be %s, but is %s", join(parent, name), want, d.kind())
	}
	c := d.next()
	switch p.shape.Kind {
	case api.KindString:
		if c != '"' {
			return wrong("a string")
		}
		s, err := d.str()
		if err != nil {
			return err
		}
		set(dst, string(s))
	case api.KindInteger, api.KindFloat:
		return d.numeric(p, dst, c, wrong)
	case api.KindBoolean:
		switch {
		case d.literal("true"):
			set(dst, true)
		case d.literal("false"):
			set(dst, false)
		default:
			return wrong("true or false")
		}
	case api.KindTimestamp:
		return d.timestamp(dst, c, wrong)
	case api.KindStructure:
		if c != '{' {
			return wrong("an object")
		}
		if dst.Kind() == reflect.Pointer {
			dst.Set(reflect.New(p.typ))
			dst = dst.Elem()
		}
		return d.structure(p, dst, join(parent, name))
	case api.KindList:
		if c != '[' {
			return wrong("a list")
		}
		return d.list(p, dst, join(parent, name))
	case api.KindMap:
		if c != '{' {
			return wrong("an object")
		}
		return d.dict(p, dst, join(parent, name))
	}
	return nil
}

func (d *decoder) numeric(p *plan, dst reflect.Value, c byte, wrong func(string) error) error {
	if c != '-' && (c < '0' || c > '9') {
		return wrong("a number")
	}
	start := d.pos
	text, err := d.number()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(text, 64)
	if p.shape.Kind == api.KindFloat && err == nil {
		set(dst, f)
		return nil
	}
	n, ierr := strconv.ParseInt(text, 10, 64)
	if ierr != nil && err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		n, ierr = int64(f), nil // 1.0 and 1e2 are integers too
	}
	if ierr != nil {
		d.pos = start
		return wrong("an integer")
	}
	set(dst, n)
	return nil
}

// timestamp reads seconds since 1970 or an ISO 8601 string: clients send what
// their model says, which need not be ours.
func (d *decoder) timestamp(dst reflect.Value, c byte, wrong func(string) error) error {
	start := d.pos
	var t time.Time
	var ok bool
	if c == '"' {
		s, err := d.str()
		if err != nil {
			return err
		}
		t, ok = parseTime(string(s))
	} else if c == '-' || '0' <= c && c <= '9' {
		text, err := d.number()
		if err != nil {
			return err
		}
		t, ok = parseTime(text)
	}
	if !ok {
		d.pos = start
		return wrong("a timestamp")
	}
	set(dst, t)
	return nil
}

func (d *decoder) list(p *plan, dst reflect.Value, path string) error {
	dst.Set(reflect.MakeSlice(p.typ, 0, 4))
	n := 0
	return d.each('[', ']', func() error {
		n++
		if d.next() == 'n' {
			return api.Errorf(api.Serialization, "%s.%d.member must not be null", path, n)
		}
		dst.Grow(1)
		dst.SetLen(n)
		item := dst.Index(n - 1)
		item.SetZero()
		return d.value(p.elem, item, path, strconv.Itoa(n)+".member")
	})
}

func (d *decoder) dict(p *plan, dst reflect.Value, path string) error {
	dst.Set(reflect.MakeMap(p.typ))
	return d.object(func(name []byte) error {
		key := reflect.ValueOf(string(name))
		if d.next() == 'n' {
			return api.Errorf(api.Serialization, "%s: the value of a key must not be null", path)
		}
		value := reflect.New(p.typ.Elem()).Elem()
		if err := d.value(p.elem, value, path, "value.member"); err != nil {
			return err
		}
		dst.SetMapIndex(key, value)
		return nil
	})
}

// set stores x in dst or in a new pointer in dst.
func set[T any](dst reflect.Value, x T) {
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.ValueOf(&x))
		return
	}
	dst.Set(reflect.ValueOf(x))
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// parseTime reads RFC 3339 with any number of decimals, or seconds since 1970
// with or without decimals, of the years 0 to 9999.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), true
	}
	sec, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(sec) < 253402300800) { // false for NaN
		return time.Time{}, false
	}
	whole := math.Floor(sec)
	ms := math.Round((sec - whole) * 1000)
	return time.Unix(int64(whole), int64(ms)*int64(time.Millisecond)).UTC(), true
}

// clip keeps foreign text in messages short.
func clip(s string) string {
	const most = 256
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
