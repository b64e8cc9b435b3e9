// Package socket carries requests to the service and answers back, as HTTP and JSON over a Unix socket.
//
//	GET  /v1/status, /v1/history                                  whoever may look
//	POST /v1/plan, /v1/apply, /v1/confirm, /v1/rollback, …        whoever may operate
//	GET  /v1/openapi.json                                         what this is
//
// Who asks is what the kernel says of the process at the other end (SO_PEERCRED), never what he says of himself.
package socket
