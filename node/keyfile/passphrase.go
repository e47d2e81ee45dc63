package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// PassphraseFileVariable names the environment variable that holds the path of
// a file with the passphrase. A variable with the passphrase itself does not
// exist: environments end up in crash reports.
const PassphraseFileVariable = "CUSTODY_PASSPHRASE_FILE"

const passphraseBytesMax = 1024

// ErrNoTerminal: a passphrase is needed and there is nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask for the passphrase; use --passphrase-file or " + PassphraseFileVariable)

// Prompt asks a person. It shows question and reads one line without echo.
type Prompt func(question string) ([]byte, error)

// TerminalPrompt asks on the terminal that the program runs on, through standard
// input and standard error. Elsewhere it fails with ErrNoTerminal.
func TerminalPrompt(question string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, ErrNoTerminal
	}
	fmt.Fprint(os.Stderr, question)
	defer fmt.Fprintln(os.Stderr)
	return term.ReadPassword(fd)
}

// Passphrase finds the passphrase of existing key files: in the file named by
// flag, else in the one named by the environment variable, else by asking.
func Passphrase(flag string, prompt Prompt) ([]byte, error) {
	passphrase, found, err := fromFile(flag)
	if !found && err == nil {
		passphrase, err = prompt("Passphrase: ")
	}
	return notEmpty(passphrase, err)
}

// NewPassphrase finds the passphrase for a new key file. A person is asked
// twice.
func NewPassphrase(flag string, prompt Prompt) ([]byte, error) {
	passphrase, found, err := fromFile(flag)
	if found || err != nil {
		return notEmpty(passphrase, err)
	}
	passphrase, err = notEmpty(prompt("Passphrase for the new key (nobody can restore it): "))
	if err != nil {
		return nil, err
	}
	again, err := prompt("The same again: ")
	if err == nil && !bytes.Equal(passphrase, again) {
		err = errors.New("the two passphrases differ; nothing was written")
	}
	if err != nil {
		return nil, err
	}
	return passphrase, nil
}

func notEmpty(passphrase []byte, err error) ([]byte, error) {
	if err == nil && len(passphrase) == 0 {
		err = errors.New("the passphrase is empty")
	}
	if err != nil {
		return nil, err
	}
	return passphrase, nil
}

// fromFile reads the first line of the passphrase file, if one is named.
func fromFile(flag string) (passphrase []byte, found bool, err error) {
	path := flag
	if path == "" {
		path = os.Getenv(PassphraseFileVariable)
	}
	if path == "" {
		return nil, false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("passphrase file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, passphraseBytesMax+1))
	if err != nil {
		return nil, false, fmt.Errorf("passphrase file: %w", err)
	}
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(rest) > 0 || len(line) > passphraseBytesMax {
		return nil, false, fmt.Errorf("passphrase file %s: expected one line of at most %d bytes", path, passphraseBytesMax)
	}
	return line, true, nil
}
