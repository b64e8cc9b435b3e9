package route_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cordon/gateway/kernel/route"
	"cordon/gateway/netstate"
	"cordon/policy"
)

// fleet is n neighbours, every eleventh by IPv6.
func fleet(n int) []netstate.Object {
	objects := make([]netstate.Object, n)
	for i := range objects {
		a := addr(fmt.Sprintf("10.30.%d.%d", i/250, i%250+1))
		if i%11 == 0 {
			a = addr(fmt.Sprintf("fd30::%x", i+1))
		}
		objects[i] = netstate.Neighbour{Interface: "cam0", Address: a, MAC: policy.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}}
	}
	return objects
}

func addAll(t *testing.T, conn *route.Conn, objects []netstate.Object) {
	t.Helper()
	added, err := conn.AddAll(objects)
	if err != nil || !slices.Equal(added, objects) {
		t.Fatalf("%d of %d added: %v", len(added), len(objects), err)
	}
}

// same says whether the neighbours are exactly the objects, in whatever order.
func same(t *testing.T, conn *route.Conn, objects []netstate.Object) bool {
	t.Helper()
	got := read(t, conn).Neighbours
	for _, o := range objects {
		if n, ok := o.(netstate.Neighbour); !ok || !slices.Contains(got, n) {
			return false
		}
	}
	return len(got) == len(objects)
}

// Lengths around the size of a run, twice each: nothing is lost between runs and nothing is said of what is there.
func TestManyNeighboursAtOnce(t *testing.T) {
	conn := namespace(t)
	lengths := []int{0, 1, 127, 128, 129, 256, 300, 2000}
	for _, n := range lengths {
		objects := fleet(n)
		addAll(t, conn, objects)
		addAll(t, conn, objects)
		if !same(t, conn, objects) {
			t.Errorf("%d neighbours read back otherwise", n)
		}
	}
	if len(lengths) != 8 {
		t.Errorf("%d lengths tried", len(lengths))
	}
}

// Every kind may stand beside every other, in an order in which one needs the one before it.
func TestSeveralKindsAtOnce(t *testing.T) {
	conn := namespace(t)
	objects := []netstate.Object{
		netstate.Address{Interface: "cam0", Prefix: prefix("10.30.0.1/24"), Protocol: netstate.RouteProtocol},
		netstate.Route{Table: 881, Destination: prefix("10.31.0.0/16"), Via: addr("10.30.0.2"), Interface: "cam0", Protocol: 67},
		netstate.Route{Table: 881, Destination: prefix("10.32.0.0/16"), Type: netstate.Blackhole, Protocol: 67},
		netstate.Rule{Family: 4, Priority: 880, IIF: "cam0", Table: 881},
		netstate.Neighbour{Interface: "cam0", Address: addr("10.30.0.2"), MAC: policy.MAC{2, 0, 0, 0, 0, 1}},
	}
	for range 2 {
		addAll(t, conn, objects)
		for _, o := range objects {
			if !present(read(t, conn), o) {
				t.Errorf("%s is not there", o)
			}
		}
	}
	slices.Reverse(objects)
	for _, o := range objects {
		if err := conn.Remove(o); err != nil {
			t.Fatal(err)
		}
		if present(read(t, conn), o) {
			t.Errorf("%s is still there", o)
		}
	}
}

func present(s netstate.State, o netstate.Object) bool {
	switch o := o.(type) {
	case netstate.Address:
		return slices.Contains(s.Addresses, o)
	case netstate.Route:
		return slices.Contains(s.Routes, o)
	case netstate.Rule:
		return slices.Contains(s.Rules, o)
	case netstate.Neighbour:
		return slices.Contains(s.Neighbours, o)
	}
	return false
}

// mistake is an object that the kernel, or we before it, refuse among many.
type mistake struct {
	name  string
	bad   netstate.Object
	errno error
	words string
}

