package demo

import (
	"fmt"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
)

// commands are lines that work as they stand while the nodes run.
func (p *play) commands() []story.Command {
	custody := p.options.Custody
	environment := fmt.Sprintf("export CUSTODY_GENESIS=%s CUSTODY_KEY=%s CUSTODY_PASSPHRASE_FILE=%s",
		p.path(genesisPath), p.path(keyPath(p.dealers[shop])), p.path(passphraseFile))
	other, stone := p.dealers[1].Party(), p.stones[len(p.stones)-1].Item
	policy := p.path(buyerDir + "/" + policyFile)
	return []story.Command{
		{What: "first, in the same shell: which ledger, whose key", Line: environment},
		{What: "how the nodes are", Line: fmt.Sprintf("%s status --genesis %s", p.options.Custodyd, p.path(genesisPath))},
		{What: "what the shop holds now", Line: custody + " list --holder"},
		{What: "the stone whose history was told", Line: fmt.Sprintf("%s history %s", custody, p.stones[longest].Item)},
		{What: "put a stone of your own on the ledger", Line: custody + " item register --carat 1.01 --nature natural --acquired bought-from-non-member"},
		{What: "sell a stone of the shop to another dealer", Line: fmt.Sprintf("%s send %s --to %s --mode sale", custody, stone, other)},
		{What: "receive it there", Line: fmt.Sprintf("%s receive %s --key %s", custody, stone, p.path(keyPath(p.dealers[1])))},
		{What: "verify everything again", Line: custody + " audit"},
		{What: "verify the stone's file; no node is needed", Line: fmt.Sprintf("%s verify %s --policy %s", custody, p.path(buyerDir+"/"+bundleFile), policy)},
		{What: "verify what convicts two associations of the story", Line: fmt.Sprintf("%s verify %s", custody, p.path(p.convicting))},
	}
}
