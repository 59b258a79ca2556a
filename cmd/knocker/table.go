package main

import (
	"strings"
	"unicode/utf8"
)

// table is aligned columns for people. Cells are escaped here.
type table struct {
	columns []column
	rows    [][]cell
}

type column struct {
	title string
	right bool // numbers
}

type cell struct {
	text  string
	style style
}

func text(s string) cell { return cell{text: s} }

func (t *table) add(cells ...cell) {
	for n := range cells {
		cells[n].text = escape(cells[n].text)
		if n < len(cells)-1 {
			cells[n].text = shorten(cells[n].text, widestCell)
		}
	}
	t.rows = append(t.rows, cells)
}

// widestCell bounds all columns but the last.
const widestCell = 48

// print writes the table; on a terminal the last column gives way to its width.
func (t *table) print(s *screen, indent string) {
	widths := make([]int, len(t.columns))
	for n, c := range t.columns {
		widths[n] = utf8.RuneCountInString(c.title)
		for _, row := range t.rows {
			widths[n] = max(widths[n], utf8.RuneCountInString(row[n].text))
		}
	}
	header := make([]cell, len(t.columns))
	for n, c := range t.columns {
		header[n] = cell{c.title, bold}
	}
	t.printRow(s, indent, widths, header)
	for _, row := range t.rows {
		t.printRow(s, indent, widths, row)
	}
}

func (t *table) printRow(s *screen, indent string, widths []int, row []cell) {
	var b strings.Builder
	b.WriteString(indent)
	left := s.width() - len(indent)
	for n, c := range row {
		last := n == len(row)-1
		if last && s.width() > 0 {
			c.text = shorten(c.text, left)
		}
		padding := strings.Repeat(" ", max(0, widths[n]-utf8.RuneCountInString(c.text)))
		switch {
		case t.columns[n].right:
			b.WriteString(padding + s.paint(c.style, c.text))
		case last:
			b.WriteString(s.paint(c.style, c.text))
		default:
			b.WriteString(s.paint(c.style, c.text) + padding)
		}
		if !last {
			b.WriteString("  ")
		}
		left -= widths[n] + 2
	}
	s.line("%s", strings.TrimRight(b.String(), " "))
}

// shorten cuts text to a number of columns, but leaves a few of it always.
func shorten(text string, width int) string {
	width = max(width, 8)
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
