//! Payloads with placeholders, which are filled for each call anew.
//!
//! A value depends on the seed, its name and the number of the call among those of its endpoint, and on nothing else. So
//! the call of each number gets the same values at each system that is compared, and on whichever machine it is made.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::text::{hex, shortened};

/// The key of an entry with the values.
pub(super) const KEY: &str = "payload_values";
/// The placeholder for the number of the call.
const NUMBER: &str = "number";
/// Numbers beyond these are not exact for every reader of JSON.
const INTEGERS: RangeInclusive<i64> = -(1 << 53)..=1 << 53;
const MAX_VALUES: usize = 20;
const MAX_CHOICES: usize = 1000;
const MAX_HEX_DIGITS: usize = 4096;
const MAX_NAME_BYTES: usize = 40;
/// Digits of a hash.
const DIGITS_OF_A_HASH: usize = 64;
/// Longer values are cut in messages.
const MAX_SHOWN_CHARS: usize = 80;

/// A payload with placeholders, and what fills them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadTemplate {
    /// What values are drawn from.
    pub seed: u64,
    /// The values as the endpoints file has them, a JSON object.
    pub values_json: String,
    values: Vec<Value>,
    pieces: Vec<Piece>,
}

/// Why a payload with placeholders cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum TemplateError {
    #[error(
        "`{KEY}` is {0}, expected an object of at most {MAX_VALUES} values like {{\"rows\": {{\"integer\": [1, \
         100]}}}}"
    )]
    Values(String),
    #[error(
        "`{KEY}` has the name `{0}`, expected 1 to {MAX_NAME_BYTES} letters, digits and _, and not `{NUMBER}`, \
         which is the number of the call"
    )]
    Name(String),
    #[error(
        "`{KEY}`: `{name}` is {value}, expected {{\"integer\": [FROM, TO]}} with whole numbers of at most 2^53, \
         {{\"choice\": [ANY JSON, ...]}} with 1 to {MAX_CHOICES} of them, or {{\"hex\": DIGITS}} with 1 to {MAX_HEX_DIGITS}"
    )]
    Value { name: String, value: String },
    #[error(
        "the payload has the placeholder `{{{{{placeholder}}}}}`, expected `{{{{{NUMBER}}}}}` or a name of \
         `{KEY}`{known}"
    )]
    Unknown { placeholder: String, known: String },
    #[error("the payload has {{{{ without }}}} behind it, expected a placeholder like {{{{{NUMBER}}}}}")]
    Open,
    #[error(
        "`{KEY}`: `{name}` has the choice {choice}, which the payload has within a text: expected a string, a \
         number or a boolean there"
    )]
    NotText { name: String, choice: String },
    #[error("`{KEY}`: `{0}` is not used, expected a payload with {{{{{0}}}}}")]
    Unused(String),
    #[error("the payload has no placeholder, expected one like {{{{{NUMBER}}}}} with `{KEY}`")]
    NoPlaceholder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A whole number within these bounds.
    Integer { from: i64, to: i64 },
    /// One of these.
    Choice(Vec<Shown<'static>>),
    /// So many hexadecimal digits.
    Hex(usize),
}

/// A value of one call, as it stands in JSON; a string is without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown<'a> {
    text: Cow<'a, str>,
    is_string: bool,
}

/// A piece of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// As it is.
    Text(String),
    /// The number of the call.
    Number,
    /// The value of this index. One that is a whole string of the payload replaces its quotes, too.
    Value { index: usize, is_whole: bool },
}

/// What an endpoints file says of a value.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Given<'a> {
    Integer([i64; 2]),
    #[serde(borrow)]
    Choice(Vec<&'a RawValue>),
    Hex(usize),
}

impl PayloadTemplate {
    /// The template of a payload, a JSON document, and the JSON of its values. Its seed is 0.
    pub(super) fn parse(payload: &str, values_json: &str) -> Result<Self, TemplateError> {
        let values = values(values_json)?;
        let pieces = pieces(payload, &values)?;
        let is_used = |wanted: usize| {
            pieces.iter().any(|it| matches!(it, Piece::Value { index, .. } if *index == wanted))
        };
        if let Some(unused) = (0..values.len()).find(|index| !is_used(*index)) {
            return Err(TemplateError::Unused(values[unused].name.clone()));
        }
        if !pieces.iter().any(|piece| !matches!(piece, Piece::Text(_))) {
            return Err(TemplateError::NoPlaceholder);
        }
        Ok(Self { seed: 0, values_json: values_json.to_owned(), values, pieces })
    }

