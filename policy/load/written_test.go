package load_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"cordon/policy/load"
)

// writtenCameras is a site whose cameras stand in blocks of their own.
func writtenCameras(n int) string {
	var text strings.Builder
	text.WriteString("site \"large\" {\n  scope = \"segments\"\n}\n\nsegment \"cameras\" {\n  kind      = \"camera\"\n" +
		"  interface = \"eth1\"\n  addresses = [\"10.0.0.1/8\"]\n}\n")
	for i := range n {
		fmt.Fprintf(&text, "camera \"c%d\" {\n  segment = segment.cameras\n  mac     = \"44:19:b6:%02x:%02x:%02x\"\n"+
			"  address = \"10.%d.%d.%d\"\n}\n",
			i, i>>16, i>>8&255, i&255, 1+i>>16, i>>8&255, i&255)
	}
	return text.String()
}

// writtenAllows is a site with an allow from one recorder to each camera of the first ones.
func writtenAllows(allows, cameras int) string {
	var text strings.Builder
	text.WriteString(writtenCameras(cameras) + "segment \"rec\" {\n  kind      = \"recorder\"\n  interface = \"eth2\"\n" +
		"  addresses = [\"172.16.0.1/16\"]\n}\n\nrecorder \"r\" {\n  segment = segment.rec\n  mac     = \"ac:1f:6b:00:00:01\"\n" +
		"  address = \"172.16.0.9\"\n}\n")
	for i := range allows {
		fmt.Fprintf(&text, "allow \"a%d\" {\n  from     = recorder.r\n"+
			"  to       = camera.c%d\n  services = [\"rtsp\"]\n}\n", i, i%cameras)
	}
	return text.String()
}

// TestWrittenTakesItsPart holds that a hundredth of the largest sites is valid with little more than a hundredth of the allowance: what
// each block costs does not grow with the number of blocks. A recorder that opens the same to the same camera twice is told.
func TestWrittenTakesItsPart(t *testing.T) {
	const hundredth = 90
	for name, text := range map[string]string{"cameras": writtenCameras(1000), "allows": writtenAllows(200, 200)} {
		if _, diagnostics := load.DirWithin(hundredth, load.Directory{FS: fstest.MapFS{"a.hcl": file(text)}}); len(diagnostics) > 0 {
			t.Errorf("%s: %v", name, given(diagnostics))
		}
	}
	_, diagnostics := load.DirWithin(hundredth, load.Directory{FS: fstest.MapFS{"a.hcl": file(writtenAllows(201, 200))}})
	if got := given(diagnostics); len(diagnostics) != 1 || diagnostics[0].Code != "covered" {
		t.Errorf("an allow twice: %v", got)
	}
}
