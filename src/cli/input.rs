//! Values from the command line: `k=v`, `k=@file`, `k=-`, `k=?`, `@file.json`, `-`. A secret never has
//! to be an argument, and no error repeats one: an argument is named by its position.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::client::{Object, encode_query, text_of};
use super::error::CliError;
use super::{output, prompt};
use crate::limits;
use crate::sensitive::SecretText;

/// Reads arguments and, at most once, stdin.
pub struct Input {
    stdin: Option<Box<dyn Read>>,
}

impl Input {
    pub fn new() -> Self {
        Self { stdin: Some(Box::new(io::stdin())) }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn with_stdin(text: impl Into<String>) -> Self {
        Self { stdin: Some(Box::new(io::Cursor::new(text.into()))) }
    }

    /// `k=v` pairs and whole JSON objects (`@file`, `-`); what comes later wins.
    pub fn pairs(&mut self, args: &[String]) -> Result<Object, CliError> {
        let mut pairs = Object::new();
        for (i, arg) in args.iter().enumerate() {
            let position = i + 1;
            if arg == "-" || arg.starts_with('@') {
                pairs.extend(self.json_object(arg, position)?);
                continue;
            }
            let Some((key, value)) = arg.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(CliError::usage(format!(
                    "value {position} is not KEY=VALUE, KEY=@FILE, KEY=-, KEY=?, @FILE or -"
                )));
            };
            if is_visible_secret(key, value) && io::stderr().is_terminal() {
                output::warn(&format!(
                    "other processes and the shell's history see {key:?}; '{key}=?' asks for it, \
                     {key}=- reads stdin, {key}=@FILE a file"
                ));
            }
            let text = if value == "?" { prompt::secret(key)? } else { self.text(value)? };
            let value = to_raw_value(text.expose())
                .map_err(|_| CliError::usage(format!("value {position} is not usable as text")))?;
            pairs.insert(key.to_owned(), value);
        }
        Ok(pairs)
    }

    /// The query of a URL from `k=v` pairs.
    pub fn query(&mut self, args: &[String]) -> Result<String, CliError> {
        let pairs = self.pairs(args)?;
        Ok(encode_query(pairs.iter().map(|(key, value)| (key.as_str(), text_of(value)))))
    }

    /// What proves something, and so is no argument: `@file`, `-`, `?` or nothing to be asked.
    pub fn proof(&mut self, source: Option<&str>, what: &str) -> Result<SecretText, CliError> {
        match source {
            None | Some("?") => prompt::secret(what),
            Some(source) if source == "-" || source.starts_with('@') => self.line(source),
            Some(_) => Err(CliError::usage(format!(
                "{what}: other processes see arguments; give - (stdin) or @FILE, or nothing to be \
                 asked"
            ))),
        }
    }

    /// One value: `@file`, `-` for stdin, else itself; `\@…`, `\-` and `\?` for a text that begins
    /// with `@`, or is `-` or `?`.
    pub fn text(&mut self, arg: &str) -> Result<SecretText, CliError> {
        match arg.as_bytes() {
            b"-" => self.stdin(),
            [b'@', ..] => from_file(Path::new(&arg[1..])),
            [b'\\', b'@', ..] | b"\\-" | b"\\?" => Ok(SecretText::new(arg[1..].to_owned())),
            _ => Ok(SecretText::new(arg.to_owned())),
        }
    }

    /// A value such as a token, whose last line break is the file's and not its own.
    pub fn line(&mut self, arg: &str) -> Result<SecretText, CliError> {
        let text = self.text(arg)?;
        Ok(SecretText::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn json_object(&mut self, arg: &str, position: usize) -> Result<Object, CliError> {
        let text = self.text(arg)?;
        // The parser's message says where, never what.
        serde_json::from_str(text.expose()).map_err(|e| {
            CliError::usage(format!(
                "value {position} is not a JSON object (line {}, column {})",
                e.line(),
                e.column()
            ))
        })
    }

    fn stdin(&mut self) -> Result<SecretText, CliError> {
        let Some(stdin) = self.stdin.take() else {
            return Err(CliError::usage("\"-\" stands for stdin and can be given only once"));
        };
        bounded(stdin).map_err(|source| CliError::Io { doing: "read stdin", source })
    }
}

fn from_file(path: &Path) -> Result<SecretText, CliError> {
    let fail = |source| CliError::File { doing: "read", path: path.to_owned(), source };
    bounded(File::open(path).map_err(fail)?).map_err(fail)
}

fn bounded(from: impl Read) -> io::Result<SecretText> {
    let max = limits::BODY_BYTES_MAX;
    let mut text = String::new();
    let read = from.take(max as u64 + 1).read_to_string(&mut text).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => {
            io::Error::other("it is not UTF-8, which JSON cannot hold; encode it first (base64)")
        }
        _ => e,
    })?;
    if read > max {
        return Err(io::Error::other(format!("it is longer than {max} bytes")));
    }
    Ok(SecretText::new(text))
}

