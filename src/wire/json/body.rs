//! A request's named fields, from a JSON body, a form or a query string.

use std::fmt;

use zeroize::Zeroizing;

use crate::json::{JsonError, Limits, Value, parse, write_string};
use crate::limits;

/// Why a body is no set of fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// 413.
    #[error("http: request body too large")]
    TooLarge,
    /// 400.
    #[error("failed to decode JSON input: {0}")]
    Json(JsonError),
    /// 400: well-formed, but with more structure than any request needs.
    #[error("refused JSON input due to high complexity: {0}")]
    Complexity(JsonError),
    /// 400.
    #[error(
        "failed to decode JSON input: json: cannot unmarshal {0} into Go value of type \
         map[string]interface {{}}"
    )]
    NotAnObject(&'static str),
    /// 400.
    #[error("failed to decode form input: {0}")]
    Form(&'static str),
}

/// Named fields, each the canonical JSON text of its value. Values may be secrets: no field is
/// shown by `Debug`, and all are erased when dropped.
#[derive(Default)]
pub struct Body {
    pub(super) fields: Vec<(String, Zeroizing<String>)>,
}

impl Body {
    /// Reads a body by its `Content-Type`: a form if it says so, JSON in every other case.
    pub fn read(content_type: Option<&str>, bytes: &[u8]) -> Result<Self, BodyError> {
        let is_form = content_type.is_some_and(|t| {
            t.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
        });
        // Careless clients (curl -d) send JSON under the form type.
        let looks_like_json =
            bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| *b == b'{');
        if is_form && !looks_like_json { Self::form(bytes) } else { Self::json(bytes) }
    }

    /// A JSON object; nothing, white space and `null` are no fields.
    pub fn json(bytes: &[u8]) -> Result<Self, BodyError> {
        if bytes.len() > limits::BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        if bytes.iter().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            return Ok(Self::default());
        }
        let value = parse(bytes, Limits::BODY).map_err(|e| match e.is_limit() {
            true => BodyError::Complexity(e),
            false => BodyError::Json(e),
        })?;
        let members = match value {
            Value::Object(members) => members,
            Value::Null => Vec::new(),
            Value::Bool(_) => return Err(BodyError::NotAnObject("bool")),
            Value::Number(_) => return Err(BodyError::NotAnObject("number")),
            Value::String(_) => return Err(BodyError::NotAnObject("string")),
            Value::Array(_) => return Err(BodyError::NotAnObject("array")),
        };
        let fields =
            members.into_iter().map(|(k, v)| (k.as_str().to_owned(), v.to_text())).collect();
        Ok(Self { fields })
    }

    /// A form: every value a string, repeated names joined by commas.
    pub fn form(bytes: &[u8]) -> Result<Self, BodyError> {
        if bytes.len() > limits::BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| BodyError::Form("invalid UTF-8"))?;
        Ok(Self::of_pairs(pairs(text)?, |values| {
            let joined = Zeroizing::new(values.join(","));
            string_text(&joined)
        }))
    }

    /// A query string without its `?`: every value a string, repeated names an array of them.
    pub fn query(query: Option<&str>) -> Result<Self, BodyError> {
        Ok(Self::of_pairs(pairs(query.unwrap_or(""))?, |values| match values {
            [one] => string_text(one),
            many => {
                let items = many.iter().map(|v| string_text(v).to_string()).collect::<Vec<_>>();
                Zeroizing::new(format!("[{}]", items.join(",")))
            }
        }))
    }

    fn of_pairs(
        pairs: Vec<(String, String)>,
        value: impl Fn(&[String]) -> Zeroizing<String>,
    ) -> Self {
        let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
        for (name, text) in pairs {
            match grouped.iter_mut().find(|(n, _)| *n == name) {
                Some((_, values)) => values.push(text),
                None => grouped.push((name, vec![text])),
            }
        }
        let fields = grouped
            .into_iter()
            .map(|(name, values)| {
                let text = value(&values);
                values.into_iter().for_each(|v| drop(Zeroizing::new(v)));
                (name, text)
            })
            .collect();
        Self { fields }
    }

    /// The canonical JSON text of a field, `null` included; `None` when it was not sent.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
    }

    /// Sent, with any value.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Takes over the fields of `other` that are not here yet (query parameters beside a body).
    pub fn or(mut self, other: Body) -> Self {
        for (name, text) in other.fields {
            if !self.has(&name) {
                self.fields.push((name, text));
            }
        }
        self
    }

    /// The whole as one canonical JSON object, for engines that store what they are sent.
    pub fn to_object(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::from("{"));
        for (i, (name, text)) in self.fields.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_string(&mut out, name);
            out.push(':');
            out.push_str(text);
        }
        out.push('}');
        out
    }

    /// Fields as values for the parameter rules of policies. Numbers lose digits here, and only
    /// here; one that no f64 can hold becomes its text, for a field left out would escape a rule.
    pub fn parameters(&self) -> serde_json::Map<String, serde_json::Value> {
        self.fields
            .iter()
            .map(|(name, text)| {
                let value = serde_json::from_str(text)
                    .unwrap_or_else(|_| serde_json::Value::String(text.to_string()));
                (name.clone(), value)
            })
            .collect()
    }

    /// What to warn about: fields that the endpoint does not know (`known`), and fields whose value
    /// was taken from the path instead (`captured`).
    pub fn warnings(&self, known: &[&str], captured: &[&str]) -> Vec<String> {
        let mut ignored: Vec<&str> =
            self.names().filter(|n| !known.contains(n) && !captured.contains(n)).collect();
        let mut replaced: Vec<&str> = self.names().filter(|n| captured.contains(n)).collect();
        ignored.sort_unstable();
        replaced.sort_unstable();
        let mut out = Vec::new();
        if !ignored.is_empty() {
            let names = shown(&ignored);
            out.push(format!("Endpoint ignored these unrecognized parameters: [{names}]"));
        }
        if !replaced.is_empty() {
            let names = shown(&replaced);
            out.push(format!(
                "Endpoint replaced the value of these parameters with the values captured from \
                 the endpoint's path: [{names}]"
            ));
        }
        out
    }
}

/// Names in a warning: a bounded number of bounded length, whatever was sent.
fn shown(names: &[&str]) -> String {
    let mut list: Vec<String> = names
        .iter()
        .take(NAMES_SHOWN_MAX)
        .map(|name| name.chars().take(NAME_CHARS_SHOWN_MAX).collect())
        .collect();
    if names.len() > NAMES_SHOWN_MAX {
        list.push(format!("and {} more", names.len() - NAMES_SHOWN_MAX));
    }
    list.join(" ")
}

const NAMES_SHOWN_MAX: usize = 32;
const NAME_CHARS_SHOWN_MAX: usize = 128;

/// Names only.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")?;
        f.debug_list().entries(self.names()).finish()
    }
}

fn string_text(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() + 2));
    write_string(&mut out, text);
    out
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, BodyError> {
    let mut out = Vec::new();
    for pair in text.split('&').filter(|p| !p.is_empty()) {
        if out.len() >= limits::FORM_FIELDS_MAX {
            return Err(BodyError::Form("too many fields"));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        out.push((decoded(name)?, decoded(value)?));
    }
    Ok(out)
}

/// `+` is a space, `%XX` a byte (application/x-www-form-urlencoded).
fn decoded(text: &str) -> Result<String, BodyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(), digit());
                let code = high.zip(low).and_then(|(h, l)| u8::try_from(h << 4 | l).ok());
                code.ok_or(BodyError::Form("invalid percent escape"))?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| BodyError::Form("invalid UTF-8"))
}
