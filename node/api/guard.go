package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/custodyledger/custodyledger/node/client"
)

// deadlineTrailer says how long a call may take, where that was less than its
// caller allowed.
const deadlineTrailer = "custody-deadline-ms"

// guard stands before every method of every service: policy, decoding, time
// limits, panics, figures. It is a grpc.ServiceRegistrar: services registered
// through it have every method served as a stream of frames, also the unary
// ones, because grpc answers a unary call without a request with INTERNAL.
type guard struct {
	server *grpc.Server
	config Config
	calls  *metrics
	long   chan struct{} // one place a long read
	// stop ends when the server is asked to stop.
	stop context.Context
	// handlers counts handlers that may outlive their call.
	handlers sync.WaitGroup
	// pursuits has a place for each promised event; pursuing ends when no more
	// time is left for them.
	pursuits chan struct{}
	pursuing context.Context
}

// RegisterService registers a service behind the guard.
func (g *guard) RegisterService(desc *grpc.ServiceDesc, impl any) {
	guarded := *desc
	guarded.Methods, guarded.Streams = nil, nil
	for _, m := range desc.Methods {
		handle := func(stream *guardedStream) error { return g.unary(impl, m, stream) }
		guarded.Streams = append(guarded.Streams, g.stream("/"+desc.ServiceName+"/"+m.MethodName, m.MethodName, handle))
	}
	for _, s := range desc.Streams {
		fullMethod := "/" + desc.ServiceName + "/" + s.StreamName
		handle := func(stream *guardedStream) error { return g.streaming(fullMethod, impl, s, stream) }
		guarded.Streams = append(guarded.Streams, g.stream(fullMethod, s.StreamName, handle))
	}
	g.server.RegisterService(&guarded, impl)
}

func (g *guard) stream(fullMethod, name string, handle func(*guardedStream) error) grpc.StreamDesc {
	m, listed := methods[fullMethod]
	return grpc.StreamDesc{
		StreamName:    name,
		ClientStreams: true,
		ServerStreams: true,
		Handler: func(_ any, inner grpc.ServerStream) (err error) {
			started := time.Now()
			defer func() { g.calls.observe(fullMethod, status.Code(err), time.Since(started)) }()
			if f := g.admit(inner.Context(), m, listed); f != nil {
				return f
			}
			if m.long {
				select {
				case g.long <- struct{}{}:
					defer func() { <-g.long }()
				default:
					return &fault{code: codes.ResourceExhausted, reason: client.ReasonOverloaded, retry: retryCatchUp, message: "the node serves as many long reads as it may; ask another node"}
				}
			}
			return g.safely(fullMethod, m, func() error { return handle(&guardedStream{ServerStream: inner, ctx: inner.Context()}) })
		},
	}
}

// admit applies the read policy.
func (g *guard) admit(ctx context.Context, m method, listed bool) *fault {
	switch {
	case !listed:
		return &fault{code: codes.PermissionDenied, reason: client.ReasonMethodClosed, message: "the method is not offered here"}
	case m.contents && !g.config.OpenReads && !fromThisMachine(ctx):
		return &fault{code: codes.PermissionDenied, reason: client.ReasonReadsClosed, message: "this node answers with contents of entries to callers on its own machine only; ask there, or ask its operator for open_reads"}
	}
	return nil
}

func fromThisMachine(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	switch address := p.Addr.(type) {
	case *net.TCPAddr:
		return address.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// safely turns every error of a handler into a fault, and a panic too.
func (g *guard) safely(fullMethod string, m method, handle func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = g.panicked(fullMethod, p, m.write)
		}
	}()
	err = handle()
	if err == nil {
		return nil
	}
	s, isStatus := status.FromError(err)
	if g.stop.Err() != nil && (errors.Is(err, context.Canceled) || isStatus && s.Code() == codes.Canceled) {
		return stopping()
	}
	if isStatus && s.Code() != codes.Internal && s.Code() != codes.Unknown {
		return err // a fault, or what the services of grpc say by themselves
	}
	f, logged := worldly(err, m.write)
	if logged {
		g.config.Logger.Error("a call failed for a reason of this node", "method", fullMethod, "reason", string(f.reason), "error", err)
	}
	return f
}

