package device

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// RecorderConfig describes a recording: one stream of one camera.
type RecorderConfig struct {
	// Address is the recorder's own, of the camera's family; UDP is received there.
	Address netip.Addr
	Camera  netip.AddrPort
	// UDP asks for the stream over UDP; else it comes over the connection of RTSP.
	UDP bool
	// Ports are where RTP and RTCP are received over UDP, an even port and the next; zero means 6100 and 6101.
	Ports [2]uint16
	// Punch sends an empty packet to each of the camera's media ports first, as ffmpeg does, so that the stream is an answer. Without it
	// the camera opens the flow.
	Punch bool
	// Output takes the video as Annex B; nil only counts it.
	Output io.Writer
	// Patience is how long the recorder waits for the next packet or response; one second when zero.
	Patience time.Duration
}

// Recorder is a simulated recorder.
type Recorder struct {
	RecorderConfig
	network Network

	frames, bytes, lost atomic.Int64
	changed             chan struct{} // holds one token when a frame came since it was last taken

	depacketizer codecs.H264Packet
	last         uint16 // the sequence number of the last packet
	started      bool
}

// NewRecorder returns a recorder that is not running yet.
func NewRecorder(network Network, config RecorderConfig) *Recorder {
	if config.Ports == [2]uint16{} {
		config.Ports = [2]uint16{6100, 6101}
	}
	if config.Patience == 0 {
		config.Patience = time.Second
	}
	return &Recorder{RecorderConfig: config, network: network, changed: make(chan struct{}, 1)}
}

// Frames returns how many whole frames were recorded.
func (r *Recorder) Frames() int { return int(r.frames.Load()) }

// Bytes returns how many bytes of video were recorded.
func (r *Recorder) Bytes() int { return int(r.bytes.Load()) }

// Lost returns how many packets are missing in the sequence of those that came.
func (r *Recorder) Lost() int { return int(r.lost.Load()) }

// Await waits until n frames were recorded or ctx ends, and returns how many were.
func (r *Recorder) Await(ctx context.Context, n int) int {
	for r.Frames() < n {
		select {
		case <-ctx.Done():
			return r.Frames()
		case <-r.changed:
		}
	}
	return r.Frames()
}

// Run records until ctx ends, which is no error, or until the stream does, which is one. It may be called again after it has returned;
// the counts go on.
func (r *Recorder) Run(ctx context.Context) error {
	r.started = false
	if err := r.record(ctx); ctx.Err() == nil {
		return fmt.Errorf("record %s: %w", r.Camera, err)
	}
	return nil
}

// record makes the connection, asks for the stream and takes it.
func (r *Recorder) record(ctx context.Context) error {
	dial, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	conn, err := r.network.Dial(dial, "tcp", netip.AddrPort{}, r.Camera)
	if err != nil {
		return err
	}
	c := &client{recorder: r, conn: conn, reader: bufio.NewReader(conn)}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { c.teardown() })
	defer stop()
	for _, method := range []string{"OPTIONS", "DESCRIBE"} {
		if _, err := c.request(method, ""); err != nil {
			return err
		}
	}
	if r.UDP {
		return c.recordUDP(ctx)
	}
	return c.recordTCP()
}

// client is one connection of RTSP to a camera.
type client struct {
	recorder *Recorder
	conn     net.Conn
	reader   *bufio.Reader
	writing  sync.Mutex
	sequence int
}

// request sends a request and reads its response.
func (c *client) request(method, header string) (message, error) {
	if err := c.send(method, header); err != nil {
		return message{}, err
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(c.recorder.Patience)); err != nil {
		return message{}, err
	}
	m, err := readMessage(c.reader)
	if err != nil {
		return m, fmt.Errorf("%s: %w", method, err)
	}
	if !strings.HasPrefix(m.first, "RTSP/1.0 200 ") {
		return m, fmt.Errorf("%s: the camera says %q", method, m.first)
	}
	return m, nil
}

// send writes a request.
func (c *client) send(method, header string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.sequence++
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s rtsp://%s%s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", method, c.recorder.Camera, streamPath, c.sequence, header)
	_, err := c.conn.Write(b.Bytes())
	return err
}

