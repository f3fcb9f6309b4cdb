//! `--watch`: when the program or the image of a function changes, the next request gets the new one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backends;
use crate::config::Program;
use crate::environment::Blueprint;
use crate::service::Service;

/// How often files and images are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many looks pass before the first new try after one that failed.
const FIRST_PAUSE: u32 = 4;
/// How many looks pass at most before a new try: a minute. A try may unpack a large image.
const LONGEST_PAUSE: u32 = 240;

/// What can be seen of a function's program without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Appearance {
    /// The files of a command that exist.
    Files(BTreeMap<PathBuf, Stamp>),
    /// The id of an image.
    Image(String),
    /// The program cannot be seen now.
    Missing,
}

/// What changes whenever a file does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds. The kernel sets these with every change, also where a tool restores the other time.
    changed: (i64, i64),
}

/// Decides which changes count.
#[derive(Debug)]
struct Tracker {
    /// What the environments were started from.
    served: Appearance,
    last: Appearance,
    /// How many looks pass before the next try.
    pause: u32,
    /// The pause after the next try that fails.
    next_pause: u32,
}

impl Tracker {
    fn new(served: Appearance) -> Self {
        Self { last: served.clone(), served, pause: 0, next_pause: FIRST_PAUSE }
    }

    /// Whether to try something new now. It has to be complete: it looked the same the time before.
    fn look(&mut self, now: Appearance) -> bool {
        if now != self.last {
            *self = Self { last: now, ..Self::new(self.served.clone()) };
            return false;
        }
        if now == Appearance::Missing || now == self.served {
            return false;
        }
        let waits = self.pause > 0;
        self.pause = self.pause.saturating_sub(1);
        !waits
    }

