package node

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/custodyledger/custodyledger/consensus"
	"github.com/custodyledger/custodyledger/node/keyfile"
)

const (
	// callsPatience is how long calls that are being answered may take after
	// SIGTERM.
	callsPatience = 5 * time.Second
	webPatience   = time.Second

	readinessPause = 200 * time.Millisecond

	// joinCallTimeout bounds one request to be taken in; while the node catches
	// up it is asked for again and again.
	joinCallTimeout = time.Minute
	joinPause       = time.Second
)

// Close stops the node: clients first, so that what was accepted is answered;
// then consensus, which hands leadership on while it still reaches its peers;
// then the peer port; the store last, when nobody reads it any more. It must
// not be called after Fatal gave an error: a write may hang.
func (n *Node) Close() error {
	n.closed.Do(func() { n.closeErr = n.close() })
	return n.closeErr
}

func (n *Node) close() error {
	n.stopping.Store(true)
	n.cancel()
	if n.api != nil {
		ctx, cancel := context.WithTimeout(context.Background(), callsPatience)
		n.api.Shutdown(ctx)
		cancel()
	}
	n.running.Wait()
	var errs []error
	if n.backups != nil {
		errs = append(errs, n.backups.Close())
	}
	if n.cosigner != nil {
		errs = append(errs, n.cosigner.Close())
	}
	if r := n.Replica(); r != nil {
		errs = append(errs, r.Close())
	}
	if n.peers != nil {
		n.peers.Stop()
	}
	if n.calls != nil {
		errs = append(errs, n.calls.Close())
	}
	if n.port != nil {
		errs = append(errs, n.port.Close())
	}
	if n.web != nil {
		ctx, cancel := context.WithTimeout(context.Background(), webPatience)
		errs = append(errs, n.web.Shutdown(ctx))
		cancel()
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// followReadiness tells grpc.health.v1 what /readyz says, and the log what
// changes.
func (n *Node) followReadiness() {
	ticker := time.NewTicker(readinessPause)
	defer ticker.Stop()
	var last []string
	for first := true; ; first = false {
		reasons := n.NotReady()
		if first || !slices.Equal(reasons, last) {
			n.api.SetServing(len(reasons) == 0)
			n.logger.Info("readiness", "ready", len(reasons) == 0, "reasons", reasons, "leader", n.Replica().Leader())
			last = reasons
		}
		select {
		case <-ticker.C:
		case <-n.ctx.Done():
			return
		}
	}
}

// join asks the leader, whichever node that is, to put this new server in the
// place of the old one, until it has its vote. The answer that it has is noted
// in the data folder.
func (n *Node) join(folder server) {
	for n.ctx.Err() == nil {
		for _, other := range n.genesis.Nodes {
			if other.ID == n.server.Node || n.ctx.Err() != nil {
				continue
			}
			if n.joinAt(other.ID) {
				folder.Joined = true
				if err := folder.write(n.config.DataDir, keyfile.Write); err != nil {
					n.logger.Error("the cluster has taken this server in, but that could not be noted; it will ask again after the next start", "error", err)
				}
				return
			}
		}
		select {
		case <-time.After(joinPause):
		case <-n.ctx.Done():
		}
	}
}

func (n *Node) joinAt(other string) bool {
	ctx, cancel := context.WithTimeout(n.ctx, joinCallTimeout)
	defer cancel()
	err := n.calls.Rejoin(ctx, other, n.server)
	var notLeader *consensus.NotLeaderError
	switch {
	case err == nil:
		n.logger.Info("the cluster has taken this server in", "server", n.server.String(), "leader", other)
		return true
	case errors.As(err, &notLeader):
	case n.ctx.Err() == nil:
		n.logger.Info("not taken in yet", "asked", other, "error", err)
	}
	return false
}

// Version is the version of the program, as its build recorded it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision := info.Main.Version, ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			revision = s.Value[:12]
		}
	}
	if version == "" || version == "(devel)" {
		version = "development"
	}
	if revision != "" && version == "development" {
		version += "+" + revision
	}
	return version
}
