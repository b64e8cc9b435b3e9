package gateway

import (
	"context"
	"fmt"

	"cordon/gateway/netstate"
	"cordon/policy"
)

// Feature is something that our rules need of the kernel, and in the kernel's words why this one has it not.
type Feature struct{ Name, Because string }

// Examination is what the kernel holds that could make isolation weaker, whoever put it there.
type Examination struct {
	State    netstate.State
	Features []Feature
	Programs []netstate.Program
	Meddling []netstate.Meddling
}

// Examine reads the machine as those look at it who ask what is wrong with it: other programs' tables are read, too.
func (g *Gateway) Examine(ctx context.Context) (Examination, error) {
	live, err := g.kernel.Read(ctx, nil)
	if err != nil {
		return Examination{}, err
	}
	found := Examination{State: live.State}
	features, err := g.kernel.Features(ctx)
	if err != nil {
		return found, err
	}
	for _, f := range features {
		feature := Feature{Name: f.Name}
		if f.Err != nil {
			feature.Because = f.Err.Error()
		}
		found.Features = append(found.Features, feature)
	}
	tables, err := g.kernel.Foreign(ctx)
	if err != nil {
		return found, err
	}
	found.Meddling = netstate.MeddlingOf(tables)
	if found.Programs, err = g.kernel.Programs(); err != nil {
		return found, fmt.Errorf("read what is beside the packet filter: %w", err)
	}
	return found, nil
}

// Moment is what the gateway's clock says.
func (g *Gateway) Moment() policy.Moment { return g.clock() }
