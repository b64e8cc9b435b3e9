//go:build !full

package oracle_test

func extent() form { return form{policies: 40, packets: 500, each: 100} }