    /// What was last seen was tried.
    fn tried(&mut self, succeeded: bool) {
        if succeeded {
            *self = Self::new(self.last.clone());
        } else {
            self.pause = self.next_pause;
            self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Watches all functions until the server stops.
pub(crate) async fn watch(service: Arc<Service>, backends: Arc<Backends>) {
    let watching = async {
        let mut trackers = Vec::new();
        for function in 0..service.functions() {
            let function = &service.blueprint(function).function;
            let served = match backends.image_id(function) {
                Some(id) => Appearance::Image(id),
                None => appearance(&function.program, &backends).await,
            };
            trackers.push(Tracker::new(served));
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            for (function, tracker) in trackers.iter_mut().enumerate() {
                let program = &service.blueprint(function).function.program;
                if tracker.look(appearance(program, &backends).await) {
                    tracker.tried(renew(&service, &backends, function, program).await);
                }
            }
        }
    };
    service.stopping().clone().run_until_cancelled(watching).await;
}

/// Lets new environments run the new program. Returns whether they do.
async fn renew(service: &Service, backends: &Backends, function: usize, program: &Program) -> bool {
    let renewed = backends.renew(program).await;
    let changed = renewed.and_then(|()| {
        service.change_blueprint(function, |blueprint| {
            Ok(Blueprint { backend: backends.backend(&blueprint.function)?, ..blueprint.clone() })
        })
    });
    let name = &service.blueprint(function).function.name;
    match &changed {
        Ok(()) => tracing::info!("the program of {name} has changed: new environments run the new one"),
        Err(error) => tracing::warn!(
            "the program of {name} has changed, but its environments run the old one: {error}; lambda-local will try \
             again"
        ),
    }
    changed.is_ok()
}

async fn appearance(program: &Program, backends: &Backends) -> Appearance {
    match program {
        Program::Command { program, arguments, folder } => {
            let (program, arguments, folder) = (program.clone(), arguments.clone(), folder.clone());
            let looking = tokio::task::spawn_blocking(move || files(&program, &arguments, &folder));
            looking.await.unwrap_or(Appearance::Missing)
        }
        Program::Image(name) | Program::ImageAsProcess(name) => {
            backends.current_image(name).await.map_or(Appearance::Missing, Appearance::Image)
        }
    }
}

/// The program, and the files that its arguments name.
fn files(program: &Path, arguments: &[String], folder: &Path) -> Appearance {
    let Some(own) = stamp(program) else { return Appearance::Missing };
    let named = arguments.iter().flat_map(|argument| named_by(&folder.join(argument)));
    let named = named.filter_map(|path| stamp(&path).map(|stamp| (path, stamp)));
    Appearance::Files(named.chain([(program.to_owned(), own)]).collect())
}

/// The files that an argument names: the file itself, or `app.py` and the like for the handler `app.handler`.
fn named_by(argument: &Path) -> Vec<PathBuf> {
    if argument.is_file() {
        return vec![argument.to_owned()];
    }
    let (Some(folder), Some(stem), Some(_)) = (argument.parent(), argument.file_stem(), argument.extension())
    else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_stem() == Some(stem)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let changed = (file.ctime(), file.ctime_nsec());
    Some(Stamp { device: file.dev(), inode: file.ino(), bytes: file.size(), changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_it_is_complete() {
        let image = |id: &str| Appearance::Image(id.to_owned());
        let mut tracker = Tracker::new(image("1"));
        for (now, new) in [
            (image("1"), false),
            (image("2"), false),
            (image("3"), false),
            (image("3"), true),
            (image("3"), false),
            // While a program is being linked, it is missing or grows.
            (Appearance::Missing, false),
            (Appearance::Missing, false),
            (image("3"), false),
            (image("3"), false),
            (image("4"), false),
            (image("4"), true),
            // Back to an earlier one is a change, too.
            (image("3"), false),
            (image("3"), true),
        ] {
            assert_eq!(tracker.look(now.clone()), new, "{now:?}");
            if new {
                tracker.tried(true);
            }
        }
    }

    #[test]
    fn a_change_that_failed_is_tried_again_less_and_less_often() {
        let image = |id: &str| Appearance::Image(id.to_owned());
        let mut tracker = Tracker::new(image("1"));
        let mut looks_until_try = |id: &str, succeeded| {
            let looks = (1..1000).find(|_| tracker.look(image(id)));
            tracker.tried(succeeded);
            looks
        };
        let looks: Vec<_> = (0..9).map(|_| looks_until_try("2", false)).collect();
        assert_eq!(looks, [2, 5, 9, 17, 33, 65, 129, 241, 241].map(Some));
        // Another one is tried at once.
        assert_eq!(looks_until_try("3", false), Some(2));
        assert_eq!(looks_until_try("3", true), Some(5));
        assert_eq!(looks_until_try("3", true), None, "it is served already");
    }

    #[test]
    fn the_files_of_a_command_are_its_program_and_what_its_arguments_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("src")).unwrap();
        for name in ["program", "app.py", "app.json", "other.py", "src/index.js", "data"] {
            fs::write(path(name), "1").unwrap();
        }
        let seen = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            files(&path("program"), &arguments, folder.path())
        };
        let names = |appearance: &Appearance| {
            let Appearance::Files(files) = appearance else { panic!("{appearance:?}") };
            files.keys().map(|file| file.strip_prefix(folder.path()).unwrap().to_owned()).collect::<Vec<_>>()
        };
        for (arguments, expected) in [
            (&[][..], &["program"][..]),
            (&["-m", "awslambdaric", "app.handler"], &["app.json", "app.py", "program"]),
            (&["src/index.handler"], &["program", "src/index.js"]),
            (&["data", "--flag"], &["data", "program"]),
        ] {
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(names(&seen(arguments)), expected, "{arguments:?}");
        }
        let before = seen(&["app.handler"]);
        // As `cargo build` and editors do it: the same name and size, but another file.
        fs::write(path("new"), "2").unwrap();
        fs::rename(path("new"), path("app.py")).unwrap();
        assert_ne!(seen(&["app.handler"]), before);
        fs::remove_file(path("program")).unwrap();
        assert_eq!(seen(&[]), Appearance::Missing);
    }
}
