package wire

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// tableNameAttr is the attribute by which every notification of nf_tables names its table: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE,
// NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_SET_ELEM_LIST_TABLE, NFTA_OBJ_TABLE and NFTA_FLOWTABLE_TABLE are one number.
const tableNameAttr = 1

// setNameAttr is the one by which notifications of sets and of elements name the set: NFTA_SET_NAME and NFTA_SET_ELEM_LIST_SET.
const setNameAttr = 2

// Notice is one notification of nf_tables. Those of a transaction come together, and the last one of them ends it.
type Notice struct {
	// Table is where something changed; it has no name in the notification that ends a transaction.
	Table ID
	// Set is the set that changed, or whose elements did; nothing in any other notification.
	Set string
	// Ends says that this is the end of a transaction, Generation what it made, and PID and Process who did it: the number of the thread
	// that sent it in the first PID namespace, and its name of at most 15 octets.
	Ends       bool
	Generation uint32
	PID        uint32
	Process    string
}

// DecodeNotice reads a message of the group NFNLGRP_NFTABLES.
func DecodeNotice(m Message) (Notice, error) {
	command, ok := m.Command()
	if !ok {
		return Notice{}, fmt.Errorf("%w: message %#x is none of nf_tables", ErrMalformed, m.Type)
	}
	switch command {
	case unix.NFT_MSG_NEWGEN:
	case unix.NFT_MSG_NEWSET, unix.NFT_MSG_DELSET, unix.NFT_MSG_NEWSETELEM, unix.NFT_MSG_DELSETELEM:
		return Notice{Table: ID{m.Family, m.Body.Text(tableNameAttr)}, Set: m.Body.Text(setNameAttr)}, nil
	default:
		return Notice{Table: ID{m.Family, m.Body.Text(tableNameAttr)}}, nil
	}
	n := Notice{Ends: true, Process: m.Body.Text(unix.NFTA_GEN_PROC_NAME)}
	var err error
	n.Generation, err = DecodeGeneration(m)
	n.PID, _ = m.Body.Uint32(unix.NFTA_GEN_PROC_PID)
	return n, err
}
