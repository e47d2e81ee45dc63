package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/cmd/custody/words"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

type statusReport struct {
	Ledger      string       `json:"ledger"`
	LedgerID    string       `json:"ledger_id"`
	Fingerprint string       `json:"fingerprint"`
	Rules       uint32       `json:"rules_version"`
	Nodes       []nodeReport `json:"nodes"`
}

// nodeReport is what one node says of itself, or why it says nothing.
type nodeReport struct {
	Address    string `json:"address"`
	Node       string `json:"node,omitempty"`
	State      string `json:"state,omitempty"`
	Leader     string `json:"leader,omitempty"`
	Size       uint64 `json:"size,omitempty"`
	Root       string `json:"root,omitempty"`
	LedgerTime uint64 `json:"ledger_time_ms,omitempty"`
	OpenReads  bool   `json:"open_reads"`
	Target     uint64 `json:"catch_up_target_size,omitempty"`
	Version    string `json:"software_version,omitempty"`
	Problem    string `json:"problem,omitempty"`

	FinalSize     uint64   `json:"final_size,omitempty"`
	FinalRoot     string   `json:"final_root,omitempty"`
	FinalReceived uint64   `json:"final_received_ms,omitempty"`
	Cosigners     []string `json:"final_cosigners,omitempty"`
	Alarms        []string `json:"alarms,omitempty"`

	err error
}

func (r *statusReport) Text(w io.Writer) {
	fmt.Fprintf(w, "Ledger %s, rules version %d\n  id           %s\n  fingerprint  %s\n", r.Ledger, r.Rules, r.LedgerID, r.Fingerprint)
	for _, n := range r.Nodes {
		if n.err != nil {
			fmt.Fprintf(w, "node at %s: no answer: %s\n", n.Address, n.Problem)
			continue
		}
		reads := "contents for its own machine only"
		if n.OpenReads {
			reads = "contents for everybody"
		}
		fmt.Fprintf(w, "node %s at %s: %s, %d entries, %s\n  root %s\n  %s\n", n.Node, n.Address, n.state(), n.Size, words.Time(n.LedgerTime), n.Root, reads)
		if n.FinalSize > 0 {
			fmt.Fprintf(w, "  final up to %d entries, cosigned by %s\n", n.FinalSize, strings.Join(n.Cosigners, ", "))
		} else {
			fmt.Fprintln(w, "  nothing is final yet")
		}
		for _, alarm := range n.Alarms {
			fmt.Fprintf(w, "  ALARM  %s\n", alarm)
		}
	}
}

func (n nodeReport) state() string {
	switch {
	case n.Target > 0:
		return fmt.Sprintf("%s up to %d entries", n.State, n.Target)
	case n.State == "leader":
		return n.State
	case n.Leader == "":
		return n.State + ", knows no leader"
	}
	return n.State + " of " + n.Leader
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the ledger and what each node says of itself",
		Args:  arguments(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) },
	}
}

func (a *app) status(ctx context.Context) error {
	file, genesis, err := a.genesis()
	if err != nil {
		return err
	}
	all, err := a.client()
	if err != nil {
		return err
	}
	addresses := a.addresses(all)
	if err := all.Close(); err != nil {
		return err
	}
	id := ledger.GenesisID(file)
	r := &statusReport{Ledger: genesis.Name, LedgerID: id.String(), Fingerprint: id.Fingerprint(), Rules: genesis.RulesVersion, Nodes: make([]nodeReport, len(addresses))}
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() { r.Nodes[i] = a.ask(ctx, address) })
	}
	asked.Wait()
	if err := a.print(r); err != nil {
		return err
	}
	for _, n := range r.Nodes {
		if n.err == nil {
			return nil
		}
	}
	return r.Nodes[0].err
}

// addresses gives the nodes one by one, as the client would name them.
func (a *app) addresses(c *client.Client) []string {
	if len(a.nodes) > 0 {
		return a.nodes
	}
	return c.Addresses()
}

func (a *app) ask(ctx context.Context, address string) nodeReport {
	n := nodeReport{Address: address}
	c, err := a.clientOf([]string{address})
	var s *custodyv1.GetStatusResponse
	if err == nil {
		s, err = c.Status(ctx)
		c.Close()
	}
	if err != nil {
		n.err, n.Problem = err, err.Error()
		return n
	}
	n.Node, n.State, n.Leader, n.Size = s.NodeId, words.Of(s.State), s.LeaderNodeId, s.Size
	n.Root, n.LedgerTime, n.OpenReads = fmt.Sprintf("%x", s.Root), s.LedgerTimeMs, s.OpenReads
	n.Target, n.Version = s.CatchUpTargetSize, s.SoftwareVersion
	n.FinalSize, n.FinalReceived, n.Cosigners, n.Alarms = s.FinalSize, s.FinalReceivedMs, s.FinalCosigners, s.Alarms
	if n.FinalSize > 0 {
		n.FinalRoot = fmt.Sprintf("%x", s.FinalRoot)
	}
	return n
}
