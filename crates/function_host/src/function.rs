//! What a program tells about its function.

/// A sample function, as its program describes it.
#[derive(Debug, Clone, Copy)]
pub struct Function<I> {
    /// Initialises the function and returns its handler.
    ///
    /// The handler takes the JSON text of an event and returns the answer, which is sent as `serde_json` writes it. One
    /// handler gets one event after the other.
    pub init: I,
    /// The event that a name stands for, as vHive's callers of the function send names in place of events.
    pub event_of_name: fn(&str) -> &'static str,
}
