//go:build full

package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	var rows bytes.Buffer
	rows.WriteString("name,mac,address\n")
	for i := range thousands {
		mac := policy.MAC{0x44, 0x19, 0xb6, 1, byte(i >> 8), byte(i)}
		fmt.Fprintf(&rows, "n%05d,%s,10.60.%d.%d\n", i, mac, 1+i/250, 1+i%250)
	}
	for name, text := range map[string]string{"cameras.csv": rows.String(), "site.hcl": head + allows + halls} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
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
