package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// twinned is an operation with all services that have it.
type twinned struct {
	name      string
	in, out   string // Go types
	endpoints []endpoint
}

type endpoint struct {
	m    *model
	name string
	op   *operation
	rule *rule
}

// joinTwins groups the operations of all services, newer services first.
func joinTwins(ms []*model) ([]*twinned, error) {
	by := map[string]*twinned{}
	for _, m := range newestFirst(ms) {
		for _, name := range m.Operations.names {
			op := m.Operations.by[name]
			t := by[m.goOperation(name)]
			if t == nil {
				t = &twinned{name: m.goOperation(name)}
				by[t.name] = t
			}
			in, out := m.structName(op.Input), m.structName(op.Output)
			if t.in == "Empty" || t.in == "" {
				t.in = in
			}
			if t.out == "Empty" || t.out == "" {
				t.out = out
			}
			if (in != "Empty" && t.in != in) || (out != "Empty" && t.out != out) {
				return nil, fmt.Errorf("%s: %s -> %s, but %s -> %s in %s", t.name, t.in, t.out, in, out, m.Service)
			}
			e := endpoint{m: m, name: name, op: op}
			if op.Input != "" {
				e.rule = m.rule(op.Input)
			}
			t.endpoints = append(t.endpoints, e)
		}
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *twinned) int { return strings.Compare(a.name, b.name) }), nil
}

// structName is the Go type of an input or output. A structure without
// members is as good as none: some twins have the one, some the other.
func (m *model) structName(shape string) string {
	if shape == "" || len(m.Shapes.by[shape].Members.names) == 0 {
		return "Empty"
	}
	return m.goShape(shape)
}

// arnFields are the members whose ARN an operation touches. Other ARNs in
// requests (topics, functions, streams) belong to other services.
var arnFields = []string{
	"AppInstanceArn", "AppInstanceUserArn", "AppInstanceAdminArn", "AppInstanceBotArn", "ChannelArn", "ChannelFlowArn",
	"MemberArn", "ModeratorArn", "ChimeBearer", "ResourceARN", "MediaInsightsPipelineConfigurationArn",
}

// idLabels are the path labels that name a resource with an ARN, with the
// resource part in front of the id.
var idLabels = map[string]string{
	"MeetingId": "meeting/", "MediaPipelineId": "media-pipeline/", "VoiceConnectorId": "vc/", "VoiceConnectorGroupId": "vcg/",
	"SipMediaApplicationId": "sma/", "SipRuleId": "sip-rule/", "VoiceProfileId": "voice-profile/", "VoiceProfileDomainId": "voice-profile-domain/",
}

// resources finds what an operation touches.
func resources(r *rule) []string {
	if r == nil {
		return nil
	}
	var list []string
	for _, f := range r.Fields {
		prefix, isID := idLabels[f.Name]
		switch {
		case isID && f.In == "uri":
			list = append(list, fmt.Sprintf("{Field: %q, Prefix: %q}", f.Name, prefix))
		case slices.Contains(arnFields, f.Name):
			list = append(list, fmt.Sprintf("{Field: %q}", f.Name))
		}
	}
	return list
}

func emitOperations(ops []*twinned, structs map[string]*goStruct, rules *ruleSet) (string, error) {
	var b strings.Builder
	b.WriteString(header)
	for _, t := range ops {
		for _, typ := range []string{t.in, t.out} {
			if typ != "Empty" && structs[typ] == nil {
				return "", fmt.Errorf("%s: no struct %s", t.name, typ)
			}
		}
		if err := checkLabels(t); err != nil {
			return "", err
		}
		b.WriteString(t.emit(rules))
	}
	fmt.Fprintf(&b, "var operations = [...]*Operation{\n")
	for _, t := range ops {
		fmt.Fprintf(&b, "&op%s,\n", t.name)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func (t *twinned) emit(rules *ruleSet) string {
	var b strings.Builder
	var routes []string
	loose := t.endpoints[0].rule
	for i, e := range t.endpoints {
		if r := e.m.Service + " " + e.op.Method + " " + e.op.Path; !slices.Contains(routes, r) {
			routes = append(routes, r)
		}
		if i > 0 {
			loose = looser(loose, e.rule)
		}
	}
	fmt.Fprintf(&b, "// %s is an operation of\n// %s.\n", t.name, strings.Join(routes, ",\n// "))
	fmt.Fprintf(&b, "var %s = Op[%s, %s]{&op%s}\n\n", t.name, t.in, t.out, t.name)
	fmt.Fprintf(&b, "var op%s = Operation{Name: %q, Action: %q,\n", t.name, t.name, "chime:"+t.endpoints[0].name)
	if rs := resources(loose); len(rs) > 0 {
		fmt.Fprintf(&b, "Resources: []Resource{%s},\n", strings.Join(rs, ", "))
	}
	fmt.Fprintf(&b, "Loose: %s,\nEndpoints: []Endpoint{\n", rules.ref(loose))
	for _, e := range t.endpoints {
		fmt.Fprintf(&b, "{Service: Service%s, Name: %q, Method: %q, Path: %q", e.m.name, e.name, e.op.Method, e.op.Path)
		for k, v := range e.op.Query { // at most one
			fmt.Fprintf(&b, ", QueryKey: %q, QueryValue: %q", k, v)
		}
		fmt.Fprintf(&b, ", Status: %d, Current: %v, Input: %s},\n", e.op.Status, e.op.Current == nil || *e.op.Current, rules.ref(e.rule))
	}
	b.WriteString("}}\n\n")
	return b.String()
}

// emitTypes writes the Go types of all operations, for the test that holds the
// rules against them; a program knows only those that have a handler.
func emitTypes(ops []*twinned) string {
	var b strings.Builder
	b.WriteString(header + "import \"reflect\"\n\nvar operationTypes = map[*Operation][2]reflect.Type{\n")
	for _, t := range ops {
		fmt.Fprintf(&b, "&op%s: {reflect.TypeFor[%s](), reflect.TypeFor[%s]()},\n", t.name, t.in, t.out)
	}
	b.WriteString("}\n")
	return b.String()
}

var label = regexp.MustCompile(`\{([^}]+)\}`)

// checkLabels refuses a model whose path names a label that the input lacks.
func checkLabels(t *twinned) error {
	for _, e := range t.endpoints {
		for _, l := range label.FindAllStringSubmatch(e.op.Path, -1) {
			found := e.rule != nil && slices.ContainsFunc(e.rule.Fields, func(f *ruleField) bool { return f.In == "uri" && f.Wire == l[1] })
			if !found {
				return fmt.Errorf("%s %s: no member for the label %s", e.m.Service, e.name, l[1])
			}
		}
		if len(e.op.Query) > 1 {
			return fmt.Errorf("%s %s: more than one constant query pair", e.m.Service, e.name)
		}
	}
	return nil
}
