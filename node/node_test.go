package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/ledger"
	"github.com/custodyledger/custodyledger/node/client"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func TestEveryNodeTakesSubmissionsAndReads(t *testing.T) {
	c := serve(t)
	seller := c.dealer(c.members[0], "Seller")
	buyer := c.dealer(c.members[1], "Buyer")
	stone := c.stone(c.members[2], seller)
	offer, err := stone.Send(seller, buyer, custodyv1.Mode_MODE_SALE)
	must(t, err)
	c.record(c.members[1], c.submission(offer))

	// A linearizable read at any node sees what was acknowledged at another.
	for _, m := range c.members {
		snapshot, err := m.running.Replica().Read(t.Context(), nil)
		must(t, err)
		item, ok := snapshot.Item(stone.Item)
		if !ok || len(item.Offers) != 1 {
			t.Errorf("%s reads %+v", m.id(), item)
		}
		must(t, snapshot.Close())
	}
	if size, _ := c.awaitEqual(); size != 5 {
		t.Errorf("%d entries", size)
	}
}

func TestClientReachesAnyNode(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	for _, m := range c.members {
		cl, err := client.New(client.Config{Genesis: c.genesis, Addresses: []string{m.id() + "=" + m.running.Addresses().Client}})
		must(t, err)
		receipt, err := cl.Append(t.Context(), c.registration(dealer))
		must(t, err)
		if _, _, err := cl.VerifyReceipt(t.Context(), receipt); err != nil {
			t.Error(err)
		}
		status, err := cl.Status(t.Context())
		must(t, err)
		if status.NodeId != m.id() || !status.OpenReads || len(status.Members) != 3 || status.SoftwareVersion == "" {
			t.Errorf("status %v", status)
		}
		must(t, cl.Close())
	}
}

func TestSameEventTenTimesAtThreeNodes(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	before, _ := c.awaitEqual()
	submission := c.submission(c.registration(dealer))
	receipts := make([]ledger.Receipt, 10)
	var done sync.WaitGroup
	for i := range receipts {
		done.Go(func() { receipts[i] = c.submit(c.members[i%3], submission).Receipts[0] })
	}
	done.Wait()
	fresh := 0
	for _, r := range receipts {
		if !r.Duplicate {
			fresh++
		}
		r.Duplicate = false
		first := receipts[0]
		first.Duplicate = false
		if r != first {
			t.Errorf("receipts differ: %+v and %+v", r, first)
		}
	}
	if size, _ := c.awaitEqual(); size != before+1 {
		t.Errorf("%d entries were added", size-before)
	}
	if fresh != 1 {
		t.Errorf("%d answers say that they recorded it", fresh)
	}
}

func TestOneOfTwoOffersOnTheSameHeadStands(t *testing.T) {
	c := serve(t)
	seller, one, two := c.dealer(c.members[0], "Seller"), c.dealer(c.members[0], "One"), c.dealer(c.members[0], "Two")
	for range 5 {
		stone := c.stone(c.members[0], seller)
		var outcomes [2]ledger.Outcome
		var done sync.WaitGroup
		for i, offer := range []func() (ledger.SignedEvent, error){
			func() (ledger.SignedEvent, error) { s := stone; return s.Send(seller, one, custodyv1.Mode_MODE_SALE) },
			func() (ledger.SignedEvent, error) { s := stone; return s.Send(seller, two, custodyv1.Mode_MODE_SALE) },
		} {
			event, err := offer()
			must(t, err)
			submission := c.submission(event)
			done.Go(func() { outcomes[i] = c.submit(c.members[1+i], submission) })
		}
		done.Wait()
		recorded, refused := outcomes[0], outcomes[1]
		if recorded.Rejection != nil {
			recorded, refused = refused, recorded
		}
		if recorded.Rejection != nil || refused.Rejection == nil {
			t.Fatalf("outcomes %+v", outcomes)
		}
		if reason := refused.Rejection.Reason; reason != ledger.StalePrev {
			t.Errorf("refused with %s", reason)
		}
	}
}

