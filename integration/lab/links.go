package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// awaitCables waits until every interface of gateway and switch carries.
func (l *Lab) awaitCables(ctx context.Context) error {
	for _, n := range []*node{l.gateway, l.wires} {
		if n == nil {
			continue
		}
		if err := n.awaitUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitUp waits until every interface of the namespace passes packets. The kernel shows an interface as up a moment before its queue
// and its switch port work, all under one lock: a change to any interface waits for that lock.
func (n *node) awaitUp(ctx context.Context) error {
	if err := n.awaitState(ctx); err != nil {
		return err
	}
	return setUp(n.handle, "lo")
}

// awaitState waits for the kernel to show every interface of the namespace as up. It looks once before it listens, because the links
// of namespaces mostly are; and once more after, because they may have come up in between.
func (n *node) awaitState(ctx context.Context) error {
	waiting, err := n.down()
	if err != nil || waiting == "" {
		return err
	}
	events, err := nl.SubscribeAt(netns.NsHandle(n.FD()), netns.None(), unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return fmt.Errorf("listen for links: %w", err)
	}
	defer events.Close()
	for {
		if waiting, err = n.down(); err != nil || waiting == "" {
			return err
		}
		if err := awaitEvent(ctx, events); err != nil {
			return fmt.Errorf("wait for %s to come up: %w", waiting, err)
		}
	}
}

// down returns the name of an end of a cable that is not up yet, or "". A bridge passes frames between ports that are up, whatever is
// said of the bridge itself, and that may take a second.
func (n *node) down() (string, error) {
	links, err := n.handle.LinkList()
	if err != nil {
		return "", fmt.Errorf("list links: %w", err)
	}
	for _, link := range links {
		if link.Type() == "veth" && link.Attrs().OperState != netlink.OperUp {
			return link.Attrs().Name, nil
		}
	}
	return "", nil
}

// awaitEvent waits for one notification, until the deadline of ctx at most.
func awaitEvent(ctx context.Context, events *nl.NetlinkSocket) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(buildDeadline)
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