    /// The payload of the call of this number.
    pub fn filled(&self, number: u64) -> String {
        self.filled_with(number, |value| value.drawn(self.seed, number))
    }

    /// The greatest size of a payload, in bytes.
    pub(super) fn max_bytes(&self) -> usize {
        let of_value = |value: &Value| value.ends().map(|end| end.text.len() + 2).max().unwrap_or(0);
        let of_piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Number => u64::MAX.to_string().len(),
            Piece::Value { index, .. } => of_value(&self.values[*index]),
        };
        self.pieces.iter().map(of_piece).sum()
    }

    /// Payloads in which each value is once what it can be: each of its choices, or the ends of its range.
    pub(crate) fn extremes(&self) -> impl Iterator<Item = String> + '_ {
        let all = self.values.iter().flat_map(|value| value.ends().map(move |end| (value, end)));
        let with = move |(changed, end): (&Value, Shown<'_>)| {
            self.filled_with(0, |value| if value == changed { end.clone() } else { value.first() })
        };
        std::iter::once(self.filled(0)).chain(all.map(with))
    }

    fn filled_with<'a>(&'a self, number: u64, mut shown: impl FnMut(&'a Value) -> Shown<'a>) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled += text,
                Piece::Number => filled += &number.to_string(),
                Piece::Value { index, is_whole } => {
                    let Shown { text, is_string } = shown(&self.values[*index]);
                    let quote = if *is_whole && is_string { "\"" } else { "" };
                    filled.extend([quote, &text, quote]);
                }
            }
        }
        filled
    }
}

impl Value {
    /// What it is in the call of this number.
    fn drawn(&self, seed: u64, number: u64) -> Shown<'_> {
        let hash = |block: usize| self.hash(seed, number, block);
        match &self.kind {
            Kind::Integer { from, to } => {
                let count = i128::from(*to) - i128::from(*from) + 1;
                Shown::number(i128::from(*from) + below(hash(0), count.unsigned_abs()).cast_signed())
            }
            Kind::Choice(choices) => {
                let index = below(hash(0), choices.len() as u128);
                let choice = &choices[usize::try_from(index).unwrap_or_default()];
                Shown { text: Cow::Borrowed(&choice.text), is_string: choice.is_string }
            }
            Kind::Hex(digits) => {
                let mut text: String =
                    (0..digits.div_ceil(DIGITS_OF_A_HASH)).map(|block| hex(&hash(block))).collect();
                text.truncate(*digits);
                Shown { text: Cow::Owned(text), is_string: true }
            }
        }
    }

    /// SHA-256 of seed, name and number with strokes between them; of further blocks also of the block's number.
    fn hash(&self, seed: u64, number: u64, block: usize) -> [u8; 32] {
        let mut hashed = format!("{seed}/{}/{number}", self.name);
        if block > 0 {
            hashed += &format!("/{block}");
        }
        Sha256::digest(hashed).into()
    }

    /// The first of its choices, or the beginning of its range.
    fn first(&self) -> Shown<'_> {
        self.ends().next().unwrap_or_else(|| Shown::number(0))
    }

    /// Its choices, or the ends of its range.
    fn ends(&self) -> Box<dyn Iterator<Item = Shown<'_>> + '_> {
        match &self.kind {
            Kind::Integer { from, to } => {
                Box::new([*from, *to].into_iter().map(|end| Shown::number(end.into())))
            }
            Kind::Choice(choices) => Box::new(choices.iter().cloned()),
            Kind::Hex(digits) => {
                Box::new(std::iter::once(Shown { text: Cow::Owned("0".repeat(*digits)), is_string: true }))
            }
        }
    }
}

impl Shown<'_> {
    fn number(number: i128) -> Self {
        Self { text: Cow::Owned(number.to_string()), is_string: false }
    }
}

