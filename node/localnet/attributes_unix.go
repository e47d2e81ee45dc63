//go:build unix && !linux

package localnet

import "syscall"

// attributes keeps the terminal's Ctrl-C from a child: only its parent stops
// it. These systems cannot be asked to end a child with its parent.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
