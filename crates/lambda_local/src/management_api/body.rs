//! The body of a request, read field by field. Pure.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::refusal::{Constraint, Refusal, Violation};

/// The fields of a body that have not been read yet.
pub(super) struct Fields {
    fields: Map<String, Value>,
    violations: Vec<Violation>,
}

impl Fields {
    /// # Errors
    /// If the body is not a JSON object. No body is an object without fields.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let body = if body.is_empty() { b"{}" } else { body };
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self { fields, violations: Vec::new() }),
            Ok(_) => Err(Refusal::InvalidBody("expected an object".to_owned())),
            Err(error) => Err(Refusal::InvalidBody(error.to_string())),
        }
    }

    /// A field breaks a constraint.
    pub(super) fn violate(&mut self, parameter: &'static str, value: &str, constraint: Constraint) {
        self.violations.push(Violation { parameter, value: value.to_owned(), constraint });
    }

    /// Takes a field. To leave a field out and to say `null` is the same.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a whole number, which has to be within `range`. Refusals call it `parameter`.
    pub(super) fn number<T>(
        &mut self,
        name: &str,
        parameter: &'static str,
        range: &RangeInclusive<T>,
    ) -> Result<Option<T>, Refusal>
    where
        T: TryFrom<i64> + TryInto<i64> + Copy,
    {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| wrong_type(name, &value, "a whole number"))?;
        let [least, most] = [range.start(), range.end()].map(|end| (*end).try_into().unwrap_or(i64::MAX));
        if number < least {
            self.violate(parameter, &number.to_string(), Constraint::AtLeast(least));
        } else if number > most {
            self.violate(parameter, &number.to_string(), Constraint::AtMost(most));
        }
        Ok(T::try_from(number).ok())
    }

    /// Takes a whole number as `number` does, but it has to be there.
    pub(super) fn required_number<T>(
        &mut self,
        name: &str,
        parameter: &'static str,
        range: &RangeInclusive<T>,
    ) -> Result<Option<T>, Refusal>
    where
        T: TryFrom<i64> + TryInto<i64> + Copy,
    {
        if self.fields.get(name).is_none_or(Value::is_null) {
            self.violate(parameter, "", Constraint::NotNull);
        }
        self.number(name, parameter, range)
    }

    /// Takes a string.
    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, &other, "a string")),
        }
    }

    /// Takes `Environment`: all variables, or `None` if the field says nothing about them.
    pub(super) fn variables(&mut self) -> Result<Option<Vec<(String, String)>>, Refusal> {
        let mut environment = match self.take("Environment") {
            None => return Ok(None),
            Some(Value::Object(environment)) => environment,
            Some(other) => return Err(wrong_type("Environment", &other, "an object")),
        };
        let variables = match environment.remove("Variables").filter(|value| !value.is_null()) {
            None => Map::new(),
            Some(Value::Object(variables)) => variables,
            Some(other) => return Err(wrong_type("Environment.Variables", &other, "an object")),
        };
        let text = |(name, value): (String, Value)| match value {
            Value::String(value) => Ok((name, value)),
            other => Err(wrong_type(&format!("Environment.Variables.{name}"), &other, "a string")),
        };
        variables.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Ends the reading. `operation` names what is asked for.
    pub(super) fn finish(self, operation: &str) -> Result<(), Refusal> {
        if !self.violations.is_empty() {
            return Err(Refusal::Invalid(self.violations));
        }
        let left: Vec<String> =
            self.fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Refusal::NotEmulated(format!("{} of {operation}", left.join(", "))))
    }
}

fn wrong_type(name: &str, value: &Value, expected: &str) -> Refusal {
    Refusal::InvalidBody(format!("{name} is {value}; expected {expected}"))
}
