package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar is a progress bar on a terminal, and nothing elsewhere.
type bar struct{ shown *progressbar.ProgressBar }

// newBar draws on standard error only, so that it never stands in a result.
func (a *app) newBar(total uint64, what string) bar {
	file, ok := a.err.(*os.File)
	if !ok || a.output == "json" || !term.IsTerminal(int(file.Fd())) {
		return bar{}
	}
	return bar{drawnBar(file, total, what)}
}

func drawnBar(w io.Writer, total uint64, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(int64(total),
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionFullWidth(),
	)
}

func (b bar) set(done uint64) {
	if b.shown != nil {
		_ = b.shown.Set64(int64(done)) // a terminal that went away is no reason to stop
	}
}

func (b bar) done() {
	if b.shown != nil {
		_ = b.shown.Finish()
	}
}
