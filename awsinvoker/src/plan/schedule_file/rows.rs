//! The lines of a file with a schedule, and what can be wrong with them.

use std::io::Read;

use csv::StringRecord;

use super::record_limit::RecordLimit;
use crate::plan::recording::RecordingError;
use crate::text::shortened;

/// A longer value is cut in messages.
pub(super) const MAX_VALUE_CHARS: usize = 80;

/// More functions of a trace are refused; their names take some 200 MB.
pub(super) const MAX_FUNCTIONS: usize = 1_000_000;

/// What is wrong with the content of a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("cannot be read: {0}")]
    Read(#[from] csv::Error),
    #[error(
        "line 1 is `{0}`, expected the columns intended_ns and endpoint, as --schedule-out and runs write them, those of \
         invitro's invocations (HashOwner,HashApp,HashFunction,Trigger,1,2,...), or those of Azure Functions 2021 \
         (app,func,end_timestamp,duration)"
    )]
    Header(String),
    #[error("line {line}: the number of fields is {fields}, expected {expected} as in line 1")]
    Fields { line: u64, fields: usize, expected: usize },
    #[error("line {line}: `{field}` is `{value}`, expected {expected}")]
    Value { line: u64, field: String, value: String, expected: String },
    #[error("line {line}: more than {MAX_FUNCTIONS} functions, expected at most that many")]
    Functions { line: u64 },
    #[error(
        "--arrivals is for rates and for counts of calls, but this file has the time of each call; leave it out"
    )]
    Arrivals,
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// The lines of a file after its first one.
pub(super) struct Rows<R> {
    reader: csv::Reader<RecordLimit<R>>,
    pub(super) header: StringRecord,
    record: StringRecord,
}

impl<R: Read> Rows<R> {
    /// Reads the first line.
    pub(super) fn new(file: R) -> Result<Self, Problem> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(RecordLimit::new(file));
        let header = reader.headers()?.clone();
        Ok(Self { reader, header, record: StringRecord::new() })
    }

    /// The file, read as far as its lines were.
    pub(super) fn into_file(self) -> R {
        self.reader.into_inner().into_inner()
    }

    /// The first line, for messages.
    pub(super) fn header_text(&self) -> String {
        let fields: Vec<&str> = self.header.iter().collect();
        shortened(&fields.join(","), MAX_VALUE_CHARS)
    }

    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> usize {
        self.header.iter().position(|field| field == name).unwrap_or(0)
    }

    /// Goes to the next line; false if there is none.
    pub(super) fn advance(&mut self) -> Result<bool, Problem> {
        if !self.reader.read_record(&mut self.record)? {
            return Ok(false);
        }
        self.reader.get_mut().record_ended();
        let (fields, expected) = (self.record.len(), self.header.len());
        if fields == expected {
            Ok(true)
        } else {
            Err(Problem::Fields { line: self.line(), fields, expected })
        }
    }

    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The field of a column in this line.
    pub(super) fn field(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    /// The field of a column, read by `read`.
    pub(super) fn value<T>(
        &self,
        column: usize,
        read: impl FnOnce(&str) -> Option<T>,
        expected: impl FnOnce() -> String,
    ) -> Result<T, Problem> {
        read(self.field(column)).ok_or_else(|| Problem::Value {
            line: self.line(),
            field: self.header.get(column).unwrap_or_default().to_owned(),
            value: shortened(self.field(column), MAX_VALUE_CHARS),
            expected: expected(),
        })
    }
}
