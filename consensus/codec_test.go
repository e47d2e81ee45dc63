package consensus

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/raft"
)

func TestCommandRoundTrip(t *testing.T) {
	open := openCommand{cluster: testCluster, size: 7, root: [32]byte{1}}
	got, err := decodeCommand(encodeOpen(open))
	if err != nil || got.kind != kindOpen || got.open != open {
		t.Errorf("%+v, %v", got, err)
	}
	for _, size := range []int{1, 100, CommandBytesMax} {
		data := bytes.Repeat([]byte{7}, size)
		got, err := decodeCommand(encodeBatch(data))
		if err != nil || got.kind != kindBatch || !bytes.Equal(got.batch, data) {
			t.Errorf("batch of %d: %v", size, err)
		}
	}
	for _, size := range []int{0, CommandBytesMax + 1} {
		if _, err := decodeCommand(encodeBatch(make([]byte, size))); err == nil {
			t.Errorf("batch of %d bytes was read", size)
		}
	}
}

func TestCommandEveryFlippedBit(t *testing.T) {
	for _, good := range [][]byte{encodeBatch([]byte("some events")), encodeOpen(openCommand{size: 1})} {
		for bit := range 8 * len(good) {
			bad := bytes.Clone(good)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := decodeCommand(bad); err == nil {
				t.Errorf("bit %d flipped in %x was read", bit, good)
			}
		}
		for n := range good {
			if _, err := decodeCommand(good[:n]); err == nil {
				t.Errorf("the first %d bytes of %x were read", n, good)
			}
		}
	}
}

