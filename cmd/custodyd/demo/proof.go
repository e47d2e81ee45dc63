package demo

import (
	"context"
	"fmt"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// audit has the program custody verify every node from the first entry on.
func (p *play) audit(ctx context.Context, act *story.Act) error {
	var err error
	if p.final, err = p.client.TreeHead(ctx, 0, client.Linearizable); err != nil {
		return err
	}
	for _, node := range p.net.Nodes() {
		output, err := p.custody(ctx, 0, "audit", "--node", node.Member.Node+"="+node.ClientAddress)
		if err != nil {
			return fmt.Errorf("audit of node %s: %w", node.Member.Node, err)
		}
		act.Details = append(act.Details, story.Detail{Output: output})
	}
	if err := p.countTransfers(ctx); err != nil {
		return err
	}
	act.Sentence = fmt.Sprintf("An auditor with nothing but the genesis file reads all %s entries of every node, checks every signature, rule, link and hash again, and finds nothing wrong.", story.Count(p.final.Size))
	return nil
}

// countTransfers counts the offers that were accepted.
func (p *play) countTransfers(ctx context.Context) error {
	return p.client.Entries(ctx, 1, p.final.Size, func(_ uint64, b []byte) error {
		entry, err := ledger.DecodeEntry(b)
		if err != nil {
			return err
		}
		if entry.Kind != ledger.KindEvent {
			return nil
		}
		event, rejection := ledger.DecodeEvent(p.client.Genesis().RulesVersion, entry.Signed)
		if rejection != nil {
			return rejection
		}
		if _, accepted := event.Body.(*custodyv1.Accept); accepted {
			p.transfers++
		}
		return nil
	})
}
