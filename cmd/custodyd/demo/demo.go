// Package demo plays the whole main job of the ledger on one machine: three
// nodes of three made-up associations in processes of their own, five dealers,
// a spreadsheet of real stones, thousands of transfers, a killed leader,
// refused events, a ring from the mine to a consumer with everything that is in it and
// five cheats, a sale that becomes final, a file that proves a stone without any
// node, an audit, a flipped byte that the audit finds, and two associations that lie
// and are convicted. It tells what happens act by act, on the terminal and as a page.
//
// Every act checks what it says. One that does not hold ends the demo.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

// Options say where and with what the demo runs.
type Options struct {
	// Dir gets every file; it must be empty. Left out, a temporary folder is made.
	Dir string
	// Exit ends the demo after the last act. Otherwise the nodes serve until the
	// context ends.
	Exit bool
	// Custodyd is the node program; Custody the program that dealers and auditors
	// type into.
	Custodyd, Custody string
	Out               io.Writer
}

// ErrNoCustody says that the program custody is not there.
var ErrNoCustody = errors.New("the program custody is missing")

// play is one performance.
type play struct {
	options Options
	dir     string
	story   *story.Story
	told    *story.Terminal

	net          *localnet.Net
	client       *client.Client // to every node
	associations []trade.Dealer
	dealers      []trade.Dealer // in the order of cast
	stones       []trade.Stone  // in the order of the spreadsheet
	chains       []trade.Chain  // what will happen to them, in the same order

	ring         ring
	trading      *trading
	killed       *localnet.Node
	seller       trade.Dealer                      // of the sale that becomes final
	convicting   string                            // the evidence file, below dir
	acknowledged map[ledger.EventID]ledger.Receipt // of everything the ledger said it has
	transfers    int
	final        client.TreeHead
}

// Run plays the demo. It returns when the story is told and, without
// Options.Exit, ctx has ended. The error says which act did not hold. Every
// process it started has ended by then.
func Run(ctx context.Context, options Options) error {
	if info, err := os.Stat(options.Custody); err != nil || info.IsDir() {
		return fmt.Errorf("%w: %s; build both programs with 'make build', they belong side by side", ErrNoCustody, options.Custody)
	}
	dir, err := emptyDir(options.Dir)
	if err != nil {
		return err
	}
	p := &play{
		options:      options,
		dir:          dir,
		told:         story.NewTerminal(options.Out),
		acknowledged: map[ledger.EventID]ledger.Receipt{},
		story: &story.Story{
			Title: "A custody ledger, from founding to audit",
			Lead: "Three trade associations that compete with each other run one ledger together. Dealers sign what " +
				"happens to their stones; every node checks it; no one can change it unseen. The stones are real " +
				"ones of a public data set. The associations, the dealers and everything about who held what are made up.",
			Begun: time.Now(),
		},
	}
	defer p.close()
	p.told.Opening(p.story)
	switch err := p.acts(ctx); {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted; the nodes are stopped, the files so far lie in %s", p.dir)
	case err != nil:
		return fmt.Errorf("%w\n(everything lies in %s)", err, p.dir)
	}
	return p.ending(ctx)
}

func emptyDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "custody-demo-")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return "", fmt.Errorf("--dir %s is not empty; the demo founds a ledger and starts in an empty folder", dir)
	}
	return filepath.Abs(dir)
}

// path gives a file of the demo.
func (p *play) path(name string) string { return filepath.Join(p.dir, name) }

func (p *play) close() {
	if p.client != nil {
		p.client.Close()
	}
	if p.net != nil {
		p.net.Close()
	}
}

