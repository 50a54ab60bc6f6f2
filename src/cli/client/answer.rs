//! An answer of the server: its status, and its JSON with every number as it was written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::error::{CliError, hint};
use crate::cli::output;

/// A JSON object whose values keep their own text: 2⁵³+1 must come out as it went in.
pub type Object = BTreeMap<String, Box<RawValue>>;

/// What came back, whatever its status. Its body may hold a secret: `Debug` leaves it out.
pub struct Answer {
    method: &'static str,
    path: String,
    pub status: u16,
    body: String,
}

impl Answer {
    pub(super) fn new(
        method: &'static str,
        path: &str,
        status: u16,
        body: String,
    ) -> Result<Self, CliError> {
        if (300..400).contains(&status) {
            let text = "it redirects elsewhere, and redirects are not followed; give the address \
                        of the server itself";
            return Err(CliError::Answer(text.into()));
        }
        Ok(Self { method, path: path.to_owned(), status, body })
    }

    /// The wrapping token and what is told of it, where the answer came wrapped.
    pub fn wrapping(&self) -> Option<Object> {
        let mut info = self.object(&["wrap_info"]).ok().flatten()?;
        let names = [
            ("token", "wrapping_token"),
            ("accessor", "wrapping_accessor"),
            ("ttl", "wrapping_token_ttl"),
            ("creation_time", "wrapping_token_creation_time"),
            ("creation_path", "wrapping_token_creation_path"),
            ("wrapped_accessor", "wrapped_accessor"),
        ];
        let named =
            names.into_iter().filter_map(|(from, to)| Some((to.into(), info.remove(from)?)));
        Some(named.collect())
    }

    /// The body as it came.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// This answer if the status is a 2xx, else the error that the server gave. Its warnings go to
    /// stderr.
    pub fn ok(self) -> Result<Self, CliError> {
        let answer = self.quiet()?;
        for warning in answer.warnings() {
            output::warn(&output::harmless(&warning));
        }
        Ok(answer)
    }

    /// As `ok`, without a word on stderr.
    pub fn quiet(self) -> Result<Self, CliError> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.refusal()) }
    }

    fn warnings(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Warnings {
            warnings: Option<Vec<String>>,
        }
        let warnings = serde_json::from_str::<Warnings>(&self.body).ok();
        warnings.and_then(|w| w.warnings).unwrap_or_default()
    }

    /// This answer, or `None` for a 404 without a reason: nothing is there.
    pub fn found(self) -> Result<Option<Self>, CliError> {
        if self.status == 404 && self.errors().is_empty() { Ok(None) } else { self.ok().map(Some) }
    }

    pub fn refusal(&self) -> CliError {
        let errors = self.errors();
        CliError::Refused {
            method: self.method,
            path: self.path.clone(),
            status: self.status,
            hint: hint(self.status, &self.path, &self.body, &errors),
            errors,
        }
    }

    fn errors(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<String>,
        }
        let errors = serde_json::from_str::<Errors>(&self.body).map(|e| e.errors);
        errors.unwrap_or_default()
    }

    /// The object at `path`, or `None` where it is null or absent.
    pub fn object(&self, path: &[&str]) -> Result<Option<Object>, CliError> {
        let wrong = |e: serde_json::Error| CliError::Answer(format!("{:?}", e.classify()));
        let mut object: Object = serde_json::from_str(&self.body).map_err(wrong)?;
        for step in path {
            let Some(inner) = object.remove(*step) else { return Ok(None) };
            match serde_json::from_str::<Option<Object>>(inner.get()).map_err(wrong)? {
                Some(inner) => object = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(object))
    }

    /// The object at `path`, which must be there.
    pub fn require(&self, path: &[&str]) -> Result<Object, CliError> {
        self.object(path)?
            .ok_or_else(|| CliError::Answer(format!("it has no {:?}", path.join("."))))
    }

    /// The strings of `data.keys`.
    pub fn keys(&self) -> Result<Vec<String>, CliError> {
        let data = self.require(&["data"])?;
        data.get("keys")
            .and_then(|keys| serde_json::from_str(keys.get()).ok())
            .ok_or_else(|| CliError::Answer("it has no list of keys".into()))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A JSON value as a person reads it: strings without quotes, all else as it stands.
pub fn text_of(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::new("GET", "p", status, body.into()).unwrap()
    }

    #[test]
    fn numbers_keep_their_own_text() {
        let answer = answer(200, r#"{"data":{"data":{"n":9007199254740993,"f":1.10,"s":"é\n"}}}"#);
        let data = answer.require(&["data", "data"]).unwrap();
        let texts: Vec<_> = data.values().map(|v| text_of(v)).collect();
        assert_eq!(texts, ["1.10", "9007199254740993", "é\n"]);
    }

    #[test]
    fn an_absent_object_is_none_and_another_type_is_an_error() {
        let answer = answer(200, r#"{"data":null,"auth":3}"#);
        assert!(answer.object(&["data"]).unwrap().is_none());
        assert!(answer.object(&["none"]).unwrap().is_none());
        assert!(answer.object(&["auth"]).is_err());
    }

    #[test]
    fn a_refusal_carries_the_servers_words_and_what_to_do() {
        let answer = answer(403, r#"{"errors":["permission denied"]}"#);
        let text = answer.ok().err().unwrap().to_string();
        assert!(text.contains("GET p answered 403\n* permission denied\nYour rights"), "{text}");
    }

    #[test]
    fn warnings_are_found_where_there_are_any() {
        assert_eq!(answer(200, r#"{"warnings":["a"]}"#).warnings(), ["a"]);
        assert!(answer(200, r#"{"warnings":null}"#).warnings().is_empty());
        assert!(answer(204, "").warnings().is_empty());
    }

    #[test]
    fn nothing_there_differs_from_an_error_that_says_why() {
        assert!(answer(404, r#"{"errors":[]}"#).found().unwrap().is_none());
        assert!(answer(404, r#"{"errors":["no handler"]}"#).found().is_err());
        assert!(answer(200, "{}").found().unwrap().is_some());
    }

    #[test]
    fn p34_p36_a_token_follows_no_redirect() {
        assert!(Answer::new("GET", "p", 307, String::new()).is_err());
    }
}
