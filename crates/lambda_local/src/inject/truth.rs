//! The truth file: what really happened to each request, one line each.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::model::Draw;
use crate::clock;

/// How many requests may be under way, or ended and not written yet. Further requests wait.
const PLACES: usize = 65_536;

/// About as many bytes are written at a time. The kernel writes a page as a whole, also if this process is killed.
const BATCH_BYTES: usize = 4096;

const HEADER: &str =
    "request_id,function,number,kind,arrival_ns,latency_ns,init_ns,intended_ns,ended_ns,ending\n";

/// How a request really ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The answer, or what came instead of it, was given to the kernel.
    Written,
    /// The connection was reset, as it was to be.
    Reset,
    /// The client was gone before, or did not take the answer.
    ClientGone,
    /// The server stopped before.
    Stopped,
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Reset => "reset",
            Self::ClientGone => "client_gone",
            Self::Stopped => "stopped",
        }
    }
}

/// What is known of a request while it is under way. Times are nanoseconds of the monotonic clock.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request_id: String,
    pub(crate) function: Arc<str>,
    pub(crate) number: u64,
    pub(crate) draw: Draw,
    pub(crate) arrival_ns: u64,
    pub(crate) place: Place,
}

/// Room for one request in the memory of this server.
#[derive(Debug)]
pub(crate) struct Place {
    rows: Sender<Row>,
    epoch_ns: u64,
    permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Row {
    line: String,
    permit: OwnedSemaphorePermit,
}

/// The writer of the file, which has a thread of its own.
#[derive(Debug)]
pub(crate) struct Truth {
    /// `None` once no further request is let in.
    rows: Mutex<Option<Sender<Row>>>,
    places: Arc<Semaphore>,
    /// The time of day when the monotonic clock was 0, in nanoseconds since the start of 1970. It is read once, so that
    /// setting the clock of the machine does not change durations.
    epoch_ns: u64,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Entry {
    /// Writes the line of a request that has ended.
    pub(crate) fn end(self, ended_ns: u64, ending: Ending) {
        let line = self.line(ended_ns, ending);
        let Place { rows, permit, .. } = self.place;
        // The writer ends early only if it cannot write, which stops the server.
        let _ = rows.send(Row { line, permit });
    }

    fn line(&self, ended_ns: u64, ending: Ending) -> String {
        let Self { request_id, function, number, draw, .. } = self;
        let [arrival_ns, ended_ns] = [self.arrival_ns, ended_ns].map(|ns| ns + self.place.epoch_ns);
        let [latency_ns, init_ns] =
            [draw.latency_ns, draw.init_ns].map(|ns| ns.map(|ns| ns.to_string()).unwrap_or_default());
        let (kind, intended_ns, ending) = (draw.kind.name(), draw.intended_ns(), ending.name());
        format!(
            "{request_id},{function},{number},{kind},{arrival_ns},{latency_ns},{init_ns},{intended_ns},{ended_ns},{ending}\n"
        )
    }
}

impl Truth {
    /// Starts the file, which must not exist yet. `failed` is cancelled if a line cannot be written.
    ///
    /// # Errors
    /// If the file exists or cannot be made.
    pub(crate) fn create(path: &Path, failed: CancellationToken) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        file.write_all(HEADER.as_bytes())?;
        let (rows, written) = mpsc::channel();
        let writer = std::thread::Builder::new().name("truth".to_owned()).spawn(move || {
            let result = write(&mut file, &written);
            if result.is_err() {
                failed.cancel();
            }
            result
        })?;
        Ok(Self {
            rows: Mutex::new(Some(rows)),
            places: Arc::new(Semaphore::new(PLACES)),
            epoch_ns: clock::epoch_ns().saturating_sub(clock::monotonic_ns()),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Waits for room for one more request. `None` if the server stops.
    pub(crate) async fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let rows = locked(&self.rows).clone()?;
        Some(Place { rows, epoch_ns: self.epoch_ns, permit })
    }

    /// Lets no further request in.
    pub(crate) fn close(&self) {
        self.places.close();
        locked(&self.rows).take();
    }

    /// Waits until all requests have ended and all lines are written.
    ///
    /// # Errors
    /// If a line could not be written.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.close();
        let Some(writer) = locked(&self.writer).take() else { return Ok(()) };
        writer.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes it has panicked")))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // An option is consistent at every point that could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes lines as they come, as many at a time as there are, until no more can come.
fn write(file: &mut impl Write, rows: &Receiver<Row>) -> io::Result<()> {
    let (mut batch, mut permits) = (String::new(), Vec::new());
    while let Ok(row) = rows.recv() {
        for row in std::iter::once(row).chain(rows.try_iter()) {
            batch.push_str(&row.line);
            permits.push(row.permit);
            if batch.len() >= BATCH_BYTES {
                break;
            }
        }
        // Whole lines, without a buffer in between: a server that is killed leaves what has happened until then.
        file.write_all(batch.as_bytes())?;
        batch.clear();
        permits.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::model::Kind;

    async fn entry(truth: &Truth, number: u64, kind: Kind) -> Entry {
        Entry {
            request_id: format!("id-{number}"),
            function: "f".into(),
            number,
            draw: Draw { kind, latency_ns: Some(5), init_ns: (number == 1).then_some(100) },
            arrival_ns: 1000 + number,
            place: Place { epoch_ns: 0, ..truth.place().await.unwrap() },
        }
    }

    #[tokio::test]
    async fn one_line_for_each_request_in_the_order_in_which_they_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.csv");
        let truth = Truth::create(&path, CancellationToken::new()).unwrap();
        let (first, second) = (entry(&truth, 0, Kind::Answer).await, entry(&truth, 1, Kind::Reset).await);
        second.end(1106, Ending::Reset);
        first.end(1005, Ending::Written);
        let mut throttled = entry(&truth, 2, Kind::Throttle("R")).await;
        throttled.draw.latency_ns = None;
        throttled.end(1003, Ending::ClientGone);
        truth.finish().unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r"
        request_id,function,number,kind,arrival_ns,latency_ns,init_ns,intended_ns,ended_ns,ending
        id-1,f,1,reset,1001,5,100,105,1106,reset
        id-0,f,0,answer,1000,5,,5,1005,written
        id-2,f,2,throttle,1002,,,0,1003,client_gone
        ");
        let error = Truth::create(&path, CancellationToken::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[tokio::test]
    async fn memory_is_bounded_by_the_requests_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let truth = Truth::create(&folder.path().join("truth.csv"), CancellationToken::new()).unwrap();
        let mut entries = Vec::new();
        for number in 0..PLACES as u64 {
            entries.push(entry(&truth, number, Kind::Answer).await);
        }
        assert_eq!(truth.places.available_permits(), 0);
        for entry in entries {
            entry.end(0, Ending::Written);
        }
        // The place comes back once the line is written.
        drop(truth.place().await.unwrap());
        truth.finish().unwrap();
    }

    #[tokio::test]
    async fn a_line_that_cannot_be_written_stops_the_server() {
        let failed = CancellationToken::new();
        let truth = Truth::create(Path::new("/dev/full"), failed.clone());
        assert_eq!(truth.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let (rows, written) = mpsc::channel();
        let places = Arc::new(Semaphore::new(1));
        let permit = places.acquire_owned().await.unwrap();
        rows.send(Row { line: "x\n".to_owned(), permit }).unwrap();
        drop(rows);
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(write(&mut full, &written).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
