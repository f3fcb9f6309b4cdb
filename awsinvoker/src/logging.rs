//! What is logged to standard error.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::screen;

/// What is logged unless `AWSINVOKER_LOG` says otherwise. What the SDK logs while it looks for a region and for
/// credentials is told in one sentence, if it finds none.
const DEFAULT_FILTER: &str = "warn,awsinvoker=info,aws_config=error,aws_runtime=error,\
    aws_smithy_http_client=error,aws_smithy_runtime=error";

/// So many different lines of other crates are remembered, so that they are not repeated.
const MAX_REMEMBERED: usize = 1000;

/// Logs to standard error from now on. `filter` is a level, or a list of `TARGET=LEVEL`.
pub fn start(filter: Option<&str>) {
    let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok());
    // A terminal that was closed is no reason to panic, as reporting internal errors there would be.
    let lines = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(|| screen::Log)
        .with_filter(OtherCratesOnce::default());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    // It fails if the program logs already, which it may go on with.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

/// Waits until all is written that was logged, but not for longer than some seconds.
pub fn flush() {
    screen::flush();
}

/// Lets equal lines of other crates pass once: a library that cannot connect says so for each call.
#[derive(Debug, Default)]
struct OtherCratesOnce(Mutex<HashSet<String>>);

impl OtherCratesOnce {
    fn is_new(&self, line: String) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MAX_REMEMBERED {
            lines.clear();
        }
        lines.insert(line)
    }
}

impl<S: Subscriber> Filter<S> for OtherCratesOnce {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let target = event.metadata().target();
        if target.starts_with(env!("CARGO_PKG_NAME")) {
            return true;
        }
        let mut line = Line(target.to_owned());
        event.record(&mut line);
        self.is_new(line.0)
    }
}

/// The fields of an event as text.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn equal_lines_of_other_crates_are_told_once() {
        #[derive(Clone, Default)]
        struct Memory(Arc<Mutex<Vec<u8>>>);

        impl io::Write for Memory {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let memory = Memory::default();
        let writer = memory.clone();
        let lines = fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .with_filter(OtherCratesOnce::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for number in [1, 1, 2, 1] {
                tracing::warn!(target: "hyper", "refused {number}");
                tracing::warn!("own");
            }
        });
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert_eq!((text.matches("refused").count(), text.matches("own").count()), (2, 4), "{text}");
    }
}
