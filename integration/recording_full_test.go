//go:build full

package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/device"
)

// The camera's stream, where Hikvision's cameras have it, in each family.
const (
	stream4 = "rtsp://10.30.0.21/Streaming/Channels/101"
	stream6 = "rtsp://[fd30::21]/Streaming/Channels/101"
)

// What the camera sends a second, and how many seconds a recorder is left to record.
const (
	rate    = 15
	seconds = 3
)

// video is what a file holds, as ffprobe reads it: frames are those that it could decode.
type video struct {
	Codec, Geometry string
	Frames          int
	Seconds         float64
	Bytes           int
	Complaints      string
}

// String gives the figures for the log.
func (v video) String() string {
	return fmt.Sprintf("%s %s, %d frames, %.2f s, %d bytes", v.Codec, v.Geometry, v.Frames, v.Seconds, v.Bytes)
}

// probe reads a file. One that holds no video, or does not exist, has no frames.
func probe(t *testing.T, file string) video {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0",
		"-show_entries", "stream=codec_name,width,height,nb_read_frames:format=duration,size", "-of", "json", file)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	v := video{Complaints: complaints.String()}
	if err != nil {
		v.Complaints += err.Error()
	}
	var said struct {
		Streams []struct {
			Codec         string `json:"codec_name"`
			Width, Height int
			Frames        string `json:"nb_read_frames"`
		}
		Format struct{ Duration, Size string }
	}
	if json.Unmarshal(out, &said) != nil || len(said.Streams) == 0 {
		return v
	}
	s := said.Streams[0]
	v.Codec, v.Geometry = s.Codec, fmt.Sprintf("%dx%d", s.Width, s.Height)
	v.Frames, _ = strconv.Atoi(s.Frames) // what is missing is 0
	v.Seconds, _ = strconv.ParseFloat(said.Format.Duration, 64)
	v.Bytes, _ = strconv.Atoi(said.Format.Size)
	return v
}

// isRecording holds a file against what a recorder must have written, of a camera's codec and geometry, in at least so many seconds.
func isRecording(t *testing.T, v video, format string, least float64) {
	t.Helper()
	t.Log(v)
	if v.Codec+" "+v.Geometry != format || v.Complaints != "" {
		t.Errorf("the file holds %v: %s", v, v.Complaints)
	}
	// A frame of the smallest clip has some 600 bytes; a sixth of that would be no picture.
	if v.Seconds < least || float64(v.Frames) < least*rate*0.9 || float64(v.Frames) > v.Seconds*rate*1.2+2 || v.Bytes < v.Frames*100 {
		t.Errorf("the file holds %v, want at least %.1f seconds at %d frames a second", v, least, rate)
	}
}

// without returns the site's policy with a block taken out.
func without(t *testing.T, block string) string {
	t.Helper()
	before, after, ok := strings.Cut(head+allows, block+" {\n")
	_, after, closed := strings.Cut(after, "\n}\n")
	if !ok || !closed {
		t.Fatalf("the policy has no block %s", block)
	}
	return before + after
}

// recorder is a program that records a camera: its command line for one transport, to one file.
type recorder struct {
	name, transport string
	command         func(file string) []string
}