func TestServerID(t *testing.T) {
	id, err := NewServerID("assoc-one.node", bytes.NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 0xab}))
	if err != nil || id.String() != "assoc-one.node.01020304050607ab" {
		t.Fatalf("%v, %v", id, err)
	}
	if back, err := ParseServerID(id.String()); err != nil || back != id {
		t.Errorf("%v, %v", back, err)
	}
	longest := strings.Repeat("a", nodeIDBytesMax)
	if _, err := ParseServerID(longest + ".01020304050607ab"); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for _, bad := range []string{
		"", "a", ".01020304050607ab", "a.01020304050607AB", "a.01020304050607a", "a.01020304050607abc", "a01020304050607ab",
		"A.01020304050607ab", "a b.01020304050607ab", "é.01020304050607ab", longest + "a.01020304050607ab", "a.01020304050607ag",
	} {
		if _, err := ParseServerID(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if _, err := NewServerID("a", bytes.NewReader(nil)); err == nil {
		t.Error("an incarnation without randomness")
	}
}

func someMembers() raft.Configuration {
	return raft.Configuration{Servers: []raft.Server{
		{Suffrage: raft.Voter, ID: "a.0100000000000000", Address: "a.0100000000000000"},
		{Suffrage: raft.Nonvoter, ID: "b.0100000000000000", Address: "b.0100000000000000"},
	}}
}

func TestDecodeMembers(t *testing.T) {
	if _, err := decodeMembers(raft.EncodeConfiguration(someMembers())); err != nil {
		t.Error(err)
	}
	bad := map[string]func(*raft.Configuration){
		"two servers of one node": func(c *raft.Configuration) {
			c.Servers[1].ID, c.Servers[1].Address = "a.0200000000000000", "a.0200000000000000"
		},
		"no voter":              func(c *raft.Configuration) { c.Servers[0].Suffrage = raft.Nonvoter },
		"a staging server":      func(c *raft.Configuration) { c.Servers[1].Suffrage = raft.Staging },
		"an unknown suffrage":   func(c *raft.Configuration) { c.Servers[1].Suffrage = 9 },
		"another address":       func(c *raft.Configuration) { c.Servers[1].Address = "10.0.0.1:1" },
		"an id of another form": func(c *raft.Configuration) { c.Servers[1].ID, c.Servers[1].Address = "b", "b" },
		"nobody":                func(c *raft.Configuration) { c.Servers = nil },
	}
	for name, change := range bad {
		c := someMembers()
		change(&c)
		if _, err := decodeMembers(raft.EncodeConfiguration(c)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	for _, garbage := range [][]byte{nil, {0}, {0xc1}, {0xdf, 0xff, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0x91}, 5000)} {
		if _, err := decodeMembers(garbage); err == nil {
			t.Errorf("%.20x was read", garbage)
		}
	}
}

// heartbeats is a transport of which only the heartbeats are used.
type heartbeats struct {
	raft.Transport
	handler func(raft.RPC)
}

func (h *heartbeats) SetHeartbeatHandler(f func(raft.RPC)) { h.handler = f }

// A heartbeat that would change raft's state or term goes to raft's main loop,
// every other one beside it.
func TestHeartbeatsBesideTheMainLoop(t *testing.T) {
	for name, c := range map[string]struct {
		self   selfFunc
		beside bool
	}{
		"a follower in the term":   {func() (uint64, bool) { return 4, true }, true},
		"a follower in term 3":     {func() (uint64, bool) { return 3, true }, false},
		"a follower in term 5":     {func() (uint64, bool) { return 5, true }, false},
		"a leader or candidate":    {func() (uint64, bool) { return 4, false }, false},
		"raft has not started yet": {nil, false},
	} {
		inner, beside := &heartbeats{}, false
		g := &gate{inner: inner, out: make(chan raft.RPC, 1)}
		if c.self != nil {
			g.self.Store(&c.self)
		}
		g.SetHeartbeatHandler(func(raft.RPC) { beside = true })
		inner.handler(raft.RPC{Command: &raft.AppendEntriesRequest{Term: 4}})
		if beside != c.beside || (len(g.out) == 0) != c.beside {
			t.Errorf("%s: beside the main loop %v, %d in it", name, beside, len(g.out))
		}
	}
}

// Before raft shuts down nothing is left of it beside its main loop, and nothing
// comes there any more: it would write to a log that is closed.
func TestNoHeartbeatBesideAShutdown(t *testing.T) {
	inner := &heartbeats{}
	g := &gate{inner: inner, out: make(chan raft.RPC, 1)}
	judged, goOn := make(chan struct{}), make(chan struct{})
	var looks atomic.Int32
	self := selfFunc(func() (uint64, bool) {
		if looks.Add(1) == 2 { // the first is at the term alone
			close(judged)
			<-goOn
		}
		return 4, true
	})
	g.self.Store(&self)
	answered := make(chan struct{})
	g.SetHeartbeatHandler(func(raft.RPC) { close(answered) }) // a second one panics
	heartbeat := raft.RPC{Command: &raft.AppendEntriesRequest{Term: 4}}
	go inner.handler(heartbeat)
	<-judged // to be a follower, whatever becomes of raft from here on

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.endBeside()
	}()
	for waits := false; !waits; {
		select {
		case <-ended:
			t.Fatal("the end did not wait for a heartbeat that raft was about to answer")
		default:
			if waits = !g.beside.TryRLock(); !waits {
				g.beside.RUnlock()
				runtime.Gosched()
			}
		}
	}
	close(goOn)
	<-ended
	select {
	case <-answered:
	default:
		t.Error("the end did not wait for an answer")
	}
	inner.handler(heartbeat)
	if len(g.out) != 1 {
		t.Error("a heartbeat after the end did not go to the main loop")
	}
}

// What raft would take on trust, or panic on, never reaches it.
func TestGateRefuses(t *testing.T) {
	good := func() *raft.AppendEntriesRequest {
		return &raft.AppendEntriesRequest{Term: 4, PrevLogEntry: 10, PrevLogTerm: 4, Entries: []*raft.Log{
			{Index: 11, Term: 4, Type: raft.LogCommand, Data: encodeBatch([]byte("x"))},
			{Index: 12, Term: 4, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(someMembers())},
			{Index: 13, Term: 4, Type: raft.LogNoop},
		}}
	}
	g := &gate{cluster: [32]byte{1}, check: func(_ uint64, command []byte) error {
		if string(command) == "from 2099" {
			return ErrTooLarge
		}
		return nil
	}}
	self := selfFunc(func() (uint64, bool) { return 3, true })
	g.self.Store(&self)
	if _, err := g.admit(good()); err != nil {
		t.Fatal(err)
	}
	bad := map[string]func(*raft.AppendEntriesRequest){
		"a gap":                        func(r *raft.AppendEntriesRequest) { r.Entries[1].Index++ },
		"no entry":                     func(r *raft.AppendEntriesRequest) { r.Entries[1] = nil },
		"a term from the future":       func(r *raft.AppendEntriesRequest) { r.Entries[0].Term = 5 },
		"no term":                      func(r *raft.AppendEntriesRequest) { r.Entries[0].Term = 0 },
		"a damaged command":            func(r *raft.AppendEntriesRequest) { r.Entries[0].Data[6] ^= 1 },
		"a command that check refuses": func(r *raft.AppendEntriesRequest) { r.Entries[0].Data = encodeBatch([]byte("from 2099")) },
		"another cluster":              func(r *raft.AppendEntriesRequest) { r.Entries[0].Data = encodeOpen(openCommand{cluster: [32]byte{2}}) },
		"the last term":                func(r *raft.AppendEntriesRequest) { r.Term = 1<<64 - 1 },
		"a term past the limit":        func(r *raft.AppendEntriesRequest) { r.Term = 3 + termStepMax + 1 },
		"an unreadable configuration":  func(r *raft.AppendEntriesRequest) { r.Entries[1].Data = []byte{0xc1} },
		"an unknown type":              func(r *raft.AppendEntriesRequest) { r.Entries[2].Type = 77 },
		"a placeholder":                func(r *raft.AppendEntriesRequest) { r.Entries[2].Type = logPlaceholder },
		"an old peer entry":            func(r *raft.AppendEntriesRequest) { r.Entries[2].Type = raft.LogAddPeerDeprecated },
	}
	for name, change := range bad {
		r := good()
		change(r)
		if _, err := g.admit(r); err == nil {
			t.Errorf("%s was admitted", name)
		}
	}
	far := good()
	far.Term, far.Entries[0].Data = 3+termStepMax, encodeOpen(openCommand{cluster: [32]byte{1}})
	if _, err := g.admit(far); err != nil {
		t.Error(err)
	}
	for _, message := range []any{
		&raft.RequestVoteRequest{Term: 1<<64 - 1}, &raft.RequestPreVoteRequest{Term: 1<<64 - 1}, &raft.InstallSnapshotRequest{Term: 1<<64 - 1},
	} {
		if _, err := g.admit(message); err == nil {
			t.Errorf("%T with the last term was admitted", message)
		}
	}
	for _, answer := range []any{&raft.RequestVoteResponse{Term: 1<<64 - 1}, &raft.RequestPreVoteResponse{Term: 1<<64 - 1}} {
		if g.answered(answer, nil) == nil {
			t.Errorf("%T with the last term was taken", answer)
		}
	}
	r := good()
	r.Entries = append(r.Entries, &raft.Log{Index: 14, Term: 4, Type: raft.LogCommand, Data: encodeBatch([]byte("from 2099"))})
	if before, err := g.admit(r); err == nil || before == nil || len(before.Entries) != 3 || before.PrevLogEntry != 10 || len(r.Entries) != 4 {
		t.Errorf("of a request whose last entry is refused raft gets %+v, %v", before, err)
	}
	members := raft.EncodeConfiguration(someMembers())
	for name, r := range map[string]*raft.InstallSnapshotRequest{
		"a pointer past the limit":   {Size: pointerBytesMax + 1, Configuration: members},
		"a pointer of negative size": {Size: -1, Configuration: members},
		"a pointer without members":  {Size: 100},
		"a pointer with bad members": {Size: 100, Configuration: []byte{0xc1}},
	} {
		if _, err := g.admit(r); err == nil {
			t.Errorf("%s was admitted", name)
		}
	}
	if _, err := g.admit(&raft.InstallSnapshotRequest{Size: pointerBytesMax, Configuration: members}); err != nil {
		t.Error(err)
	}
}

func someHello() hello {
	return hello{ledgerID: [32]byte{1}, cluster: [32]byte{2}, from: testServer("a", 1), to: testServer("b", 2)}
}

func TestHelloRoundTrip(t *testing.T) {
	b := someHello().encode()
	got, err := readHello(bytes.NewReader(b))
	if err != nil || got != someHello() {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := readHello(bytes.NewReader(b[:n])); err == nil {
			t.Errorf("the first %d of %d bytes were read", n, len(b))
		}
	}
	if _, err := decodeHello(append(bytes.Clone(b[2:]), 0)); err == nil {
		t.Error("a trailing byte was read")
	}
	if _, err := readHello(bytes.NewReader([]byte{0xff, 0xff})); err == nil {
		t.Error("a hello of 65,535 bytes was read")
	}
}

func TestServerMark(t *testing.T) {
	m := serverMark{floor: 5, server: "a.0100000000000000"}
	if got, err := decodeServerMark(m.encode()); err != nil || got != m {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {1}, append([]byte{2}, m.encode()[1:]...)} {
		if _, err := decodeServerMark(bad); err == nil {
			t.Errorf("%x was read", bad)
		}
	}
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add(encodeBatch([]byte("x")))
	f.Add(encodeOpen(openCommand{size: 3}))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := decodeCommand(in)
		if err != nil {
			return
		}
		out := encodeBatch(c.batch)
		if c.kind == kindOpen {
			out = encodeOpen(c.open)
		}
		if !bytes.Equal(in, out) {
			t.Fatalf("two encodings of one command:\n%x\n%x", in, out)
		}
	})
}

func FuzzDecodeHello(f *testing.F) {
	f.Add(someHello().encode()[2:])
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := decodeHello(in)
		if err == nil && !bytes.Equal(in, h.encode()[2:]) {
			t.Fatalf("two encodings of one hello: %x", in)
		}
	})
}

func FuzzDecodeMembers(f *testing.F) {
	f.Add(raft.EncodeConfiguration(someMembers()))
	f.Fuzz(func(t *testing.T, in []byte) {
		if m, err := decodeMembers(in); err == nil {
			if _, err := decodeMembers(raft.EncodeConfiguration(m)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzParseServerID(f *testing.F) {
	f.Add("a.0100000000000000")
	f.Fuzz(func(t *testing.T, in string) {
		if s, err := ParseServerID(in); err == nil && s.String() != in {
			t.Fatalf("two texts of one server id: %q", in)
		}
	})
}
