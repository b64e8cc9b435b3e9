package lab

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ForgetNeighbours deletes what the namespace has learnt of its neighbours in both families, or been told, on one interface; without a
// name, on all of them.
func (n *NetNS) ForgetNeighbours(iface string) error {
	return n.Do(func() error {
		index := 0
		if iface != "" {
			link, err := netlink.LinkByName(iface)
			if err != nil {
				return fmt.Errorf("find %s: %w", iface, err)
			}
			index = link.Attrs().Index
		}
		list, err := netlink.NeighList(index, unix.AF_UNSPEC)
		if err != nil {
			return fmt.Errorf("list the neighbours: %w", err)
		}
		for i := range list {
			// What has ended meanwhile is gone as well.
			if err := netlink.NeighDel(&list[i]); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("forget %s: %w", list[i].IP, err)
			}
		}
		return nil
	})
}
