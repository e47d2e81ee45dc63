// Command custody is what dealers, associations and auditors of a custody
// ledger type: keys, parties, goods, their way from hand to hand, and audits.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/custodyledger/custodyledger/node/keyfile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The second signal ends a program that the first one could not: one that
	// waits for a pipe to be opened, say.
	context.AfterFunc(ctx, stop)
	a := &app{
		in:     os.Stdin,
		out:    os.Stdout,
		err:    os.Stderr,
		now:    time.Now,
		random: rand.Reader,
		prompt: keyfile.TerminalPrompt,
		env:    os.Getenv,
	}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
