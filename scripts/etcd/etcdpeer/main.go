// Etcdpeer runs a cluster of three etcd nodes on this machine and loads it as
// it is told, so that a ledger's figures can stand beside those of something
// that everybody knows.
//
// The nodes listen on 127.0.0.1, clients and peers by mutual TLS with keys that
// are made for the run, fsync on, everything else as etcd comes. Orders are lines
// of JSON on standard input, each answered by a line on standard output; the
// first line, before any order, says what runs. When standard input ends, so do
// the nodes, and their files are deleted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	program := flag.String("etcd", "", "the etcd server to run (`file`); by default the program etcd beside this one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "etcdpeer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, in io.Reader, out io.Writer) error {
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		program = filepath.Join(filepath.Dir(self), "etcd")
	}
	c, err := start(ctx, program)
	if err != nil {
		return err
	}
	defer c.close()
	answers := json.NewEncoder(out)
	if err := answers.Encode(c.hello(ctx)); err != nil {
		return err
	}
	orders, ended := read(in)
	for {
		select {
		case o := <-orders:
			if err := answers.Encode(c.run(ctx, o)); err != nil {
				return err
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// read gives the orders of the input until it ends, and then why. It may stay
// behind in a read; only the end of the process ends that.
func read(in io.Reader) (<-chan order, <-chan error) {
	orders, ended := make(chan order), make(chan error)
	go func() {
		lines := json.NewDecoder(in)
		lines.DisallowUnknownFields()
		for {
			var o order
			switch err := lines.Decode(&o); {
			case errors.Is(err, io.EOF):
				ended <- nil
				return
			case err != nil:
				ended <- fmt.Errorf("read an order: %w", err)
				return
			}
			orders <- o
		}
	}()
	return orders, ended
}