// acts plays them in order. Each stands on those before it.
func (p *play) acts(ctx context.Context) error {
	for number, act := range []struct {
		title string
		play  func(context.Context, *story.Act) error
	}{
		{"Three associations found a ledger", p.founding},
		{"Five dealers are admitted", p.admission},
		{"A shop's spreadsheet becomes signed stock", p.stock},
		{"Stones change hands at full speed", p.trade},
		{"The leader is killed in the middle", p.kill},
		{"The killed node comes back, and nothing is missing", p.comeBack},
		{"What breaks a rule is refused", p.refusals},
		{"A ring is made of a stone, melee, an emerald and gold", p.makeRing},
		{"The ring goes on memo, is bought, and goes to a consumer", p.sellRing},
		{"Five cheats around the ring", p.cheats},
		{"What is in the ring?", p.answers},
		{"A sale becomes final", p.finality},
		{"An auditor verifies everything on every node", p.audit},
		{"The history of one stone", p.history},
		{"One file proves the stone, without any node", p.bundle},
		{"The seller shows an older file", p.oldBundle},
		{"One byte is flipped, and the audit names the entry", p.tamper},
		{"The whole ledger as files, audited without any node", p.export},
		{"Two associations sign a rewritten ledger, and a file convicts them", p.convict},
	} {
		if err := p.act(ctx, number+1, act.title, act.play); err != nil {
			return fmt.Errorf("act %d, %q, does not hold: %w", number+1, act.title, err)
		}
	}
	return nil
}

func (p *play) act(ctx context.Context, number int, title string, perform func(context.Context, *story.Act) error) error {
	p.told.Begin(number, title)
	act := story.Act{Number: number, Title: title}
	begun := time.Now()
	if err := perform(ctx, &act); err != nil {
		return err
	}
	act.Took = time.Since(begun)
	p.story.Acts = append(p.story.Acts, act)
	p.told.End(act)
	return nil
}

// ending writes the page and says the last line. Without Options.Exit the nodes
// serve until ctx ends or one of them stops by itself.
func (p *play) ending(ctx context.Context) error {
	p.facts()
	if !p.options.Exit {
		p.story.Commands = p.commands()
	}
	page := p.path("index.html")
	if err := p.writePage(page); err != nil {
		return err
	}
	out := p.options.Out
	fmt.Fprintf(out, "\nThe story as a page: %s\n", page)
	p.tellFiles()
	summary := fmt.Sprintf("events %d, transfers %d, nodes %d, root %s, audit: ok",
		p.final.Size-1, p.transfers, len(p.net.Nodes()), p.final.Root)
	if p.options.Exit {
		if err := p.net.Stop(ctx); err != nil {
			return err
		}
		fmt.Fprintln(out, summary)
		return nil
	}
	fmt.Fprintf(out, "%s\n\nThe nodes go on serving. Talk to them:\n", summary)
	for _, command := range p.story.Commands {
		fmt.Fprintf(out, "\n  # %s\n  %s\n", command.What, command.Line)
	}
	fmt.Fprintf(out, "\n%s\n", readyLine)
	return p.serve(ctx)
}

// tellFiles says where the files lie that prove something to others.
func (p *play) tellFiles() {
	for _, file := range []struct{ what, name string }{
		{"The stone's file", buyerDir + "/" + bundleFile},
		{"The policy to verify it with", buyerDir + "/" + policyFile},
		{"The ring's report, its lineage and its EPCIS file", ringDir},
		{"The evidence", p.convicting},
		{"The whole ledger as files", exportDir},
	} {
		fmt.Fprintf(p.options.Out, "%s: %s\n", file.what, p.path(file.name))
	}
}

const readyLine = "Press Ctrl-C to stop them."

func (p *play) writePage(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(p.story.WritePage(f), f.Close())
}

// serve waits for the end and then stops the nodes.
func (p *play) serve(ctx context.Context) error {
	if err := p.net.Wait(ctx); err != nil {
		return err
	}
	fmt.Fprintln(p.options.Out, "Stopping.")
	return p.net.Stop(context.WithoutCancel(ctx))
}

func (p *play) facts() {
	p.story.Facts = []story.Fact{
		{Name: "ledger", Value: p.net.Name()},
		{Name: "fingerprint", Value: p.net.LedgerID().Fingerprint()},
		{Name: "nodes", Value: fmt.Sprint(len(p.net.Nodes()))},
		{Name: "events", Value: story.Count(p.final.Size - 1)},
		{Name: "transfers", Value: story.Count(p.transfers)},
		{Name: "tree root", Value: p.final.Root.String()},
		{Name: "audit", Value: "ok"},
	}
}
