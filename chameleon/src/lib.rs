//! The chameleon function: renders an HTML table of the size that the event asks for.
//!
//! ```text
//! event text ──► Event ──► Table ──► Html ──► Answer
//!                event.rs  size.rs   table.rs answer.rs
//! ```
//!
//! The answer is byte for byte that of the original Python function, which renders the table with the
//! template engine Chameleon. One thing is added: an answer that Lambda would not deliver is refused before
//! it is built.

pub mod answer;
pub mod event;
pub mod samples;
pub mod size;
pub mod table;

use std::time::Instant;

use function_core::FunctionError;

pub use crate::answer::Answer;
pub use crate::event::Event;
pub use crate::table::{Html, Table};

use crate::size::MAX_ANSWER;

/// Answers the JSON text of an event.
///
/// # Errors
/// `InvalidEvent` if the event is not an object or asks for a size that is not an integer;
/// `ResponseTooLarge` if Lambda would not deliver the answer.
#[expect(
    clippy::disallowed_methods,
    reason = "the latency is part of the answer; no other place reads a clock"
)]
pub fn handle(event: &str) -> Result<Answer, FunctionError> {
    let event = Event::parse(event)?;
    let started = Instant::now();
    let table = Table::new(event.rows(), event.columns()).ok_or_else(|| too_large(&event))?;
    let html = table.render();
    let latency = started.elapsed();
    Ok(Answer::new(&html, latency))
}

fn too_large(event: &Event<'_>) -> FunctionError {
    let Event { num_of_rows, num_of_cols } = event;
    let size = match size::answer_size(event.rows(), event.columns()) {
        Some(size) => format!("up to {size}"),
        None => format!("more than {}", usize::MAX),
    };
    let advice = match size::max_rows(event.columns()) {
        0 => "not even one row fits, ask for fewer columns".to_owned(),
        rows => format!("ask for at most {rows} rows with as many columns"),
    };
    FunctionError::response_too_large(format!(
        "`num_of_rows` is {num_of_rows} and `num_of_cols` is {num_of_cols}: the answer would have {size} bytes, \
         but Lambda delivers at most {MAX_ANSWER}; {advice}"
    ))
}