func TestSubmissionsSurviveTheLossOfTheLeader(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	leader, others := c.leader()

	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	acknowledged := map[ledger.EventID]ledger.Receipt{}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	var load sync.WaitGroup
	for _, m := range others {
		load.Go(func() {
			for ctx.Err() == nil {
				submission := c.submission(c.registration(dealer))
				receipt := c.record(m, submission)
				mu.Lock()
				acknowledged[receipt.Event] = receipt
				mu.Unlock()
			}
		})
	}
	eventually(t, func() error { return atLeast(count(), 20) })
	// The leader is cut off from its peers, as by a power cut of its network.
	must(t, leader.running.port.Close())
	before := count()
	eventually(t, func() error { return atLeast(count(), before+20) })
	c.stop(leader)
	before = count()
	eventually(t, func() error { return atLeast(count(), before+20) })
	cancel()
	load.Wait()

	c.start(leader)
	c.awaitReady(leader)
	size, _ := c.awaitEqual()
	for _, m := range c.members {
		snapshot, err := m.running.Replica().Read(t.Context(), nil)
		must(t, err)
		for id, want := range acknowledged {
			got, ok, err := snapshot.Receipt(id)
			want.Duplicate = false
			if err != nil || !ok || got != want {
				t.Errorf("%s: receipt %+v, %v, %v; acknowledged was %+v", m.id(), got, ok, err, want)
			}
		}
		must(t, snapshot.Close())
	}
	if want := uint64(2 + len(acknowledged)); size != want {
		t.Errorf("%d entries, %d were acknowledged", size, want)
	}
}

func atLeast(have, want int) error {
	if have < want {
		return fmt.Errorf("%d of %d", have, want)
	}
	return nil
}

