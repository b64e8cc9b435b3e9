package doctor

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cordon/policy"
	"cordon/policy/message"
)

// policyChecks are about what is in force.
func policyChecks() []check {
	return []check{
		{id: "in-force", severity: Error, judge: inForce},
		{id: "interfaces", severity: Warning, judge: interfacesDown, inside: true},
		{id: "observed", severity: Warning, judge: observed, inside: true},
		{id: "not-served", severity: Warning, judge: notServed, inside: true},
		{id: "lockdown", severity: Error, judge: lockdown},
		{id: "pending", severity: Error, judge: pending},
		{id: "policy-changed", severity: Warning, judge: policyChanged},
	}
}

// inForce asks for the whole policy in the kernel.
func inForce(b Box) *finding {
	switch {
	case !b.Applied && b.Status.Stamp.Digest != "":
		return &finding{severity: Error, variant: "unrecorded", command: "sudo cordon apply " + word(b.PolicyDir)}
	case !b.Applied && b.Policy == nil && b.Wrong == 0:
		return &finding{severity: Error, variant: "nothing", command: "sudo cordon init " + word(b.PolicyDir)}
	case !b.Applied:
		return &finding{severity: Error, variant: "nothing", command: "sudo cordon apply " + word(b.PolicyDir)}
	case b.Status.Whole:
		return nil
	case len(b.absent()) > 0:
		return &finding{Error, "absent", list("interfaces", b.absent()), "ip -brief link"}
	case b.Status.Stamp.Digest == "":
		return &finding{severity: Error, variant: "gone", command: "sudo cordon apply " + word(b.PolicyDir)}
	}
	args := message.Args{"count": strconv.Itoa(len(b.Status.Drift)), "first": ""}
	if len(b.Status.Drift) > 0 {
		args["first"] = b.Status.Drift[0].Kind + " " + b.Status.Drift[0].Name
	}
	return &finding{Error, "", args, "sudo cordon apply " + word(b.PolicyDir)}
}

// absent are the policy's interfaces that the machine does not have.
func (b Box) absent() []string { return b.carryingNothing("absent") }

func (b Box) carryingNothing(state string) []string {
	var names []string
	for name, s := range b.Status.Down {
		if s == state {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// interfacesDown names interfaces that are switched off: nothing is recorded over them.
func interfacesDown(b Box) *finding {
	names := b.carryingNothing("down")
	if len(names) == 0 {
		return nil
	}
	return &finding{Warning, "", list("interfaces", names), "sudo ip link set dev " + word(names[0]) + " up"}
}

// observed names segments whose rules only count: nothing is refused there.
func observed(b Box) *finding {
	if b.Policy == nil {
		return nil
	}
	var names []string
	file := ""
	for i := range b.Policy.Segments {
		if s := &b.Policy.Segments[i]; s.Mode == policy.Observe {
			names, file = append(names, s.Name), s.Origin.File
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &finding{Warning, "", list("segments", names), "sudoedit " + word(strings.TrimSuffix(b.PolicyDir, "/")+"/"+file)}
}

// notServed names what the policy offers and nobody answers.
func notServed(b Box) *finding {
	if len(b.Status.NotServed) == 0 {
		return nil
	}
	return &finding{Warning, "", list("services", b.Status.NotServed), "ss -lunt"}
}

// policyChanged compares the files with what was applied.
func policyChanged(b Box) *finding {
	if b.Wrong > 0 {
		args := message.Args{"dir": b.PolicyDir, "count": strconv.Itoa(b.Wrong)}
		return &finding{Warning, "wrong", args, "cordon validate " + word(b.PolicyDir)}
	}
	if !b.Applied || b.Policy == nil || b.OnDisk == "" || b.OnDisk == b.Policy.Digest {
		return nil
	}
	return &finding{Info, "", message.Args{"dir": b.PolicyDir}, "sudo cordon plan " + word(b.PolicyDir)}
}

// pending says until when a confirmation is awaited.
func pending(b Box) *finding {
	if b.Pending.IsZero() {
		return nil
	}
	if b.Overdue {
		return &finding{Error, "overdue", message.Args{"until": b.Pending.Format(time.RFC3339)}, "sudo cordon status"}
	}
	return &finding{Info, "", message.Args{"until": b.Pending.Format(time.RFC3339)}, "sudo cordon confirm"}
}

// lockdown says what an administrator closed: nothing is recorded there.
func lockdown(b Box) *finding {
	const command = "sudo cordon release"
	switch l := b.Lockdown; {
	case l == nil:
		return nil
	case l.Damaged:
		return &finding{severity: Error, variant: "damaged", command: command}
	default:
		args := list("segments", l.Segments)
		args["since"], args["who"] = l.Since.Format(time.RFC3339), l.Who
		if len(l.Segments) == 0 {
			return &finding{Warning, "all", args, command}
		}
		return &finding{Warning, "", args, command}
	}
}

// told is how many things a sentence names: what an administrator reads at night fits on a screen.
const told = 4

// list are the arguments of a sentence about several things.
func list(key string, names []string) message.Args {
	text := strings.Join(names[:min(told, len(names))], ", ")
	if rest := len(names) - told; rest > 0 {
		text += " … +" + strconv.Itoa(rest)
	}
	return message.Args{key: text, "count": strconv.Itoa(len(names))}
}

// word quotes what a shell would take apart.
func word(text string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("-_./,:=@%+", r) || (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z')
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// words quotes several.
func words(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = word(t)
	}
	return strings.Join(quoted, " ")
}
