package device

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// mtu is the largest RTP packet that a camera sends.
const mtu = 1400

// session is one connection of RTSP to a camera.
type session struct {
	camera *Camera
	conn   net.Conn
	// writing keeps packets and responses on one connection apart.
	writing sync.Mutex
	// send puts an RTP packet on the transport that SETUP chose; nil before.
	send func(packet []byte) error
	// open are the sockets of the session.
	open    []io.Closer
	playing sync.WaitGroup
	streams int64
}

// session answers requests until the connection or ctx ends; the streams that it plays end with it.
func (c *Camera) session(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	s := &session{camera: c, conn: conn, open: []io.Closer{conn}}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer s.close()
	defer cancel()
	defer stop()
	for r := bufio.NewReader(conn); ; {
		request, err := nextRequest(r)
		if err != nil || s.answer(ctx, request) != nil {
			return
		}
	}
}

// close ends the sockets of the session and waits for its streams.
func (s *session) close() {
	for _, c := range s.open {
		c.Close()
	}
	s.playing.Wait()
	s.camera.playing.Add(-s.streams)
}

// nextRequest reads a request, and over the RTCP packets that come between.
func nextRequest(r *bufio.Reader) (message, error) {
	for {
		next, err := r.Peek(1)
		if err != nil {
			return message{}, err
		}
		if next[0] != '$' {
			return readMessage(r)
		}
		if _, err := readInterleaved(r); err != nil {
			return message{}, err
		}
	}
}

// errTeardown ends a session that its client ended.
var errTeardown = errors.New("teardown")

// answer does what a request asks for (RFC 2326 §10).
func (s *session) answer(ctx context.Context, m message) error {
	method, _, _ := strings.Cut(m.first, " ")
	switch method {
	case "OPTIONS":
		return s.respond(m, "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN\r\n", "")
	case "DESCRIBE":
		return s.respond(m, "200 OK", "Content-Type: application/sdp\r\n", s.describe())
	case "SETUP":
		return s.setup(ctx, m)
	case "PLAY":
		if s.send == nil {
			return s.respond(m, "455 Method Not Valid in This State", "", "")
		}
		s.streams++
		s.camera.streams.Add(1)
		s.camera.playing.Add(1)
		err := s.respond(m, "200 OK", "Session: 1\r\nRange: npt=0-\r\n", "")
		s.playing.Go(func() { s.play(ctx) })
		return err
	case "TEARDOWN":
		return errors.Join(s.respond(m, "200 OK", "", ""), errTeardown)
	case "GET_PARAMETER", "SET_PARAMETER":
		return s.respond(m, "200 OK", "Session: 1\r\n", "")
	}
	return s.respond(m, "501 Not Implemented", "", "")
}

// respond writes a response.
func (s *session) respond(m message, status, header, body string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "RTSP/1.0 %s\r\nCSeq: %s\r\n%s", status, m.header.Get("CSeq"), header)
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	return s.write(b.Bytes())
}

// write puts bytes on the connection of RTSP.
func (s *session) write(b []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, err := s.conn.Write(b)
	return err
}

// describe returns the stream's description (RFC 8866, RFC 6184 §8.2).
func (s *session) describe() string {
	family := "IP4"
	if addressOf(s.conn.LocalAddr()).Addr().Is6() {
		family = "IP6"
	}
	encode := base64.StdEncoding.EncodeToString
	return strings.Join([]string{
		"v=0", "o=- 1 1 IN " + family + " " + addressOf(s.conn.LocalAddr()).Addr().String(), "s=" + s.camera.Model, "t=0 0", "a=control:*",
		"m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
		"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" + encode(s.camera.clip.sps) + "," + encode(s.camera.clip.pps),
		"a=control:trackID=1", "",
	}, "\r\n")
}

// setup chooses the transport that the client asks for: the connection itself, or UDP.
func (s *session) setup(ctx context.Context, m message) error {
	transport := m.header.Get("Transport")
	if strings.Contains(transport, "RTP/AVP/TCP") {
		s.send = func(packet []byte) error { return s.write(interleave(0, packet)) }
		return s.respond(m, "200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n", "")
	}
	first, last, ok := portPair(transport, "client_port")
	if !ok || strings.Contains(transport, "multicast") {
		return s.respond(m, "461 Unsupported Transport", "", "")
	}
	media, port, err := s.openMedia(ctx)
	if err != nil {
		return errors.Join(err, s.respond(m, "453 Not Enough Bandwidth", "", ""))
	}
	client := net.UDPAddrFromAddrPort(netip.AddrPortFrom(addressOf(s.conn.RemoteAddr()).Addr(), first))
	s.send = func(packet []byte) error { _, err := media.WriteTo(packet, client); return err }
	answer := fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d;server_port=%d-%d\r\nSession: 1;timeout=60\r\n",
		first, last, port, port+1)
	return s.respond(m, "200 OK", answer, "")
}

// openMedia opens the first free pair of the camera's media ports and returns the socket of RTP and its port, which is even.
func (s *session) openMedia(ctx context.Context) (net.PacketConn, uint16, error) {
	local := addressOf(s.conn.LocalAddr()).Addr()
	var err error
	for port := int(s.camera.MediaPorts[0]+1) &^ 1; port < int(s.camera.MediaPorts[1]); port += 2 {
		var media, control net.PacketConn
		if media, err = s.camera.network.ListenPacket(ctx, "udp", netip.AddrPortFrom(local, uint16(port))); err != nil {
			continue
		}
		s.open = append(s.open, media)
		if control, err = s.camera.network.ListenPacket(ctx, "udp", netip.AddrPortFrom(local, uint16(port+1))); err == nil {
			s.open = append(s.open, control)
			return media, uint16(port), nil
		}
	}
	return nil, 0, fmt.Errorf("find a pair of media ports in %v: %w", s.camera.MediaPorts, err)
}

// play sends the clip in a loop, a frame at its time, until ctx or the connection ends. That a datagram was refused does not end it: a
// camera goes on.
func (s *session) play(ctx context.Context) {
	packets := rtp.NewPacketizer(mtu, 96, 0x434f5244, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), videoClock)
	ticker := time.NewTicker(time.Second / framesPerSecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		for _, p := range packets.Packetize(s.camera.clip.frames[i%len(s.camera.clip.frames)], videoClock/framesPerSecond) {
			raw, err := p.Marshal()
			if err != nil {
				return
			}
			if err := s.send(raw); errors.Is(err, net.ErrClosed) {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// addressOf returns a socket's address as a value, without the form of IPv4 inside IPv6.
func addressOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	case *net.UDPAddr:
		return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
