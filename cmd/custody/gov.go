package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func (a *app) govCommand() *cobra.Command {
	return group("gov", "Associations: whose signatures make a checkpoint final, and how that changes",
		a.govShowCommand(), a.govProposeCommand(), a.govApproveCommand())
}

// governance is the policy in force and what is to follow, as one node says.
type governance struct {
	Policy    string       `json:"policy_id"`
	Quorum    uint32       `json:"quorum"`
	Since     uint64       `json:"since_index"`
	Nodes     []policyNode `json:"nodes"`
	Proposals []proposal   `json:"proposals,omitempty"`
	Adopted   *proposal    `json:"adopted,omitempty"`
	AdoptedAt uint64       `json:"adopted_index,omitempty"`
	Size      uint64       `json:"size"`
}

type policyNode struct {
	Node        string `json:"node"`
	Association string `json:"association"`
	LogKey      string `json:"log_key"`
	CosignerKey string `json:"cosigner_key"`
	Statement   string `json:"statement_key"`
}

type proposal struct {
	Event     string      `json:"event"`
	Index     uint64      `json:"index"`
	Quorum    uint32      `json:"quorum"`
	NewKeys   *policyNode `json:"new_keys,omitempty"`
	Approvals []string    `json:"approvals"`
}

func newGovernance(m *custodyv1.GetPolicyResponse, genesis *ledger.Genesis) *governance {
	names := map[string]string{}
	for _, association := range genesis.Associations {
		id := association.AssociationID()
		names[string(id[:])] = association.Name
	}
	describe := func(p *custodyv1.PolicyProposal) *proposal {
		if p == nil {
			return nil
		}
		d := &proposal{Event: fmt.Sprintf("%x", p.EventId), Index: p.Index, Quorum: p.Quorum}
		if p.Node != nil {
			d.NewKeys = newPolicyNode("", p.Node)
		}
		for _, id := range p.Approvals {
			d.Approvals = append(d.Approvals, names[string(id)])
		}
		return d
	}
	g := &governance{
		Policy: fmt.Sprintf("%x", m.Id), Quorum: m.Quorum, Since: m.SinceIndex,
		Adopted: describe(m.Adopted), AdoptedAt: m.AdoptedIndex, Size: m.ReadAt.GetSize(),
	}
	for _, n := range m.Nodes {
		g.Nodes = append(g.Nodes, *newPolicyNode(n.Association, n.Keys))
	}
	for _, p := range m.Proposals {
		g.Proposals = append(g.Proposals, *describe(p))
	}
	return g
}

func newPolicyNode(association string, keys *custodyv1.NodeKeys) *policyNode {
	return &policyNode{
		Node: keys.GetNodeId(), Association: association, LogKey: fmt.Sprintf("%x", keys.GetLogKey()),
		CosignerKey: fmt.Sprintf("%x", keys.GetCosignerKey()), Statement: fmt.Sprintf("%x", keys.GetStatementKey()),
	}
}

func (g *governance) Text(w io.Writer) {
	fmt.Fprintf(w, "A checkpoint is final when %d of these associations cosigned it:\n", g.Quorum)
	for _, n := range g.Nodes {
		fmt.Fprintf(w, "  %s, node %s\n    log key        %s\n    cosigner key   %s\n    statement key  %s\n", n.Association, n.Node, n.LogKey, n.CosignerKey, n.Statement)
	}
	since := "the genesis"
	if g.Since > 0 {
		since = fmt.Sprintf("the handover in entry %d", g.Since)
	}
	fmt.Fprintf(w, "  in force since %s; policy %s\n", since, g.Policy)
	if g.Adopted != nil {
		fmt.Fprintf(w, "Adopted by entry %d, in force once a final checkpoint covers it:\n", g.AdoptedAt)
		g.Adopted.text(w)
	}
	for _, p := range g.Proposals {
		fmt.Fprintf(w, "Proposed in entry %d; %d of %d approvals:\n", p.Index, len(p.Approvals), g.Quorum)
		p.text(w)
	}
	fmt.Fprintf(w, "  as of %d entries: one node says so; an audit proves it\n", g.Size)
}

