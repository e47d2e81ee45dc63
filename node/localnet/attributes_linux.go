package localnet

import "syscall"

// attributes makes a child end with its parent, however that ends, and keeps
// the terminal's Ctrl-C from it: only its parent stops it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
