package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// goStruct is one Go struct: the superset of the shapes of that name.
type goStruct struct {
	name     string
	fields   []*goField
	services []string
}

type goField struct {
	name, goType, wire string
	services           []string
}

// superset joins the structures that operations use.
func superset(ms []*model) (map[string]*goStruct, error) {
	structs := map[string]*goStruct{}
	for _, m := range newestFirst(ms) {
		seen := map[string]bool{}
		for _, name := range m.Operations.names {
			op := m.Operations.by[name]
			for _, root := range []string{op.Input, op.Output} {
				if err := m.addShape(root, structs, seen); err != nil {
					return nil, err
				}
			}
		}
	}
	return structs, nil
}

// addShape adds a shape and what it consists of.
func (m *model) addShape(name string, structs map[string]*goStruct, seen map[string]bool) error {
	if name == "" || seen[name] {
		return nil
	}
	seen[name] = true
	sh := m.Shapes.by[name]
	for _, part := range []*member{sh.Member, sh.Value} {
		if part == nil {
			continue
		}
		if err := m.addShape(part.Shape, structs, seen); err != nil {
			return err
		}
	}
	if sh.Type != "structure" || len(sh.Members.names) == 0 {
		return nil
	}
	g := structs[m.goShape(name)]
	if g == nil {
		g = &goStruct{name: m.goShape(name)}
		structs[g.name] = g
	}
	g.services = append(g.services, m.Service)
	for _, n := range sh.Members.names {
		if err := g.add(m, n, sh.Members.by[n]); err != nil {
			return err
		}
		if err := m.addShape(sh.Members.by[n].Shape, structs, seen); err != nil {
			return err
		}
	}
	return nil
}

// add joins a member into the struct; the same member of two services has to
// have one type and one form.
func (g *goStruct) add(m *model, name string, mem *member) error {
	goType, wire := m.goType(mem), mem.Wire
	for _, f := range g.fields {
		if f.name != name {
			continue
		}
		if f.goType != goType || f.wire != wire {
			return fmt.Errorf("%s.%s: %s %s in %v, %s %s in %s", g.name, name, f.goType, f.wire, f.services, goType, wire, m.Service)
		}
		if !slices.Contains(f.services, m.Service) {
			f.services = append(f.services, m.Service)
		}
		return nil
	}
	g.fields = append(g.fields, &goField{name: name, goType: goType, wire: wire, services: []string{m.Service}})
	return nil
}

// goType is the type of a struct field.
func (m *model) goType(mem *member) string {
	if mem.Type == "list" || mem.Type == "map" {
		return m.elemType(mem)
	}
	return "*" + m.elemType(mem)
}

// elemType is the type of an item of a list.
func (m *model) elemType(mem *member) string {
	sh := m.Shapes.by[mem.Shape]
	switch mem.Type {
	case "structure":
		return m.goShape(mem.Shape)
	case "list":
		return "[]" + m.elemType(sh.Member)
	case "map":
		return "map[string]" + m.elemType(sh.Value)
	}
	return map[string]string{"string": "string", "integer": "int64", "float": "float64", "boolean": "bool", "timestamp": "Time"}[mem.Type]
}

// exported makes a member's name a Go name.
func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func emitStructs(structs map[string]*goStruct) string {
	var b strings.Builder
	b.WriteString(header)
	for _, name := range slices.Sorted(maps.Keys(structs)) {
		g := structs[name]
		fmt.Fprintf(&b, "// %s is a shape of %s.\ntype %s struct {\n", name, strings.Join(g.services, ", "), name)
		for _, f := range g.fields {
			tag := fmt.Sprintf("json:\"%s,omitempty\"", f.name)
			if f.wire == "epoch-seconds" {
				tag += " wire:\"epoch\""
			}
			note := ""
			if len(f.services) < len(g.services) {
				note = " // " + strings.Join(f.services, ", ") + " only"
			}
			fmt.Fprintf(&b, "\t%s %s `%s`%s\n", exported(f.name), f.goType, tag, note)
		}
		b.WriteString("}\n\n")
	}
	return b.String()
}

// emitEnums writes one constant for each value of each enum, joined over the
// services.
func emitEnums(ms []*model) (string, error) {
	values := map[string][]string{}
	for _, m := range newestFirst(ms) {
		for _, name := range m.Shapes.names {
			for _, v := range m.Shapes.by[name].Enum {
				if !slices.Contains(values[name], v) {
					values[name] = append(values[name], v)
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString(header)
	taken := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "// Values of %s.\nconst (\n", name)
		for _, v := range values[name] {
			id := exported(name) + identifier(v)
			if taken[id] {
				return "", fmt.Errorf("two enum values are called %s", id)
			}
			taken[id] = true
			fmt.Fprintf(&b, "\t%s = %q\n", id, v)
		}
		b.WriteString(")\n\n")
	}
	return b.String(), nil
}

// identifier makes the tail of a Go name of an enum value: "us-east-1" is
// UsEast1.
func identifier(v string) string {
	var b strings.Builder
	up := true
	for _, r := range v {
		if r < '0' || r > 'z' || (r > '9' && r < 'A') || (r > 'Z' && r < 'a') {
			up = true
			continue
		}
		if up {
			r = []rune(strings.ToUpper(string(r)))[0]
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}
