package peer

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/store/storetest"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

// echo answers with what it was asked.
type echo struct{ proposals int }

func (echo) Cosign(_ context.Context, caller string, note []byte) *custodyv1.CosignResponse {
	return &custodyv1.CosignResponse{Refusal: caller, Own: note}
}

func (echo) Heads(caller string) *custodyv1.HeadsResponse {
	return &custodyv1.HeadsResponse{NowMs: 7, Yours: []byte(caller)}
}

func (e echo) Proposals(node string, term, from uint64) []*custodyv1.SignedProposal {
	list := make([]*custodyv1.SignedProposal, e.proposals)
	for i := range list {
		list[i] = &custodyv1.SignedProposal{Payload: []byte(node), Signature: []byte{byte(term), byte(from)}}
	}
	return list
}

func (echo) State(_ context.Context, request *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	if request.GetItem() == nil {
		return nil, status.Error(codes.FailedPrecondition, "nothing to state")
	}
	return &custodyv1.StateResponse{Payload: request.GetItem()}, nil
}

func TestNodesWatchEachOther(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(11))
	portA, portB := ports(t)
	server := Serve(portB.GRPC(), ServerConfig{Backend: &backend{}, Witness: echo{ProposalsMax + 1}, Genesis: trade.Genesis, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(server.Stop)
	client := NewClient(portA)
	t.Cleanup(func() { must(t, client.Close()) })

	// The caller is who holds the key, whatever it says.
	cosigned, err := client.Cosign(t.Context(), "b", make([]byte, checkpoint.NoteBytesMax))
	must(t, err)
	if cosigned.Refusal != "a" || len(cosigned.Own) != checkpoint.NoteBytesMax {
		t.Errorf("caller %q, %d bytes", cosigned.Refusal, len(cosigned.Own))
	}
	if _, err := client.Cosign(t.Context(), "b", make([]byte, checkpoint.NoteBytesMax+1)); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a note that is too long: %v", err)
	}
	heads, err := client.Heads(t.Context(), "b")
	must(t, err)
	if string(heads.Yours) != "a" || heads.NowMs != 7 {
		t.Errorf("%v", heads)
	}
	proposals, err := client.Proposals(t.Context(), "b", "leader", 3, 5)
	must(t, err)
	if len(proposals) != ProposalsMax || string(proposals[0].Payload) != "leader" || string(proposals[0].Signature) != "\x03\x05" {
		t.Errorf("%d proposals", len(proposals))
	}
	stated, err := client.State(t.Context(), "b", &custodyv1.StateRequest{Of: &custodyv1.StateRequest_Item{Item: []byte("item")}})
	must(t, err)
	if string(stated.Payload) != "item" {
		t.Errorf("%v", stated)
	}
	if _, err := client.State(t.Context(), "b", &custodyv1.StateRequest{}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("%v", err)
	}
}

// slow states nothing until its caller gives up.
type slow struct{ echo }

func (slow) State(ctx context.Context, _ *custodyv1.StateRequest) (*custodyv1.StateResponse, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

// TestStatementsLeaveRoom: however many statements clients ask for, of a node that
// does not get to them, it is still asked to cosign.
func TestStatementsLeaveRoom(t *testing.T) {
	trade := storetest.NewTrade(storetest.Pseudorandom(11))
	portA, portB := ports(t)
	server := Serve(portB.GRPC(), ServerConfig{Backend: &backend{}, Witness: slow{}, Genesis: trade.Genesis, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(server.Stop)
	client := NewClient(portA)
	t.Cleanup(func() { must(t, client.Close()) })
	stating, stop := context.WithCancel(t.Context())
	var asking, asked sync.WaitGroup
	for range 4 * streamsMax {
		asked.Add(1)
		asking.Go(func() {
			asked.Done()
			if _, err := client.State(stating, "b", &custodyv1.StateRequest{}); status.Code(err) != codes.Canceled {
				t.Errorf("%v", err)
			}
		})
	}
	asked.Wait()
	for len(client.statingAt("b")) < cap(client.statingAt("b")) {
		runtime.Gosched()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range streamsMax {
		if _, err := client.Cosign(ctx, "b", nil); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	asking.Wait()
}
