// Package socket carries requests to the service and answers back, as HTTP and JSON over a Unix socket.
//
//	GET  /v1/status, /v1/history                                  whoever may look
//	POST /v1/plan, /v1/apply, /v1/confirm, /v1/rollback, …        whoever may operate
//	GET  /v1/openapi.json                                         what this is
//
// At most 32 connections of those who may operate are open, and 32 of all others together, 8 of each user: the next one closes the one
// among them that has been silent for longest, and where each is being answered it is closed itself. A request has 10 s for its head and a
// minute for its body, and whoever asks a minute to read the answer. Those who look are answered one after the other. The loop that
// enforces waits for none of them: what it does is done between a whole request and an answer in memory.
//
// Who asks is what the kernel says of the process at the other end (SO_PEERCRED), never what he says of himself.
package socket
