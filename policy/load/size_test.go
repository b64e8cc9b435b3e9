package load_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// ministry is a site of n cameras from CSV files, in segments of 200, with one recorder, group and allow for each 500.
func ministry(n int) fstest.MapFS {
	var segments, recorders, cameras strings.Builder
	segments.WriteString("name,kind,interface,gateway\nrec,recorder,eth2,10.250.0.1/20\n")
	recorders.WriteString("name,segment,mac,address\n")
	cameras.WriteString("name,segment,mac,address,model,acquired,building,recorder\n")
	for i := range (n + 199) / 200 {
		fmt.Fprintf(&segments, "cam-%d,camera,eth1.%d,10.%d.%d.1/24\n", i, i, i/256, i%256)
	}
	for i := range (n + 499) / 500 {
		fmt.Fprintf(&recorders, "nvr-%d,rec,ac:1f:6b:00:%02x:%02x,10.250.%d.%d\n", i, i/256, i%256, i/200, i%200+10)
	}
	for i := range n {
		fmt.Fprintf(&cameras, "c%05d,cam-%d,44:19:b6:%02x:%02x:%02x,10.%d.%d.%d,DS-2CD2143G0-I,2019-06-01,b%d,nvr-%d\n",
			i, i/200, i>>16, i>>8&255, i&255, i/200/256, i/200%256, i%200+10, i%40, i/500)
	}
	return fstest.MapFS{
		"site.hcl": file(ministryPolicy), "segments.csv": file(segments.String()), "recorders.csv": file(recorders.String()),
		"cameras.csv": file(cameras.String()),
	}
}

const ministryPolicy = `
site "quebec-1" {
  timezone = "America/Toronto"
}

segment "admin" {
  kind      = "client"
  interface = "eth3"
  addresses = ["10.251.0.1/24"]
}

manage {
  from     = [segment.admin]
  services = ["ssh", "https"]
}

dynamic "segment" {
  for_each = csvdecode(file("segments.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    kind      = row.value.kind
    interface = row.value.interface
    addresses = [row.value.gateway]
  }
}

dynamic "recorder" {
  for_each = csvdecode(file("recorders.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment[row.value.segment]
    mac     = row.value.mac
    address = row.value.address
  }
}

dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment  = segment[row.value.segment]
    mac      = row.value.mac
    address  = row.value.address
    model    = row.value.model
    acquired = row.value.acquired
    labels = {
      building = row.value.building
      recorder = row.value.recorder
    }
  }
}

dynamic "group" {
  for_each = csvdecode(file("recorders.csv"))
  iterator = row
  labels   = ["of-${row.value.name}"]
  content {
    where = { recorder = row.value.name }
  }
}

dynamic "allow" {
  for_each = csvdecode(file("recorders.csv"))
  iterator = row
  labels   = ["record-${row.value.name}"]
  content {
    from     = recorder[row.value.name]
    to       = group["of-${row.value.name}"]
    services = ["rtsp", "onvif", "http"]
  }
}
`

func TestFourThousandCameras(t *testing.T) {
	fsys := ministry(4000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys})
	runtime.ReadMemStats(&after)
	if len(diagnostics) > 0 {
		t.Fatalf("diagnostics:\n%s", message.In(message.English).RenderAll(diagnostics))
	}
	if len(p.Devices) != 4008 || len(p.Groups) != 8 || len(p.Allows) != 8 || len(p.Groups[0].Cameras) != 500 {
		t.Errorf("%d devices, %d groups, %d allows", len(p.Devices), len(p.Groups), len(p.Allows))
	}
	allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("%d MiB allocated", allocated)
	if allocated > 100 {
		t.Errorf("%d MiB allocated, want at most 100", allocated)
	}
}

func TestTooManyCameras(t *testing.T) {
	_, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fstest.MapFS{"site.hcl": file(tooMany)}})
	if len(diagnostics) != 1 || diagnostics[0].Code != "too-many-cameras" {
		t.Errorf("diagnostics: %v", given(diagnostics))
	}
}

const tooMany = `
site "large" {
  scope = "segments"
}

segment "cameras" {
  kind      = "camera"
  interface = "eth1"
  addresses = ["10.0.0.1/8"]
}

dynamic "camera" {
  for_each = flatten([for a in range(101) : [for b in range(1000) : a * 1000 + b]])
  iterator = n
  labels   = ["c${n.value}"]
  content {
    segment = segment.cameras
    mac     = format("44:19:b6:%02x:%02x:%02x", floor(n.value / 65536), floor(n.value / 256) % 256, n.value % 256)
    address = cidrhost("10.0.0.0/8", n.value + 2)
  }
}
`

func BenchmarkFourThousandCameras(b *testing.B) {
	fsys := ministry(4000)
	b.ReportAllocs()
	for b.Loop() {
		if _, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{FS: fsys}); len(diagnostics) > 0 {
			b.Fatal(diagnostics)
		}
	}
}
