package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// connectionsMax bounds the connections that many clients share; it is that of
// the ledger's bench.
const connectionsMax = 24

// order is one measurement.
type order struct {
	Load    string `json:"load"` // put or get; get is linearizable
	Clients int    `json:"clients"`
	RoundMs int64  `json:"round_ms"`
	// ValueBytes is the size of a value put.
	ValueBytes int `json:"value_bytes"`
}

// result answers an order. Error is set alone.
type result struct {
	Done   int     `json:"done"`
	Failed int     `json:"failed"`
	TookMs float64 `json:"took_ms"`
	P50Ms  float64 `json:"p50_ms"`
	P99Ms  float64 `json:"p99_ms"`
	Error  string  `json:"error,omitempty"`
}

func (c *cluster) run(ctx context.Context, o order) result {
	r, err := c.measure(ctx, o)
	if err != nil {
		return result{Error: err.Error()}
	}
	return r
}

func (c *cluster) measure(ctx context.Context, o order) (result, error) {
	if o.Clients < 1 || o.RoundMs < 1 || o.ValueBytes < 0 {
		return result{}, fmt.Errorf("an order of %d clients, %d ms and values of %d bytes: expected more than nothing", o.Clients, o.RoundMs, o.ValueBytes)
	}
	var call func(context.Context, *clientv3.Client) error
	switch o.Load {
	case "put":
		value := randomValue(o.ValueBytes)
		call = func(ctx context.Context, client *clientv3.Client) error {
			_, err := client.Put(ctx, key(c.puts.Add(1)-1), value)
			return err
		}
	case "get":
		stored := c.puts.Load()
		if stored == 0 {
			return result{}, errors.New("nothing was put that could be read; order puts first")
		}
		call = func(ctx context.Context, client *clientv3.Client) error {
			_, err := client.Get(ctx, key(rand.Int64N(stored)))
			return err
		}
	default:
		return result{}, fmt.Errorf("a load %q; there are put and get", o.Load)
	}
	return c.calls(ctx, o, call)
}

// calls has each client make one call after the other until the round is over.
func (c *cluster) calls(ctx context.Context, o order, call func(context.Context, *clientv3.Client) error) (result, error) {
	connections, err := c.connect(ctx, min(o.Clients, connectionsMax))
	defer func() {
		for _, connection := range connections {
			connection.Close()
		}
	}()
	if err != nil {
		return result{}, err
	}
	runtime.GC()
	length := time.Duration(o.RoundMs) * time.Millisecond
	latencies, failed := make([][]time.Duration, o.Clients), make([]int, o.Clients)
	var group sync.WaitGroup
	begin := time.Now()
	for worker := range o.Clients {
		group.Go(func() {
			connection := connections[worker%len(connections)]
			for time.Since(begin) < length && ctx.Err() == nil {
				sent := time.Now()
				if err := call(ctx, connection); err != nil {
					failed[worker]++
					continue
				}
				latencies[worker] = append(latencies[worker], time.Since(sent))
			}
		})
	}
	group.Wait()
	return summarize(time.Since(begin), slices.Concat(latencies...), failed), ctx.Err()
}

func summarize(took time.Duration, latencies []time.Duration, failed []int) result {
	r := result{Done: len(latencies), TookMs: milliseconds(took)}
	for _, n := range failed {
		r.Failed += n
	}
	if len(latencies) > 0 {
		slices.Sort(latencies)
		r.P50Ms, r.P99Ms = quantile(latencies, 0.50), quantile(latencies, 0.99)
	}
	return r
}

// connect makes connections spread over the nodes, the leader first, and has each
// answer once.
func (c *cluster) connect(ctx context.Context, count int) ([]*clientv3.Client, error) {
	first, err := c.leader(ctx)
	if err != nil {
		return nil, err
	}
	var connections []*clientv3.Client
	for i := range count {
		n := c.nodes[(first+i)%len(c.nodes)]
		connection, err := c.dial(n)
		if err != nil {
			return connections, err
		}
		connections = append(connections, connection)
		if _, err := connection.Status(ctx, n.clientURL); err != nil {
			return connections, err
		}
	}
	return connections, nil
}

// key names a value as an item is named, by 32 bytes.
func key(number int64) string { return fmt.Sprintf("item/%027d", number) }

func randomValue(bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile gives the least of sorted durations, in milliseconds, that so large a
// part of them does not exceed; the ledger's bench counts alike.
func quantile(sorted []time.Duration, q float64) float64 {
	return milliseconds(sorted[int(math.Ceil(q*float64(len(sorted))))-1])
}
