//! Flags as Go's `flag` package takes them, with one dash or two, turned into GNU ones.

use std::ffi::OsString;

/// Doubles the dash of every argument like `-time` or `-time=180`. There are no short flags of several letters that it
/// could be mistaken for. What follows `--` is left alone.
pub(super) fn to_gnu(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut flags_ended = false;
    let convert = |arg: OsString| {
        flags_ended |= arg == "--";
        match arg.to_str() {
            Some(text) if !flags_ended && is_go_flag(text) => format!("-{text}").into(),
            _ => arg,
        }
    };
    args.into_iter().map(convert).collect()
}

fn is_go_flag(arg: &str) -> bool {
    let Some(flag) = arg.strip_prefix('-') else { return false };
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gnu(line: &str) -> String {
        let args = to_gnu(line.split(' ').map(OsString::from));
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_dash_becomes_two() {
        let original = "-latf 180_chameleon_cnn.csv -endpointsFile endpoints.json -time=180 -dbg=false";
        let expected = "--latf 180_chameleon_cnn.csv --endpointsFile endpoints.json --time=180 --dbg=false";
        assert_eq!(gnu(original), expected);
    }

    #[test]
    fn the_rest_stays() {
        for line in ["--rps 3", "-h", "-V", "- -1 -.5 x", "-- -time", "--local -- -dbg"] {
            assert_eq!(gnu(line), line);
        }
    }
}
