package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/message"
)

// explainText writes the answers for people, what is blocked first: the verdict, the packet, why, and the lines of the policy.
func (a *app) explainText(r reading, list []api.Explanation) func(io.Writer) error {
	return func(out io.Writer) error {
		var text bytes.Buffer
		for _, verdict := range [...]string{policy.Blocked.String(), unknown, policy.Allowed.String()} {
			for _, e := range list {
				if e.Verdict == verdict {
					a.writeExplanation(&text, r, e)
				}
			}
		}
		_, err := out.Write(text.Bytes())
		return err
	}
}

func (a *app) writeExplanation(out io.Writer, r reading, e api.Explanation) {
	verdicts := map[string]string{
		policy.Allowed.String(): "explain.verdict_allowed", policy.Blocked.String(): "explain.verdict_blocked",
		unknown: "explain.verdict_unknown",
	}
	packet := a.packetText(r.policy, e.Packet)
	if e.Packets > 1 {
		packet += a.words.Text("explain.more", message.Args{"count": a.number(e.Packets - 1)})
	}
	fmt.Fprintf(out, "%s %s\n  %s\n", a.words.Text(verdicts[e.Verdict], nil), packet, e.Because.Sentence)
	writeSource(out, r, e.Because.File, e.Because.Line)
	if n := e.Nearest; n != nil {
		fmt.Fprintf(out, "  %s\n", a.words.Text("explain.nearest_"+n.Differs, message.Args{"block": blockName(n.Kind, n.Name)}))
		writeSource(out, r, n.File, n.Line)
	}
}

// packetText is a packet in one line: tcp 10.30.0.21:49152 (camera.c1, cam0) → 198.51.100.7:443 (wan0).
func (a *app) packetText(p policy.Policy, k *api.Packet) string {
	text := k.Protocol + " " + endText(p, k.Source, k.SPort, k.IIF) + " → " + endText(p, k.Destination, k.DPort, k.OIF)
	if k.State == policy.Reply.String() {
		text += a.words.Text("explain.replies", nil)
	}
	return text
}

func endText(p policy.Policy, address string, port uint16, iface string) string {
	text := address
	if port != 0 {
		text = net.JoinHostPort(address, strconv.Itoa(int(port)))
	}
	var known []string
	for i := range p.Devices {
		d := &p.Devices[i]
		if slices.ContainsFunc(d.Addresses, func(own netip.Addr) bool { return own.String() == address }) {
			known = append(known, d.Reference())
		}
	}
	if iface != "" {
		known = append(known, iface)
	}
	if len(known) == 0 {
		return text
	}
	return text + " (" + strings.Join(known, ", ") + ")"
}

// writeSource shows a line of the policy with its place.
func writeSource(out io.Writer, r reading, file string, line int) {
	if line == 0 {
		return
	}
	place := policy.Origin{File: file, Line: line}.String()
	fmt.Fprintln(out, strings.TrimRight("    "+place+": "+r.line(file, line), " "))
}

// line is one line of a file of the policy, as it was read.
func (r reading) line(file string, number int) string {
	for _, d := range r.directories {
		name := file
		if d.Name != "" {
			short, ours := strings.CutPrefix(file, d.Name+"/")
			if !ours {
				continue
			}
			name = short
		}
		if lines := strings.Split(string(d.Files[name]), "\n"); number <= len(lines) {
			return strings.TrimSpace(lines[number-1])
		}
	}
	return ""
}