func (p *proposal) text(w io.Writer) {
	fmt.Fprintf(w, "  event     %s\n  quorum    %d\n", p.Event, p.Quorum)
	if k := p.NewKeys; k != nil {
		fmt.Fprintf(w, "  new keys  of node %s\n    log key        %s\n    cosigner key   %s\n    statement key  %s\n", k.Node, k.LogKey, k.CosignerKey, k.Statement)
	}
	for _, name := range p.Approvals {
		fmt.Fprintf(w, "  approved  %s\n", name)
	}
}

func (a *app) govShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the policy in force and what is proposed",
		Args:  arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			m, err := c.GetPolicy(cmd.Context(), client.Linearizable)
			if err != nil {
				return err
			}
			return a.print(newGovernance(m, c.Genesis()))
		},
	}
}

func (a *app) govProposeCommand() *cobra.Command {
	var quorum uint32
	var identity string
	var yes bool
	cmd := &cobra.Command{
		Use:   "propose --key GOVERNANCE_KEY [--quorum N] [--identity DIR]",
		Short: "Association: propose another quorum, or new keys of your own node",
		Long: `Propose, in the name of your association, another quorum or new keys of your own
node, and approve it by doing so. The new keys are those that 'custodyd init keys'
made last in the node's identity folder; they sign the proposal too.

It is adopted with the approvals of as many associations as the policy in force
asks for, and in force once a final checkpoint of that policy covers the adoption.
A newer proposal of your association takes the place of its older one.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, policy, err := a.governanceSession(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			if quorum == 0 {
				quorum = policy.Quorum
			}
			var keys *client.NodeKeys
			if identity != "" {
				keys = &client.NodeKeys{}
				if keys.Node, keys.Log, keys.Cosigner, keys.Statement, err = node.LatestNodeKeys(identity); err != nil {
					return err
				}
			}
			fmt.Fprintf(a.err, "This proposes, in the name of your association: quorum %d%s\n", quorum, keysText(keys))
			if err := a.agree(yes); err != nil {
				return err
			}
			event, err := s.author.PolicyPropose(ledger.PolicyID(policy.Id), quorum, keys)
			if err != nil {
				return err
			}
			return a.append(cmd.Context(), s.Client, event, "The policy is proposed; 'custody gov show' says who has approved it.")
		},
	}
	cmd.Flags().Uint32Var(&quorum, "quorum", 0, "`number` of associations that make a checkpoint final; default: as now")
	cmd.Flags().StringVar(&identity, "identity", "", "identity `folder` of your node, with its new keys")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before signing")
	return cmd
}

func keysText(keys *client.NodeKeys) string {
	if keys == nil {
		return ", and no other keys"
	}
	text := func(key sign.PrivateKey) string { return ledger.KeyText(key.Public()) }
	return fmt.Sprintf(", and new keys of node %s:\n  log key        %s\n  cosigner key   %s\n  statement key  %s", keys.Node, text(keys.Log), text(keys.Cosigner), text(keys.Statement))
}

func (a *app) govApproveCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "approve EVENT --key GOVERNANCE_KEY",
		Short: "Association: approve a proposed policy",
		Long: `Approve a proposed policy in the name of your association. It is shown first.
Compare new keys with those that the other association reads to you.`,
		Args: arguments("EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := ledger.ParseEventID(args[0])
			if err != nil {
				return err
			}
			s, policy, err := a.governanceSession(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			for _, p := range policy.Proposals {
				if bytes.Equal(p.EventId, id[:]) {
					shown := newGovernance(&custodyv1.GetPolicyResponse{Proposals: []*custodyv1.PolicyProposal{p}}, s.Genesis())
					shown.Proposals[0].text(a.err)
				}
			}
			if err := a.agree(yes); err != nil {
				return err
			}
			event, err := s.author.PolicyApprove(id)
			if err != nil {
				return err
			}
			return a.append(cmd.Context(), s.Client, event, "The policy is approved; 'custody gov show' says what is in force.")
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before signing")
	return cmd
}

// governanceSession opens the key and asks a node for the policy.
func (a *app) governanceSession(ctx context.Context) (*session, *custodyv1.GetPolicyResponse, error) {
	s, err := a.session()
	if err != nil {
		return nil, nil, err
	}
	policy, err := s.GetPolicy(ctx, client.Linearizable)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, policy, nil
}

// agree asks before something is signed in the name of an association.
func (a *app) agree(yes bool) error {
	if yes {
		return nil
	}
	return a.confirm("Sign and send this? Type yes: ")
}
