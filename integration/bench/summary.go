package main

import (
	"fmt"
	"slices"
)

// summary is the median of several measurements and the quarter and three quarters below and above which the others lie.
type summary struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func summarise(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	s := slices.Sorted(slices.Values(values))
	at := func(part float64) float64 { return s[int(part*float64(len(s)-1)+0.5)] }
	return summary{at(0.5), at(0.25), at(0.75)}
}

// text returns the median with its spread.
func (s summary) text(unit string) string {
	return fmt.Sprintf("%.4g %s (%.4g–%.4g)", s.Median, unit, s.Low, s.High)
}

// above returns what each measurement is over the baseline of its own round.
func above(values, baseline []float64) []float64 {
	over := make([]float64, len(values))
	for i := range values {
		over[i] = values[i] - baseline[i]
	}
	return over
}
