package policy

import (
	"encoding/hex"
	"errors"
	"strings"
)

// MAC is an Ethernet address. The zero value means: none.
type MAC [6]byte

// ErrMAC is what ParseMAC returns for text that is not an Ethernet address.
var ErrMAC = errors.New("not a MAC address")

// ParseMAC reads the three usual notations: 44:19:b6:12:34:56, 44-19-B6-12-34-56 and 4419.b612.3456.
func ParseMAC(text string) (MAC, error) {
	groups, size := strings.Split(text, ":"), 2
	switch {
	case strings.Count(text, "-") == 5:
		groups = strings.Split(text, "-")
	case strings.Count(text, ".") == 2:
		groups, size = strings.Split(text, "."), 4
	}
	if len(groups)*size != 12 {
		return MAC{}, ErrMAC
	}
	var mac MAC
	for i, g := range groups {
		octets, err := hex.DecodeString(g)
		if err != nil || len(octets) != size/2 {
			return MAC{}, ErrMAC
		}
		copy(mac[i*size/2:], octets)
	}
	return mac, nil
}

// String returns the notation with colons, in lower case.
func (m MAC) String() string {
	text := make([]byte, 0, 17)
	for i, b := range m {
		if i > 0 {
			text = append(text, ':')
		}
		text = hex.AppendEncode(text, []byte{b})
	}
	return string(text)
}

// IsZero says whether there is no address.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsMulticast says whether the address is one of a group of machines, which no machine may send from (IEEE 802, I/G bit).
func (m MAC) IsMulticast() bool { return m[0]&1 == 1 }
