package load

import (
	"strings"
)

// maxName is how many characters a DNS name may have, without its last dot (RFC 1035).
const maxName = 253

// isName says whether a text can be a DNS name, of one label or of several.
func isName(text string) bool {
	if len(text) > maxName {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > maxLabel || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}
