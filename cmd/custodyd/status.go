package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/node"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func statusCommand() *cobra.Command {
	var configPath, genesisPath, output string
	var addresses []string
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "status",
		Short: "Ask nodes how they are",
		Long: `Asks nodes how they are and prints one line for each. With --config it asks the
node of that configuration on this machine; with --genesis all nodes of the
ledger, or those of --address. It exits with 1 if one of them does not answer.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("-o %s: expected table or json", output)
			}
			if (configPath == "") == (genesisPath == "") {
				return fmt.Errorf("name the node by --config, or the ledger by --genesis")
			}
			questions, file, err := whomToAsk(configPath, genesisPath, addresses)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(command.Context(), timeout)
			defer cancel()
			answers := askAll(ctx, file, questions)
			if err := printAnswers(command.OutOrStdout(), output, answers); err != nil {
				return err
			}
			for _, a := range answers {
				if a.Error != "" {
					return errReported
				}
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVarP(&configPath, "config", "c", "", "configuration of the node to ask, on this machine")
	flags.StringVar(&genesisPath, "genesis", "", "genesis file of the ledger whose nodes to ask")
	flags.StringSliceVar(&addresses, "address", nil, "id=host:port of a node, instead of the addresses in the genesis")
	flags.StringVarP(&output, "output", "o", "table", "table or json")
	flags.DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for an answer")
	return command
}

// question names a node and where to ask it.
type question struct{ node, address string }

func whomToAsk(configPath, genesisPath string, addresses []string) ([]question, []byte, error) {
	var questions []question
	if configPath != "" {
		config, err := node.LoadConfig(configPath)
		if err != nil {
			return nil, nil, err
		}
		identity, err := node.LoadIdentity(config.IdentityDir)
		if err != nil {
			return nil, nil, err
		}
		genesisPath = config.Genesis
		questions = append(questions, question{identity.Part.Node.ID, local(config.ClientListen)})
	}
	genesis, file, err := node.ReadGenesis(genesisPath)
	if err != nil {
		return nil, nil, err
	}
	for _, text := range addresses {
		id, address, ok := strings.Cut(text, "=")
		if !ok {
			return nil, nil, fmt.Errorf("--address %s: expected id=host:port", text)
		}
		questions = append(questions, question{id, address})
	}
	if len(questions) == 0 {
		for _, n := range genesis.Nodes {
			questions = append(questions, question{n.ID, n.ClientAddress})
		}
	}
	return questions, file, nil
}

// local is where a listen address is reached from the same machine.
func local(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// answer is what one node says, in the form that -o json prints.
type answer struct {
	Node        string `json:"node"`
	Address     string `json:"address"`
	Error       string `json:"error,omitempty"`
	State       string `json:"state,omitempty"`
	Size        uint64 `json:"size,omitempty"`
	Root        string `json:"root,omitempty"`
	LedgerID    string `json:"ledger_id,omitempty"`
	LedgerTime  string `json:"ledger_time,omitempty"`
	Leader      string `json:"leader,omitempty"`
	Term        uint64 `json:"raft_term,omitempty"`
	Commit      uint64 `json:"raft_commit_index,omitempty"`
	Applied     uint64 `json:"raft_applied_index,omitempty"`
	CatchUpSize uint64 `json:"catch_up_target_size,omitempty"`
	OpenReads   bool   `json:"open_reads"`
	Version     string `json:"version,omitempty"`
	ServerID    string `json:"server_id,omitempty"`
	Members     []struct {
		Node     string `json:"node"`
		ServerID string `json:"server_id"`
		Voter    bool   `json:"voter"`
	} `json:"members,omitempty"`
}

func askAll(ctx context.Context, genesis []byte, questions []question) []answer {
	answers := make([]answer, len(questions))
	var done sync.WaitGroup
	for i, q := range questions {
		done.Go(func() { answers[i] = ask(ctx, genesis, q) })
	}
	done.Wait()
	return answers
}

func ask(ctx context.Context, genesis []byte, q question) answer {
	a := answer{Node: q.node, Address: q.address}
	c, err := client.New(client.Config{Genesis: genesis, Addresses: []string{q.node + "=" + q.address}, UserAgent: "custodyd/" + node.Version()})
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer c.Close()
	status, err := c.Status(ctx)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	a.fill(status)
	return a
}

func (a *answer) fill(s *custodyv1.GetStatusResponse) {
	a.State = stateText(s.State)
	a.Size, a.Root, a.LedgerID = s.Size, hex.EncodeToString(s.Root), hex.EncodeToString(s.LedgerId)
	a.LedgerTime = time.UnixMilli(int64(s.LedgerTimeMs)).UTC().Format(time.RFC3339)
	a.Leader, a.Term, a.Commit, a.Applied = s.LeaderNodeId, s.RaftTerm, s.RaftCommitIndex, s.RaftAppliedIndex
	a.CatchUpSize, a.OpenReads, a.Version, a.ServerID = s.CatchUpTargetSize, s.OpenReads, s.SoftwareVersion, s.ServerId
	for _, m := range s.Members {
		a.Members = append(a.Members, struct {
			Node     string `json:"node"`
			ServerID string `json:"server_id"`
			Voter    bool   `json:"voter"`
		}{m.NodeId, m.ServerId, m.Voter})
	}
}

func stateText(s custodyv1.NodeState) string {
	text := strings.TrimPrefix(s.String(), "NODE_STATE_")
	return strings.ReplaceAll(strings.ToLower(text), "_", " ")
}

func printAnswers(w io.Writer, output string, answers []answer) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(answers)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tADDRESS\tSTATE\tENTRIES\tROOT\tLEADER\tTERM\tVOTERS\tREADS\tVERSION")
	for _, a := range answers {
		if a.Error != "" {
			fmt.Fprintf(t, "%s\t%s\tno answer: %s\n", a.Node, a.Address, a.Error)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.12s…\t%s\t%d\t%d\t%s\t%s\n", a.Node, a.Address, a.State, entriesText(a), a.Root, orNone(a.Leader), a.Term, a.voters(), readsText(a.OpenReads), a.Version)
	}
	return t.Flush()
}

func entriesText(a answer) string {
	if a.CatchUpSize > 0 {
		return fmt.Sprintf("%d of %d", a.Size, a.CatchUpSize)
	}
	return fmt.Sprint(a.Size)
}

func (a answer) voters() int {
	n := 0
	for _, m := range a.Members {
		if m.Voter {
			n++
		}
	}
	return n
}

func orNone(leader string) string {
	if leader == "" {
		return "none"
	}
	return leader
}

func readsText(open bool) string {
	if open {
		return "open"
	}
	return "this machine"
}
