package plan

import (
	"slices"
	"strings"
	"time"

	"cordon/gateway/wire"
)

// Opening is an exception or an allow with a schedule that the kernel holds open, and how long it still does by itself.
type Opening struct {
	Kind, Name string
	Left       time.Duration
}

// Openings reads from tables what is open for a time, in the order of a policy's blocks.
func Openings(tables []wire.Table) []Opening {
	known := tagsOf(tables)
	left := map[string]time.Duration{}
	for i := range tables {
		for j := range tables[i].Sets {
			s := &tables[i].Sets[j]
			if !strings.HasPrefix(s.Name, limited) {
				continue
			}
			for _, e := range s.Elements {
				code := wire.Comment(e.Userdata)
				left[code] = max(left[code], time.Duration(e.Expiration)*time.Millisecond) //nolint:gosec // a kernel's timeout fits
			}
		}
	}
	var list []Opening
	for k, thing := range known.things {
		if until, open := left[thing.code]; open && (k[0] == "exception" || k[0] == "allow") {
			list = append(list, Opening{k[0], k[1], until})
		}
	}
	slices.SortFunc(list, func(a, b Opening) int { return compareNames([2]string{a.Kind, a.Name}, [2]string{b.Kind, b.Name}) })
	return list
}
