package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errEncoding is wrapped by every error about stored bytes that are not what
// this program writes.
var errEncoding = errors.New("not a valid stored value")

// textBytesMax bounds a string inside a stored value.
const textBytesMax = 255

// encoder appends the parts of a value. The first part that has no encoding
// makes err, and the value must not be stored.
type encoder struct {
	b   []byte
	err error
}

func (e *encoder) uint8(v uint8)   { e.b = append(e.b, v) }
func (e *encoder) bytes(v []byte)  { e.b = append(e.b, v...) }
func (e *encoder) number(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

func (e *encoder) text(s string) {
	if len(s) > textBytesMax {
		e.fail("a text of %d bytes, at most %d", len(s), textBytesMax)
		return
	}
	e.b = append(append(e.b, byte(len(s))), s...)
}

// enum takes the values that a protobuf enum of rules version 1 can have.
func (e *encoder) enum(v int32) {
	if v < 0 || v > 255 {
		e.fail("an enum value of %d, expected 0 to 255", v)
		return
	}
	e.uint8(uint8(v))
}

func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("%w: %s", errEncoding, fmt.Sprintf(format, args...))
	}
}

// decoder takes the parts off a value. Once a part is not there or not in its
// one encoding, all that follows is zero and end gives the reason.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errEncoding, fmt.Sprintf(format, args...))
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail("cut short")
		return nil
	}
	taken := d.b[:n:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) fill(into []byte) { copy(into, d.take(len(into))) }

func (d *decoder) uint8() uint8 {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// number reads a varint in its shortest form.
func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || n > 1 && d.b[n-1] == 0 {
		d.fail("not a number in its shortest form")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the number of elements that follow, each of at least size bytes.
func (d *decoder) count(size int) int {
	n := d.number()
	if n > uint64(len(d.b)/size) {
		d.fail("%d elements in %d bytes", n, len(d.b))
		return 0
	}
	return int(n)
}

// uint32 reads a number of at most 32 bits.
func (d *decoder) uint32() uint32 {
	v := d.number()
	if v > math.MaxUint32 {
		d.fail("a number of %d, at most %d", v, uint32(math.MaxUint32))
		return 0
	}
	return uint32(v)
}

func (d *decoder) text() string { return string(d.take(int(d.uint8()))) }
func (d *decoder) enum() int32  { return int32(d.uint8()) }

// flags reads a byte of which only the bits of known may be set.
func (d *decoder) flags(known uint8) uint8 {
	v := d.uint8()
	if v&^known != 0 {
		d.fail("unknown flags %08b", v)
	}
	return v
}

// version reads the first byte of a value.
func (d *decoder) version(want uint8) {
	if v := d.uint8(); v != want && d.err == nil {
		d.fail("version %d, expected %d", v, want)
	}
}

func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes left over", len(d.b))
	}
	return d.err
}