func mistakes() []mistake {
	return []mistake{
		{
			"of an absent interface",
			netstate.Neighbour{Interface: "nic9", Address: addr("10.1.0.2")},
			unix.ENODEV, `add neighbour 10.1.0.2 lladdr 00:00:00:00:00:00 dev nic9: interface "nic9": no such device`,
		},
		{
			"that the kernel refuses",
			netstate.Route{Table: 880, Destination: prefix("10.1.0.0/24"), Interface: "cam0", Via: addr("172.16.0.1")},
			unix.ENETUNREACH, "add route 10.1.0.0/24 via 172.16.0.1 dev cam0 table 880: network is unreachable",
		},
		{
			"with the kernel's own words",
			netstate.Rule{Family: 4, Priority: 877, DestinationPorts: netstate.PortRange{1024, 65535}, Table: 254},
			unix.EINVAL, "add rule pref 877 from all dport 1024-65535 lookup 254: invalid argument: Invalid dport range",
		},
		{
			"whose place is taken",
			netstate.Route{Table: 880, Destination: prefix("10.77.0.0/16"), Interface: "cam0", Metric: 9, Protocol: 67},
			unix.EEXIST, "in its place stands [blackhole 10.77.0.0/16 metric 9 table 880 proto 67]",
		},
		{"that belongs to the machine", netstate.Link{Name: "nic9"}, errors.ErrUnsupported, "add link dev nic9"},
	}
}

// A mistake at either end of a run, or in the middle: it is named, what is added is exactly what is there, no run behind it begins.
func TestAMistakeAmongMany(t *testing.T) {
	tried := 0
	for _, m := range mistakes() {
		for _, at := range []int{0, 64, 127, 128, 150, 399} {
			t.Run(fmt.Sprintf("%s at %d", m.name, at), func(t *testing.T) {
				conn := namespace(t)
				shut := netstate.Route{Table: 880, Destination: prefix("10.77.0.0/16"), Type: netstate.Blackhole, Metric: 9, Protocol: 67}
				if err := conn.Add(shut); err != nil {
					t.Fatal(err)
				}
				good := fleet(399)
				added, err := conn.AddAll(slices.Insert(slices.Clone(good), at, m.bad))
				if !errors.Is(err, m.errno) || !strings.Contains(err.Error(), m.words) || strings.Count(err.Error(), "add ") != 1 {
					t.Errorf("error %v, want %v and %q", err, m.errno, m.words)
				}
				if !slices.Equal(added, good[:len(added)]) || len(added) < at || len(added) > at+128 || !same(t, conn, added) {
					t.Errorf("%d added, %d there, the mistake at %d", len(added), len(read(t, conn).Neighbours), at)
				}
			})
			tried++
		}
	}
	if tried != 30 {
		t.Errorf("%d mistakes tried", tried)
	}
}

// A run of nothing but mistakes gives as many answers as one may: none is lost, and the socket goes on.
func TestNothingButMistakes(t *testing.T) {
	conn := namespace(t)
	bad := make([]netstate.Object, 1000)
	for i := range bad {
		via := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		bad[i] = netstate.Route{Table: 880, Destination: prefix("10.1.0.0/24"), Interface: "cam0", Via: via}
	}
	start := time.Now()
	added, err := conn.AddAll(bad)
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("an answer was lost and waited for: %v", took)
	}
	if !errors.Is(err, unix.ENETUNREACH) || len(added) != 0 || !strings.Contains(err.Error(), "via 172.16.0.0 ") {
		t.Errorf("%d added: %v", len(added), err)
	}
	addAll(t, conn, fleet(200))
}

// The conn is several goroutines': answers never reach another's request.
func TestManyAtOnceBesideReading(t *testing.T) {
	conn := namespace(t)
	objects := fleet(1500)
	failed := make(chan error)
	go func() {
		_, err := conn.AddAll(objects)
		failed <- err
	}()
	for range 30 {
		if _, err := conn.Links(); err != nil {
			t.Error(err)
		}
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	if !same(t, conn, objects) {
		t.Error("neighbours read back otherwise")
	}
}

// Together they take a fraction of what they take one by one.
func TestManyAtOnceAreFast(t *testing.T) {
	conn := namespace(t)
	objects := fleet(4000)
	start := time.Now()
	addAll(t, conn, objects)
	together := time.Since(start)
	start = time.Now()
	for _, o := range objects[:400] {
		if err := conn.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	alone := 10 * time.Since(start)
	t.Logf("4,000 neighbours: together %v, one by one %v", together, alone)
	if together > alone/2 {
		t.Errorf("together %v, one by one %v", together, alone)
	}
}
