//go:build full

package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/device"
)

// motionConfig makes motion record all the time, as it comes, and keep pictures beside the film.
const motionConfig = `
daemon off
setup_mode off
log_level 6
netcam_url ` + stream4 + `
netcam_params rtsp_transport=tcp
width 320
height 184
framerate 15
emulate_motion on
picture_output on
movie_output on
movie_passthrough on
movie_max_time 0
stream_port 0
webcontrol_port 0
`

// TestMotionRecords has motion, the recorder that Debian packages, record the camera through the gateway to its own folder.
func TestMotionRecords(t *testing.T) {
	t.Parallel()
	l := open(t)
	answerCalls(t, l)
	camera := power(t, l, restless())
	outside := arrivals(t, l)
	awaitCalls(t, camera, device.Replied)
	if n := outside.Count(); n < len(homes()) {
		t.Errorf("control: without a policy %d packets reach the internet", n)
	}

	cordon := build(t)
	cordon.apply(t, l, head+allows)
	awaitCalls(t, camera, device.Silent, device.Refused)
	outside = arrivals(t, l)
	replied, tried := calls(camera, device.Replied), calls(camera, device.Silent, device.Refused)
	recording := motion(t, l)
	began := recording.await(t, 1, seconds*rate, 15*time.Second)
	said := recording.stop()
	holdsOut(t, camera, outside, replied, tried)
	films, pictures := recording.kept(t)
	if len(films) != 1 || len(pictures) < seconds*rate {
		t.Fatalf("motion keeps the films %q and %d pictures\n%s", films, len(pictures), said)
	}
	isRecording(t, probe(t, films[0]), "h264 320x180", seconds-0.5)
	picture := pictures[len(pictures)/2]
	colour := saturation(t, picture)
	if v := probe(t, picture); v.Codec != "mjpeg" || v.Geometry != "320x184" || v.Frames != 1 || colour < 10 {
		t.Errorf("a picture of saturation %.0f holds %v: %s", colour, v, v.Complaints)
	}
	t.Logf("%d pictures, saturation %.0f, the film began after %.1f s", len(pictures), colour, began.Seconds())

	cordon.apply(t, l, without(t, `allow "record"`))
	played := camera.Streams()
	nothing := motion(t, l)
	nothing.await(t, 1, 0, began+time.Second)
	said = nothing.stop()
	// Of a camera that it does not reach motion keeps pictures too: grey ones that say so. It has no film of it.
	films, grey := nothing.kept(t)
	if len(films) != 0 || camera.Streams() != played {
		t.Errorf("without an allow motion keeps %q, and was played %d streams\n%s", films, camera.Streams()-played, said)
	}
	if len(grey) > 0 && saturation(t, grey[len(grey)-1]) > 1 {
		t.Errorf("without an allow motion keeps a picture in colour\n%s", said)
	}
}

// saturation is how much colour a picture has on average, as ffprobe measures it: none is 0.
func saturation(t *testing.T, picture string) float64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-f", "lavfi", "-i", "movie="+picture+",signalstats",
		"-show_entries", "frame_tags=lavfi.signalstats.SATAVG", "-of", "csv=p=0").Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", picture, err)
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		t.Fatalf("ffprobe %s: %v", picture, err)
	}
	return value
}

// surveillance is motion, running on the site's first recorder machine.
type surveillance struct {
	*process
	folder string
	began  time.Time
}

// motion starts motion.
func motion(t *testing.T, l *lab.Lab) surveillance {
	t.Helper()
	s := surveillance{folder: t.TempDir(), began: time.Now()}
	file := filepath.Join(t.TempDir(), "motion.conf")
	if err := os.WriteFile(file, []byte(motionConfig+"target_dir "+s.folder+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = start(t, machine(t, l, nvr).NetNS(), 30*time.Second, "motion", "-n", "-c", file, "-l", "/dev/stdout")
	return s
}

// await waits until so many films and pictures are kept, or some time has passed, and returns when the first film was.
func (s surveillance) await(t *testing.T, wantFilms, wantPictures int, limit time.Duration) time.Duration {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var first time.Duration
	for deadline := time.After(limit); ; {
		films, pictures := s.kept(t)
		if first == 0 && len(films) > 0 {
			first = time.Since(s.began)
		}
		if len(films) >= wantFilms && len(pictures) >= wantPictures {
			return first
		}
		select {
		case <-tick.C:
		case <-s.done:
			return first
		case <-deadline:
			return first
		}
	}
}

// kept returns the films and the pictures of the folder.
func (s surveillance) kept(t *testing.T) (films, pictures []string) {
	t.Helper()
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if file := filepath.Join(s.folder, e.Name()); strings.HasSuffix(file, ".jpg") {
			pictures = append(pictures, file)
		} else {
			films = append(films, file)
		}
	}
	return films, pictures
}
