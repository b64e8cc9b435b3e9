package main

import (
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
	var (
		absent   *gateway.AbsentError
		occupied *gateway.OccupiedError
		shared   *gateway.SharedBridgeError
		held     *history.HeldError
		large    *nft.TooLargeError
		differ   *gateway.DiffersError
		refuse   *nft.RefusedError
	)
	if known := changeTrouble(err); known != nil {
		return known
	}
	again := r.command(verb)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &absent):
		return &failure{code: exitFailed, sentence: "trouble.absent", next: "ip -brief link", args: message.Args{
			"absent": strings.Join(absent.Interfaces, ", "), "present": strings.Join(absent.Present, ", "),
			"count": strconv.Itoa(len(absent.Interfaces)),
		}}
	case errors.As(err, &occupied):
		return &failure{
			code: exitFailed, sentence: "trouble.occupied", args: message.Args{"name": occupied.Link.Name},
			next: "ip -details link show " + shellWord(occupied.Link.Name),
		}
	case errors.As(err, &shared):
		return &failure{code: exitFailed, sentence: "trouble.bridge", args: message.Args{"name": shared.Bridge}, next: r.command("validate")}
	case errors.As(err, &held):
		pid := strconv.Itoa(held.PID)
		return &failure{code: exitFailed, sentence: "trouble.held", args: message.Args{"pid": pid, "file": held.File}, next: "ps -fp " + pid}
	case errors.As(err, &large):
		return &failure{
			code: exitFailed, sentence: "trouble.large", next: "sudo sysctl -w net.core.wmem_max=" + strconv.Itoa(large.Limit()),
			args: message.Args{"needed": strconv.Itoa(large.Needed), "available": strconv.Itoa(large.Available)},
		}
	case errors.As(err, &differ):
		return &failure{code: exitFailed, sentence: "trouble.differs", cause: differ, next: again}
	case errors.Is(err, unix.ERESTART):
		return &failure{code: exitFailed, sentence: "trouble.moved", next: again}
	case errors.Is(err, fs.ErrPermission):
		return &failure{code: exitFailed, sentence: "trouble.permission", cause: err, next: privileged(again)}
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ENOPROTOOPT):
		return &failure{code: exitFailed, sentence: "trouble.nf_tables", cause: err, next: "sudo modprobe nf_tables"}
	case errors.As(err, &refuse):
		return &failure{code: exitFailed, sentence: "trouble.refused", cause: refuse, next: "cordon status"}
	}
	return &failure{code: exitFailed, cause: err, next: "cordon status"}
}

// privileged is the same command with the rights that it lacked; root who lacks them sits in a container, where the demonstration runs.
func privileged(command string) string {
	if os.Getuid() == 0 {
		return "cordon demo"
	}
	return "sudo " + command
}
