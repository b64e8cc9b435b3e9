package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"cordon/gateway/snapshot"
)

// ErrNoService is what Ask returns where no service listens.
var ErrNoService = errors.New("no service listens here")

// RefusedError says that the service did not take a request.
type RefusedError struct {
	Status int // of HTTP
	Detail string
}

// Error says why.
func (e *RefusedError) Error() string { return "the service refuses: " + e.Detail }

// Unwrap makes a lack of rights known as one.
func (e *RefusedError) Unwrap() error {
	if e.Status == http.StatusForbidden {
		return fs.ErrPermission
	}
	return nil
}

// Client asks the service of a run directory.
type Client struct{ http *http.Client }

// NewClient returns a client. Nothing is connected before it asks.
func NewClient(dir string) Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, Name))
	}
	return Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Ask sends a request and waits for its answer.
func (c Client) Ask(ctx context.Context, q snapshot.Request) (snapshot.Reply, error) {
	request, err := encode(ctx, q)
	if err != nil {
		return snapshot.Reply{}, err
	}
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOTDIR):
		// A directory that cannot even be looked into is the next step's to explain, which takes the lock there.
		return snapshot.Reply{}, ErrNoService
	case err != nil:
		return snapshot.Reply{}, fmt.Errorf("ask the service: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, largest))
	if err != nil {
		return snapshot.Reply{}, fmt.Errorf("read the service's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		p := problem{Detail: response.Status}
		_ = json.Unmarshal(body, &p) // what is no problem document has its status
		return snapshot.Reply{}, &RefusedError{response.StatusCode, p.Detail}
	}
	var reply snapshot.Reply
	if err := json.Unmarshal(body, &reply); err != nil {
		return reply, fmt.Errorf("read the service's answer: %w", err)
	}
	return reply, nil
}

// encode makes a request of HTTP; the host is nobody's.
func encode(ctx context.Context, q snapshot.Request) (*http.Request, error) {
	target := url.URL{Scheme: "http", Host: "cordon", Path: "/v1/" + q.Verb}
	if role, _ := snapshot.RoleOf(q.Verb); role == snapshot.View {
		target.RawQuery = url.Values{
			"language": {q.Language}, "document": {strconv.FormatBool(q.Document)},
			"verbose": {strconv.FormatBool(q.Verbose)}, "quiet": {strconv.FormatBool(q.Quiet)}, "given": q.Given,
		}.Encode()
		return http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
}
