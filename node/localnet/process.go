package localnet

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is one run of a program, with its output in a file.
type process struct {
	command *exec.Cmd
	logPath string
	ended   chan struct{}
	err     error // of Wait; read only after ended is closed
}

// launcher starts processes from one operating system thread that lives as
// long as the launcher: where the kernel is asked to end a child together with
// its parent, it means the thread that made the child.
type launcher struct {
	starts chan func()
	once   sync.Once
}

func newLauncher() *launcher {
	l := &launcher{starts: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for start := range l.starts {
			start()
		}
	}()
	return l
}

// close ends the thread. Every process must have ended before.
func (l *launcher) close() { l.once.Do(func() { close(l.starts) }) }

// start runs a program with both outputs appended to a file.
func (l *launcher) start(command *exec.Cmd, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = attributes()
	started := make(chan error)
	l.starts <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	p := &process{command: command, logPath: logPath, ended: make(chan struct{})}
	go func() {
		p.err = command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// running tells whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the process as a power cut would, as far as a process can feel it:
// with SIGKILL. It returns when the process is gone.
func (p *process) kill() {
	_ = p.command.Process.Kill() // fails only if it has ended
	<-p.ended
}

// terminate asks the process to end. It does not wait.
func (p *process) terminate() { _ = p.command.Process.Signal(syscall.SIGTERM) }

// quitTimeout is how long a process may take to say where it is.
const quitTimeout = 5 * time.Second

// quit ends a process that hangs with SIGQUIT, on which a Go program writes the
// stacks of its goroutines.
func (p *process) quit() {
	_ = p.command.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.ended:
	case <-time.After(quitTimeout):
		p.kill()
	}
}

// outcome says how the process ended, in words.
func (p *process) outcome() string {
	<-p.ended
	if p.err == nil {
		return "ended with status 0"
	}
	return "ended: " + p.err.Error()
}

const (
	tailLines = 12
	tailBytes = 16 << 10
)

// tail gives the last lines of a log file for an error message.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-tailBytes), io.SeekStart)
	}
	b, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	lines := bytes.Split(bytes.TrimRight(b, "\n"), []byte("\n"))
	lines = lines[max(0, len(lines)-tailLines):]
	return string(bytes.Join(lines, []byte("\n")))
}
