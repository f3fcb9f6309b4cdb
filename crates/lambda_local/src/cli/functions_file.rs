//! The file of `--config`: functions, each with its settings.

use std::ops::RangeInclusive;

use toml::Value;

use super::args::{ProgramArg, is_image_name, is_variable_name};
use crate::config::{MAX_CONCURRENCY, MEMORY_MB, PROVISIONED, RESERVED, TIMEOUT_S, is_function_name};
use crate::toml_fields::{FieldError, Fields};

const KEYS: [&str; 10] = [
    "command",
    "image",
    "image-as-process",
    "memory",
    "timeout",
    "max-concurrency",
    "reserved-concurrency",
    "provisioned-concurrency",
    "env",
    "inherit",
];

/// A function of the file. What the file leaves out is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileFunction {
    pub(super) name: String,
    pub(super) program: ProgramArg,
    /// In MB.
    pub(super) memory: Option<u32>,
    /// In seconds.
    pub(super) timeout: Option<u64>,
    pub(super) reserved: Option<u32>,
    pub(super) provisioned: Option<u32>,
    /// How many requests an environment serves at a time.
    pub(super) max_concurrency: Option<u32>,
    /// Variables with their values.
    pub(super) env: Vec<(String, String)>,
    /// Variables that have the values that lambda-local has.
    pub(super) inherit: Vec<String>,
}

/// Reads the functions, in the order of their names.
///
/// # Errors
/// If the text is not TOML, or a field is unknown, missing, or has a wrong value.
pub(super) fn read(text: &str) -> Result<Vec<FileFunction>, FieldError> {
    let mut fields = Fields::parse(text)?;
    let functions = fields.table("functions")?;
    let functions =
        functions.ok_or_else(|| fields.missing("functions", "a table [functions.NAME] for each"))?;
    fields.finish(&["functions"])?;
    functions.into_tables()?.into_iter().map(|(name, fields)| function(name, fields)).collect()
}

fn function(name: String, mut fields: Fields) -> Result<FileFunction, FieldError> {
    if !is_function_name(&name) {
        let expected = "a name of 1 to 64 letters, digits, - and _".to_owned();
        return Err(FieldError::Unknown { field: format!("functions.{name}"), expected });
    }
    let program = program(&mut fields)?;
    let memory = fields.optional("memory", whole("MB", &MEMORY_MB), |value| within(value, &MEMORY_MB))?;
    let timeout =
        fields.optional("timeout", whole("seconds", &TIMEOUT_S), |value| within(value, &TIMEOUT_S))?;
    let max_concurrency =
        fields.optional("max-concurrency", whole("requests", &MAX_CONCURRENCY), |value| {
            within(value, &MAX_CONCURRENCY)
        })?;
    let reserved = fields
        .optional("reserved-concurrency", whole("requests", &RESERVED), |value| within(value, &RESERVED))?;
    let provisioned =
        fields.optional("provisioned-concurrency", whole("environments", &PROVISIONED), |value| {
            within(value, &PROVISIONED)
        })?;
    let env = fields.table("env")?.map(|env| env.into_pairs("a name and a string in quotes", variable));
    let env = env.transpose()?.unwrap_or_default();
    let inherit = fields.optional("inherit", "an array of names of variables", names)?.unwrap_or_default();
    fields.finish(&KEYS)?;
    Ok(FileFunction { name, program, memory, timeout, max_concurrency, reserved, provisioned, env, inherit })
}

