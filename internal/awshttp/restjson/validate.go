package restjson

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-rtc/carillon/api"
)

// Bounds answers for the bounds that are quotas: the largest value allowed now,
// or false if the model's own number holds. It must be safe for concurrent use.
type Bounds func(q api.Quota) (limit int64, ok bool)

// maxListed is how many violations are spelled out; all are counted.
const maxListed = 16

// Validate holds in, a pointer to the codec's struct, against the rules. The
// error is an *api.Error with code Validation in the words of AWS's gateway
// (meetings spec section 13). bounds may be nil.
func (c *Codec) Validate(in any, bounds Bounds) error {
	v := &validator{bounds: bounds}
	v.structure(c.root, reflect.ValueOf(in).Elem(), "")
	return v.err()
}

type validator struct {
	bounds Bounds
	count  int
	found  []string
}

func (v *validator) err() error {
	if v.count == 0 {
		return nil
	}
	noun := "errors"
	if v.count == 1 {
		noun = "error"
	}
	return api.Errorf(api.Validation, "%d validation %s detected: %s", v.count, noun, strings.Join(v.found, "; "))
}

func (v *validator) add(value, path, constraint string) {
	v.count++
	if len(v.found) < maxListed {
		v.found = append(v.found, "Value"+value+" at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

func (v *validator) structure(p *plan, s reflect.Value, path string) {
	for _, f := range p.fields {
		fv := s.Field(f.index)
		if fv.IsNil() {
			if f.rule.Required {
				v.add(" null", join(path, f.display), "Member must not be null")
			}
			continue
		}
		if fv.Kind() == reflect.Pointer {
			fv = fv.Elem()
		}
		// Clients make up idempotency tokens or pass something of the
		// application's; AWS repeats them in spite of the model's mark.
		v.value(f.plan, fv, path, f.display, (f.rule.Sensitive || f.plan.shape.Sensitive) && !f.rule.Token)
	}
}

func (v *validator) value(p *plan, x reflect.Value, parent, name string, masked bool) {
	switch p.shape.Kind {
	case api.KindStructure:
		v.structure(p, x, join(parent, name))
		return
	case api.KindBoolean, api.KindTimestamp:
		return
	}
	for _, broken := range v.broken(p, x) {
		v.add(shown(p, x, masked), join(parent, name), broken)
	}
	switch p.shape.Kind {
	case api.KindList:
		v.list(p, x, join(parent, name), masked)
	case api.KindMap:
		v.dict(p, x, join(parent, name), masked)
	}
}

// list checks items: structures one by one, scalars in AWS's way, where the
// list is at fault for what its items break.
func (v *validator) list(p *plan, x reflect.Value, path string, masked bool) {
	inner := map[string]bool{}
	for i := range x.Len() {
		item := x.Index(i)
		switch p.elem.shape.Kind {
		case api.KindStructure, api.KindList, api.KindMap:
			v.value(p.elem, item, path, strconv.Itoa(i+1)+".member", masked)
		default:
			for _, b := range v.broken(p.elem, item) {
				inner[b] = true
			}
		}
	}
	v.addInner("Member must satisfy constraint: ", inner, p, x, path, masked)
}

func (v *validator) dict(p *plan, x reflect.Value, path string, masked bool) {
	keys, values := map[string]bool{}, map[string]bool{}
	for it := x.MapRange(); it.Next(); {
		for _, b := range v.broken(p.key, it.Key()) {
			keys[b] = true
		}
		if p.elem.shape.Kind == api.KindStructure {
			v.structure(p.elem, it.Value(), join(path, clip(it.Key().String())+".member"))
			continue
		}
		for _, b := range v.broken(p.elem, it.Value()) {
			values[b] = true
		}
	}
	v.addInner("Map keys must satisfy constraint: ", keys, p, x, path, masked)
	v.addInner("Map value must satisfy constraint: ", values, p, x, path, masked)
}

func (v *validator) addInner(words string, broken map[string]bool, p *plan, x reflect.Value, path string, masked bool) {
	if len(broken) > 0 {
		list := slices.Sorted(maps.Keys(broken))
		v.add(shown(p, x, masked || p.elem.shape.Sensitive), path, words+"["+strings.Join(list, ", ")+"]")
	}
}

// shown is a value as messages repeat it. Sensitive values and structures are
// not repeated.
func shown(p *plan, x reflect.Value, masked bool) string {
	if masked {
		return ""
	}
	switch p.shape.Kind {
	case api.KindMap:
		return ""
	case api.KindList:
		if k := p.elem.shape.Kind; p.elem.shape.Sensitive || k == api.KindStructure || k == api.KindList || k == api.KindMap {
			return ""
		}
		items := make([]string, 0, min(x.Len(), maxListed))
		for i := range min(x.Len(), maxListed) {
			items = append(items, fmt.Sprint(x.Index(i).Interface()))
		}
		return " '[" + clip(strings.Join(items, ", ")) + "]'"
	}
	return " '" + clip(fmt.Sprint(x.Interface())) + "'"
}

// broken lists the constraints that a value breaks, in AWS's words and order.
func (v *validator) broken(p *plan, x reflect.Value) []string {
	switch p.shape.Kind {
	case api.KindString:
		return v.text(p, x.String())
	case api.KindInteger:
		return v.bounded(p.shape, float64(x.Int()), "value")
	case api.KindFloat:
		return v.bounded(p.shape, x.Float(), "value")
	case api.KindList, api.KindMap:
		return v.bounded(p.shape, float64(x.Len()), "length")
	}
	return nil
}

// bounded checks a length or a value against both ends.
func (v *validator) bounded(s *api.Shape, n float64, what string) (list []string) {
	if limit, ok := v.limit(s); ok && n > limit {
		list = append(list, "Member must have "+what+" less than or equal to "+number(limit))
	}
	if s.HasMin && n < s.Min {
		list = append(list, "Member must have "+what+" greater than or equal to "+number(s.Min))
	}
	return list
}

func (v *validator) limit(s *api.Shape) (float64, bool) {
	if s.Quota != api.NoQuota && v.bounds != nil {
		if n, ok := v.bounds(s.Quota); ok {
			return float64(n), true
		}
	}
	return s.Max, s.HasMax
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (v *validator) text(p *plan, s string) []string {
	sh := p.shape
	var list []string
	if sh.HasMin || sh.HasMax || sh.Quota != api.NoQuota {
		list = v.bounded(sh, float64(utf8.RuneCountInString(s)), "length")
	}
	if len(p.pattern) > 0 && !slices.ContainsFunc(p.pattern, func(re *regexp.Regexp) bool { return re.MatchString(s) }) ||
		!also(sh.Also, s) {
		list = append(list, "Member must satisfy regular expression pattern: "+sh.Pattern.Source)
	}
	if sh.Enum != nil && !slices.Contains(sh.Enum, s) {
		list = append(list, "Member must satisfy enum value set: ["+strings.Join(sh.Enum, ", ")+"]")
	}
	return list
}

// also checks what RE2 cannot say of a pattern.
func also(rule api.Also, s string) bool {
	switch rule {
	case api.NoFourInARow:
		var last rune = -1
		run := 0
		for _, r := range s {
			if run++; r != last {
				last, run = r, 1
			}
			if run == 4 {
				return false
			}
		}
	case api.NotReservedNames:
		return !strings.HasPrefix(s, "xn--") && !strings.HasSuffix(s, "-s3alias")
	}
	return true
}
