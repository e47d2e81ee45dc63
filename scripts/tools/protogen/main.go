// Protogen turns the .proto files of a tree into Go without protoc.
//
// It parses the files with protocompile, hands the plugins protoc-gen-go and
// protoc-gen-go-grpc the request that protoc would have sent them, and writes
// what they answer beside the .proto files (paths=source_relative). Imports
// are relative to the root: a file at proto/custody/v1/event.proto is
// imported as "custody/v1/event.proto" when -root is proto. The files of
// google/protobuf can be imported as always.
//
// Usage:
//
//	protogen -root proto -plugins bin/tools          write the Go files
//	protogen -root proto -plugins bin/tools -check   change nothing, exit 1 if they are not current
//
// A generated file whose .proto is gone is removed, or reported by -check.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

var plugins = []string{"protoc-gen-go", "protoc-gen-go-grpc"}

func main() {
	root := flag.String("root", "proto", "folder that imports are relative to; every .proto below it is compiled")
	pluginDir := flag.String("plugins", "bin/tools", "folder that holds the plugins")
	check := flag.Bool("check", false, "write nothing, fail if a generated file is missing, old or left over")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "protogen: unexpected argument:", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(*root, *pluginDir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(root, pluginDir string, check bool) error {
	want, err := generate(context.Background(), root, pluginDir)
	if err != nil {
		return err
	}
	have, err := readTree(root, ".pb.go")
	if err != nil {
		return err
	}
	stale := compare(have, want)
	if check {
		if len(stale) > 0 {
			return fmt.Errorf("generated code under %s is not current, run make generate:\n  %s",
				root, strings.Join(stale, "\n  "))
		}
		return nil
	}
	return write(root, have, want)
}

// generate returns the content of every Go file that belongs to the .proto
// files below root, by slash-separated path relative to root.
func generate(ctx context.Context, root, pluginDir string) (map[string][]byte, error) {
	sources, err := readTree(root, ".proto")
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, nil
	}
	req, err := compile(ctx, root, slices.Sorted(maps.Keys(sources)))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, name := range plugins {
		files, err := runPlugin(ctx, filepath.Join(pluginDir, name), req)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, f := range files {
			if _, twice := out[f.GetName()]; twice {
				return nil, fmt.Errorf("%s: %s was generated twice", name, f.GetName())
			}
			out[f.GetName()] = []byte(f.GetContent())
		}
	}
	return out, nil
}

// compile builds the plugins' request. Warnings, such as an unused import,
// are errors.
func compile(ctx context.Context, root string, names []string) (*pluginpb.CodeGeneratorRequest, error) {
	problem := func(err reporter.ErrorWithPos) error { return err }
	var warnings []error
	warn := func(err reporter.ErrorWithPos) { warnings = append(warnings, err) }
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(
			&protocompile.SourceResolver{ImportPaths: []string{root}}),
		MaxParallelism: 1,
		SourceInfoMode: protocompile.SourceInfoStandard,
		Reporter:       reporter.NewReporter(problem, warn),
	}
	files, err := c.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(warnings...); err != nil {
		return nil, err
	}
	return request(files, names), nil
}

// request lists every file after those it imports, as plugins expect.
func request(files linker.Files, names []string) *pluginpb.CodeGeneratorRequest {
	req := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		Parameter:      proto.String("paths=source_relative"),
	}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		req.ProtoFile = append(req.ProtoFile, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, f := range files {
		add(f)
	}
	return req
}

// readTree returns the files below root with the given suffix, by
// slash-separated path relative to root. A root that does not exist is empty.
func readTree(root, suffix string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == root {
			return filepath.SkipAll
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	return out, err
}

// compare names, sorted, every file in which have differs from want.
func compare(have, want map[string][]byte) []string {
	var stale []string
	for name, content := range want {
		switch old, ok := have[name]; {
		case !ok:
			stale = append(stale, name+": missing")
		case !bytes.Equal(old, content):
			stale = append(stale, name+": differs from its .proto file")
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			stale = append(stale, name+": no .proto file generates it")
		}
	}
	slices.Sort(stale)
	return stale
}

// write makes the generated files below root equal to want and leaves those
// that already are untouched, so that nothing is rebuilt without need.
func write(root string, have, want map[string][]byte) error {
	for name := range have {
		if _, ok := want[name]; !ok {
			if err := os.Remove(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	for name, content := range want {
		if old, ok := have[name]; ok && bytes.Equal(old, content) {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
