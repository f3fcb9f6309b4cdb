//! What servers and functions say of failures, made fit for a cause.

/// Longer messages are cut: they are for a line of the log.
pub(super) const MAX_MESSAGE_CHARS: usize = 300;
/// Longer names of errors, reasons and request ids are cut.
pub(super) const MAX_NAME_CHARS: usize = 100;

/// What a proxy or another server says in text or HTML; `None` if it is nothing.
pub(super) fn one_line(body: &[u8]) -> Option<String> {
    // Enough for what is shown, whatever the indentation.
    let start = &body[..body.len().min(8 * MAX_MESSAGE_CHARS)];
    let text = String::from_utf8_lossy(start);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}
