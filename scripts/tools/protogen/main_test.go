package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeProto(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	baseProto = `syntax = "proto3";
package demo.v1;
option go_package = "example.org/demo/v1;demov1";
// Stone is one stone.
message Stone {
  // Mass in micrograms.
  uint64 mass_ug = 1;
}
`
	userProto = `syntax = "proto3";
package demo.v1;
import "demo/v1/base.proto";
import "google/protobuf/timestamp.proto";
option go_package = "example.org/demo/v1;demov1";
message Sale {
  Stone stone = 1;
  google.protobuf.Timestamp at = 2;
}
`
)

func TestRequestListsImportsFirst(t *testing.T) {
	root := t.TempDir()
	writeProto(t, root, "demo/v1/a_user.proto", userProto)
	writeProto(t, root, "demo/v1/base.proto", baseProto)
	names := []string{"demo/v1/a_user.proto", "demo/v1/base.proto"}
	req, err := compile(context.Background(), root, names)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range req.ProtoFile {
		order = append(order, f.GetName())
	}
	want := []string{"demo/v1/base.proto", "google/protobuf/timestamp.proto", "demo/v1/a_user.proto"}
	if !slices.Equal(order, want) {
		t.Errorf("files are sent in the order %q, want %q", order, want)
	}
	if !slices.Equal(req.FileToGenerate, names) {
		t.Errorf("to generate: %q, want %q", req.FileToGenerate, names)
	}
	base := req.ProtoFile[0]
	if got := base.MessageType[0].Field[0].GetJsonName(); got != "massUg" {
		t.Errorf("JSON name %q, want massUg", got)
	}
	if !strings.Contains(base.SourceCodeInfo.String(), "Mass in micrograms") {
		t.Error("the comments of the .proto file are not in the request")
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, reason string }{
		{"unknown type", strings.Replace(baseProto, "uint64 mass_ug", "Carat mass_ug", 1), "unknown type Carat"},
		{"missing import", strings.Replace(userProto, "demo/v1/base.proto", "demo/v1/gone.proto", 1), "gone.proto"},
		{"unused import", strings.Replace(baseProto, "option", "import \"google/protobuf/any.proto\";\noption", 1), "not used"},
		{"field number twice", strings.Replace(baseProto, "= 1;", "= 1; bytes cut = 1;", 1), "same tag"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			writeProto(t, root, "demo/v1/base.proto", baseProto)
			writeProto(t, root, "demo/v1/x.proto", tt.text)
			_, err := compile(context.Background(), root, []string{"demo/v1/x.proto"})
			if err == nil || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want one that says %q", err, tt.reason)
			}
		})
	}
}

func TestCompareAndWrite(t *testing.T) {
	root := t.TempDir()
	writeProto(t, root, "a/same.pb.go", "same")
	writeProto(t, root, "a/old.pb.go", "old")
	writeProto(t, root, "a/left.pb.go", "left over")
	writeProto(t, root, "a/hand.go", "written by hand")
	want := map[string][]byte{
		"a/same.pb.go": []byte("same"), "a/old.pb.go": []byte("new"), "a/gone.pb.go": []byte("gone"),
	}
	have, err := readTree(root, ".pb.go")
	if err != nil {
		t.Fatal(err)
	}
	stale := compare(have, want)
	if !slices.Equal(stale, []string{
		"a/gone.pb.go: missing",
		"a/left.pb.go: no .proto file generates it",
		"a/old.pb.go: differs from its .proto file",
	}) {
		t.Errorf("stale files: %q", stale)
	}
	if err := write(root, have, want); err != nil {
		t.Fatal(err)
	}
	have, err = readTree(root, ".pb.go")
	if err != nil {
		t.Fatal(err)
	}
	if stale := compare(have, want); len(stale) > 0 {
		t.Errorf("after write: %q", stale)
	}
	if _, err := os.Stat(filepath.Join(root, "a/hand.go")); err != nil {
		t.Error(err)
	}
}

func TestTreeThatDoesNotExistIsEmpty(t *testing.T) {
	files, err := readTree(filepath.Join(t.TempDir(), "proto"), ".proto")
	if err != nil || len(files) > 0 {
		t.Errorf("files %v, error %v", files, err)
	}
}
