package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	// socketFile is the socket of a running node, in its data folder.
	socketFile = "backup.sock"
	// asideFolders begin so, in the data folder.
	asideFolders = "backup-"

	headerPatience = 10 * time.Second
)

// Checkpointer makes a copy of a ledger in a folder that does not exist;
// *store.Store is one.
type Checkpointer interface{ Checkpoint(dir string) error }

// Server answers Make at a node's data folder.
type Server struct {
	http    *http.Server
	dataDir string
	ledger  Checkpointer
	logger  *slog.Logger
	cancel  context.CancelFunc
	ended   chan error
}

// aside is the answer: the folder in the data folder that the ledger was linked to, by
// its name alone because either side may know the data folder by another path; or why
// not.
type aside struct {
	Folder string `json:"folder,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Serve listens on a socket in the data folder, which its owner alone can connect to.
// It removes what a backup has left there that was broken off with the process.
func Serve(dataDir string, ledger Checkpointer, logger *slog.Logger) (*Server, error) {
	left, err := filepath.Glob(filepath.Join(dataDir, asideFolders+"*"))
	if err != nil {
		return nil, err
	}
	for _, folder := range left {
		if err := os.RemoveAll(folder); err != nil {
			return nil, err
		}
	}
	socket := filepath.Join(dataDir, socketFile)
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{dataDir: dataDir, ledger: ledger, logger: logger, cancel: cancel, ended: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /aside", s.aside)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: headerPatience, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { s.ended <- s.http.Serve(listener) }()
	return s, nil
}

// Close ends what is being answered, removes what was linked aside, and returns when
// nothing uses the ledger any more.
func (s *Server) Close() error {
	s.cancel()
	err := s.http.Shutdown(context.Background())
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// aside links the ledger aside and keeps that until the caller hangs up.
func (s *Server) aside(w http.ResponseWriter, r *http.Request) {
	folder, err := os.MkdirTemp(s.dataDir, asideFolders)
	if err == nil {
		defer func() {
			if err := os.RemoveAll(folder); err != nil {
				s.logger.Error("what was linked aside for a backup is still there", "folder", folder, "error", err)
			}
		}()
		err = s.ledger.Checkpoint(filepath.Join(folder, LedgerFolder))
	}
	answer := aside{Folder: filepath.Base(folder)}
	if err != nil {
		s.logger.Error("no backup", "error", err)
		answer = aside{Error: err.Error()}
		w.WriteHeader(http.StatusInternalServerError)
	}
	if json.NewEncoder(w).Encode(answer) != nil || err != nil || http.NewResponseController(w).Flush() != nil {
		return
	}
	s.logger.Info("a backup is being made", "folder", folder)
	<-r.Context().Done()
}

// ask has a running node link its ledger aside. The folder is there until release is
// called. The error is errNoNode if no node runs on the data folder.
func ask(ctx context.Context, dataDir string) (folder string, release func(), err error) {
	socket := filepath.Join(dataDir, socketFile)
	dialer := &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}}
	ctx, cancel := context.WithCancel(ctx)
	var body io.Closer = http.NoBody
	release = func() {
		cancel()
		body.Close()
		transport.CloseIdleConnections()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/aside", nil)
	if err != nil {
		release()
		return "", nil, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		release()
		return "", nil, fmt.Errorf("%w: %w", errNoNode, err)
	}
	body = response.Body
	var answer aside
	err = json.NewDecoder(response.Body).Decode(&answer)
	switch {
	case err != nil:
		err = fmt.Errorf("the node's answer: %w", err)
	case answer.Error != "":
		err = fmt.Errorf("the node says: %s", answer.Error)
	default:
		return filepath.Join(dataDir, filepath.Base(answer.Folder)), release, nil
	}
	release()
	return "", nil, err
}

// errNoNode: nobody answers at the socket.
var errNoNode = errors.New("no node answers")
