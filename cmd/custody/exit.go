package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
)

// Exit codes. Scripts switch on them; they never change their meaning.
const (
	exitDone        = 0
	exitLocal       = 1 // wrong use, a bad file, no key: nothing was asked of the ledger, or it does not matter
	exitRefused     = 2 // the ledger said no; nothing was recorded
	exitUnreachable = 3 // no node could be asked; nothing was recorded
	exitUnknown     = 4 // it may or may not be recorded; sending again is safe
	exitTampered    = 5 // something does not verify
)

// usageError is a wrong command line.
type usageError struct {
	command string
	text    string
}

func (e *usageError) Error() string { return e.text }

func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{command: cmd.CommandPath(), text: fmt.Sprintf(format, args...)}
}

// coded is an error with an exit code of its own and, where the usual hint
// would be wrong, its own hint.
type coded struct {
	error
	code int
	hint string
}

func (e *coded) Unwrap() error { return e.error }

func exitCode(err error) int {
	var own *coded
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, client.ErrTampered):
		return exitTampered
	case errors.Is(err, client.ErrOutcomeUnknown):
		return exitUnknown
	case errors.Is(err, client.ErrRefused):
		return exitRefused
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable
	}
	return exitLocal
}

// fault is what is reported of an error, in JSON as it stands here.
type fault struct {
	Exit     int           `json:"exit"`
	Reason   ledger.Reason `json:"reason,omitempty"`
	Sentence string        `json:"sentence,omitempty"` // for the person, by reason
	Message  string        `json:"message"`            // where, what was found, what was expected
	Field    string        `json:"field,omitempty"`
	Node     string        `json:"node,omitempty"`
	Event    string        `json:"event,omitempty"`
	Index    *uint64       `json:"index,omitempty"`
	Hint     string        `json:"hint,omitempty"` // what to do

}

// faultOf explains an error. writes tells whether the command would have recorded
// something.
func faultOf(err error, writes bool) fault {
	nothing := ""
	if writes {
		nothing = "Nothing was recorded. "
	}
	f := fault{Exit: exitCode(err), Message: err.Error()}
	var (
		use         *usageError
		refused     *client.Refused
		unknown     *client.OutcomeUnknown
		unreachable *client.Unreachable
		tampered    *client.Tampered
	)
	switch {
	case errors.As(err, &use):
		f.Hint = fmt.Sprintf("'%s --help' says how it is used.", use.command)
	case errors.As(err, &tampered):
		f.Node = tampered.Node
		if tampered.Index != ledger.NoLink {
			f.Index = &tampered.Index
			f.Message = fmt.Sprintf("entry %d: %s", tampered.Index, f.Message)
		}
		f.Hint = "Keep this message, do not trust that node's answers, and ask another association's node: 'custody audit --node ...' finds out more."
	case errors.As(err, &unknown):
		f.Reason, f.Event = client.ReasonOutcomeUnknown, unknown.Event.String()
		f.Sentence = words.Sentence(f.Reason)
		f.Hint = fmt.Sprintf("'custody receipt %s' says whether it was recorded.", unknown.Event)
	case errors.As(err, &refused):
		f.Reason, f.Field, f.Node = refused.Reason, refused.Field, refused.Node
		f.Message = refused.Message
		f.Sentence = words.Sentence(refused.Reason)
		if refused.EarlierSendUnknown {
			f.Hint = "An earlier send of the same event got no answer and may still be recorded; look again before you sign anything else."
		}
	case errors.As(err, &unreachable):
		if errors.Is(err, context.Canceled) {
			f.Hint = strings.TrimSpace("Interrupted. " + nothing)
			break
		}
		f.Hint = nothing + "Check that most nodes run and can be reached (--node), and that the genesis file is theirs; then try again."
	case errors.Is(err, context.Canceled):
		f.Message = "interrupted"
	}
	if own := new(coded); errors.As(err, &own) && own.hint != "" {
		f.Hint = own.hint
	}
	return f
}

// report prints an error for a person or, with -o json, for a program.
func (a *app) report(err error) {
	f := faultOf(err, a.writes)
	if a.output == "json" {
		writeJSON(a.err, struct {
			Error fault `json:"error"`
		}{f})
		return
	}
	f.write(a.err)
}

func (f fault) write(w io.Writer) {
	if f.Sentence == "" {
		fmt.Fprintf(w, "custody: %s\n", f.Message)
	} else {
		fmt.Fprintf(w, "custody: %s [%s]\n", f.Sentence, f.Reason)
		var where []string
		if f.Node != "" {
			where = append(where, "node "+f.Node)
		}
		if f.Field != "" {
			where = append(where, "at "+f.Field)
		}
		where = append(where, f.Message)
		fmt.Fprintf(w, "  %s\n", strings.Join(where, ": "))
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "  %s\n", f.Hint)
	}
}

// result is what a command found or did: as JSON by its tags, as text by Text.
type result interface {
	Text(w io.Writer)
}

func (a *app) print(r result) error {
	if a.output == "json" {
		return writeJSON(a.out, r)
	}
	var b strings.Builder
	r.Text(&b)
	_, err := io.WriteString(a.out, b.String())
	return err
}

func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