// recorders are ffmpeg, in both families, and GStreamer, each by TCP and by UDP with the ports of the site's media service.
func recorders() []recorder {
	gst := func(protocol string, more ...string) func(string) []string {
		return func(file string) []string {
			args := append([]string{"gst-launch-1.0", "rtspsrc", "location=" + stream4, "protocols=" + protocol, "timeout=0"}, more...)
			return append(args, "!", "rtph264depay", "!", "h264parse", "!", "identity", "eos-after="+strconv.Itoa(seconds*rate+1),
				"!", "matroskamux", "!", "filesink", "location="+file)
		}
	}
	ffmpeg := func(stream, transport string, more ...string) func(string) []string {
		return func(file string) []string {
			args := append([]string{
				"ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-rtsp_transport", transport,
				"-timeout", "2000000",
			}, more...)
			return append(args, "-i", stream, "-t", strconv.Itoa(seconds), "-c", "copy", file)
		}
	}
	return []recorder{
		{"ffmpeg", "tcp", ffmpeg(stream4, "tcp")},
		{"ffmpeg", "udp", ffmpeg(stream4, "udp", "-min_port", "6100", "-max_port", "6299")},
		{"ffmpeg in IPv6", "tcp", ffmpeg(stream6, "tcp")},
		{"ffmpeg in IPv6", "udp", ffmpeg(stream6, "udp", "-min_port", "6100", "-max_port", "6299")},
		{"GStreamer", "tcp", gst("tcp")},
		{"GStreamer", "udp", gst("udp", "port-range=6100-6299")},
	}
}

// record runs a recorder on the site's first recorder machine, and returns what its file holds and what it said.
func (r recorder) record(t *testing.T, l *lab.Lab, limit time.Duration) (video, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "recording.mkv")
	command := r.command(file)
	said, err := start(t, machine(t, l, nvr).NetNS(), limit, command[0], command[1:]...).wait()
	if err != nil {
		said += err.Error()
	}
	return probe(t, file), said
}

// TestRecorders has real recorders record the camera through a gateway that the program has programmed, while the camera calls home.
func TestRecorders(t *testing.T) {
	t.Parallel()
	cordon := build(t)
	for _, r := range recorders() {
		t.Run(r.name+" "+r.transport, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			answerCalls(t, l)
			camera := power(t, l, restless())
			outside := arrivals(t, l)
			awaitCalls(t, camera, device.Replied)
			if n := outside.Count(); n < len(homes()) {
				t.Errorf("control: without a policy %d packets reach the internet", n)
			}

			cordon.apply(t, l, head+allows)
			awaitCalls(t, camera, device.Silent, device.Refused)
			outside = arrivals(t, l)
			replied, tried := calls(camera, device.Replied), calls(camera, device.Silent, device.Refused)
			got, said := r.record(t, l, 12*time.Second)
			if isRecording(t, got, "h264 320x180", seconds-0.5); t.Failed() {
				t.Log(said)
			}
			holdsOut(t, camera, outside, replied, tried)
			recordsNothing(t, l, cordon, camera, r)
		})
	}
}

// holdsOut says that, since the counts were taken, the camera called every home some ten times, and nothing came of it.
func holdsOut(t *testing.T, camera *device.Camera, outside *lab.Watch, replied, tried map[device.Service]int) {
	t.Helper()
	if n := outside.Count(); n != 0 || outside.Missed() != nil {
		t.Errorf("%d packets reach the internet, %v", n, outside.Missed())
	}
	for service, n := range calls(camera, device.Replied) {
		if n != replied[service] {
			t.Errorf("%d calls of %s were answered", n-replied[service], service)
		}
	}
	for service, n := range calls(camera, device.Silent, device.Refused) {
		if n-tried[service] < 5 {
			t.Errorf("the camera called %s only %d times", service, n-tried[service])
		}
	}
}

// recordsNothing takes away what the recording needs, one allow after the other: the control of the recording.
func recordsNothing(t *testing.T, l *lab.Lab, cordon program, camera *device.Camera, r recorder) {
	t.Helper()
	needed := []string{`allow "record"`}
	if r.transport == "udp" {
		needed = append(needed, `allow "media"`)
	}
	for _, allow := range needed {
		cordon.apply(t, l, without(t, allow))
		before := camera.Streams()
		got, _ := r.record(t, l, 4*time.Second)
		if got.Frames != 0 {
			t.Errorf("without %s, the file holds %v", allow, got)
		}
		if asked := camera.Streams() > before; asked != (allow == `allow "media"`) {
			t.Errorf("without %s, the camera was asked to play: %t", allow, asked)
		}
	}
}
