package main

import (
	"cordon/gateway/api"
	"cordon/policy"
	"cordon/policy/message"
)

// hours remarks what the hour does to a policy that is applied without the service: a clock that may be wrong keeps everything shut that
// depends on it, and a window that begins later is missed.
func (a *app) hours(document api.Document, p policy.Policy) {
	if !p.DependsOnTime() {
		return
	}
	at := a.clock()()
	if !at.Trusted {
		a.remark(document, "clock-unknown", nil)
	}
	if next, ok := p.NextOpening(at.Time); ok {
		a.say(document, []message.Diagnostic{{
			Code: "window-missed", Severity: message.Warning, Origin: next.Origin, Args: message.Args{
				"kind": next.Kind, "name": next.Name, "time": next.At.In(p.Site.Zone.Location()).Format("2006-01-02 15:04 MST"),
			},
		}})
	}
}
