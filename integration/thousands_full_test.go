//go:build full

package integration_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"cordon/gateway"
	"cordon/gateway/history"
	"cordon/gateway/kernel/nft"
	"cordon/integration/lab"
	"cordon/policy"
)

// halls is a segment whose cameras stand in a file.
const halls = `
segment "halls" {
  kind      = "camera"
  interface = "cam1"
  addresses = ["10.60.0.1/16"]
}
dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment.halls
    mac     = row.value.mac
    address = row.value.address
  }
}
allow "halls" {
  from     = [recorder.nvr, recorder.nvr2]
  to       = segment.halls
  services = ["rtsp", "onvif", "hikvision"]
}
`

// thousands are the cameras of the largest policy that is applied here; each is in several sets.
const thousands = 6_000

// TestHundredThousandElements applies a policy of more than a hundred thousand elements, as root in one transaction: with each of it
// read back, planning again finds nothing to do. That a user namespace refuses it and says why is a test of package nft.
func TestHundredThousandElements(t *testing.T) {
	cordon := build(t)
	directory := t.TempDir()
	for name, text := range hallsOf(thousands) {
		if err := os.WriteFile(filepath.Join(directory, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ns := box(t, interfacesOf(t, directory))
	begin := time.Now()
	cordon.run(t, ns, "apply", "--yes", "--no-confirm", "--quiet", directory)
	took := time.Since(begin)
	if said := cordon.run(t, ns, "plan", directory); !strings.Contains(strings.ToLower(said), "nothing") {
		t.Errorf("after apply, plan says %q", said)
	}
	elements := elementsOf(t, ns)
	if elements < 100_000 {
		t.Errorf("the kernel holds %d elements", elements)
	}
	t.Logf("%d elements applied in %v", elements, took)
}

// elementsOf counts the elements that the kernel holds for Cordon.
func elementsOf(t *testing.T, ns *lab.NetNS) int {
	t.Helper()
	n := 0
	err := ns.Do(func() error {
		conn, err := nft.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		reading, err := conn.Read(t.Context())
		for _, table := range reading.Ours {
			for _, set := range table.Sets {
				n += len(set.Elements)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// many are the cameras of a large site that is held.
const many = 4_000

// hallsOf are the files of a site with so many cameras in the halls.
func hallsOf(n int) map[string][]byte {
	var rows bytes.Buffer
	rows.WriteString("name,mac,address\n")
	for i := range n {
		mac := policy.MAC{0x44, 0x19, 0xb6, 1, byte(i >> 8), byte(i)}
		fmt.Fprintf(&rows, "n%05d,%s,10.60.%d.%d\n", i, mac, 1+i/250, 1+i%250)
	}
	return map[string][]byte{"cameras.csv": rows.Bytes(), "site.hcl": []byte(head + allows + halls)}
}

// TestThousandsAreHeld breaks what somebody may break at a site of thousands of cameras. What a repair does not have to read it does
// not read: where one chain, set, rule or link is broken the time is not that of reading a hundred thousand elements.
func TestThousandsAreHeld(t *testing.T) {
	l := open(t)
	err := l.Gateway().Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cam1", Flags: net.FlagUp}, PeerName: "far1"})
	})
	if err != nil {
		t.Fatal(err)
	}
	files := hallsOf(many)
	p := readFiles(t, files)
	h := &keeper{store: history.In(t.TempDir())}
	writing(t, l, h.store, func(w *gateway.Writer) error {
		proposal, err := w.Propose(t.Context(), p, "")
		if err != nil {
			return err
		}
		a := history.Applied{Time: time.Now(), Who: "test", Digest: p.Digest, Directories: []history.Directory{{Name: "site", Files: files}}}
		_, _, err = w.Apply(t.Context(), proposal, a, gateway.Confirmation{})
		return err
	})
	h.run(t, l)
	h.await(t, gateway.Holding)
	began := time.Now()
	if lacks := whole(t, l, p); lacks != "" {
		t.Fatalf("at the beginning: %s", lacks)
	}
	look := time.Since(began)
	var small []time.Duration
	for _, d := range damages() {
		h.forget()
		if err := d.do(l); err != nil {
			t.Errorf("%s: %v", d.name, err)
			continue
		}
		news, _ := h.await(t, gateway.Repaired)
		idle(t, h)
		t.Logf("%-38s %8s (%d changes)", d.name, news.Took.Round(100*time.Microsecond), len(news.Changes))
		if len(news.Changes) < 100 {
			small = append(small, news.Took)
		}
	}
	if lacks := whole(t, l, p); lacks != "" {
		t.Errorf("at the end: lacks %.300s", lacks)
	}
	slices.Sort(small)
	if len(small) < 25 {
		t.Fatalf("only %d damages are small", len(small))
	}
	median := small[len(small)/2]
	t.Logf("%d small damages: least %s, median %s; one look at everything takes %s", len(small), small[0], median, look)
	if 3*median > look {
		t.Errorf("the median repair takes %s, more than a third of one look at everything: %s", median, look)
	}
}
