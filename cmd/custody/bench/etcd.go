package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Etcd is what runs beside the ledger, as the program of scripts/etcd says it.
type Etcd struct {
	Etcd  string `json:"etcd"`
	Raft  string `json:"raft"`
	Go    string `json:"go"`
	Nodes int    `json:"nodes"`
	Fsync bool   `json:"fsync"`
	TLS   bool   `json:"mutual_tls"`
}

// peer is a running etcdpeer. One order at a time.
type peer struct {
	about   Etcd
	command *exec.Cmd
	orders  io.WriteCloser
	answers *json.Decoder
}

// order and answer are the lines that etcdpeer takes and gives.
type order struct {
	Load       string `json:"load"`
	Clients    int    `json:"clients"`
	RoundMs    int64  `json:"round_ms"`
	ValueBytes int    `json:"value_bytes"`
}

type answer struct {
	Done   int     `json:"done"`
	Failed int     `json:"failed"`
	TookMs float64 `json:"took_ms"`
	P50Ms  float64 `json:"p50_ms"`
	P99Ms  float64 `json:"p99_ms"`
	Error  string  `json:"error"`
}

// startPeer runs etcdpeer and waits until its nodes serve. The caller closes the peer.
func startPeer(program string) (*peer, error) {
	if _, err := os.Stat(program); err != nil {
		return nil, err
	}
	p := &peer{command: exec.Command(program)}
	p.command.Stderr = os.Stderr
	var err error
	if p.orders, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.answers = json.NewDecoder(out)
	if err := p.answers.Decode(&p.about); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not say what it runs: %w", program, err), p.close())
	}
	return p, nil
}

// close ends the nodes by the end of the program's input and waits for them.
func (p *peer) close() error {
	p.orders.Close()
	return p.command.Wait()
}

// load gives a load of etcd, with values as large as the ledger's events.
func (p *peer) load(name string, b *bencher) func(context.Context, int) (round, error) {
	return func(ctx context.Context, clients int) (round, error) {
		return p.measure(order{Load: name, Clients: clients, RoundMs: b.config.Round.Milliseconds(), ValueBytes: b.eventBytes})
	}
}

func (p *peer) measure(o order) (round, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return round{}, err
	}
	if _, err := p.orders.Write(append(line, '\n')); err != nil {
		return round{}, fmt.Errorf("order a load of etcd: %w", err)
	}
	var a answer
	if err := p.answers.Decode(&a); err != nil {
		return round{}, fmt.Errorf("read what etcd did: %w", err)
	}
	if a.Error != "" {
		return round{}, fmt.Errorf("etcd: %s", a.Error)
	}
	return round{took: duration(a.TookMs), done: a.Done, failed: a.Failed, p50: duration(a.P50Ms), p99: duration(a.P99Ms)}, nil
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
