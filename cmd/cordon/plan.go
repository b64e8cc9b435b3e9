package main

import (
	"context"

	"github.com/spf13/cobra"

	"cordon/gateway"
	"cordon/gateway/api"
	"cordon/gateway/history"
	"cordon/policy"
)

// planVerb says what an apply would change. It needs the right to read the packet filter and changes nothing.
func (a *app) planVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "plan [POLICY...]", Short: a.words.Text("verb.plan", nil), Args: arguments(0, -1)}
	detailed := cmd.Flags().Bool("detailed-exitcode", false, a.words.Text("flag.detailed_exitcode", nil))
	cmd.RunE = a.verb(func(ctx context.Context, args []string) (answer, error) {
		document := &api.Plan{Changes: noChanges()}
		r, err := a.usable(cmd, args, document)
		if err != nil {
			return answer{document: document}, err
		}
		if found, ok, err := a.serviced(ctx, "plan", nil, ownFlags(cmd), &r); ok {
			return orDocument(found, document), err
		}
		standing, err := a.stand(ctx, document)
		if err != nil {
			return answer{document: document}, err
		}
		proposal, err := a.propose(ctx, standing.Over(r.policy))
		if err != nil {
			return answer{document: document}, a.trouble("plan", r, err)
		}
		a.standingRemarks(document, standing)
		a.cutOff(document, proposal)
		document.Changes = a.changes(proposal)
		if a.reply != nil {
			a.reply.Plan = agreement(standing, proposal)
		}
		found := answer{document: document, text: a.planText(proposal)}
		if *detailed && !proposal.Empty() {
			found.code = exitNegative
		}
		return found, nil
	})
	return cmd
}

// propose opens the machine for one question.
func (a *app) propose(ctx context.Context, p policy.Policy) (gateway.Proposal, error) {
	g, err := gateway.Open(a.clock())
	if err != nil {
		return gateway.Proposal{}, err
	}
	defer func() { _ = g.Close() }() // it was only read
	return g.Propose(ctx, p, "")
}

// noChanges is an empty plan whose lists are lists all the same.
func noChanges() api.Changes {
	return api.Changes{Changes: []api.Change{}, Flows: api.Cut{First: []string{}}}
}

// changes is a proposal as the documents have it.
func (a *app) changes(p gateway.Proposal) api.Changes {
	c := noChanges()
	for _, change := range p.Plan.Changes {
		c.Changes = append(c.Changes, api.Change{
			Action: string(change.Action), Kind: change.Kind, Name: change.Name, File: change.Origin.File, Line: change.Origin.Line,
			Sentence: a.sentence(change),
		})
	}
	c.Elements = api.Count(p.Plan.Elements)
	c.Rules = api.Count(p.Plan.Rules)
	c.Flows.Cut = len(p.Cut)
	for _, f := range p.Cut[:min(len(p.Cut), shownFlows)] {
		c.Flows.First = append(c.Flows.First, flowText(p.Policy, f))
	}
	return c
}

// recorded is what the history keeps of a policy in force.
func (a *app) recorded(r reading) history.Applied {
	return history.Applied{
		Time: a.now(), Who: a.who(), Commit: r.commit, Digest: r.policy.Digest, Variables: r.policy.Variables, Directories: r.directories,
	}
}
