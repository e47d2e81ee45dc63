package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

// custody runs the program custody in the demo's folder, as somebody at a
// keyboard would, and fails unless it exits with a status.
func (p *play) custody(ctx context.Context, status int, arguments ...string) (*story.Output, error) {
	return p.run(ctx, ".", append(os.Environ(), p.environment()...), status, arguments...)
}

// run runs the program custody in a folder of the demo, with an environment.
func (p *play) run(ctx context.Context, folder string, environment []string, status int, arguments ...string) (*story.Output, error) {
	var printed bytes.Buffer
	command := exec.CommandContext(ctx, p.options.Custody, arguments...)
	command.Dir = p.path(folder)
	command.Env = environment
	command.Stdout, command.Stderr = &printed, &printed
	err := command.Run()
	output := &story.Output{
		Command: "custody " + strings.Join(arguments, " "),
		Text:    strings.TrimSpace(printed.String()),
		Status:  command.ProcessState.ExitCode(),
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w", output.Command, err)
	}
	if output.Status != status {
		return nil, fmt.Errorf("%s: exit status %d, expected %d:\n%s", output.Command, output.Status, status, output.Text)
	}
	return output, nil
}

// environment says to the program custody which ledger is meant and where the
// passphrase of the demo's keys lies.
func (p *play) environment() []string {
	return []string{
		"CUSTODY_GENESIS=" + genesisPath,
		keyfile.PassphraseFileVariable + "=" + passphraseFile,
	}
}
