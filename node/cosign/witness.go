package cosign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/custodyledger/custodyledger/ledger/checkpoint"
	"github.com/custodyledger/custodyledger/ledger/merkle"
)

const (
	// WitnessesMax is the number of outside witnesses that a node may ask. Their
	// lines must fit a note beside those of the nodes.
	WitnessesMax = 16
	// witnessTimeout bounds one request to a witness; a round waits less.
	witnessTimeout = 5 * time.Second
	// witnessAnswerBytesMax is how much of a witness's answer is read.
	witnessAnswerBytesMax = 32 << 10
)

// Witness is a cosigner outside the ledger (C2SP tlog-witness). It must know the
// log keys of all nodes, since whichever leads asks it.
type Witness struct {
	Name string // for logs and figures
	Key  checkpoint.Key
	URL  string // submission prefix, http or https
}

// ParseWitness checks a witness as a configuration has it.
func ParseWitness(name, vkey, prefix string) (Witness, error) {
	key, err := checkpoint.ParseKey(vkey)
	if err != nil {
		return Witness{}, err
	}
	if key.Type != checkpoint.CosignerKey {
		return Witness{}, errors.New("the vkey is that of a log, expected that of a cosigner (type 0x04)")
	}
	u, err := url.Parse(prefix)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return Witness{}, fmt.Errorf("%.200q is not an http or https URL without query", prefix)
	}
	return Witness{Name: name, Key: key, URL: strings.TrimRight(prefix, "/")}, nil
}

// witnessClient asks one witness, one request at a time.
type witnessClient struct {
	Witness
	http *http.Client

	busy chan struct{} // capacity 1: a token while a request runs
	mu   sync.Mutex
	size uint64 // that the witness cosigned last, as far as this node knows
}

func newWitnessClient(w Witness) (*witnessClient, error) {
	if _, err := ParseWitness(w.Name, w.Key.String(), w.URL); err != nil {
		return nil, fmt.Errorf("witness %s: %w", w.Name, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxResponseHeaderBytes = 1, 16<<10
	client := &http.Client{
		Transport: transport,
		Timeout:   witnessTimeout,
		// A witness answers itself; a redirect could lead anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &witnessClient{Witness: w, http: client, busy: make(chan struct{}, 1)}, nil
}

func (w *witnessClient) close() { w.http.CloseIdleConnections() }

// askWitness asks an outside witness for its line under the head of a round.
func (s *Cosigner) askWitness(ctx context.Context, w *witnessClient, note *checkpoint.Note) answered {
	a := answered{from: w.Name}
	result := "cosigned"
	select {
	case w.busy <- struct{}{}:
		line, err := w.cosign(ctx, note, s.ledger.Consistency)
		<-w.busy
		if err == nil {
			a.cosig = &line
			break
		}
		result = "failed"
		if ctx.Err() != nil {
			result = "late"
		}
		s.logger.Info("not witnessed", "witness", w.Name, "error", err)
	default:
		result = "busy"
	}
	s.metrics.witnessed.WithLabelValues(w.Name, result).Inc()
	return a
}

// conflict is a witness's answer 409: the size that it cosigned last.
type conflict struct{ size uint64 }

func (c conflict) Error() string { return fmt.Sprintf("the witness is at size %d", c.size) }

// cosign asks for a line under a note. A witness that is at another size than
// this node thought says so, and is asked once more.
func (w *witnessClient) cosign(ctx context.Context, note *checkpoint.Note, consistency func(from, to uint64) ([]merkle.Hash, error)) (checkpoint.Signature, error) {
	w.mu.Lock()
	old := w.size
	w.mu.Unlock()
	line, err := w.add(ctx, old, note, consistency)
	var at conflict
	if errors.As(err, &at) && at.size != old {
		old = at.size
		line, err = w.add(ctx, old, note, consistency)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.size = note.Size
	case errors.As(err, &at):
		w.size = at.size
	}
	return line, err
}

func (w *witnessClient) add(ctx context.Context, old uint64, note *checkpoint.Note, consistency func(from, to uint64) ([]merkle.Hash, error)) (checkpoint.Signature, error) {
	if old > note.Size {
		return checkpoint.Signature{}, fmt.Errorf("the witness has cosigned size %d, this head is of size %d", old, note.Size)
	}
	request := checkpoint.AddCheckpoint{Old: old, Note: note.Encode()}
	if old > 0 && old < note.Size {
		proof, err := consistency(old, note.Size)
		if err != nil {
			return checkpoint.Signature{}, err
		}
		request.Proof = proof
	}
	status, contentType, body, err := w.post(ctx, request.Encode())
	if err != nil {
		return checkpoint.Signature{}, err
	}
	switch {
	case status == http.StatusOK:
		lines, err := w.Key.ParseCosignatures(note.Checkpoint, body)
		if err != nil {
			return checkpoint.Signature{}, err
		}
		return lines[0], nil
	case status == http.StatusConflict && contentType == checkpoint.SizeContentType:
		size, err := checkpoint.ParseSize(body)
		if err != nil {
			return checkpoint.Signature{}, err
		}
		return checkpoint.Signature{}, conflict{size}
	}
	return checkpoint.Signature{}, fmt.Errorf("the witness answered %d: %.100q", status, body)
}

func (w *witnessClient) post(ctx context.Context, body []byte) (status int, contentType string, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	request.Header.Set("User-Agent", "custodyd")
	response, err := w.http.Do(request)
	if err != nil {
		return 0, "", nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, witnessAnswerBytesMax+1))
	if err == nil && len(answer) > witnessAnswerBytesMax {
		err = fmt.Errorf("the witness answered with more than %d bytes", witnessAnswerBytesMax)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), answer, err
}