// panicked reports a mistake of this program.
func (g *guard) panicked(where string, p any, write bool) *fault {
	err := fmt.Errorf("api: panic in %s: %v", where, p)
	g.config.Logger.Error("a handler panicked; the node is not healthy", "where", where, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	g.config.OnFault(err)
	return nodeFault(write)
}

// unary serves a method of one request and one answer.
func (g *guard) unary(impl any, m grpc.MethodDesc, stream *guardedStream) error {
	ctx, cancel := g.capped(stream)
	defer cancel()
	answer, err := m.Handler(impl, ctx, stream.receiveOnly, nil)
	if err != nil {
		return err
	}
	// A single message never waits for its reader: the transport keeps it.
	return stream.ServerStream.SendMsg(answer)
}

// capped bounds the time of a call and tells its caller if that is less than
// was asked for.
func (g *guard) capped(stream *guardedStream) (context.Context, context.CancelFunc) {
	deadline, has := stream.ctx.Deadline()
	if !has || time.Until(deadline) > g.config.CallTimeMax {
		stream.SetTrailer(metadata.Pairs(deadlineTrailer, strconv.FormatInt(g.config.CallTimeMax.Milliseconds(), 10)))
	}
	return context.WithTimeout(stream.ctx, g.config.CallTimeMax)
}

// streaming serves a method that streams. Its context ends with the call, and
// that of a reading one when the server stops.
func (g *guard) streaming(fullMethod string, impl any, s grpc.StreamDesc, stream *guardedStream) error {
	ctx, cancel := context.WithCancelCause(stream.ctx)
	defer cancel(nil)
	if !methods[fullMethod].write { // what may record something is ended by its handler
		defer context.AfterFunc(g.stop, func() { cancel(context.Canceled) })()
	}
	stream.ctx = ctx
	stream.single = !s.ClientStreams
	return g.watched(fullMethod, stream, func() error { return s.Handler(impl, stream) })
}

// watched runs a handler and gives up on it when its caller does not take what
// it sends: the call ends, which ends the handler's sending a moment later.
func (g *guard) watched(fullMethod string, stream *guardedStream, handle func() error) error {
	stream.slow = make(chan struct{})
	var once sync.Once
	stream.sending = time.AfterFunc(time.Hour, func() { once.Do(func() { close(stream.slow) }) })
	stream.sending.Stop()
	stream.sendTime = g.config.SendTimeMax
	done := make(chan error, 1)
	g.handlers.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				done <- g.panicked(fullMethod, p, methods[fullMethod].write)
			}
		}()
		done <- handle()
	})
	select {
	case err := <-done:
		return err
	case <-stream.slow:
		return &fault{code: codes.ResourceExhausted, reason: client.ReasonSlowReader, retry: retrySoon, unknown: methods[fullMethod].write, message: fmt.Sprintf("the answers were not taken for %v; read them while sending", g.config.SendTimeMax)}
	}
}

// guardedStream is a call as its handler sees it.
type guardedStream struct {
	grpc.ServerStream
	ctx    context.Context
	single bool // exactly one request, then the end

	sendTime time.Duration
	sending  *time.Timer   // runs while a message is being sent
	slow     chan struct{} // closed when it ran out
}

func (s *guardedStream) Context() context.Context { return s.ctx }

// RecvMsg receives and decodes one request.
func (s *guardedStream) RecvMsg(m any) error {
	if s.single {
		return s.receiveOnly(m)
	}
	var f frame
	if err := s.ServerStream.RecvMsg(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return received(err)
	}
	if fault := decode(f.bytes, m.(proto.Message)); fault != nil {
		return fault
	}
	return nil
}

// receiveOnly receives the one request of a call and the end after it.
func (s *guardedStream) receiveOnly(m any) error {
	var f, more frame
	switch err := s.ServerStream.RecvMsg(&f); {
	case errors.Is(err, io.EOF):
		return malformed("", "the call ended without a request")
	case err != nil:
		return received(err)
	}
	switch err := s.ServerStream.RecvMsg(&more); {
	case err == nil:
		return malformed("", "the call carries more than one request")
	case !errors.Is(err, io.EOF):
		return received(err)
	}
	if fault := decode(f.bytes, m.(proto.Message)); fault != nil {
		return fault
	}
	return nil
}

// SendMsg sends an answer; only one call at a time.
func (s *guardedStream) SendMsg(m any) error {
	s.sending.Reset(s.sendTime)
	defer s.sending.Stop()
	return s.ServerStream.SendMsg(m)
}
