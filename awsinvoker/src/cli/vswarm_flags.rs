//! Flags of vSwarm's invoker that mean nothing here.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Each flag, and what it was for.
const FLAGS: [(&str, &str); 4] = [
    ("durf", "named a file of durations; here every run leaves samples.csv, with the times of each request"),
    (
        "trace",
        "sent spans of each request to Zipkin; here the request ids in samples.csv lead to the platform's own traces",
    ),
    (
        "zipkin",
        "was the address for spans; here the request ids in samples.csv lead to the platform's own traces",
    ),
    (
        "guestImage",
        "named the image of a function for vHive's virtual machines; here --local --images runs images in containers",
    ),
];

/// Says what a flag of vSwarm was for, instead of guessing another one.
pub(super) fn explained(error: clap::Error) -> clap::Error {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => argument,
        _ => return error,
    };
    let name = argument.trim_start_matches('-');
    match FLAGS.iter().find(|(flag, _)| *flag == name) {
        Some((flag, what)) => {
            clap::Error::raw(ErrorKind::UnknownArgument, format!("vSwarm's flag -{flag} {what}\n"))
        }
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Args;

    #[test]
    fn each_says_what_it_was_for() {
        let message = |line: &str| {
            let words = ["awsinvoker"].into_iter().chain(line.split(' ')).map(Into::into);
            Args::parse_from_go_style(words).unwrap_err().to_string()
        };
        for (flag, what) in FLAGS {
            let expected = format!("error: vSwarm's flag -{flag} {what}\n");
            assert_eq!(
                [message(&format!("-{flag}=80")), message(&format!("--{flag} 80"))],
                [expected.clone(), expected]
            );
        }
    }

    #[test]
    fn what_means_something_is_taken() {
        let words = ["awsinvoker", "-grpcTimeout", "30", "-rps", "2", "-port", "8080"].map(Into::into);
        let args = Args::parse_from_go_style(words).unwrap();
        assert_eq!(args.platform.port, Some(8080));
        assert_eq!((args.timeout.to_bits(), args.load.rps), (30.0_f64.to_bits(), Some(2.0)));
    }
}