// teardown says good-bye and hangs up: whoever reads, reads no further.
func (c *client) teardown() {
	err := errors.Join(c.conn.SetWriteDeadline(time.Now().Add(c.recorder.Patience)), c.send("TEARDOWN", "Session: 1\r\n"))
	if errors.Join(err, c.conn.Close()) != nil {
		return // hung up already, which is as good
	}
}

// recordTCP takes the stream over the connection itself.
func (c *client) recordTCP() error {
	if _, err := c.request("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"); err != nil {
		return err
	}
	if _, err := c.request("PLAY", "Session: 1\r\n"); err != nil {
		return err
	}
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(c.recorder.Patience)); err != nil {
			return err
		}
		next, err := c.reader.Peek(1)
		if err != nil {
			return err
		}
		if next[0] != '$' {
			if _, err := readMessage(c.reader); err != nil {
				return err
			}
			continue
		}
		p, err := readInterleaved(c.reader)
		if err != nil {
			return err
		}
		if p.channel == 0 {
			if err := c.recorder.take(p.payload); err != nil {
				return err
			}
		}
	}
}

// recordUDP takes the stream over a pair of ports.
func (c *client) recordUDP(ctx context.Context) error {
	r := c.recorder
	var pair [2]net.PacketConn
	for i, port := range r.Ports {
		conn, err := r.network.ListenPacket(ctx, "udp", netip.AddrPortFrom(r.Address, port))
		if err != nil {
			return err
		}
		defer conn.Close()
		pair[i] = conn
	}
	stop := context.AfterFunc(ctx, func() { pair[0].Close() })
	defer stop()
	m, err := c.request("SETUP", fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d\r\n", r.Ports[0], r.Ports[1]))
	if err != nil {
		return err
	}
	if err := r.punch(pair, m.header.Get("Transport")); err != nil {
		return err
	}
	if _, err := c.request("PLAY", "Session: 1\r\n"); err != nil {
		return err
	}
	return r.receive(pair[0])
}

// punch opens the way for the stream from the recorder's side.
func (r *Recorder) punch(pair [2]net.PacketConn, transport string) error {
	first, last, ok := portPair(transport, "server_port")
	if !ok {
		return fmt.Errorf("the camera's transport %q names no ports", transport)
	}
	if !r.Punch {
		return nil
	}
	var errs []error
	for i, port := range []uint16{first, last} {
		_, err := pair[i].WriteTo([]byte{0x80, 0, 0, 0}, net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.Camera.Addr(), port)))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// receive takes packets of the camera until none comes in time.
func (r *Recorder) receive(conn net.PacketConn) error {
	buffer := make([]byte, 1<<16)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(r.Patience)); err != nil {
			return err
		}
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if addressOf(from).Addr() != r.Camera.Addr() {
			continue
		}
		if err := r.take(buffer[:n]); err != nil {
			return err
		}
	}
}

// take counts a packet, and writes what it holds. A packet that is not RTP is nobody's video.
func (r *Recorder) take(raw []byte) error {
	var p rtp.Packet
	if err := p.Unmarshal(raw); err == nil {
		return r.order(&p)
	}
	return nil
}

// order counts the packets that are missing before this one, and unpacks it.
func (r *Recorder) order(p *rtp.Packet) error {
	if r.started {
		r.lost.Add(int64(p.SequenceNumber - r.last - 1))
	}
	r.last, r.started = p.SequenceNumber, true
	if video, err := r.depacketizer.Unmarshal(p.Payload); err == nil {
		return r.keep(video, p.Marker)
	}
	return nil
}

// keep counts and writes video, the last of a frame or not.
func (r *Recorder) keep(video []byte, last bool) error {
	r.bytes.Add(int64(len(video)))
	if r.Output != nil {
		if _, err := r.Output.Write(video); err != nil {
			return fmt.Errorf("write the recording: %w", err)
		}
	}
	if !last {
		return nil
	}
	r.frames.Add(1)
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}
