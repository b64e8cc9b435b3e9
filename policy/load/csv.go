package load

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"cordon/policy"
	"cordon/policy/message"
)

// maxColumns is how many columns a CSV file may have.
const maxColumns = 1000

// sheet is a CSV file: the places of its rows' cells are kept, so that a mistake in a cell is reported there.
type sheet struct {
	file   *file // nil for text that came from no file
	header []string
}

// row marks every value that a row of a sheet gave, and so tells where the value came from.
type row struct {
	sheet *sheet
	line  int
	cells []int // the byte columns of the cells, from 1
}

// origin returns the place of a column's cell; of the whole row for a column that it does not have.
func (r *row) origin(column string) policy.Origin {
	if r.sheet.file == nil {
		return policy.Origin{}
	}
	line := r.sheet.file.bytesOf(r.line)
	o := policy.Origin{File: r.sheet.file.name, Line: r.line, Column: 1, EndLine: r.line, EndColumn: utf8.RuneCount(line) + 1}
	for i, name := range r.sheet.header {
		if name == column && i < len(r.cells) && r.cells[i]-1 <= len(line) {
			o.Column = utf8.RuneCount(line[:r.cells[i]-1]) + 1
			o.EndColumn = o.Column + max(1, utf8.RuneCount(cellText(line[r.cells[i]-1:])))
		}
	}
	return o
}

func cellText(rest []byte) []byte {
	if bytes.HasPrefix(rest, []byte{'"'}) {
		if end := bytes.IndexByte(rest[1:], '"'); end >= 0 {
			return rest[:end+2]
		}
	}
	if end := bytes.IndexAny(rest, ",;\t"); end >= 0 {
		return rest[:end]
	}
	return rest
}

// separates is what the line before the header begins with that Excel writes and reads to say what separates the cells.
const separates = "sep="

// decodeCSV reads a sheet: a header and rows, cells trimmed, separated by commas or, as a French Excel writes, by semicolons.
func decodeCSV(f *file, text string, work *budget) (cty.Value, faults) {
	text = strings.TrimPrefix(text, "\uFEFF")
	s := &sheet{file: f}
	if number := longLine(text); number > 0 {
		return cty.NilVal, faults{s.fault("line-too-long", number, 1, nil)}
	}
	in := csv.NewReader(strings.NewReader(text))
	in.Comma = separator(text)
	in.FieldsPerRecord = -1
	var rows []cty.Value
	var wrong faults
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return list(s, rows, wrong)
		}
		if err != nil {
			return cty.NilVal, append(wrong, s.syntax(err))
		}
		trim(record)
		if s.header == nil && len(record) < 3 && strings.HasPrefix(record[0], separates) {
			continue
		}
		if s.header == nil {
			s.header = record
			if wrong = s.checkHeader(in); len(s.header) > maxColumns {
				return cty.NilVal, wrong
			}
			continue
		}
		if empty(record) { // a spreadsheet ends in lines of separators
			continue
		}
		if !work.pay(rowCost+cellCost*len(record), policy.Origin{}) {
			return cty.NilVal, append(wrong, one("too-much-work", nil)...)
		}
		r := &row{sheet: s, cells: make([]int, len(record))}
		for i := range record {
			line, column := in.FieldPos(i)
			if i == 0 {
				r.line = line
			}
			r.cells[i] = column
		}
		value, err := s.value(record)
		if err != nil {
			wrong = append(wrong, s.ragged(r, len(record)))
			continue
		}
		rows = append(rows, value.Mark(r))
	}
}

func list(s *sheet, rows []cty.Value, wrong faults) (cty.Value, faults) {
	if s.header == nil {
		return cty.NilVal, one("csv-empty", nil)
	}
	if len(wrong) > 0 {
		return cty.NilVal, wrong
	}
	if len(rows) == 0 {
		attributes := map[string]cty.Type{}
		for _, name := range s.header {
			attributes[name] = cty.String
		}
		return cty.ListValEmpty(cty.Object(attributes)), nil
	}
	return cty.ListVal(rows), nil
}

// separator returns what separates the cells: what Excel says in a line before the header, sep=; or what the header holds most of.
func separator(text string) rune {
	header, _, _ := strings.Cut(text, "\n")
	if said, ok := strings.CutPrefix(header, separates); ok {
		switch said = strings.TrimRight(said, "\r"); said {
		case ",", ";", "\t":
			return rune(said[0])
		}
	}
	best := ','
	for _, r := range ";\t" {
		if strings.Count(header, string(r)) > strings.Count(header, string(best)) {
			best = r
		}
	}
	return best
}

func trim(record []string) {
	for i, cell := range record {
		record[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\u00A0", " "))
	}
}

func empty(record []string) bool {
	for _, cell := range record {
		if cell != "" {
			return false
		}
	}
	return true
}

var errRagged = errors.New("another number of cells than the header")

func (s *sheet) value(record []string) (cty.Value, error) {
	for len(record) > len(s.header) && record[len(record)-1] == "" {
		record = record[:len(record)-1]
	}
	if len(record) != len(s.header) {
		return cty.NilVal, errRagged
	}
	cells := make(map[string]cty.Value, len(record))
	for i, cell := range record {
		cells[s.header[i]] = cty.StringVal(cell)
	}
	return cty.ObjectVal(cells), nil
}

func (s *sheet) checkHeader(in *csv.Reader) faults {
	for len(s.header) > 1 && s.header[len(s.header)-1] == "" {
		s.header = s.header[:len(s.header)-1]
	}
	if len(s.header) > maxColumns {
		line, column := in.FieldPos(maxColumns)
		return faults{s.fault("csv-columns", line, column, nil)}
	}
	var wrong faults
	seen := map[string]bool{}
	for i, name := range s.header {
		line, column := in.FieldPos(i)
		switch {
		case name == "":
			wrong = append(wrong, s.fault("csv-header-empty", line, column, message.Args{"column": strconv.Itoa(i + 1)}))
		case seen[name]:
			wrong = append(wrong, s.fault("csv-header-twice", line, column, message.Args{"column": name}))
		}
		seen[name] = true
	}
	return wrong
}

func (s *sheet) ragged(r *row, cells int) fault {
	return fault{code: "csv-ragged", origin: r.origin(""), args: message.Args{
		"cells": strconv.Itoa(cells), "header": strconv.Itoa(len(s.header)),
	}}
}

func (s *sheet) syntax(err error) fault {
	var at *csv.ParseError
	if !errors.As(err, &at) {
		return fault{code: "csv-syntax"}
	}
	if at.StartLine != at.Line { // a quote that nothing closes takes the rest of the file with it
		return s.fault("csv-quote-open", at.StartLine, 1, nil)
	}
	return s.fault("csv-syntax", at.Line, at.Column, nil)
}

func (s *sheet) fault(code string, line, column int, args message.Args) fault {
	f := fault{code: code, args: args}
	if s.file != nil {
		text := s.file.line(line)
		column = utf8.RuneCountInString(text[:min(max(column-1, 0), len(text))]) + 1
		f.origin = policy.Origin{File: s.file.name, Line: line, Column: column, EndLine: line, EndColumn: column + 1}
	}
	return f
}