fn program(fields: &mut Fields) -> Result<ProgramArg, FieldError> {
    let name = "the name of a Docker image";
    let given = [
        (
            "command",
            fields.optional("command", "the command line of a program", text)?.map(ProgramArg::Command),
        ),
        ("image", fields.optional("image", name, image)?.map(ProgramArg::Image)),
        (
            "image-as-process",
            fields.optional("image-as-process", name, image)?.map(ProgramArg::ImageAsProcess),
        ),
    ];
    let mut given = given.into_iter().filter_map(|(key, program)| Some((key, program?)));
    let (first, program) = given.next().ok_or_else(|| fields.missing("command", "a command or an image"))?;
    match given.next() {
        None => Ok(program),
        Some((second, _)) => Err(fields.wrong(second, "given".to_owned(), format!("either this or {first}"))),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn image(value: &Value) -> Option<String> {
    value.as_str().filter(|name| is_image_name(name)).map(str::to_owned)
}

fn variable(name: &str, value: &Value) -> Option<String> {
    let value = value.as_str()?;
    (is_variable_name(name) && !value.contains('\0')).then(|| value.to_owned())
}

fn names(value: &Value) -> Option<Vec<String>> {
    let names = value.as_array()?.iter().map(|name| name.as_str().filter(|name| is_variable_name(name)));
    names.map(|name| name.map(str::to_owned)).collect()
}

fn within<T: TryFrom<i64> + PartialOrd>(value: &Value, range: &RangeInclusive<T>) -> Option<T> {
    let number = T::try_from(value.as_integer()?).ok()?;
    range.contains(&number).then_some(number)
}

fn whole<T: std::fmt::Display>(unit: &str, range: &RangeInclusive<T>) -> String {
    format!("a whole number of {unit} from {} to {}", range.start(), range.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_of_a_function() {
        let text = r#"
            [functions.f]
            command = "python3 -m app"
            memory = 1024
            timeout = 5
            reserved-concurrency = 0
            provisioned-concurrency = 1
            max-concurrency = 8
            inherit = ["HOME"]
            env = { A = "1", "b.c" = "" }

            [functions.image]
            image = "hello:latest"

            [functions.unpacked]
            image-as-process = "hello:latest"
        "#;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read(text),
            Ok(vec![
                FileFunction {
                    name: "f".to_owned(),
                    program: ProgramArg::Command("python3 -m app".to_owned()),
                    memory: Some(1024),
                    timeout: Some(5),
                    reserved: Some(0),
                    provisioned: Some(1),
                    max_concurrency: Some(8),
                    env: vec![pair("A", "1"), pair("b.c", "")],
                    inherit: vec!["HOME".to_owned()],
                },
                FileFunction {
                    name: "image".to_owned(),
                    program: ProgramArg::Image("hello:latest".to_owned()),
                    memory: None,
                    timeout: None,
                    reserved: None,
                    provisioned: None,
                    max_concurrency: None,
                    env: Vec::new(),
                    inherit: Vec::new(),
                },
                FileFunction {
                    name: "unpacked".to_owned(),
                    program: ProgramArg::ImageAsProcess("hello:latest".to_owned()),
                    memory: None,
                    timeout: None,
                    max_concurrency: None,
                    reserved: None,
                    provisioned: None,
                    env: Vec::new(),
                    inherit: Vec::new(),
                },
            ])
        );
    }

    #[test]
    fn a_bad_field_is_named_with_its_value_and_what_was_expected() {
        for (text, expected) in [
            ("", "functions is missing; expected a table [functions.NAME] for each"),
            ("functions = 1", "functions is 1; expected a table"),
            ("memory = 128\n[functions.f]\ncommand = \"x\"", "memory is unknown; expected functions"),
            ("[functions]\nf = \"x\"", "functions.f is \"x\"; expected a table"),
            ("[functions.\"a b\"]\ncommand = \"x\"", "functions.a b is unknown; expected a name of 1 to 64"),
            ("[functions.f]", "functions.f.command is missing; expected a command or an image"),
            (
                "[functions.f]\ncommand = \" \"",
                "functions.f.command is \" \"; expected the command line of a program",
            ),
            (
                "[functions.f]\nimage = \"a b\"",
                "functions.f.image is \"a b\"; expected the name of a Docker image",
            ),
            (
                "[functions.f]\ncommand = \"x\"\nimage = \"y\"",
                "functions.f.image is given; expected either this or command",
            ),
            (
                "[functions.f]\ncommand = \"x\"\nmemory = 64",
                "functions.f.memory is 64; expected a whole number of MB from 128 to 10240",
            ),
            (
                "[functions.f]\ncommand = \"x\"\nmemory = \"512\"",
                "functions.f.memory is \"512\"; expected a whole number of MB from 128 to 10240",
            ),
            (
                "[functions.f]\ncommand = \"x\"\ntimeout = 1.5",
                "functions.f.timeout is 1.5; expected a whole number of seconds from 1 to 900",
            ),
            (
                "[functions.f]\ncommand = \"x\"\nmemroy = 1",
                "functions.f.memroy is unknown; expected command, image, ",
            ),
            ("[functions.f]\ncommand = \"x\"\nenv = []", "functions.f.env is an array; expected a table"),
            (
                "[functions.f]\ncommand = \"x\"\nenv.A = 1",
                "functions.f.env.A is 1; expected a name and a string in quotes",
            ),
            (
                "[functions.f]\ncommand = \"x\"\nenv.\"A=B\" = \"1\"",
                "functions.f.env.A=B is \"1\"; expected a name and a string in quotes",
            ),
            (
                "[functions.f]\ncommand = \"x\"\ninherit = \"HOME\"",
                "functions.f.inherit is \"HOME\"; expected an array of names of variables",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