/// A number below `count`, from the first half of a hash. So much longer than `count` is it that each is equally likely.
fn below([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..]: [u8; 32], count: u128) -> u128 {
    u128::from_be_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]) % count.max(1)
}

fn values(json: &str) -> Result<Vec<Value>, TemplateError> {
    let given: serde_json::Result<BTreeMap<String, &RawValue>> = serde_json::from_str(json);
    let given = given.ok().filter(|given| given.len() <= MAX_VALUES);
    let given = given.ok_or_else(|| TemplateError::Values(shortened(json, MAX_SHOWN_CHARS)))?;
    given.into_iter().map(|(name, json)| value(name, json.get())).collect()
}

fn value(name: String, json: &str) -> Result<Value, TemplateError> {
    let is_name = |name: &str| {
        (1..=MAX_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_name(&name) || name == NUMBER {
        return Err(TemplateError::Name(shortened(&name, MAX_SHOWN_CHARS)));
    }
    let kind = match serde_json::from_str(json) {
        Ok(Given::Integer([from, to]))
            if from <= to && INTEGERS.contains(&from) && INTEGERS.contains(&to) =>
        {
            Kind::Integer { from, to }
        }
        Ok(Given::Choice(choices)) if (1..=MAX_CHOICES).contains(&choices.len()) => {
            Kind::Choice(choices.into_iter().map(|choice| choice_of(choice.get())).collect())
        }
        Ok(Given::Hex(digits)) if (1..=MAX_HEX_DIGITS).contains(&digits) => Kind::Hex(digits),
        _ => return Err(TemplateError::Value { name, value: shortened(json, MAX_SHOWN_CHARS) }),
    };
    Ok(Value { name, kind })
}

fn choice_of(json: &str) -> Shown<'static> {
    let content = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Shown { text: Cow::Owned(content.unwrap_or(json).to_owned()), is_string: content.is_some() }
}

/// The pieces of a payload. In JSON, `{{` stands in strings only.
fn pieces(payload: &str, values: &[Value]) -> Result<Vec<Piece>, TemplateError> {
    let (mut pieces, mut rest) = (Vec::new(), payload);
    while let Some((before, behind)) = rest.split_once("{{") {
        let (placeholder, after) = behind.split_once("}}").ok_or(TemplateError::Open)?;
        let index = values.iter().position(|value| value.name == placeholder);
        if index.is_none() && placeholder != NUMBER {
            let known: Vec<_> = values.iter().map(|value| value.name.as_str()).collect();
            let known = if known.is_empty() { String::new() } else { format!(": {}", known.join(", ")) };
            let placeholder = shortened(placeholder, MAX_SHOWN_CHARS);
            return Err(TemplateError::Unknown { placeholder, known });
        }
        let unquoted = without_quotes(before, after);
        let is_whole = unquoted.is_some();
        if let Some(value) = index.map(|index| &values[index]).filter(|_| !is_whole) {
            check_is_text(value)?;
        }
        let (before, after) = unquoted.unwrap_or((before, after));
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(index.map_or(Piece::Number, |index| Piece::Value { index, is_whole }));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

/// What stands before and behind the quotes, if what is between both texts is a whole string that is no key.
fn without_quotes<'a>(before: &'a str, after: &'a str) -> Option<(&'a str, &'a str)> {
    let (before, after) = (before.strip_suffix('"')?, after.strip_prefix('"')?);
    let is_escaped = before.ends_with('\\');
    let is_key = after.trim_start().starts_with(':');
    (!is_escaped && !is_key).then_some((before, after))
}

/// Checks that a value can stand within a text.
fn check_is_text(value: &Value) -> Result<(), TemplateError> {
    let is_text = |choice: &Shown<'_>| choice.is_string || !choice.text.starts_with(['{', '[', 'n']);
    let wrong = match &value.kind {
        Kind::Choice(choices) => choices.iter().find(|choice| !is_text(choice)),
        Kind::Integer { .. } | Kind::Hex(_) => None,
    };
    wrong.map_or(Ok(()), |choice| {
        let choice = shortened(&choice.text, MAX_SHOWN_CHARS);
        Err(TemplateError::NotText { name: value.name.clone(), choice })
    })
}

#[cfg(test)]
mod tests;
