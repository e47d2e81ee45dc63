package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
	"github.com/custodyledger/custodyledger/node/client"
	"github.com/custodyledger/custodyledger/node/keyfile"
	"github.com/custodyledger/custodyledger/node/localnet"
	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

//go:embed stock/stones.csv
var spreadsheet []byte

// stonesCount is the number of rows of the spreadsheet.
const stonesCount = 1_000

// travellers is how many of the stones are traded. The others stay in the shop.
const travellers = 980

// Files of the demo, in its folder.
const (
	nodesDir       = "nodes"
	genesisPath    = "nodes/genesis.json"
	keysDir        = "keys"
	passphraseFile = "passphrase"
	stonesFile     = "stones.csv"
	itemsFile      = "items.csv" // which item each row became
)

// demoWorkFactor makes the demo's key files quick to open. They protect nothing:
// their passphrase lies beside them.
const demoWorkFactor = 10

// founding starts the nodes.
func (p *play) founding(ctx context.Context, act *story.Act) error {
	net, err := localnet.Run(ctx, localnet.Options{Dir: p.path(nodesDir), Program: p.options.Custodyd})
	if err != nil {
		return err
	}
	p.net = net
	if p.client, err = net.NewClient(0); err != nil {
		return err
	}
	if _, err := net.Leader(ctx); err != nil {
		return err
	}
	table := &story.Table{Columns: []string{"node", "association (made up)", "process", "clients' address"}, Numbers: []bool{false, false, true, false}}
	for _, node := range net.Nodes() {
		table.Rows = append(table.Rows, []string{node.Member.Node, node.Association, fmt.Sprint(node.PID()), node.ClientAddress})
	}
	act.Sentence = "Three nodes of three made-up associations run, each a process of its own with its own keys and its own disk folder."
	act.Details = []story.Detail{
		{Table: table},
		story.Text(fmt.Sprintf("Each association made its node's keys by itself; the public parts of all three make the genesis file. "+
			"Its fingerprint is %s: the founders read it to each other, and whoever knows it knows this ledger.", net.LedgerID().Fingerprint())),
	}
	return nil
}

// admission admits the dealers of the cast.
func (p *play) admission(ctx context.Context, act *story.Act) error {
	if err := p.writeFiles(); err != nil {
		return err
	}
	for _, node := range p.net.Nodes() {
		association, err := trade.DealerOf(p.net.LedgerID(), node.Association, node.Governance)
		if err != nil {
			return err
		}
		if err := p.writeKey(association); err != nil {
			return err
		}
		p.associations = append(p.associations, association)
	}
	table := &story.Table{Columns: []string{"dealer (made up)", "country", "admitted by", "entry", "party id"}, Numbers: []bool{false, false, false, true, false}}
	for _, part := range cast {
		dealer, index, err := p.admit(ctx, part)
		if err != nil {
			return err
		}
		p.dealers = append(p.dealers, dealer)
		table.Rows = append(table.Rows, []string{part.name, part.country, p.associations[part.sponsor].Name, fmt.Sprint(index), dealer.Party().String()})
	}
	act.Sentence = "Five dealers are admitted, each signed for by an association, by the dealer's first key and by a recovery key for the safe."
	act.Details = []story.Detail{
		{Table: table},
		story.Text("A dealer is known to the ledger by its party id; of the legal name it keeps a salted hash."),
	}
	return nil
}

// admit has an association admit a party, and gives the entry. The party's key lies in
// a file.
func (p *play) admit(ctx context.Context, part part) (trade.Dealer, uint64, error) {
	dealer, err := trade.NewDealer(p.net.LedgerID(), part.name)
	if err != nil {
		return dealer, 0, err
	}
	event, name, err := dealer.Admit(p.associations[part.sponsor], part.country, part.role)
	if err != nil {
		return dealer, 0, err
	}
	if err := p.append(ctx, event, name); err != nil {
		return dealer, 0, err
	}
	return dealer, p.acknowledged[event.ID()].Index, p.writeKey(dealer)
}

// writeFiles writes what a person needs to go on with.
func (p *play) writeFiles() error {
	if err := os.Mkdir(p.path(keysDir), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(p.path(passphraseFile), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(p.path(stonesFile), spreadsheet, 0o600)
}

func keyPath(dealer trade.Dealer) string {
	return filepath.Join(keysDir, strings.TrimSuffix(dealer.Name, ".example.org")+".key")
}

// writeKey puts a dealer's key in a file, as `custody key new` does.
func (p *play) writeKey(dealer trade.Dealer) error {
	passphrase, err := os.ReadFile(p.path(passphraseFile))
	if err != nil {
		return err
	}
	key := keyfile.Key{Private: dealer.Key, Party: dealer.Party(), ReferenceSecret: make([]byte, keyfile.ReferenceSecretBytes)}
	_, _ = rand.Read(key.ReferenceSecret) // never fails
	return keyfile.Create(p.path(keyPath(dealer)), key, bytes.TrimSpace(passphrase), keyfile.Options{WorkFactor: demoWorkFactor})
}

// stock has the shop import its spreadsheet.
func (p *play) stock(ctx context.Context, act *story.Act) error {
	begun := time.Now()
	output, err := p.custody(ctx, 0, "--key", keyPath(p.dealers[shop]), "import", "--nature", "natural", "--currency", "USD", "--items", itemsFile, stonesFile)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	act.Sentence = fmt.Sprintf("A shop's spreadsheet of %s real stones becomes %s signed lines in %s; running the import again would add nothing.",
		story.Count(stonesCount), story.Count(stonesCount), story.Seconds(took))
	act.Details = []story.Detail{
		{Output: output},
		{Table: firstRows()},
		story.Text("Mass, grades and measures are those of real polished diamonds (data set diamonds of ggplot2, MIT licence). " +
			"The stock numbers are made up. Prices stay with the shop; the ledger has a salted hash of each."),
	}
	return nil
}

// firstRows shows the beginning of the spreadsheet.
func firstRows() *story.Table {
	lines := strings.SplitN(string(spreadsheet), "\n", 5)
	table := &story.Table{Caption: "The first rows of the spreadsheet", Columns: strings.Split(lines[0], ",")}
	for _, name := range table.Columns {
		table.Numbers = append(table.Numbers, name != "stock" && name != "cut" && name != "color" && name != "clarity")
	}
	for _, line := range lines[1:4] {
		table.Rows = append(table.Rows, strings.Split(line, ","))
	}
	return table
}

// authorConfig is an author of a party's events with any key.
func (p *play) authorConfig(party ledger.PartyID, key sign.PrivateKey) client.AuthorConfig {
	return client.AuthorConfig{Ledger: p.net.LedgerID(), Party: party, Key: key, Now: time.Now, Random: rand.Reader}
}
