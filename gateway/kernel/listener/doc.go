// Package listener says at which ports programs of this network namespace wait for somebody.
package listener
