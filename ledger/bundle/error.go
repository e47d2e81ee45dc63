package bundle

import (
	"errors"
	"fmt"
)

// ErrTooLarge: what was asked for does not fit one bundle.
var ErrTooLarge = errors.New("too large for one bundle")

// Error says why a bundle does not verify, and where.
type Error struct {
	Where string // the part of the file
	What  string
	Err   error // the check that failed, or nil
}

func (e *Error) Error() string {
	text := e.Where + ": " + e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

func fail(where, format string, args ...any) *Error {
	return &Error{Where: where, What: fmt.Sprintf(format, args...)}
}

func failed(where string, err error, format string, args ...any) *Error {
	return &Error{Where: where, What: fmt.Sprintf(format, args...), Err: err}
}
