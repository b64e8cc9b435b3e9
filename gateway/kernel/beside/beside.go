package beside

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"

	"cordon/gateway/netstate"
)

// Read returns the programs on the interfaces of the calling thread's network namespace, by interface.
func Read() ([]netstate.Program, error) {
	handle, err := netlink.NewHandle()
	if err != nil {
		return nil, fmt.Errorf("open a routing socket: %w", err)
	}
	defer handle.Close()
	links, err := handle.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var list []netstate.Program
	for _, link := range links {
		name := link.Attrs().Name
		if xdp := link.Attrs().Xdp; xdp != nil && xdp.Attached {
			program := "program " + strconv.FormatUint(uint64(xdp.ProgId), 10)
			list = append(list, netstate.Program{Interface: name, Layer: netstate.XDP, Name: program})
		}
		filters, err := filtersOf(handle, link)
		if err != nil {
			return nil, fmt.Errorf("list the filters of %s: %w", name, err)
		}
		for _, filter := range filters {
			list = append(list, netstate.Program{Interface: name, Layer: netstate.Traffic, Name: filter})
		}
	}
	slices.SortFunc(list, func(a, b netstate.Program) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(list), nil
}

// filtersOf returns an interface's filters: the queueing discipline that they hang on, their side where it has two, and their kind.
func filtersOf(handle *netlink.Handle, link netlink.Link) ([]string, error) {
	disciplines, err := handle.QdiscList(link)
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, d := range disciplines {
		for parent, side := range sidesOf(d.Type()) {
			filters, err := handle.FilterList(link, parent)
			if err != nil {
				return nil, err
			}
			for _, f := range filters {
				kinds = append(kinds, side+" "+f.Type())
			}
		}
	}
	return kinds, nil
}

// sidesOf are the places of a discipline at which a frame's way is decided: none for those that only queue.
func sidesOf(discipline string) map[uint32]string {
	switch discipline {
	case "clsact":
		return map[uint32]string{netlink.HANDLE_MIN_INGRESS: "clsact ingress", netlink.HANDLE_MIN_EGRESS: "clsact egress"}
	case "ingress":
		return map[uint32]string{netlink.MakeHandle(0xffff, 0): "ingress"}
	}
	return nil
}
