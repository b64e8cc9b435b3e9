package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"cordon/gateway/api"
	"cordon/gateway/snapshot"
)

const (
	// largest is the size in octets of the largest request: a policy of 100,000 cameras in CSV files is a tenth of it.
	largest = 256 << 20
	// patience is how long a stranger may take to say what he wants, and upload how long one who operates may take with his policy, or
	// anybody to read what he is answered.
	patience = 10 * time.Second
	upload   = time.Minute
	// longestHeader is the size in octets of the largest head of a request.
	longestHeader = 16 << 10
)

// Name is the socket's name in the run directory.
const Name = "cordon.sock"

// Caller is the process at the other end.
type Caller struct {
	PID      int
	UID, GID uint32
}

// Role is what a caller may do: root and the user that the service itself runs as operate, everybody else may look.
func (c Caller) Role(self uint32) snapshot.Role {
	if c.UID == 0 || c.UID == self {
		return snapshot.Operate
	}
	return snapshot.View
}

// Answer answers one request. It is called by several goroutines.
type Answer func(ctx context.Context, c Caller, q snapshot.Request) snapshot.Reply

// Listen makes the socket in the run directory. One that a dead service left is replaced: the caller holds the lock that says so.
func Listen(dir string) (net.Listener, error) {
	name := filepath.Join(dir, Name)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make the socket: %w", err)
	}
	// Everybody may ask; what he may ask for is decided by who he is.
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // see above
		return nil, errors.Join(fmt.Errorf("open the socket to those who look: %w", err), listener.Close())
	}
	return listener, nil
}

// oneView lets those who only look ask one after the other: whoever asks all the time keeps neither repairs nor those who operate waiting
// for more than one answer.
func oneView(answer Answer) Answer {
	views := make(chan struct{}, 1)
	return func(ctx context.Context, c Caller, q snapshot.Request) snapshot.Reply {
		if role, _ := snapshot.RoleOf(q.Verb); role == snapshot.View {
			select {
			case views <- struct{}{}:
				defer func() { <-views }()
			case <-ctx.Done():
				return snapshot.Reply{} // nobody waits for it any more
			}
		}
		// What has begun is finished, whoever goes away meanwhile.
		return answer(context.WithoutCancel(ctx), c, q)
	}
}

// key finds the connection in a request's context.
type key struct{}

// Serve answers until the context ends, and lets those who are being answered finish.
func Serve(ctx context.Context, listener net.Listener, answer Answer) error {
	server := &http.Server{
		Handler: handler(oneView(answer)), ReadHeaderTimeout: patience, ReadTimeout: upload, IdleTimeout: patience,
		MaxHeaderBytes: longestHeader,
		ConnContext:    func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, c) },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		stopped <- server.Shutdown(last)
	})
	defer stop()
	all := &bounded{Listener: listener, self: uint32(os.Geteuid())} //nolint:gosec // a user's number fits
	if err := server.Serve(all); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the socket: %w", err)
	}
	return <-stopped
}

// callerOf asks the kernel who is at the other end.
func callerOf(c net.Conn) (Caller, error) {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return Caller{}, errors.New("not a Unix socket")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return Caller{}, err
	}
	var cred *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, asked); err != nil {
		return Caller{}, err
	}
	return Caller{PID: int(cred.Pid), UID: cred.Uid, GID: cred.Gid}, nil
}

// handler is the routes, one a verb.
func handler(answer Answer) http.Handler {
	mux := http.NewServeMux()
	for _, v := range snapshot.Verbs() {
		mux.HandleFunc(method(v)+" /v1/"+v.Name, func(w http.ResponseWriter, r *http.Request) { asked(w, r, v, answer) })
	}
	mux.HandleFunc("GET /v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(api.OpenAPI()) // who has gone away misses it
	})
	return mux
}

// method is how a verb is asked for: what only looks may be repeated.
func method(v snapshot.Verb) string {
	if v.Role == snapshot.View {
		return http.MethodGet
	}
	return http.MethodPost
}

// asked answers one request over HTTP.
func asked(w http.ResponseWriter, r *http.Request, v snapshot.Verb, answer Answer) {
	from, known := r.Context().Value(key{}).(*conn)
	if !known || from.role() < v.Role {
		refuse(w, http.StatusForbidden, "this asks for more than to look; ask as root")
		return
	}
	q, err := decode(r, v)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if from.role() < snapshot.Operate {
		q.Who, q.Session = "", ""
	}
	if !from.answer(true) {
		return // it made room for another
	}
	defer from.answer(false)
	reply := answer(r.Context(), from.caller, q)
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(upload)) // every connection of ours has one
	_ = json.NewEncoder(w).Encode(reply)                                       // who has gone away misses it
}

// decode reads a request: of those who look from the query, of those who operate from the body.
func decode(r *http.Request, v snapshot.Verb) (snapshot.Request, error) {
	q := snapshot.Request{Verb: v.Name}
	if method(v) == http.MethodGet {
		query := r.URL.Query()
		q.Language, q.Document = query.Get("language"), query.Get("document") == "true"
		q.Verbose, q.Quiet = query.Get("verbose") == "true", query.Get("quiet") == "true"
		q.Given = query["given"]
		return q, nil
	}
	body := json.NewDecoder(http.MaxBytesReader(nil, r.Body, largest))
	body.DisallowUnknownFields()
	if err := body.Decode(&q); err != nil {
		return q, fmt.Errorf("the request is no request: %w", err)
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return q, errors.New("the request goes on behind its end")
	}
	if v.Policy != (q.Policy != nil) {
		return q, fmt.Errorf("%s with a policy: %t, wanted %t", v.Name, q.Policy != nil, v.Policy)
	}
	return q, nil
}

// problem is a refusal of the socket itself (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{status, detail})
}
