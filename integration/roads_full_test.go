//go:build full

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"cordon/integration/lab"
	"cordon/policy"
	"cordon/policy/load"
	"cordon/policy/message"
)

// TestTwoRoads loads what render prints with nft, and applies the same policy by the program: the kernel must hold the same, byte for
// byte, for every example and for the site of these tests.
func TestTwoRoads(t *testing.T) {
	cordon := build(t)
	var sites []string
	for name, text := range map[string]string{"site": head + allows, "bridge": onBridge + onBridgeAllows} {
		site := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(site, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(site, "site.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sites = append(sites, site)
	}
	all, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob(filepath.Join(all, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) < 3 {
		t.Errorf("%d examples", len(examples))
	}
	// What is open for a time has less of it left on the second road, and links that Cordon makes are not there for nft.
	examples = slices.DeleteFunc(examples, func(name string) bool {
		return filepath.Base(name) == "hospital-wing" || filepath.Base(name) == "reference"
	})
	listings := map[string]bool{}
	for _, directory := range append(examples, sites...) {
		t.Run(filepath.Base(directory), func(t *testing.T) {
			byNFT, byCordon := roads(t, cordon, directory)
			if d := cmp.Diff(strings.Split(byNFT, "\n"), strings.Split(byCordon, "\n")); d != "" {
				t.Errorf("the kernel holds something else (-nft -f +apply):\n%s", d)
			}
			if n := strings.Count(byNFT, "\n"); n < 100 || !strings.Contains(byNFT, "table inet cordon") {
				t.Errorf("nft lists %d lines", n)
			}
			t.Logf("%d bytes listed, %d lines", len(byNFT), strings.Count(byNFT, "\n"))
			listings[byNFT] = true
		})
	}
	if len(listings) != len(examples)+len(sites) {
		t.Errorf("control: %d policies give %d listings", len(examples)+len(sites), len(listings))
	}
}

// roads takes a policy to the kernel on both roads, each in a namespace of its own, and returns what nft lists of either.
func roads(t *testing.T, cordon program, directory string) (byNFT, byCordon string) {
	t.Helper()
	interfaces := interfacesOf(t, directory)
	first, second := box(t, interfaces), box(t, interfaces)
	text := filepath.Join(t.TempDir(), "rules.nft")
	if err := os.WriteFile(text, []byte(cordon.run(t, first, "render", directory)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, first); got != "" {
		t.Fatalf("before, the kernel holds\n%s", got)
	}
	judge(t, first, "-c", "-f", text)
	if got := listing(t, first); got != "" {
		t.Fatalf("a check changed the kernel:\n%s", got)
	}
	judge(t, first, "-f", text)

	state := program{cordon.path, t.TempDir()}
	state.run(t, second, "apply", "--yes", "--no-confirm", directory)
	if said := state.run(t, second, "plan", directory); !strings.Contains(strings.ToLower(said), "nothing") {
		t.Errorf("after apply, plan says %q", said)
	}
	return listing(t, first), listing(t, second)
}

// interfacesOf returns the interfaces that a policy names.
func interfacesOf(t *testing.T, directory string) []string {
	t.Helper()
	p, diagnostics := load.Dir(policy.Moment{}, nil, load.Directory{Name: "policy", FS: os.DirFS(directory)})
	if message.HasErrors(diagnostics) {
		t.Fatalf("the policy has mistakes: %+v", diagnostics)
	}
	var names []string
	for i := range p.Segments {
		if ports := p.Segments[i].Ports; len(ports) > 0 {
			names = append(names, ports...) // the bridge is Cordon's to make, and in the text only a name
			continue
		}
		names = append(names, p.Segments[i].Interface)
	}
	return names
}

// box makes a namespace with interfaces that are up.
func box(t *testing.T, interfaces []string) *lab.NetNS {
	t.Helper()
	ns, err := lab.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	})
	err = ns.Do(func() error {
		for i, name := range interfaces {
			attrs := netlink.NewLinkAttrs()
			attrs.Name = name
			pair := &netlink.Veth{LinkAttrs: attrs, PeerName: fmt.Sprintf("far%d", i)}
			if err := netlink.LinkAdd(pair); err != nil {
				return fmt.Errorf("add interface %s: %w", name, err)
			}
			for _, end := range []string{name, pair.PeerName} {
				link, err := netlink.LinkByName(end)
				if err != nil {
					return err
				}
				if err := netlink.LinkSetUp(link); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// judge runs nft in a namespace, and returns what it said.
func judge(t *testing.T, ns *lab.NetNS, args ...string) string {
	t.Helper()
	said, err := start(t, ns, 30*time.Second, "nft", args...).wait()
	if err != nil {
		t.Fatalf("nft %v: %v\n%s", args, err, said)
	}
	return said
}

// listing is what nft lists of a namespace, but for counters and for what is left of an element's time.
func listing(t *testing.T, ns *lab.NetNS) string {
	t.Helper()
	return regexp.MustCompile(` expires [0-9a-z]+`).ReplaceAllString(judge(t, ns, "-s", "list", "ruleset"), "")
}
