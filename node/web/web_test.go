package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, client *http.Client, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func TestAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "custody_test_total"})
	registry.MustRegister(counter)
	var reasons atomic.Pointer[[]string]
	reasons.Store(&[]string{"no leader is known", "catching up to 7 entries"})
	server := Serve(listener, Config{Metrics: registry, NotReady: func() []string { return *reasons.Load() }, Logger: slog.New(slog.DiscardHandler)})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	url := "http://" + listener.Addr().String()

	if code, body := get(t, client, "GET", url+"/livez"); code != 200 || body != "ok\n" {
		t.Errorf("livez: %d %q", code, body)
	}
	if code, body := get(t, client, "GET", url+"/readyz"); code != 503 || body != "no leader is known\ncatching up to 7 entries\n" {
		t.Errorf("readyz: %d %q", code, body)
	}
	reasons.Store(&[]string{})
	if code, body := get(t, client, "GET", url+"/readyz"); code != 200 || body != "ok\n" {
		t.Errorf("readyz: %d %q", code, body)
	}
	if code, body := get(t, client, "GET", url+"/metrics"); code != 200 || !strings.Contains(body, "custody_test_total 0") {
		t.Errorf("metrics: %d %q", code, body)
	}
	for path, want := range map[string]int{"/": 404, "/metrics/x": 404, "/debug/pprof/": 404} {
		if code, _ := get(t, client, "GET", url+path); code != want {
			t.Errorf("%s: %d", path, code)
		}
	}
	if code, _ := get(t, client, "POST", url+"/readyz"); code != 405 {
		t.Errorf("POST: %d", code)
	}
	client.CloseIdleConnections()
	if err := server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
