//go:build full

package oracle_test

func extent() form { return form{policies: 200, packets: 500, each: 500} }
