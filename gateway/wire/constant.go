package wire

// What golang.org/x/sys/unix has no name for, or not the kernel's whole list (linux/netfilter/nf_tables.h, nfnetlink.h).
const (
	chainFlagsAttr    = 10 // NFTA_CHAIN_FLAGS
	chainUserdataAttr = 12 // NFTA_CHAIN_USERDATA
	hookDevicesAttr   = 4  // NFTA_HOOK_DEVS
	deviceNameAttr    = 1  // NFTA_DEVICE_NAME

	tableHandleAttr   = 4 // NFTA_TABLE_HANDLE
	tablePadAttr      = 5 // NFTA_TABLE_PAD
	tableUserdataAttr = 6 // NFTA_TABLE_USERDATA
	tableOwnerAttr    = 7 // NFTA_TABLE_OWNER

	rulePositionAttr = 6 // NFTA_RULE_POSITION

	setHandleAttr   = 16 // NFTA_SET_HANDLE
	setExprAttr     = 17 // NFTA_SET_EXPR
	setExprsAttr    = 18 // NFTA_SET_EXPRESSIONS
	setKindAttr     = 19 // NFTA_SET_TYPE: which data structure the kernel chose
	setCountAttr    = 20 // NFTA_SET_COUNT: how many elements it holds
	setSizeAttr     = 1  // NFTA_SET_DESC_SIZE
	setConcatAttr   = 2  // NFTA_SET_DESC_CONCAT
	fieldLengthAttr = 1  // NFTA_SET_FIELD_LEN
	listElementAttr = 1  // NFTA_LIST_ELEM

	elementKeyEndAttr = 10 // NFTA_SET_ELEM_KEY_END
	elementExprsAttr  = 11 // NFTA_SET_ELEM_EXPRESSIONS

	flowtableNameAttr = 2 // NFTA_FLOWTABLE_NAME

	dataValueAttr   = 1 // NFTA_DATA_VALUE
	dataVerdictAttr = 2 // NFTA_DATA_VERDICT

	dynsetExprsAttr = 10 // NFTA_DYNSET_EXPRESSIONS

	newFlowtable = 22 // NFT_MSG_NEWFLOWTABLE
)
