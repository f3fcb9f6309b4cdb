//! How something is made again.

/// The words of a command line as a shell takes them.
pub(crate) fn text(words: &[String]) -> String {
    let words = words.iter().map(String::as_str);
    shlex::try_join(words.clone()).unwrap_or_else(|_| words.collect::<Vec<_>>().join(" "))
}
