package api

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is a request as it came. Handlers decode it by themselves.
type frame struct{ bytes []byte }

// codec hands requests over undecoded, so that it never fails: what it would
// refuse, grpc would answer with INTERNAL before any code of ours is asked.
type codec struct{ answers encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("api: a request is received as a frame, not as %T", v)
	}
	f.bytes = data.Materialize()
	return nil
}

func (c codec) Marshal(v any) (mem.BufferSlice, error) { return c.answers.Marshal(v) }

func (codec) Name() string { return proto.Name }
