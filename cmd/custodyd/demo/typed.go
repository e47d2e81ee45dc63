package demo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/custodyledger/custodyledger/node/localnet/trade"
)

// typed is what the program custody says of an event that it recorded, as JSON.
type typed struct {
	Event   string   `json:"event"`
	Item    string   `json:"item"`
	Outputs []string `json:"outputs"`
	Lost    []string `json:"lost"`
	New     struct {
		Item string `json:"item"`
	} `json:"new_item"`
}

// types has a party type a command that records an event.
func (p *play) types(ctx context.Context, party trade.Dealer, arguments ...string) (typed, error) {
	output, err := p.custody(ctx, 0, append(arguments, "--key", keyPath(party), "-o", "json")...)
	if err != nil {
		return typed{}, err
	}
	var result typed
	if err := json.Unmarshal([]byte(output.Text), &result); err != nil {
		return typed{}, fmt.Errorf("%s: %w:\n%s", output.Command, err, output.Text)
	}
	return result, nil
}

// registers has a party register goods that it describes in one line.
func (p *play) registers(ctx context.Context, party trade.Dealer, acquired, line string, more ...string) (string, error) {
	result, err := p.types(ctx, party, append([]string{"item", "register", "--acquired", acquired, "--is", line}, more...)...)
	return result.Item, err
}

// passes has an item sent and received, and gives the item that the receiver has.
func (p *play) passes(ctx context.Context, from, to trade.Dealer, item string, how ...string) (string, error) {
	if _, err := p.types(ctx, from, append([]string{"send", item, "--to", to.Party().String(), "--mode"}, how...)...); err != nil {
		return "", err
	}
	received, err := p.types(ctx, to, "receive", item)
	if received.New.Item != "" {
		item = received.New.Item
	}
	return item, err
}
