// Package message holds every sentence that a user reads, by code, in English and in French, and what a mistake in a policy is: a
// Diagnostic, rendered here.
//
//	text/en/*.txt ┐
//	text/fr/*.txt ┴─In(language)──▶ Printer ──Text, Summary, Detail, Render──▶ what is printed
//
// A text file holds one sentence a line, "code.part = sentence"; a line that begins with a space carries on the line before it. In a
// sentence {name} stands for an argument, and {count|camera|cameras} for the word that goes with the number of that argument. Whoever
// needs a sentence adds it to a file of each language; a test holds that both have the same codes with the same arguments.
package message
