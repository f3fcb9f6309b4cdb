//! Which settings a function gets: pure decisions over the command line and the file of `--config`.
//!
//! What names the function wins over what does not, and the command line wins over the file:
//! `--memory NAME=MB`, then the file, then `--memory MB`, then the default.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::args::{Setting, VariableArg};
use super::functions_file::FileFunction;

/// The settings of the functions contradict each other, or cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum SettingsError {
    /// Two functions have the same name.
    #[error("the function {0:?} is given twice; expected names that differ")]
    FunctionTwice(String),
    /// A setting is for a function that is not served.
    #[error("{flag} is given for the function {function:?}; expected one of {known}")]
    UnknownFunction {
        /// The flag that names the function.
        flag: &'static str,
        /// The name.
        function: String,
        /// The functions that are served.
        known: String,
    },
    /// A setting has two values.
    #[error("{flag} is given twice for {whom}; expected one value")]
    SettingTwice {
        /// The flag.
        flag: &'static str,
        /// One function, or all.
        whom: String,
    },
    /// A flag passes a variable on, but there is none.
    #[error(
        "{argument}: {key} is not set here, or is not UTF-8; set it, or give it a value ({argument}=VALUE)"
    )]
    NotSet {
        /// The flag with the name of the variable.
        argument: String,
        /// The variable.
        key: String,
    },
    /// The file passes a variable on, but there is none.
    #[error(
        "functions.{function}.inherit names {key}, which is not set here, or is not UTF-8; set it, or give it a value \
         (functions.{function}.env.{key} = \"VALUE\")"
    )]
    NotInherited {
        /// The function.
        function: String,
        /// The variable.
        key: String,
    },
}

/// Checks that the names of functions differ.
pub(super) fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), SettingsError> {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(SettingsError::FunctionTwice(twice.to_owned())),
        None => Ok(()),
    }
}

/// Checks that a flag has at most one value for each function and for all, and names only functions that there are.
pub(super) fn check_settings<T>(
    flag: &'static str,
    settings: &[Setting<T>],
    names: &[&str],
) -> Result<(), SettingsError> {
    let mut seen = BTreeSet::new();
    for Setting { function, .. } in settings {
        check_function(flag, function.as_deref(), names)?;
        if !seen.insert(function) {
            let whom = function.as_ref().map_or("all functions".to_owned(), |name| format!("{name:?}"));
            return Err(SettingsError::SettingTwice { flag, whom });
        }
    }
    Ok(())
}

/// Checks that a flag names a function that there is, if it names one.
pub(super) fn check_function(
    flag: &'static str,
    function: Option<&str>,
    names: &[&str],
) -> Result<(), SettingsError> {
    match function {
        Some(name) if !names.contains(&name) => {
            Err(SettingsError::UnknownFunction { flag, function: name.to_owned(), known: names.join(", ") })
        }
        _ => Ok(()),
    }
}

/// The value of a setting for the function `name`, which the file gives the value `in_file`.
pub(super) fn value<T: Copy>(settings: &[Setting<T>], name: &str, in_file: Option<T>) -> Option<T> {
    let given = |whom: Option<&str>| {
        settings.iter().find(|setting| setting.function.as_deref() == whom).map(|setting| setting.value)
    };
    given(Some(name)).or(in_file).or_else(|| given(None))
}

/// The variables of the function `name`, each once. `own` gives the values that lambda-local has.
pub(super) fn variables(
    args: &[VariableArg],
    name: &str,
    file: Option<&FileFunction>,
    own: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, SettingsError> {
    let given = |whom: Option<&'_ str>| {
        let whom = whom.map(str::to_owned);
        args.iter().filter(move |arg| arg.function == whom)
    };
    let mut variables = BTreeMap::new();
    for arg in given(None) {
        variables.insert(arg.key.clone(), value_of(arg, &own)?);
    }
    if let Some(file) = file {
        for key in &file.inherit {
            variables.insert(key.clone(), inherited(name, key, &own)?);
        }
        variables.extend(file.env.iter().cloned());
    }
    for arg in given(Some(name)) {
        variables.insert(arg.key.clone(), value_of(arg, &own)?);
    }
    Ok(variables.into_iter().collect())
}

