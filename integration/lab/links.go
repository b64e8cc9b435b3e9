package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// readyDeadline bounds the wait for links that never come up.
const readyDeadline = 10 * time.Second

// Ready waits until every interface of the site passes packets and every address is heard: whoever gives the gateway addresses calls it
// before the first try, or may lose the first packet of IPv6 for a second.
func (l *Lab) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyDeadline)
	defer cancel()
	nodes := []*node{l.gateway}
	if l.wires != nil {
		nodes = append(nodes, l.wires)
	}
	for _, m := range l.machines {
		nodes = append(nodes, m.node)
	}
	for _, n := range nodes {
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitReady waits until every interface of the namespace passes packets. The kernel shows an interface as up a moment before its queue
// and its switch port work, all under one lock: a change to any interface waits for that lock.
func (n *node) awaitReady(ctx context.Context) error {
	if err := n.awaitState(ctx); err != nil {
		return err
	}
	return setUp(n.handle, "lo")
}

// awaitState waits for the kernel to show every interface of the namespace as up and every address as heard. It looks once before it
// listens, because they mostly are; and once more after, because it may have come about in between.
func (n *node) awaitState(ctx context.Context) error {
	waiting, err := n.pending()
	if err != nil || waiting == "" {
		return err
	}
	events, err := nl.SubscribeAt(netns.NsHandle(n.FD()), netns.None(), unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return fmt.Errorf("listen for links and addresses: %w", err)
	}
	defer events.Close()
	for {
		if waiting, err = n.pending(); err != nil || waiting == "" {
			return err
		}
		if err := awaitEvent(ctx, events); err != nil {
			return fmt.Errorf("wait for %s: %w", waiting, err)
		}
	}
}

// pending returns the name of an end of a cable that is not up yet, or an address that is not heard yet, or "". A bridge passes frames
// between ports that are up, whatever is said of the bridge itself, and that may take a second.
func (n *node) pending() (string, error) {
	links, err := n.handle.LinkList()
	if err != nil {
		return "", fmt.Errorf("list links: %w", err)
	}
	for _, link := range links {
		if link.Type() == "veth" && link.Attrs().OperState != netlink.OperUp {
			return link.Attrs().Name, nil
		}
	}
	return n.unheard()
}

// unheard returns an IPv6 address to whose solicited-node group (RFC 4291 §2.7.1) nobody listens yet, or "". The kernel joins it in the
// background, some time after the address is there, even without duplicate address detection; it announces the address again then.
func (n *node) unheard() (string, error) {
	addresses, err := n.handle.AddrList(nil, unix.AF_INET6)
	if err != nil {
		return "", fmt.Errorf("list addresses: %w", err)
	}
	var groups []byte
	err = n.Do(func() (err error) {
		groups, err = os.ReadFile("/proc/thread-self/net/igmp6")
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // a kernel without IPv6
	}
	if err != nil {
		return "", fmt.Errorf("list multicast groups: %w", err)
	}
	for _, a := range addresses {
		ip := a.IP.To16()
		if !ip.IsLoopback() && !bytes.Contains(groups, fmt.Appendf(nil, "ff0200000000000000000001ff%x", []byte(ip[13:]))) {
			return ip.String(), nil
		}
	}
	return "", nil
}

// awaitEvent waits for one notification, until the deadline of ctx at most.
func awaitEvent(ctx context.Context, events *nl.NetlinkSocket) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(readyDeadline)
	}
	left := time.Until(deadline)
	if left <= 0 {
		return context.DeadlineExceeded
	}
	timeout := unix.NsecToTimeval(left.Nanoseconds())
	if err := events.SetReceiveTimeout(&timeout); err != nil {
		return err
	}
	_, _, err := events.Receive()
	if errors.Is(err, unix.EAGAIN) {
		return context.DeadlineExceeded
	}
	return err
}
