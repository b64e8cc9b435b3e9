// Package write makes the text of policies: the canonical format, in which two people's edits of one policy differ only where they mean
// something else.
package write
