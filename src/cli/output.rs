//! What a command prints: tables for people, the server's JSON or YAML for programs, its answer as
//! it came, or one field bare.

mod json;
pub mod style;
mod table;
mod yaml;

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use super::client::{Answer, Object, text_of};
use super::environment::variable;
use super::error::CliError;
pub use table::cell;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// The server's answer
    Json,
    /// The server's answer as YAML
    Yaml,
    /// The server's answer, byte for byte
    Raw,
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
    title: String,
    fields: Object,
    hidden: bool,
}

impl Section {
    pub fn new(title: impl Into<String>, fields: Object) -> Self {
        Self { title: title.into(), fields, hidden: false }
    }

    /// Fields that only `--field` finds.
    pub fn hidden(fields: Object) -> Self {
        Self { title: String::new(), fields, hidden: true }
    }
}

impl Output {
    fn format(&self) -> Result<Format, CliError> {
        match (self.format, variable("FORMAT")) {
            _ if self.field.is_some() => Ok(Format::Table),
            (Some(format), _) => Ok(format),
            (None, None) => Ok(Format::Table),
            (None, Some(name)) => Format::from_str(&name, true).map_err(|_| {
                CliError::usage("the environment's FORMAT must be table, json, yaml or raw")
            }),
        }
    }

    /// What a program wants of this JSON; `None` where a person reads.
    fn machine(&self, json: &str) -> Result<Option<String>, CliError> {
        Ok(match self.format()? {
            Format::Table => None,
            Format::Json => Some(json::indented(json)),
            Format::Yaml => Some(yaml::document(json)),
            Format::Raw => Some(json.to_owned()),
        })
    }

    /// True when this one field is wanted.
    pub fn wants(&self, field: &str) -> bool {
        self.field.as_deref() == Some(field)
    }

    /// Prints the fields of one object of the answer.
    pub fn fields(&self, answer: &Answer, fields: Object) -> Result<(), CliError> {
        self.sections(answer, vec![Section::new("", fields)])
    }

    /// Prints groups of fields; `--field` looks in the last group first.
    pub fn sections(&self, answer: &Answer, sections: Vec<Section>) -> Result<(), CliError> {
        if let Some(name) = &self.field {
            let value = sections.iter().rev().find_map(|s| s.fields.get(name));
            return match value {
                Some(value) => print_field(&text_of(value)),
                None => Err(no_field(name)),
            };
        }
        if let Some(text) = self.machine(answer.body())? {
            return print(&text);
        }
        let titled = sections.len() > 1;
        let tables: Vec<String> = sections
            .iter()
            .filter(|section| !section.hidden)
            .map(|section| {
                let head = if titled {
                    format!("{}\n", style::head(&format!("== {} ==", section.title)))
                } else {
                    String::new()
                };
                head + &table::of_fields(&section.fields)
            })
            .collect();
        print(&tables.join("\n"))
    }

    /// Prints rows below a head, or the JSON that they were made of.
    pub fn rows(&self, json: &str, head: &[&str], rows: &[Vec<String>]) -> Result<(), CliError> {
        if let Some(name) = &self.field {
            return Err(no_field(name));
        }
        match self.machine(json)? {
            Some(text) => print(&text),
            None => print(&table::of_rows(head, rows, style::width())),
        }
    }

    /// Prints names, one a line (or the JSON list itself).
    pub fn keys(&self, answer: &Answer) -> Result<(), CliError> {
        let keys = answer.keys()?;
        if let Some(name) = &self.field {
            return Err(no_field(name));
        }
        let data = answer.require(&["data"])?;
        if self.format()? == Format::Raw {
            return print(answer.body());
        }
        if let Some(text) = self.machine(data.get("keys").map_or("[]", |keys| keys.get()))? {
            return print(&text);
        }
        let lines: Vec<String> = keys.iter().map(|key| harmless(key)).collect();
        print(&format!("{}\n----\n{}\n", style::head("Keys"), lines.join("\n")))
    }

    /// Says what was done, where there is nothing else to print.
    pub fn done(&self, text: &str) -> Result<(), CliError> {
        if self.format()? != Format::Table || self.field.is_some() {
            return Ok(());
        }
        print(&format!("{text}\n"))
    }

    /// Prints text of the server's that is a document of its own (a policy).
    pub fn document(&self, answer: &Answer, text: &str) -> Result<(), CliError> {
        match self.machine(answer.body())? {
            Some(text) => print(&text),
            None => print_field(text),
        }
    }
}

fn no_field(name: &str) -> CliError {
    CliError::usage(format!("the answer has no field {name:?}"))
}

/// A remark for the person at the terminal.
pub fn warn(text: &str) {
    eprintln!("{} {text}", style::warning());
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

/// Text without control characters that could rewrite the terminal; a secret may hold anything.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}
