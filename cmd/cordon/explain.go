package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/message"
	"cordon/policy/simulate"
)

// question is what `cordon explain` is asked: the words, and what of the packet is given.
type question struct {
	from, to, service string

	against   string
	iif, mac  string
	sport     uint16
	isNew     bool
	reply     bool
	senderMAC policy.MAC
}

// explainVerb says what becomes of a packet and why.
func (a *app) explainVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain FROM TO [SERVICE]", Short: a.words.Text("verb.explain", nil), Args: arguments(2, 3),
		Long: strings.Join([]string{
			a.words.Text("explain.about_ends", nil), a.words.Text("explain.about_service", nil), a.words.Text("explain.about_many", nil),
		}, "\n"),
	}
	q := question{}
	flags := cmd.Flags()
	flags.StringVar(&q.against, "against", "policy", a.words.Text("flag.against", nil))
	flags.StringVar(&q.iif, "iif", "", a.words.Text("flag.iif", nil))
	flags.StringVar(&q.mac, "mac", "", a.words.Text("flag.mac", nil))
	flags.Uint16Var(&q.sport, "sport", dynamicPort, a.words.Text("flag.sport", nil))
	flags.BoolVar(&q.isNew, "new", false, a.words.Text("flag.new", nil))
	flags.BoolVar(&q.reply, "reply", false, a.words.Text("flag.reply", nil))
	cmd.RunE = a.verb(func(_ context.Context, args []string) (answer, error) {
		document := &api.Explain{Path: []api.Step{}, Explanations: []api.Explanation{}}
		q.from, q.to, q.service = args[0], args[1], ""
		if len(args) > 2 {
			q.service = args[2]
		}
		if err := q.check(cmd); err != nil {
			return answer{document: document}, err
		}
		document.Against = q.against
		r, err := a.read(cmd, nil)
		if err != nil {
			return answer{document: document}, err
		}
		if message.HasErrors(r.diagnostics) {
			return answer{document: document}, a.judge(r, document, false)
		}
		for _, d := range r.diagnostics { // warnings are for validate: who asks about a packet reads one answer
			document.Diagnostics = append(document.Diagnostics, a.diagnostic(d))
		}
		if !cmd.Flags().Changed("against") && !a.flags.json && !a.flags.quiet {
			a.note(a.words.Text("explain.of_policy", nil))
		}
		return a.explained(cmd, r, q, document)
	})
	return cmd
}

// check refuses what cannot be asked.
func (q *question) check(cmd *cobra.Command) error {
	switch {
	case q.against == "kernel":
		return &failure{code: exitUsage, sentence: "explain.kernel", next: q.again(cmd)}
	case q.against != "policy":
		return wrongUsage(cmd, "explain.against", message.Args{"value": q.against})
	case q.isNew && q.reply:
		return wrongUsage(cmd, "explain.both", nil)
	case q.mac == "":
		return nil
	}
	var err error
	if q.senderMAC, err = policy.ParseMAC(q.mac); err != nil {
		return wrongUsage(cmd, "explain.mac", message.Args{"value": q.mac})
	}
	return nil
}

// again is the same question to the policy.
func (q *question) again(cmd *cobra.Command) string {
	words := []string{cmd.CommandPath(), shellWord(q.from), shellWord(q.to)}
	if q.service != "" {
		words = append(words, shellWord(q.service))
	}
	words = append(words, "--against policy")
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, many := f.Value.(pflag.SliceValue); many {
			values = list.GetSlice()
		}
		for _, v := range values {
			switch {
			case f.Name == "against":
			case f.Value.Type() == "bool":
				words = append(words, "--"+f.Name)
			default:
				words = append(words, "--"+f.Name+" "+shellWord(v))
			}
		}
	})
	return strings.Join(words, " ")
}

// explained asks about every packet that the words stand for. Packets that are decided alike are told once.
func (a *app) explained(cmd *cobra.Command, r reading, q question, document *api.Explain) (answer, error) {
	found := answer{document: document}
	o := simulate.Of(r.policy)
	packets, err := packetsOf(cmd, r.policy, o, q)
	if err != nil {
		return found, err
	}
	at := a.clock()()
	groups := gather(o, at, packets)
	for _, g := range groups {
		document.Explanations = append(document.Explanations, a.explanation(o, g))
	}
	worst := worstOf(document.Explanations)
	document.Explanation = worst
	if worst.Verdict == unknown {
		found.code = exitUnknown
	}
	found.text = a.explainText(r, document.Explanations)
	return found, nil
}

// decided is packets with one decision: the first of them, and how many there are.
type decided struct {
	packet   policy.Packet
	decision simulate.Decision
	count    int
}

// gather decides packets, and puts those together that the same block decides for the same reason.
func gather(o simulate.Oracle, at policy.Moment, packets []policy.Packet) []decided {
	var list []decided
	places := map[simulate.Decision]int{}
	for _, k := range packets {
		d := o.Packet(at, k)
		i, known := places[d]
		if !known {
			i = len(list)
			places[d] = i
			list = append(list, decided{packet: k, decision: d})
		}
		list[i].count++
	}
	return list
}

// unknown is the verdict on a packet that the model does not hold.
const unknown = "unknown"

// worstOf returns the explanation that somebody looks for who asks: what is blocked.
func worstOf(list []api.Explanation) api.Explanation {
	worst := list[0]
	rank := map[string]int{policy.Blocked.String(): 2, unknown: 1}
	for _, e := range list {
		if rank[e.Verdict] > rank[worst.Verdict] {
			worst = e
		}
	}
	return worst
}

// explanation is a decision as the documents have it.
func (a *app) explanation(o simulate.Oracle, g decided) api.Explanation {
	d := g.decision
	e := api.Explanation{
		Verdict: d.Verdict.String(), Packet: packetDocument(o, g.packet), Packets: g.count,
		Because: &api.Because{
			Rule: d.Kind, Name: d.Name, File: d.Origin.File, Line: d.Origin.Line, Reason: d.Reason.String(), Sentence: a.reason(d),
		},
	}
	if d.Kind != "" {
		e.Because.Chain = "policy"
	}
	if !d.Known() {
		e.Verdict = unknown
	}
	if d.Verdict == policy.Allowed || !d.Known() {
		return e
	}
	if near, ok := o.Nearest(g.packet); ok && (near.Kind != d.Kind || near.Name != d.Name) {
		e.Nearest = &api.Nearest{
			Kind: near.Kind, Name: near.Name, File: near.Origin.File, Line: near.Origin.Line, Differs: near.Differs.String(),
		}
	}
	return e
}

// reason says why, in the user's language.
func (a *app) reason(d simulate.Decision) string {
	key := strings.ReplaceAll(d.Reason.String(), "-", "_")
	return a.words.Text("explain."+key, message.Args{"block": blockName(d.Kind, d.Name)})
}

// blockName is a block as it stands in a policy: allow "record".
func blockName(kind, name string) string {
	if name == "" {
		return kind
	}
	return cmp.Or(kind, "?") + ` "` + name + `"`
}
