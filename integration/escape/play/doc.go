// Command play runs the escape suite: every technique on every site that this kernel can build.
//
//	go run -exec "unshare --user --map-root-user --net" ./integration/escape/play [-site switch]
//
// It exits with 1 when something escaped, a technique showed nothing, or an allowed flow did not arrive.
package main
