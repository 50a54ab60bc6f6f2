//! What a command prints: a table for people, the server's JSON for programs, or one field bare.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::value::RawValue;

use super::client::{Answer, Object, text_of};
use super::environment::variable;
use super::error::CliError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// The server's answer
    Json,
}

#[derive(Debug, Default, Args)]
pub struct Output {
    /// How to print [env: STRONGROOM_FORMAT, BAO_FORMAT, VAULT_FORMAT; default: table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Print only this field, as it is, without a line break when not on a terminal
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    field: Option<String>,
}

/// A titled group of fields; the title is left out where there is only one group.
pub struct Section {
    pub title: &'static str,
    pub fields: Object,
}

impl Output {
    /// True when the answer's body is wanted.
    pub fn is_json(&self) -> Result<bool, CliError> {
        if self.field.is_some() {
            return Ok(false);
        }
        let format = match (self.format, variable("FORMAT")) {
            (Some(format), _) => format,
            (None, Some(name)) => Format::from_str(&name, true).map_err(|_| {
                CliError::usage("the environment's FORMAT must be \"table\" or \"json\"")
            })?,
            (None, None) => Format::Table,
        };
        Ok(format == Format::Json)
    }

    /// True when this one field is wanted.
    pub fn wants(&self, field: &str) -> bool {
        self.field.as_deref() == Some(field)
    }

    /// Prints the fields of one object of the answer.
    pub fn fields(&self, answer: &Answer, fields: Object) -> Result<(), CliError> {
        self.sections(answer, vec![Section { title: "", fields }])
    }

    /// Prints groups of fields; `--field` looks in the last group first.
    pub fn sections(&self, answer: &Answer, sections: Vec<Section>) -> Result<(), CliError> {
        if let Some(name) = &self.field {
            let value = sections.iter().rev().find_map(|s| s.fields.get(name));
            return match value {
                Some(value) => print_field(&text_of(value)),
                None => Err(CliError::usage(format!("the answer has no field {name:?}"))),
            };
        }
        if self.is_json()? {
            return print(&indented(answer.body()));
        }
        let titled = sections.len() > 1;
        let tables: Vec<String> = sections
            .iter()
            .map(|section| {
                let head =
                    if titled { format!("== {} ==\n", section.title) } else { String::new() };
                head + &table(&section.fields)
            })
            .collect();
        print(&tables.join("\n"))
    }

    /// Prints names, one a line (or the JSON list itself).
    pub fn keys(&self, answer: &Answer) -> Result<(), CliError> {
        let keys = answer.keys()?;
        if self.is_json()? {
            let data = answer.require(&["data"])?;
            return print(&indented(data.get("keys").map_or("[]", |keys| keys.get())));
        }
        let lines: Vec<String> = keys.iter().map(|key| harmless(key)).collect();
        print(&format!("Keys\n----\n{}\n", lines.join("\n")))
    }

    /// Says what was done, where there is nothing else to print.
    pub fn done(&self, text: &str) -> Result<(), CliError> {
        if self.is_json()? || self.field.is_some() { Ok(()) } else { print(&format!("{text}\n")) }
    }

    /// Prints text of the server's that is a document of its own (a policy).
    pub fn document(&self, answer: &Answer, text: &str) -> Result<(), CliError> {
        if self.is_json()? { print(&indented(answer.body())) } else { print_field(text) }
    }
}

/// One value, bare; with a line break on a terminal, where the prompt follows.
fn print_field(text: &str) -> Result<(), CliError> {
    let terminal = io::IsTerminal::is_terminal(&io::stdout());
    print(text)?;
    if terminal && !text.ends_with('\n') { print("\n") } else { Ok(()) }
}

/// Unlike `println!`, an error and not a panic when the reader is gone.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| CliError::Io { doing: "write to stdout", source })
}

fn table(fields: &Object) -> String {
    let width = fields.keys().map(|k| k.chars().count()).chain([3]).max().unwrap_or(3);
    let mut out = format!("{:width$}    Value\n{:width$}    -----\n", "Key", "---");
    for (key, value) in fields {
        out.push_str(&format!("{:width$}    {}\n", harmless(key), harmless(&cell(value))));
    }
    out
}

/// A value within a table: lists of words without their quotes, nothing for null.
fn cell(value: &RawValue) -> String {
    if value.get() == "null" {
        return "n/a".into();
    }
    match serde_json::from_str::<Vec<String>>(value.get()) {
        Ok(words) => format!("[{}]", words.join(" ")),
        Err(_) => text_of(value),
    }
}

/// Text without control characters that could rewrite the terminal; a secret may hold anything.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// Lays out valid JSON without touching its literals, so that numbers stay as the server wrote
/// them; text that is not JSON comes out unharmed but oddly spaced.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut empty) = (0_usize, false, false, false);
    for c in json.trim().chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !empty {
                    line(&mut out, depth);
                }
            }
            _ if empty => line(&mut out, depth),
            _ => {}
        }
        empty = matches!(c, '{' | '[');
        out.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_string = true,
            _ => {}
        }
    }
    out.push('\n');
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(json: &str) -> Object {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn tables_align_and_keep_literals() {
        let table = table(&object(r#"{"a":"x","long_key":1.10,"p":["b","c"],"z":null}"#));
        assert_eq!(
            table,
            "Key         Value\n---         -----\na           x\nlong_key    1.10\n\
             p           [b c]\nz           n/a\n"
        );
    }

    #[test]
    fn a_secret_cannot_drive_the_terminal_from_a_table() {
        let table = table(&object(r#"{"a":"\u001b[2Jx\u009b\u0007"}"#));
        assert!(!table.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{table:?}");
    }

    #[test]
    fn json_is_laid_out_with_its_literals() {
        let json = r#"{"a":{},"n":9007199254740993,"l":[1,[]],"s":"\"{,\\"}"#;
        let wanted = "{\n  \"a\": {},\n  \"n\": 9007199254740993,\n  \"l\": [\n    1,\n    []\n  ],\n  \
                      \"s\": \"\\\"{,\\\\\"\n}\n";
        assert_eq!(indented(json), wanted);
    }

    proptest! {
        #[test]
        fn laying_out_changes_no_value(s in ".{0,20}", n in any::<i64>(), k in "[\"{\\\\,: ]{0,5}") {
            let value = serde_json::json!({ s.clone(): [n, { k: s }, [], {}], "": null });
            let back: serde_json::Value = serde_json::from_str(&indented(&value.to_string())).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
