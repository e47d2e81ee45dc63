// Package web serves what others ask a node over HTTP: metrics for Prometheus,
// whether the node lives and serves, and the log as C2SP tlog-tiles has it.
//
//	/metrics     Prometheus text
//	/livez       200 while the process answers at all
//	/readyz      200 while the node can serve, else 503 with one reason a line
//	/checkpoint  the last final checkpoint, a signed note
//	/tile/<L>/<N>[.p/<W>]       tree hashes up to the last final size
//	/tile/entries/<N>[.p/<W>]   the entries
//
// It has no encryption and no login. Only entries name parties, items and events:
// they are answered to callers on the node's own machine, unless
// Config.OpenReads. Paths have one form; there is no redirect. Every partial tile
// up to the last final size is there, so every one that a final checkpoint ever
// had; beyond it nothing is, also where the node has more.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	headerBytesMax = 16 << 10
	scrapesMax     = 4
)

// Config is what a Server is made of.
type Config struct {
	Metrics prometheus.Gatherer
	// NotReady gives the reasons why the node cannot serve; none if it can. It is
	// called for every question and must return soon.
	NotReady func() []string
	Logger   *slog.Logger
	// Log is what checkpoint and tiles are served from; nil: they are not served.
	Log Log
	// OpenReads shows entries to everybody who reaches the port.
	OpenReads bool
}

// Server answers HTTP.
type Server struct {
	http    *http.Server
	serving sync.WaitGroup
}

// Serve answers on a listener until Shutdown, which closes it.
func Serve(listener net.Listener, c Config) *Server {
	s := &Server{http: &http.Server{
		Handler:           Handler(c),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}}
	s.serving.Go(func() {
		if err := s.http.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			c.Logger.Error("HTTP ended", "error", err)
		}
	})
	return s
}

// Handler answers without a listener.
func Handler(c Config) http.Handler {
	log := newTiles(c)
	routes := map[string]http.Handler{
		"/metrics": promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax, Timeout: readTimeout}),
		"/livez":   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }),
		"/readyz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if reasons := c.NotReady(); len(reasons) > 0 {
				answer(w, http.StatusServiceUnavailable, reasons...)
				return
			}
			answer(w, http.StatusOK, "ok")
		}),
	}
	// Not a http.ServeMux: that redirects paths that are not clean.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, known := routes[r.URL.Path]
		if c.Log != nil && log.serves(r.URL.Path) {
			route, known = log, true
		}
		switch {
		case !known || r.URL.RawPath != "": // written in another way
			answer(w, http.StatusNotFound, "no such path")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered")
		default:
			route.ServeHTTP(w, r)
		}
	})
}

func answer(w http.ResponseWriter, code int, lines ...string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	io.WriteString(w, fmt.Sprintln(strings.Join(lines, "\n")))
}

// Shutdown ends the server: what is being answered until ctx ends is finished.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.serving.Wait()
	return err
}
