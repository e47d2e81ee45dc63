package node

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// problemList gathers what is wrong with a file, with the line of each key.
type problemList struct {
	lines    map[string]int // line of every key that stands in the file
	reading  int            // line of the key that is being read; 0 before the first
	problems []located
}

type located struct {
	line int // 0 if the key does not stand in the file
	problem
}

func (l *problemList) add(problems ...problem) {
	for _, p := range problems {
		// A value that could not be read is not reported again as missing.
		reported := slices.ContainsFunc(l.problems, func(other located) bool { return other.key == p.key })
		if !reported {
			l.problems = append(l.problems, located{l.lines[p.key], p})
		}
	}
}

func (l *problemList) addAt(line int, key, format string, args ...any) {
	l.problems = append(l.problems, located{line, problem{key, fmt.Sprintf(format, args...)}})
}

// err gives one line for each problem, in the order of the file.
func (l *problemList) err(path string) error {
	slices.SortStableFunc(l.problems, func(a, b located) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for _, p := range l.problems {
		place := path
		if p.line > 0 {
			place = fmt.Sprintf("%s:%d", path, p.line)
		}
		if p.key != "" {
			place += ": " + p.key
		}
		errs = append(errs, fmt.Errorf("%s: %s", place, p.text))
	}
	return errors.Join(errs...)
}

// decodeYAML reads one YAML document into the struct that config points to. It
// goes on after a problem, so that all of them are found at once.
func decodeYAML(b []byte, config any) *problemList {
	list := &problemList{lines: map[string]int{}}
	list.read(b, config)
	return list
}

// read goes as far as it gets. The library panics on some text that is no YAML, which
// here is a problem of the file like any other.
func (l *problemList) read(b []byte, config any) {
	defer func() {
		if fault := recover(); fault != nil {
			l.addAt(l.reading, "", "not YAML that can be read, from here on: %v", fault)
		}
	}()
	file, err := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.addAt(yamlLine(err), "", "not YAML: %s", yamlText(err))
		return
	}
	if len(file.Docs) > 1 {
		l.addAt(file.Docs[1].GetToken().Position.Line, "", "a second document; one is expected")
	}
	if len(file.Docs) > 0 && file.Docs[0].Body != nil {
		l.decodeStruct("", file.Docs[0].Body, reflect.ValueOf(config).Elem())
	}
}

func (l *problemList) decodeStruct(prefix string, node ast.Node, into reflect.Value) {
	fields := map[string]reflect.Value{}
	for i := range into.NumField() {
		fields[into.Type().Field(i).Tag.Get("yaml")] = into.Field(i)
	}
	l.eachKey(prefix, node, func(key string, at *ast.MappingValueNode) {
		name := strings.TrimPrefix(key, prefix)
		field, known := fields[name]
		switch {
		case !known:
			l.addAt(at.Key.GetToken().Position.Line, key, "no such key; known here: %s", strings.Join(sortedKeys(fields), ", "))
		case field.Kind() == reflect.Struct:
			l.decodeStruct(key+".", at.Value, field)
		case field.Kind() == reflect.Map:
			l.decodeMap(key+".", at.Value, field)
		case field.Kind() == reflect.Slice:
			l.decodeList(key, at.Value, field)
		default:
			l.decodeValue(key, at, field)
		}
	})
}

func (l *problemList) decodeMap(prefix string, node ast.Node, into reflect.Value) {
	into.Set(reflect.MakeMap(into.Type()))
	l.eachKey(prefix, node, func(key string, at *ast.MappingValueNode) {
		value := reflect.New(into.Type().Elem()).Elem()
		l.decodeValue(key, at, value)
		into.SetMapIndex(reflect.ValueOf(strings.TrimPrefix(key, prefix)), value)
	})
}

// decodeList reads a list of structs. Their keys are named with their place, from
// 0 on.
func (l *problemList) decodeList(key string, node ast.Node, into reflect.Value) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		l.addAt(node.GetToken().Position.Line, key, "expected a list")
		return
	}
	for i, value := range sequence.Values {
		element := reflect.New(into.Type().Elem()).Elem()
		at := fmt.Sprintf("%s.%d", key, i)
		l.lines[at] = value.GetToken().Position.Line
		l.decodeStruct(at+".", value, element)
		into.Set(reflect.Append(into, element))
	}
}

// eachKey visits every key of a mapping once and reports the second of two
// equal ones.
func (l *problemList) eachKey(prefix string, node ast.Node, visit func(key string, at *ast.MappingValueNode)) {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode:
	default:
		l.addAt(node.GetToken().Position.Line, strings.TrimSuffix(prefix, "."), "expected keys with values")
	}
	for _, at := range values {
		key, line := prefix+at.Key.GetToken().Value, at.Key.GetToken().Position.Line
		if first, ok := l.lines[key]; ok {
			l.addAt(line, key, "stands already in line %d", first)
			continue
		}
		l.lines[key], l.reading = line, line
		visit(key, at)
	}
}

func (l *problemList) decodeValue(key string, at *ast.MappingValueNode, into reflect.Value) {
	if at.Value.Type() == ast.NullType {
		l.addAt(l.lines[key], key, "has no value; leave the key out to get the default")
		return
	}
	err := yaml.NodeToValue(at.Value, into.Addr().Interface(), yaml.Strict())
	switch {
	case err == nil:
	case into.Kind() == reflect.Bool: // goccy/go-yaml speaks of Go types
		l.addAt(l.lines[key], key, "expected true or false, found %q", at.Value.String())
	default:
		l.addAt(l.lines[key], key, "%s", yamlText(err))
	}
}

func yamlText(err error) string {
	var e yaml.Error
	if errors.As(err, &e) {
		return e.GetMessage()
	}
	return err.Error()
}

func yamlLine(err error) int {
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		return e.GetToken().Position.Line
	}
	return 0
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
