//! The records of a CSV file one by one, so that a damaged one costs none of those behind it.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use super::whole_lines::WholeLines;

/// A longer record is damaged: none of ours is as long.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// A field that holds more line ends is damaged.
const MAX_LINE_ENDS: usize = 100;

/// Finds where records end, and passes on one record at a time as if the file ended with it.
#[derive(Debug)]
pub(super) struct CsvRecords<R> {
    lines: WholeLines<R>,
    /// Lines that were looked at, and do not belong to the record before them.
    ahead: VecDeque<Vec<u8>>,
    /// How many line ends a field may hold.
    max_line_ends: usize,
    record: Vec<u8>,
    /// How many bytes of `record` were passed on.
    passed: usize,
    /// The number of the first line of the record, from 1.
    line: u64,
    next_line: u64,
    ends_in_field: bool,
}

/// What comes next in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A record that can be read now.
    Record,
    /// A line that is no record, and why. The record behind it is on the next line.
    Damaged(&'static str),
    /// The end of the file.
    End,
}

impl<R: BufRead> CsvRecords<R> {
    /// The records of a file in which no field holds more than `max_line_ends` line ends.
    pub(super) fn new(from: R, max_line_ends: usize) -> Self {
        Self {
            lines: WholeLines::new(from),
            ahead: VecDeque::new(),
            max_line_ends: max_line_ends.min(MAX_LINE_ENDS),
            record: Vec::new(),
            passed: 0,
            line: 0,
            next_line: 1,
            ends_in_field: false,
        }
    }

    /// The number of the first line of the record, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the file ends within a record. False before its end.
    pub(super) fn is_cut_off(&self) -> bool {
        self.ends_in_field || self.lines.is_cut_off()
    }

    /// Goes on to the next record.
    pub(super) fn advance(&mut self) -> io::Result<Next> {
        (self.record, self.passed, self.line) = (Vec::new(), 0, self.next_line);
        let Some(first) = self.next_line()? else { return Ok(Next::End) };
        if !first.ends_with(b"\n") {
            self.skip_line()?;
            return Ok(Next::Damaged("the line has more than 1 MiB"));
        }
        let mut record = first.clone();
        let mut joined = VecDeque::new();
        while ends_in_quotes(&record) {
            if joined.len() == self.max_line_ends || record.len() > MAX_RECORD_BYTES {
                return Ok(self.give_back(joined));
            }
            match self.next_line()? {
                Some(line) => {
                    record.extend(&line);
                    joined.push_back(line);
                }
                None if self.max_line_ends == 0 => return Ok(self.give_back(joined)),
                None => {
                    self.ends_in_field = true;
                    return Ok(Next::End);
                }
            }
        }
        if record.ends_with(b"\r\n") {
            record.truncate(record.len() - 2);
            record.push(b'\n');
        }
        if record == b"\n" {
            return Ok(Next::Damaged("the line is empty"));
        }
        self.record = record;
        Ok(Next::Record)
    }

    /// Leaves lines for the next records.
    fn give_back(&mut self, mut lines: VecDeque<Vec<u8>>) -> Next {
        self.next_line -= lines.len() as u64;
        lines.append(&mut self.ahead);
        self.ahead = lines;
        Next::Damaged("a quotation mark has no other one")
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = match self.ahead.pop_front() {
            Some(line) => Some(line),
            None => self.lines.next_line()?.map(<[u8]>::to_vec),
        };
        self.next_line += u64::from(line.is_some());
        Ok(line)
    }

    /// Leaves out the rest of a line.
    fn skip_line(&mut self) -> io::Result<()> {
        while self.lines.next_line()?.is_some_and(|part| !part.ends_with(b"\n")) {}
        Ok(())
    }
}

impl<R: BufRead> Read for CsvRecords<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (&self.record[self.passed..]).read(buffer)?;
        self.passed += length;
        Ok(length)
    }
}

/// Whether a quoted field is still open at the end of the text.
fn ends_in_quotes(text: &[u8]) -> bool {
    #[derive(Clone, Copy)]
    enum At {
        Start,
        Plain,
        Quoted,
        /// Behind a quotation mark in a quoted field: it ends the field, unless another one follows.
        Mark,
    }
    let end = text.iter().fold(At::Start, |at, byte| match (at, byte) {
        (At::Start, b'"') | (At::Mark, b'"') => At::Quoted,
        (At::Quoted, b'"') => At::Mark,
        (At::Quoted, _) => At::Quoted,
        (_, b',' | b'\n') => At::Start,
        _ => At::Plain,
    });
    matches!(end, At::Quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line and the text of each record, or why there is none.
    fn records(text: &str, max_line_ends: usize) -> (Vec<(u64, String)>, bool) {
        let (mut records, mut found) = (CsvRecords::new(text.as_bytes(), max_line_ends), Vec::new());
        loop {
            let text = match records.advance().unwrap() {
                Next::End => return (found, records.is_cut_off()),
                Next::Damaged(why) => why.to_owned(),
                Next::Record => io::read_to_string(&mut records).unwrap(),
            };
            found.push((records.line(), text));
        }
    }

    fn lines(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        lines.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
    }

    #[test]
    fn a_quotation_mark_that_is_missing_costs_one_line() {
        let unclosed = "a quotation mark has no other one";
        let (found, is_cut_off) = records("a,b\n\"c,d\ne,\"\"\"f\"\n\ng\"h,i\r\nk", 0);
        let expected =
            [(1, "a,b\n"), (2, unclosed), (3, "e,\"\"\"f\"\n"), (4, "the line is empty"), (5, "g\"h,i\n")];
        assert_eq!((found, is_cut_off), (lines(&expected), true));
        assert_eq!(records("\"a\nb\n", 0), (lines(&[(1, unclosed), (2, "b\n")]), false));
    }

    #[test]
    fn a_field_may_hold_as_many_line_ends_as_a_name_has() {
        let (found, is_cut_off) = records("\"a\n\nb\",c\nd\n\"e\nf\ng\nh\n", 2);
        let unclosed = "a quotation mark has no other one";
        let expected = [(1, "\"a\n\nb\",c\n"), (4, "d\n"), (5, unclosed), (6, "f\n"), (7, "g\n"), (8, "h\n")];
        assert_eq!((found, is_cut_off), (lines(&expected), false));
        assert_eq!(records("a\n\"b\n", 1), (lines(&[(1, "a\n")]), true), "it ends within a name");
    }

    #[test]
    fn a_long_line_is_left_out() {
        let text = format!("a\n{}\nb\n", "x".repeat(3 << 20));
        let expected = [(1, "a\n"), (2, "the line has more than 1 MiB"), (3, "b\n")];
        assert_eq!(records(&text, 0), (lines(&expected), false));
    }
}
