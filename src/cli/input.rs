//! Values from the command line: `k=v`, `k=@file`, `k=-`, `@file.json`, `-`. A secret never has to
//! be an argument, and no error repeats one: an argument is named by its position.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::value::{RawValue, to_raw_value};

use super::client::Object;
use super::error::CliError;
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

    #[cfg(test)]
    fn with_stdin(text: &'static str) -> Self {
        Self { stdin: Some(Box::new(text.as_bytes())) }
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
                    "value {position} is not KEY=VALUE, KEY=@FILE, KEY=-, @FILE or -"
                )));
            };
            let text = self.text(value)?;
            let value = to_raw_value(text.expose())
                .map_err(|_| CliError::usage(format!("value {position} is not usable as text")))?;
            pairs.insert(key.to_owned(), value);
        }
        Ok(pairs)
    }

    /// One value: `@file`, `-` for stdin, `\@…` for text that begins with `@`, else itself.
    pub fn text(&mut self, arg: &str) -> Result<SecretText, CliError> {
        match arg.as_bytes() {
            b"-" => self.stdin(),
            [b'@', ..] => from_file(Path::new(&arg[1..])),
            [b'\\', b'@', ..] => Ok(SecretText::new(arg[1..].to_owned())),
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
    let read = from.take(max as u64 + 1).read_to_string(&mut text)?;
    if read > max {
        return Err(io::Error::other(format!("it is longer than {max} bytes")));
    }
    Ok(SecretText::new(text))
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
    fn input_without_end_is_refused() {
        let mut input = Input { stdin: Some(Box::new(io::repeat(b'x'))) };
        assert!(input.text("-").is_err());
    }
}