/// `KEY=VALUE` pairs of a flag that takes notes and settings, never secrets.
pub fn named_values(flag: &str, pairs: &[String]) -> Result<Map<String, Value>, CliError> {
    pairs
        .iter()
        .map(|pair| {
            let (key, value) = pair
                .split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| CliError::usage(format!("{flag} takes KEY=VALUE")))?;
            Ok((key.to_owned(), Value::from(value)))
        })
        .collect()
}

/// A value under a name that secrets have, given as it is.
fn is_visible_secret(key: &str, value: &str) -> bool {
    const NAMES: [&str; 6] =
        ["password", "passphrase", "secret", "token", "private_key", "api_key"];
    // token_policies, token_ttl and secret_id_num_uses are settings.
    const SETTINGS: [&str; 2] = ["token_", "secret_id_"];
    let key = key.to_ascii_lowercase();
    let named = NAMES.iter().any(|name| key.contains(name))
        && !SETTINGS.iter().any(|prefix| key.starts_with(prefix));
    named && !value.is_empty() && !value.starts_with(['@', '-', '?'])
}

/// A JSON string for a body.
pub fn json_text(text: &str) -> Box<RawValue> {
    to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    fn json(object: &Object) -> String {
        serde_json::to_string(object).unwrap()
    }

    #[test]
    fn values_come_from_arguments_files_and_stdin() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from\nfile\n").unwrap();
        let at = format!("b=@{}", file.path().display());
        let pairs =
            Input::with_stdin("from stdin").pairs(&args(&["a=x=y", &at, "c=-", "d=\\@x", "e="]));
        assert_eq!(
            json(&pairs.unwrap()),
            r#"{"a":"x=y","b":"from\nfile\n","c":"from stdin","d":"@x","e":""}"#
        );
    }

    #[test]
    fn a_json_object_keeps_its_numbers_and_later_values_win() {
        let pairs =
            Input::with_stdin(r#"{"n":9007199254740993,"a":1}"#).pairs(&args(&["-", "a=2"]));
        assert_eq!(json(&pairs.unwrap()), r#"{"a":"2","n":9007199254740993}"#);
    }

    #[test]
    fn no_error_repeats_a_value() {
        for wrong in [&["marker"][..], &["=marker"], &["-"], &["a=-", "b=-"]] {
            let error = Input::with_stdin("{\"a\":\"marker").pairs(&args(wrong)).unwrap_err();
            assert!(!error.to_string().contains("marker"), "{error}");
        }
    }

    #[test]
    fn a_line_loses_the_line_break_of_its_file_and_nothing_else() {
        assert_eq!(Input::with_stdin(" t \r\n").line("-").unwrap().expose(), " t ");
    }

    #[test]
    fn signs_with_a_meaning_can_be_written_as_text() {
        let pairs = Input::with_stdin("").pairs(&args(&["a=\\-", "b=\\?", "c=\\@", "d=\\x"]));
        assert_eq!(json(&pairs.unwrap()), r#"{"a":"-","b":"?","c":"@","d":"\\x"}"#);
    }

    #[test]
    fn what_is_not_text_is_refused_with_a_way_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0xff, 0xfe]).unwrap();
        let at = format!("a=@{}", file.path().display());
        let error = Input::with_stdin("").pairs(&args(&[&at])).unwrap_err().to_string();
        assert!(error.contains("base64"), "{error}");
    }

    #[test]
    fn a_query_is_encoded() {
        let query = Input::with_stdin("").query(&args(&["a=x y&z", "b=é"])).unwrap();
        assert_eq!(query, "a=x%20y%26z&b=%C3%A9");
    }

    #[test]
    fn secrets_in_sight_are_told_from_settings() {
        for (key, value) in [("password", "x"), ("DB_PASSWORD", "x"), ("client_secret", "x")] {
            assert!(is_visible_secret(key, value), "{key}");
        }
        for (key, value) in
            [("password", "-"), ("password", "@f"), ("token_ttl", "1h"), ("user", "x")]
        {
            assert!(!is_visible_secret(key, value), "{key}");
        }
    }

    #[test]
    fn a_proof_is_never_an_argument() {
        let refusal = Input::with_stdin("").proof(Some("marker"), "Secret ID").unwrap_err();
        assert!(!refusal.to_string().contains("marker"));
        assert_eq!(Input::with_stdin("s\n").proof(Some("-"), "x").unwrap().expose(), "s");
    }

    #[test]
    fn input_without_end_is_refused() {
        let mut input = Input { stdin: Some(Box::new(io::repeat(b'x'))) };
        assert!(input.text("-").is_err());
    }
}
