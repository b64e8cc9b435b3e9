//go:build full

package device_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cordon/integration/lab/device"
)

// ffmpeg, which shares no line with the simulator, records the camera through the gateway, and reads its own file back.
func TestFFmpegRecords(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			startCamera(t, l, device.CameraConfig{})
			file := filepath.Join(t.TempDir(), "recording.mp4")
			var output []byte
			err := machine(t, l, "nvr-1").NetNS().Do(func() (err error) {
				output, err = exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-loglevel", "warning", "-rtsp_transport", transport,
					"-i", "rtsp://10.30.0.11/Streaming/Channels/101", "-t", "2", "-c", "copy", file).CombinedOutput()
				return err
			})
			if err != nil {
				t.Fatalf("ffmpeg: %v\n%s", err, output)
			}
			frames, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
				"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file).Output()
			if err != nil {
				t.Fatalf("ffprobe: %v", err)
			}
			if n, err := strconv.Atoi(strings.TrimSpace(string(frames))); err != nil || n < 25 {
				t.Errorf("%s frames in the file, %v", frames, err)
			}
			if info, err := os.Stat(file); err != nil || info.Size() < 10_000 {
				t.Errorf("the file: %v, %v", info, err)
			}
		})
	}
}
