package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"cordon/gateway"
	"cordon/gateway/history"
	"cordon/gateway/kernel/nft"
	"cordon/policy/message"
)

// trouble gives what stood in the way of a verb its sentence and the next command. In all of it the kernel is as it was.
func (a *app) trouble(verb string, r reading, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if known := changeTrouble(err); known != nil {
		return known
	}
	f := cmp.Or(unfit(r, err), unready(err), unwilling(r.command(verb), err))
	if f == nil {
		f = &failure{cause: err, next: "cordon status"}
	}
	f.code = exitFailed
	return f
}

// unfit is a policy whose interfaces are not this machine's; nil is another trouble.
func unfit(r reading, err error) *failure {
	var (
		absent   *gateway.AbsentError
		occupied *gateway.OccupiedError
		shared   *gateway.SharedBridgeError
	)
	switch {
	case errors.As(err, &absent):
		return &failure{sentence: "trouble.absent", next: "ip -brief link", args: message.Args{
			"absent": strings.Join(absent.Interfaces, ", "), "present": strings.Join(absent.Present, ", "),
			"count": strconv.Itoa(len(absent.Interfaces)),
		}}
	case errors.As(err, &occupied):
		name := occupied.Link.Name
		return &failure{sentence: "trouble.occupied", args: message.Args{"name": name}, next: "ip -details link show " + shellWord(name)}
	case errors.As(err, &shared):
		return &failure{sentence: "trouble.bridge", args: message.Args{"name": shared.Bridge}, next: r.command("validate")}
	}
	return nil
}

// unready is a machine that has to be seen to first: another process holds it, or it lacks memory for buffers or a module.
func unready(err error) *failure {
	var (
		held  *history.HeldError
		large *nft.TooLargeError
	)
	switch {
	case errors.As(err, &held):
		pid := strconv.Itoa(held.PID)
		return &failure{sentence: "trouble.held", args: message.Args{"pid": pid, "file": held.File}, next: "ps -fp " + pid}
	case errors.As(err, &large):
		return &failure{
			sentence: "trouble.large", next: "sudo sysctl -w net.core.wmem_max=" + strconv.Itoa(large.Limit()),
			args: message.Args{"needed": strconv.Itoa(large.Needed), "available": strconv.Itoa(large.Available)},
		}
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ENOPROTOOPT):
		return &failure{sentence: "trouble.nf_tables", cause: err, next: "sudo modprobe nf_tables"}
	}
	return nil
}

// unwilling is a kernel that did not take what it was given, or did not keep it; again is the same command once more.
func unwilling(again string, err error) *failure {
	var (
		differ *gateway.DiffersError
		refuse *nft.RefusedError
	)
	switch {
	case errors.As(err, &differ):
		return &failure{sentence: "trouble.differs", cause: differ, next: again}
	case errors.Is(err, unix.ERESTART):
		return &failure{sentence: "trouble.moved", next: again}
	case errors.Is(err, fs.ErrPermission):
		return &failure{sentence: "trouble.permission", cause: err, next: privileged(again)}
	case errors.As(err, &refuse):
		return &failure{sentence: "trouble.refused", cause: refuse, next: "cordon status"}
	}
	return nil
}

// privileged is the same command with the rights that it lacked; root who lacks them sits in a container, where the demonstration runs.
func privileged(command string) string {
	if os.Getuid() == 0 {
		return "cordon demo"
	}
	return "sudo " + command
}