func TestSubmitWithoutAMajority(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	leader, others := c.leader()
	c.stop(leader)
	c.stop(others[0])
	left := others[1]
	submission := c.submission(c.registration(dealer))
	eventually(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := left.running.Replica().Submit(ctx, submission)
		var notLeader *consensus.NotLeaderError
		if !errors.As(err, &notLeader) || notLeader.Leader != "" {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
	if _, err := left.running.Replica().Read(t.Context(), nil); err == nil {
		t.Error("a linearizable read was served without a majority")
	}
	stale := &custodyv1.Consistency{Level: &custodyv1.Consistency_Stale{Stale: true}}
	snapshot, err := left.running.Replica().Read(t.Context(), stale)
	must(t, err)
	must(t, snapshot.Close())

	c.start(leader)
	c.awaitReady(left, leader)
	c.record(left, submission)
}

func TestReadAtLeastSizeWaits(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	size, _ := c.awaitEqual()
	want := &custodyv1.Consistency{Level: &custodyv1.Consistency_AtLeastSize{AtLeastSize: size + 1}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.members[1].running.Replica().Read(ctx, want); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	read := make(chan uint64)
	go func() {
		defer close(read)
		snapshot, err := c.members[1].running.Replica().Read(t.Context(), want)
		if err != nil {
			t.Error(err)
			return
		}
		read <- snapshot.Size()
		snapshot.Close()
	}()
	c.stone(c.members[0], dealer)
	if got := <-read; got < size+1 {
		t.Errorf("read at %d", got)
	}
	<-read
}

func TestRestartOfAllNodes(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	c.stone(c.members[1], dealer)
	size, root := c.awaitEqual()
	for _, m := range c.members {
		c.stop(m)
	}
	for _, m := range c.members {
		c.start(m)
	}
	c.awaitReady(c.members...)
	if s, r := c.awaitEqual(); s != size || r != root {
		t.Errorf("after the restart %d %v, before %d %v", s, r, size, root)
	}
	c.stone(c.members[2], dealer)
}

func TestWipedNodeIsRefusedAndRejoins(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	for range 20 {
		c.stone(c.members[0], dealer)
	}
	lost := c.members[2]
	old := lost.running.server
	c.stop(lost)
	must(t, os.RemoveAll(lost.config.DataDir))

	if _, err := Start(lost.config, Options{}); !errors.Is(err, ErrNoData) || !strings.Contains(err.Error(), "custodyd rejoin") {
		t.Errorf("run without a folder: %v", err)
	}
	must(t, os.Mkdir(lost.config.DataDir, 0o700))
	if _, err := Start(lost.config, Options{}); !errors.Is(err, ErrNoData) {
		t.Errorf("run on an empty folder: %v", err)
	}
	if err := Found(lost.config); err == nil || !strings.Contains(err.Error(), "founded before") {
		t.Errorf("founded twice: %v", err)
	}
	server, err := Rejoin(lost.config, false, rand.Reader)
	must(t, err)
	if server.Node != old.Node || server == old {
		t.Errorf("new server %s, old %s", server, old)
	}
	c.start(lost)
	c.awaitReady(lost)
	eventually(t, func() error {
		if !isVoter(c.members[0], server) || isVoter(c.members[0], old) {
			return errors.New("the servers have not been exchanged")
		}
		return nil
	})
	c.stone(lost, dealer)
	c.awaitEqual()
	eventually(t, func() error {
		folder, _, err := openFolder(lost.config.DataDir, old.Node, c.id)
		if err == nil && !folder.Joined {
			err = errors.New("not noted as joined")
		}
		return err
	})

	// It votes: one of the others may fail now.
	c.stop(c.members[0])
	c.awaitReady(c.members[1], lost)
	c.stone(lost, dealer)
}

func TestRejoinKeepsTheLedger(t *testing.T) {
	c := serve(t)
	dealer := c.dealer(c.members[0], "Dealer")
	c.stone(c.members[0], dealer)
	lost := c.members[1]
	c.awaitEqual()
	c.stop(lost)
	if _, err := Rejoin(lost.config, false, rand.Reader); err == nil || !strings.Contains(err.Error(), "--keep-ledger") {
		t.Errorf("rejoin over a folder: %v", err)
	}
	must(t, os.RemoveAll(filepath.Join(lost.config.DataDir, raftFolder)))
	if _, err := Start(lost.config, Options{}); !errors.Is(err, consensus.ErrStateLost) || !strings.Contains(err.Error(), "custodyd rejoin") {
		t.Errorf("run without the raft log: %v", err)
	}
	must(t, os.Mkdir(filepath.Join(lost.config.DataDir, raftFolder), 0o700))
	if _, err := Start(lost.config, Options{}); !errors.Is(err, consensus.ErrStateLost) {
		t.Errorf("run with an empty raft log: %v", err)
	}
	c.stone(c.members[0], dealer)
	server, err := Rejoin(lost.config, true, rand.Reader)
	must(t, err)
	c.start(lost)
	c.awaitReady(lost)
	eventually(t, func() error {
		if !isVoter(c.members[0], server) {
			return errors.New("has no vote yet")
		}
		return nil
	})
	c.stone(lost, dealer)
	c.awaitEqual()
}

func TestStartRefusesWhatDoesNotBelongTogether(t *testing.T) {
	c, other := found(t), found(t)
	good := c.members[0].config
	for name, change := range map[string]func(*Config){
		"needs another genesis": func(c *Config) { c.Genesis = other.members[0].config.Genesis },
		"keys of node":          func(c *Config) { c.IdentityDir = other.members[0].config.IdentityDir },
		"that of node node-1":   func(config *Config) { config.DataDir = c.members[1].config.DataDir },
		"belongs to ledger":     func(c *Config) { c.DataDir = other.members[0].config.DataDir },
		"no such node":          func(c *Config) { c.PeerAddresses = map[string]string{"node-9": "127.0.0.1:1"} },
		"custodyd init node":    func(c *Config) { c.IdentityDir += "-missing" },
		"custodyd init genesis": func(c *Config) { c.Genesis += "-missing" },
		"data_dir":              func(c *Config) { c.DataDir = "" },
	} {
		config := good
		change(&config)
		n, err := Start(config, Options{})
		if err == nil {
			t.Errorf("%s: started", name)
			n.Close()
			continue
		}
		if want := map[string]string{"needs another genesis": "names other keys", "keys of node": "names other keys"}[name]; want != "" {
			name = want
		}
		if !strings.Contains(err.Error(), name) {
			t.Errorf("expected %q in: %v", name, err)
		}
	}
}

func TestPortInUseIsSaid(t *testing.T) {
	c := found(t)
	config := c.members[0].config
	listener, err := net.Listen("tcp", config.ClientListen)
	must(t, err)
	defer listener.Close()
	if _, err := Start(config, Options{}); err == nil || !strings.Contains(err.Error(), "client_listen") {
		t.Errorf("got %v", err)
	}
}

func TestFoundingContinuesAfterACrash(t *testing.T) {
	c := found(t)
	config := c.members[0].config
	// As if the process had died between the marker and the last rename.
	must(t, os.Rename(config.DataDir, config.DataDir+".founding"))
	must(t, Found(config))
	c.start(c.members[0])
	// As if it had died before the marker: what is there is thrown away.
	config = c.members[1].config
	must(t, os.Remove(filepath.Join(config.IdentityDir, foundedFile)))
	must(t, os.RemoveAll(config.DataDir))
	must(t, os.MkdirAll(filepath.Join(config.DataDir+".founding", ledgerFolder), 0o700))
	must(t, Found(config))
	c.start(c.members[1])
	c.awaitReady(c.members[0], c.members[1])
}

func TestHTTPOfANode(t *testing.T) {
	c := serve(t)
	c.dealer(c.members[0], "Dealer")
	c.awaitEqual()
	get := func(m *member, path string) (int, string) {
		response, err := http.Get("http://" + m.running.Addresses().HTTP + path)
		must(t, err)
		defer response.Body.Close()
		defer http.DefaultClient.CloseIdleConnections()
		b, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(b)
	}
	for _, m := range c.members {
		if code, body := get(m, "/readyz"); code != 200 {
			t.Errorf("readyz: %d %q", code, body)
		}
		if _, body := get(m, "/metrics"); !strings.Contains(body, "custody_ledger_entries 2") || !strings.Contains(body, "custody_ready 1") {
			t.Errorf("metrics: %s", body)
		}
	}
	_, others := c.leader()
	c.stop(others[0])
	leader, _ := c.leader()
	c.stop(leader)
	eventually(t, func() error {
		if code, body := get(others[1], "/readyz"); code != 503 || !strings.Contains(body, "no leader") {
			return fmt.Errorf("readyz: %d %q", code, body)
		}
		return nil
	})
}

// TestProcessMetrics is the one test that installs raft's figures, which are
// kept once in a process.
func TestProcessMetrics(t *testing.T) {
	c := found(t)
	for i, m := range c.members {
		n, err := Start(m.config, Options{ProcessMetrics: i == 0})
		must(t, err)
		m.running = n
	}
	c.awaitReady(c.members...)
	families, err := c.members[0].running.Metrics().Gather()
	must(t, err)
	raft, process := 0, 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "raft_") {
			raft++
		}
		if strings.HasPrefix(f.GetName(), "go_") || strings.HasPrefix(f.GetName(), "process_") {
			process++
		}
	}
	if raft == 0 || process == 0 {
		t.Errorf("%d families of raft, %d of the process", raft, process)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	c := found(t)
	for _, m := range c.members {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- Run(ctx, m.config, Options{}) }()
		eventually(t, func() error {
			conn, err := net.Dial("tcp", m.config.ClientListen)
			if err == nil {
				conn.Close()
			}
			return err
		})
		cancel()
		must(t, <-done)
	}
}