fn value_of(arg: &VariableArg, own: impl Fn(&str) -> Option<String>) -> Result<String, SettingsError> {
    let VariableArg { function, key, value } = arg;
    let whom = function.as_ref().map(|name| format!("{name}:")).unwrap_or_default();
    let argument = || format!("--env {whom}{key}");
    value
        .clone()
        .or_else(|| own(key))
        .ok_or_else(|| SettingsError::NotSet { argument: argument(), key: key.clone() })
}

fn inherited(name: &str, key: &str, own: impl Fn(&str) -> Option<String>) -> Result<String, SettingsError> {
    own(key).ok_or_else(|| SettingsError::NotInherited { function: name.to_owned(), key: key.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::args::ProgramArg;
    use super::*;

    fn setting<T>(function: Option<&str>, value: T) -> Setting<T> {
        Setting { function: function.map(str::to_owned), value }
    }

    fn variable(function: Option<&str>, key: &str, value: Option<&str>) -> VariableArg {
        let value = value.map(str::to_owned);
        VariableArg { function: function.map(str::to_owned), key: key.to_owned(), value }
    }

    fn file(inherit: &[&str], env: &[(&str, &str)]) -> FileFunction {
        FileFunction {
            name: "f".to_owned(),
            program: ProgramArg::Command("x".to_owned()),
            memory: None,
            timeout: None,
            reserved: None,
            provisioned: None,
            max_concurrency: None,
            env: env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            inherit: inherit.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    #[test]
    fn what_names_the_function_wins_and_then_the_command_line() {
        let (all, own) = (setting(None, 1), setting(Some("f"), 2));
        for (settings, in_file, expected) in [
            (vec![], None, None),
            (vec![all.clone()], None, Some(1)),
            (vec![all.clone()], Some(3), Some(3)),
            (vec![all.clone(), own.clone()], Some(3), Some(2)),
            (vec![own, all], None, Some(2)),
            (vec![setting(Some("g"), 4)], None, None),
        ] {
            assert_eq!(value(&settings, "f", in_file), expected, "{settings:?} {in_file:?}");
        }
    }

    #[test]
    fn variables_are_merged_in_the_same_order() {
        let args = [
            variable(None, "A", Some("all")),
            variable(None, "B", Some("all")),
            variable(Some("f"), "C", Some("own")),
            variable(Some("g"), "D", Some("other")),
        ];
        let own = |key: &str| Some(format!("{key} of lambda-local"));
        let file = file(&["B", "E"], &[("C", "file"), ("E", "file")]);
        let found = variables(&args, "f", Some(&file), own).unwrap();
        let expected = [("A", "all"), ("B", "B of lambda-local"), ("C", "own"), ("E", "file")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_variable_without_a_value_is_an_error() {
        for (args, file, expected) in [
            (
                vec![variable(None, "FOO", None)],
                None,
                "--env FOO: FOO is not set here, or is not UTF-8; set it, or give it a value (--env FOO=VALUE)",
            ),
            (
                vec![variable(Some("f"), "FOO", None)],
                None,
                "--env f:FOO: FOO is not set here, or is not UTF-8; set it, or give it a value (--env f:FOO=VALUE)",
            ),
            (
                vec![],
                Some(file(&["FOO"], &[])),
                "functions.f.inherit names FOO, which is not set here, or is not UTF-8; set it, or give it a value (functions.f.env.FOO = \"VALUE\")",
            ),
        ] {
            let error = variables(&args, "f", file.as_ref(), |_| None).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(variables(&[variable(Some("g"), "FOO", None)], "f", None, |_| None), Ok(vec![]));
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(check_names(["a", "b"]), Ok(()));
        let error = check_names(["a", "b", "a"]).unwrap_err().to_string();
        assert_eq!(error, "the function \"a\" is given twice; expected names that differ");
        let check = |settings: &[Setting<u32>]| {
            check_settings("--memory", settings, &["f", "g"]).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[setting(None, 1), setting(Some("f"), 1), setting(Some("g"), 1)]), Ok(()));
        let error = "--memory is given for the function \"h\"; expected one of f, g";
        assert_eq!(check(&[setting(Some("h"), 1)]), Err(error.to_owned()));
        let error = "--memory is given twice for \"f\"; expected one value";
        assert_eq!(check(&[setting(Some("f"), 1), setting(Some("f"), 2)]), Err(error.to_owned()));
        let error = "--memory is given twice for all functions; expected one value";
        assert_eq!(check(&[setting(None, 1), setting(None, 2)]), Err(error.to_owned()));
    }
}
