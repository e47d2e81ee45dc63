package demo

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
)

const flippedFile = "stone-with-a-flipped-bit.custody"

// bundle has the buyer verify one file about the stone with nothing but the
// policy file, and refuse a copy of it with one other bit.
func (p *play) bundle(ctx context.Context, act *story.Act) error {
	item := p.stones[longest].Item.String()
	fetched, err := p.custody(ctx, 0, "bundle", item, "-o", buyerDir+"/"+bundleFile)
	if err != nil {
		return err
	}
	policy, err := p.custody(ctx, 0, "policy")
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path(buyerDir+"/"+policyFile), []byte(policy.Text+"\n"), 0o600); err != nil {
		return err
	}
	verified, err := p.offline(ctx, 0, "verify", bundleFile, "--policy", policyFile)
	if err != nil {
		return err
	}
	if !strings.Contains(verified.Text, "The bundle verifies.") {
		return fmt.Errorf("the bundle is said to verify so:\n%s", verified.Text)
	}
	file, err := os.ReadFile(p.path(buyerDir + "/" + bundleFile))
	if err != nil {
		return err
	}
	at := len(file) / 2
	file[at] ^= 1
	if err := os.WriteFile(p.path(buyerDir+"/"+flippedFile), file, 0o600); err != nil {
		return err
	}
	refused, err := p.offline(ctx, exitTampered, "verify", flippedFile, "--policy", policyFile)
	if err != nil {
		return err
	}
	act.Sentence = fmt.Sprintf("The buyer gets one file of %s bytes and verifies it with nothing but the ledger's public keys: no node is asked. "+
		"In a copy one bit of byte %s is flipped, and the copy is refused.", story.Count(len(file)), story.Count(at))
	act.Details = []story.Detail{
		{Output: fetched},
		{Output: verdictOf(verified)},
		{Output: refused},
	}
	return nil
}

// oldBundle shows what the file says that the seller fetched before the sale.
func (p *play) oldBundle(ctx context.Context, act *story.Act) error {
	old, err := p.offline(ctx, 0, "verify", "../"+sellerDir+"/"+bundleFile, "--policy", policyFile)
	if err != nil {
		return err
	}
	for _, want := range []string{p.seller.Party().String(), "the items may have been sold since. Ask for a newer bundle."} {
		if !strings.Contains(old.Text, want) {
			return fmt.Errorf("the older file does not say %q:\n%s", want, old.Text)
		}
	}
	act.Sentence = fmt.Sprintf("%s shows somebody the file from before the sale, where the stone is still its own. Every byte of it is true, "+
		"so it verifies, and it says up to when: whoever buys asks for a newer one.", p.nameOf(p.seller.Party()))
	act.Details = []story.Detail{
		{Output: verdictOf(old)},
		story.Text("The sale cannot be cut out of a newer file: what several associations state there about the stone names its last event, and every event names the one before it."),
	}
	return nil
}

// verdictOf leaves the stone's history out, which has an act of its own.
func verdictOf(o *story.Output) *story.Output {
	const begin = "\nThis proves\n"
	short := *o
	if head, rest, found := strings.Cut(o.Text, "\n\n"); found {
		if _, verdict, found := strings.Cut(rest, begin); found {
			short.Text = head + "\n[…]\n" + begin + verdict
		}
	}
	return &short
}

// offline runs the program custody in the buyer's folder, where it learns of no
// node and of no genesis.
func (p *play) offline(ctx context.Context, status int, arguments ...string) (*story.Output, error) {
	return p.run(ctx, buyerDir, os.Environ(), status, arguments...)
}
