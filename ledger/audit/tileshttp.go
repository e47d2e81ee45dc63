package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/custodyledger/custodyledger/ledger/merkle/tile"
)

const (
	// tileTimeout is how long one file may take.
	tileTimeout = 30 * time.Second
	// tileRedirectsMax is how often a server may send on to another of its paths.
	tileRedirectsMax = 3
	// tileHeaderBytesMax bounds the header of an answer.
	tileHeaderBytesMax = 64 << 10
)

// TilesAt reads a checkpoint and tiles over HTTP, below a prefix such as
// https://tiles.example.org/custody. Answers are bounded in bytes and time, and
// a server may not send on to another one. The caller closes it.
func TilesAt(prefix string) (*TilesServer, error) {
	u, err := url.Parse(prefix)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the prefix of a log: expected http:// or https://, a host and a path", prefix)
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        tileTimeout,
		MaxResponseHeaderBytes: tileHeaderBytesMax,
	}
	client := &http.Client{Transport: transport, Timeout: tileTimeout, CheckRedirect: sameServer}
	files := serverFiles{client: client, prefix: strings.TrimRight(prefix, "/")}
	return &TilesServer{Tiles{name: "tiles " + files.prefix, files: files}, transport}, nil
}

// TilesServer is Tiles over HTTP.
type TilesServer struct {
	Tiles
	transport *http.Transport
}

// Close closes idle connections.
func (s *TilesServer) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func sameServer(request *http.Request, via []*http.Request) error {
	first := via[0].URL
	if request.URL.Host != first.Host || request.URL.Scheme != first.Scheme {
		return fmt.Errorf("it sends on to another server, %s", request.URL.Host)
	}
	if len(via) > tileRedirectsMax {
		return errors.New("it sends on too often")
	}
	return nil
}

type serverFiles struct {
	client *http.Client
	prefix string
}

func (f serverFiles) read(ctx context.Context, path string, bytesMax int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return readAll(response.Body, bytesMax)
	case http.StatusNotFound, http.StatusGone:
		if path == checkpointFile { // nobody's lie: most likely another URL was meant
			return nil, fmt.Errorf("%s/%s: the server answers %s; say the URL below which it lies", f.prefix, path, response.Status)
		}
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("%s: the server answers %s", path, response.Status)
}

// widths: a server does not say which partial tiles it keeps.
func (serverFiles) widths(context.Context, tile.Tile) ([]int, error) { return nil, nil }
