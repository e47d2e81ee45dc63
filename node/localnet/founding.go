package localnet

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"text/template"

	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/ledger/sign"
)

// found goes the way that three associations go together: each makes its node's
// keys, the public parts make the genesis, each makes its data folder.
func (n *Net) found(ctx context.Context) error {
	if err := n.each(func(node *Node) error { return n.makeIdentity(ctx, node) }); err != nil {
		return err
	}
	genesis := []string{"init", "genesis", "--name", n.options.Name, "--out", n.GenesisPath()}
	for _, node := range n.nodes {
		genesis = append(genesis, filepath.Join(node.IdentityDir(), "part.json"))
	}
	if _, err := n.custodyd(ctx, genesis...); err != nil {
		return err
	}
	var err error
	if n.genesis, err = os.ReadFile(n.GenesisPath()); err != nil {
		return err
	}
	n.id = ledger.GenesisID(n.genesis)
	return n.each(func(node *Node) error {
		_, err := n.custodyd(ctx, "init", "found", "--config", node.ConfigPath())
		return err
	})
}

// makeIdentity makes a node's folder with keys and configuration.
func (n *Net) makeIdentity(ctx context.Context, node *Node) error {
	if err := os.Mkdir(node.Dir(), 0o700); err != nil {
		return err
	}
	var err error
	if node.Governance, err = sign.GenerateKey(rand.Reader); err != nil {
		return err
	}
	_, err = n.custodyd(ctx, "init", "node",
		"--dir", node.IdentityDir(),
		"--id", node.Member.Node, "--association", node.Association, "--country", node.Country,
		"--peer-address", node.PeerAddress, "--client-address", node.ClientAddress,
		"--governance-key", ledger.KeyText(node.Governance.Public()))
	if err != nil {
		return err
	}
	return n.configure(node)
}

var configuration = template.Must(template.New("custodyd.yaml").Parse(
	`# Node {{.Member.Node}} of {{.Association}}, which is made up.
data_dir: data
identity_dir: identity
genesis: ../genesis.json
peer_listen: {{.PeerAddress}}
client_listen: {{.ClientAddress}}
http_listen: {{.HTTPAddress}}
`))

func (n *Net) configure(node *Node) error {
	var b bytes.Buffer
	if err := configuration.Execute(&b, node); err != nil {
		return err
	}
	b.WriteString(n.options.Settings)
	return os.WriteFile(node.ConfigPath(), b.Bytes(), 0o600)
}

// each does something for every node at the same time.
func (n *Net) each(do func(*Node) error) error {
	errs := make([]error, len(n.nodes))
	var done sync.WaitGroup
	for i, node := range n.nodes {
		done.Go(func() { errs[i] = do(node) })
	}
	done.Wait()
	return errors.Join(errs...)
}

// custodyd runs the program to its end.
func (n *Net) custodyd(ctx context.Context, arguments ...string) (string, error) {
	var output bytes.Buffer
	command := exec.CommandContext(ctx, n.options.Program, arguments...)
	command.Dir = n.options.Dir
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return output.String(), fmt.Errorf("custodyd %s: %w:\n%s", strings.Join(arguments, " "), err, output.String())
	}
	return output.String(), nil
}
