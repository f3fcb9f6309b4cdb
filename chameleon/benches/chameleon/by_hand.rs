//! The function written by hand for speed alone, without templates, checks and limits: what there is to reach.

use std::hint::black_box;
use std::time::Instant;

use serde::Deserialize;

#[derive(Deserialize)]
struct Event {
    num_of_rows: usize,
    num_of_cols: usize,
}

/// The HTML of a table that has rows and columns: one row is rendered and then repeated.
pub(crate) fn render(rows: usize, columns: usize) -> Vec<u8> {
    let mut row = Vec::with_capacity(16 + 60 * columns);
    row.extend_from_slice(b"<tr>\n");
    for column in 1..=columns {
        row.extend_from_slice(b"<td>\n<span class=\"column-");
        push_number(&mut row, column);
        row.extend_from_slice(b"\">");
        push_number(&mut row, column);
        row.extend_from_slice(b"</span>\n</td>\n");
    }
    row.extend_from_slice(b"</tr>\n");

    let mut html = Vec::with_capacity(60 + rows * row.len());
    html.extend_from_slice(b"<table xmlns=\"http://www.w3.org/1999/xhtml\">\n");
    repeat(&mut html, &row, rows);
    html.extend_from_slice(b"</table>");
    html
}

/// Event bytes to answer bytes. The HTML is rendered because its latency is in the answer; the answer is made
/// of an escaped row that is repeated.
pub(crate) fn answer(event: &[u8]) -> Vec<u8> {
    let event: Event = serde_json::from_slice(event).expect("the benchmark's own event");
    let started = Instant::now();
    black_box(render(event.num_of_rows, event.num_of_cols));
    let latency = started.elapsed().as_secs_f64();

    let mut row = Vec::with_capacity(24 + 72 * event.num_of_cols);
    row.extend_from_slice(br"<tr>\\n");
    for column in 1..=event.num_of_cols {
        row.extend_from_slice(br#"<td>\\n<span class=\\\"column-"#);
        push_number(&mut row, column);
        row.extend_from_slice(br#"\\\">"#);
        push_number(&mut row, column);
        row.extend_from_slice(br"</span>\\n</td>\\n");
    }
    row.extend_from_slice(br"</tr>\\n");

    let mut answer = Vec::with_capacity(150 + event.num_of_rows * row.len());
    answer.extend_from_slice(br#""{\"latency\": "#);
    answer.extend_from_slice(latency.to_string().as_bytes());
    answer.extend_from_slice(br#", \"data\": \"<table xmlns=\\\"http://www.w3.org/1999/xhtml\\\">\\n"#);
    repeat(&mut answer, &row, event.num_of_rows);
    answer.extend_from_slice(br#"</table>\"}""#);
    answer
}

fn repeat(buffer: &mut Vec<u8>, row: &[u8], rows: usize) {
    for _ in 0..rows {
        buffer.extend_from_slice(row);
    }
}

fn push_number(buffer: &mut Vec<u8>, number: usize) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = number;
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
    }
    buffer.extend_from_slice(&digits[first..]);
}
