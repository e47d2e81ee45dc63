package store

import (
	"context"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// brokenReader gives its error to every read.
type brokenReader struct{ err error }

func (b brokenReader) Get([]byte) ([]byte, io.Closer, error) { return nil, nil, b.err }

func (b brokenReader) NewIter(*pebble.IterOptions) (*pebble.Iterator, error) { return nil, b.err }

func (b brokenReader) NewIterWithContext(context.Context, *pebble.IterOptions) (*pebble.Iterator, error) {
	return nil, b.err
}

func (b brokenReader) Close() error { return nil }
