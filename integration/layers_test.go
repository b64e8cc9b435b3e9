package integration_test

import (
	"fmt"
	"slices"
	"strings"
)

// layers is the house, from the ground up: a package imports only packages on an earlier line. A name that ends in /... stands for the
// packages below it, not for itself.
func layers() []string {
	return []string{
		0:  "policy gateway/diagram",
		1:  "policy/message policy/catalog gateway/ruleset integration/lab/frame",
		2:  "policy/load policy/write policy/simulate gateway/wire gateway/inventory gateway/attempt",
		3:  "gateway/netstate",
		4:  "gateway/compile gateway/plan gateway/proof/intent gateway/proof/program gateway/detect",
		5:  "gateway/proof",
		6:  "gateway/snapshot",
		7:  "gateway/report gateway/api",
		8:  "gateway/kernel/... gateway/history gateway/store gateway/settings gateway/source gateway/alert gateway/serve gateway/serve/...",
		9:  "gateway/kernel gateway/observe",
		10: "gateway",
		11: "gateway/socket gateway/doctor gateway/canary gateway/metrics gateway/web gateway/terminal gateway/fleet",
		12: "integration/lab integration/lab/device",
		13: "cmd/cordon/demo",
		14: "cmd/cordon",
		15: "integration integration/escape integration/bench integration/oracle integration/mutants",
		16: "integration/escape/play",
	}
}

// lastPureLine is the last line whose packages take values and return values: no file, no socket, no clock, no lock.
const lastPureLine = 7

// lineOf returns the line that a package stands on, or false.
func lineOf(pkg string) (int, bool) {
	for line, packages := range layers() {
		for pattern := range strings.FieldsSeq(packages) {
			below, wild := strings.CutSuffix(pattern, "...")
			if pkg == pattern || (wild && strings.HasPrefix(pkg, below)) {
				return line, true
			}
		}
	}
	return 0, false
}

// standsOnALine finds packages that nobody gave a place. A package of tests alone needs one too: it is a room like any other.
func standsOnALine(files []sourceFile) []string {
	var found []string
	for _, file := range files {
		if _, ok := lineOf(file.pkg); !ok {
			found = append(found, fmt.Sprintf("%s: package %s stands on no line", file.name, file.pkg))
		}
	}
	return found
}

// importsPointDown finds imports of a package that does not stand on an earlier line.
func importsPointDown(files []sourceFile) []string {
	var found []string
	for _, file := range files {
		line, ok := lineOf(file.pkg)
		if !ok || file.isTest() {
			continue
		}
		for name, pos := range file.imports() {
			dep, ours := strings.CutPrefix(name, module)
			if below, known := lineOf(dep); ours && (!known || below >= line) {
				found = append(found, fmt.Sprintf("%s: imports %s, which stands on no earlier line", file.at(pos), dep))
			}
		}
	}
	return found
}

// pureStaysPure finds imports with which a pure package could touch the world.
func pureStaysPure(files []sourceFile) []string {
	var found []string
	for _, file := range files {
		line, ok := lineOf(file.pkg)
		if !ok || line > lastPureLine || file.isTest() {
			continue
		}
		for name, pos := range file.imports() {
			if touchesTheWorld(name) && !slices.Contains(purelyEncoding(file.pkg), name) {
				found = append(found, fmt.Sprintf("%s: a pure package imports %s", file.at(pos), name))
			}
		}
	}
	return found
}

// touchesTheWorld says whether a library can do more than compute.
func touchesTheWorld(name string) bool {
	if name == "net" || name == "C" || name == "unsafe" {
		return true
	}
	return slices.ContainsFunc([]string{
		"os", "net/http", "net/rpc", "net/smtp", "log", "sync", "syscall", "plugin", "math/rand", "crypto/rand",
		"golang.org/x/sys", "golang.org/x/sync", "github.com/google/nftables", "github.com/mdlayher", "github.com/vishvananda",
		"github.com/spf13",
	}, func(root string) bool { return name == root || strings.HasPrefix(name, root+"/") })
}

// purelyEncoding names the parts of kernel libraries that are nothing but encodings and constants, for the one package that turns
// bytes into values and back.
func purelyEncoding(pkg string) []string {
	if pkg == "gateway/wire" {
		return []string{"github.com/google/nftables/expr", "golang.org/x/sys/unix"}
	}
	return nil
}
