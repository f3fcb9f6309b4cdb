//! A comparison for people and for other programs: text, Markdown and CSV. JSON is that of the type itself.

mod csv;
mod markdown;
mod table;
mod text;
mod words;

pub use self::csv::csv;
pub use self::markdown::markdown;
pub use self::text::text;
pub use self::words::Extent;
pub(crate) use self::words::left_out;
