package doctor

import (
	"strconv"
	"strings"

	"cordon/policy/message"
)

// healthChecks are about the box itself.
func healthChecks() []check {
	return []check{
		{id: "clock", severity: Error, judge: clock},
		{id: "state-damaged", severity: Error, judge: stateDamaged},
		{id: "state-directory", severity: Error, reads: diskPart, judge: stateDirectory},
		{id: "disk", severity: Error, reads: diskPart, judge: disk},
		{id: "inodes", severity: Error, reads: diskPart, judge: inodes},
		{id: "notifications", severity: Warning, reads: countersPart, judge: notifications},
		{id: "backlog", severity: Warning, reads: countersPart, judge: backlog},
		{id: "received", severity: Warning, reads: countersPart, judge: received, inside: true},
	}
}

// clock asks whether the time is known to be right. While it is not, exceptions and schedules stay shut: then that is what is said.
func clock(b Box) *finding {
	if b.Moment.Trusted {
		return nil
	}
	command := "sudo timedatectl set-ntp true"
	if b.Files.Units["chrony.service"] {
		command = "sudo systemctl restart chrony.service"
	}
	closed := b.closed()
	if len(closed) == 0 {
		return &finding{severity: Warning, command: command}
	}
	return &finding{Error, "closes", list("closed", closed), command}
}

// closed names what the policy opens for a time only, and what is not over.
func (b Box) closed() []string {
	if b.Policy == nil {
		return nil
	}
	var names []string
	for i := range b.Policy.Exceptions {
		if e := &b.Policy.Exceptions[i]; e.Until.After(b.Moment.Time) {
			names = append(names, e.Name)
		}
	}
	for i := range b.Policy.Allows {
		if a := &b.Policy.Allows[i]; len(a.During) > 0 {
			names = append(names, a.Name)
		}
	}
	return names
}

func stateDamaged(b Box) *finding {
	switch {
	case b.Damaged != "":
		return &finding{Error, "", message.Args{"file": b.Damaged}, "sudo cordon apply " + word(b.PolicyDir)}
	case b.Unusable:
		return &finding{Error, "unusable", message.Args{"dir": b.StateDir}, "sudo cordon apply " + word(b.PolicyDir)}
	}
	return nil
}

// stateDirectory asks that nobody but its owner may write what the next start believes.
func stateDirectory(b Box) *finding {
	d := b.Disk
	switch {
	case !d.There:
		return nil // the first apply makes it
	case d.Mode.Perm()&0o022 != 0:
		args := message.Args{"dir": b.StateDir, "mode": "0" + strconv.FormatUint(uint64(d.Mode.Perm()), 8)}
		return &finding{Error, "", args, "sudo chmod 0700 " + word(b.StateDir)}
	case d.ReadOnly:
		return &finding{
			Error, "readonly",
			message.Args{"dir": b.StateDir},
			`sudo mount -o remount,rw "$(findmnt -n -o TARGET -T ` + word(d.Mount) + `)"`,
		}
	case d.Owner != d.User:
		args := message.Args{"dir": b.StateDir, "owner": strconv.Itoa(d.Owner)}
		return &finding{Warning, "owner", args, "sudo chown -R root:root " + word(b.StateDir)}
	}
	return nil
}

// What is left of the state directory's file system, in octets and inodes.
const (
	scarceSpace, noSpace   = 256 << 20, 16 << 20
	scarceInodes, noInodes = 4096, 64
)

func disk(b Box) *finding {
	return shortage(b, b.Disk.Free, scarceSpace, noSpace, message.Args{"dir": b.StateDir, "free": strconv.FormatUint(b.Disk.Free>>20, 10)},
		"sudo journalctl --vacuum-size=50M && sudo apt-get clean")
}

// inodes of a file system that has none to count, such as btrfs, are not counted.
func inodes(b Box) *finding {
	if b.Disk.Inodes == 0 {
		return nil
	}
	return shortage(b, b.Disk.FreeInodes, scarceInodes, noInodes,
		message.Args{"dir": b.StateDir, "free": strconv.FormatUint(b.Disk.FreeInodes, 10)},
		"sudo du --inodes -x -d 3 "+word(b.Disk.Mount)+" | sort -n | tail -n 20")
}

func shortage(b Box, free, scarce, none uint64, args message.Args, command string) *finding {
	switch {
	case !b.Disk.Read || free >= scarce:
		return nil
	case free < none:
		return &finding{Error, "", args, command}
	}
	return &finding{Warning, "", args, command}
}

// notifications asks whether the kernel threw notices to Cordon away, because nobody took them in time.
func notifications(b Box) *finding {
	if b.Files.Missed == 0 {
		return nil
	}
	args := message.Args{"count": strconv.Itoa(b.Files.Missed)}
	return &finding{Warning, "", args, "sudo sysctl -w net.core.rmem_max=8388608 net.core.rmem_default=8388608"}
}

// noticeable says whether at least one packet in a thousand was lost, and more than a start-up's few.
func noticeable(lost, all uint64) bool { return lost >= 100 && lost*1000 >= all }

// backlog asks whether processors had no room for packets that were already received (softnet_stat, second column).
func backlog(b Box) *finding {
	s := b.Files.Softnet
	if !noticeable(s.Dropped, s.Received) {
		return nil
	}
	most := max(b.Files.number("net/core/netdev_max_backlog"), 1000)
	return &finding{Warning, "", s.args(), "sudo sysctl -w net.core.netdev_max_backlog=" + strconv.Itoa(2*most)}
}

// received asks whether governed interfaces lose what they receive.
func received(b Box) *finding {
	var names []string
	var total Counters
	for _, name := range b.governed() {
		c, known := b.Files.Interfaces[name]
		if known && noticeable(c.Dropped, c.Received) {
			names = append(names, name)
			total.Dropped += c.Dropped
			total.Received += c.Received
		}
	}
	if len(names) == 0 {
		return nil
	}
	args := total.args()
	args["interfaces"] = strings.Join(names, ", ")
	return &finding{Warning, "", args, "sudo ethtool -G " + word(names[0]) + " rx 4096"}
}

func (c Counters) args() message.Args {
	return message.Args{"count": strconv.FormatUint(c.Dropped, 10), "all": strconv.FormatUint(c.Received, 10)}
}
