package device

import (
	"bytes"
	_ "embed" // the clip
)

// clipBytes is two seconds of a test pattern, 320×180 at framesPerSecond, H.264 constrained baseline as Annex B, two keyframes:
//
//	ffmpeg -f lavfi -i testsrc2=size=320x180:rate=15 -t 2 -c:v libx264 -profile:v baseline -preset veryslow -crf 34 -g 15 \
//	  -bf 0 -pix_fmt yuv420p -bsf:v filter_units=remove_types=6 -f h264 clip.h264
//
//go:embed clip.h264
var clipBytes []byte

// The clip's rate, and RTP's clock for video (RFC 6184 §8.2.1).
const (
	framesPerSecond = 15
	videoClock      = 90000
)

// clip is a stream that is played in a loop.
type clip struct {
	// sps and pps are the parameter sets, without start codes.
	sps, pps []byte
	// frames are access units as Annex B.
	frames [][]byte
}

// newClip cuts Annex B into access units: each ends with its one slice.
func newClip(annexB []byte) clip {
	var c clip
	var unit []byte
	for nal := range bytes.SplitSeq(bytes.ReplaceAll(annexB, []byte{0, 0, 0, 1}, []byte{0, 0, 1}), []byte{0, 0, 1}) {
		if len(nal) == 0 {
			continue
		}
		unit = append(append(unit, 0, 0, 0, 1), nal...)
		switch nal[0] & 31 {
		case 1, 5:
			c.frames = append(c.frames, unit)
			unit = nil
		case 7:
			c.sps = nal
		case 8:
			c.pps = nal
		}
	}
	return c
}
