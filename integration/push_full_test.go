//go:build full

package integration_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"cordon/integration/lab"
)

// pushed describes what the pushing camera sends (RFC 8866; RTP/AVP 26 is JPEG, RFC 2435).
const pushed = "v=0\no=- 1 1 IN IP4 10.30.0.21\ns=push\nc=IN IP4 10.40.0.10\nt=0 0\nm=video 6100 RTP/AVP 26\n"

// TestGStreamerPushes has GStreamer be the camera: one that is told where its recorder is and sends by itself. ffmpeg records what the
// gateway lets through.
func TestGStreamerPushes(t *testing.T) {
	t.Parallel()
	l := open(t)
	cordon := build(t)
	camera := start(t, machine(t, l, c1).NetNS(), 20*time.Second, "gst-launch-1.0", "videotestsrc", "is-live=true", "!",
		"video/x-raw,format=I420,width=320,height=240,framerate="+strconv.Itoa(rate)+"/1", "!", "jpegenc", "!", "rtpjpegpay", "!",
		"udpsink", "host=10.40.0.10", "port=6100")
	for _, c := range []struct {
		text    string
		allowed bool
	}{
		{without(t, `allow "media"`), false},
		{head + allows, true},
		{without(t, `allow "media"`), false},
	} {
		cordon.apply(t, l, c.text)
		got, said := recordPushed(t, l)
		if c.allowed {
			isRecording(t, got, "mjpeg 320x240", seconds-0.5)
		} else if got.Frames != 0 {
			t.Errorf("without the media's allow, the file holds %v", got)
		}
		if t.Failed() {
			t.Log(said)
		}
	}
	if !camera.running() {
		t.Errorf("the camera ended before its time:\n%s", camera.stop())
	}
}

// recordPushed has ffmpeg record what is sent to the site's first recorder machine, and returns what its file holds and what it said.
func recordPushed(t *testing.T, l *lab.Lab) (video, string) {
	t.Helper()
	folder := t.TempDir()
	session, file := filepath.Join(folder, "push.sdp"), filepath.Join(folder, "recording.mkv")
	if err := os.WriteFile(session, []byte(pushed), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := start(t, machine(t, l, nvr).NetNS(), seconds*time.Second+2*time.Second, "ffmpeg", "-hide_banner", "-nostdin",
		"-loglevel", "warning", "-protocol_whitelist", "file,udp,rtp", "-i", session, "-t", strconv.Itoa(seconds), "-c", "copy", file).wait()
	if err != nil {
		said += err.Error()
	}
	return probe(t, file), said
}
