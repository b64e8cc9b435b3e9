package wire

// Userdata is what nft keeps beside tables, rules, sets and elements for its own listing: a type, a length and a value of at most
// 255 octets each (libnftnl, include/udata.h). The kernel never reads it.
const (
	tableCommentTLV   = 0 // NFTNL_UDATA_TABLE_COMMENT
	ruleCommentTLV    = 0 // NFTNL_UDATA_RULE_COMMENT
	elementCommentTLV = 0 // NFTNL_UDATA_SET_ELEM_COMMENT
	elementFlagsTLV   = 1 // NFTNL_UDATA_SET_ELEM_FLAGS

	setKeyOrderTLV     = 0 // NFTNL_UDATA_SET_KEYBYTEORDER
	setDataOrderTLV    = 1 // NFTNL_UDATA_SET_DATABYTEORDER
	setKeyTypeofTLV    = 3 // NFTNL_UDATA_SET_KEY_TYPEOF
	setDataTypeofTLV   = 4 // NFTNL_UDATA_SET_DATA_TYPEOF
	setDataIntervalTLV = 6 // NFTNL_UDATA_SET_DATA_INTERVAL
	setCommentTLV      = 7 // NFTNL_UDATA_SET_COMMENT
)

// commentLimit is how long a comment may be in octets: nft's own limit (include/rule.h).
const commentLimit = 128

func appendTLV(b []byte, kind byte, value string) []byte {
	value = value[:min(len(value), 255)]
	b = append(b, kind, byte(len(value))) //nolint:gosec // cut above
	return append(b, value...)
}

// comment writes a comment as nft does, cut to what nft can have written.
func comment(kind byte, text string) string {
	if text == "" {
		return ""
	}
	return string(appendTLV(nil, kind, text[:min(len(text), commentLimit)]+"\x00"))
}

// tlv returns the value of the first TLV of a type.
func tlv(userdata string, kind byte) string {
	for len(userdata) >= 2 {
		n := int(userdata[1])
		if n > len(userdata)-2 {
			return ""
		}
		if userdata[0] == kind {
			return userdata[2 : 2+n]
		}
		userdata = userdata[2+n:]
	}
	return ""
}

// Comment returns the comment in the userdata of a table, a rule or an element.
func Comment(userdata string) string { return Attributes(tlv(userdata, ruleCommentTLV)).text() }
