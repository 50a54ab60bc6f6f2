//! Reads one section of a parsed file, with line numbers for whatever is wrong. Knows types and
//! ranges, not what the keys mean.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::{format_duration, parse_duration};
use super::error::ConfigError;
use super::schema;

/// A parsed file in which every key is known.
pub(super) struct Document<'a> {
    file: &'a Path,
    text: &'a str,
    table: DeTable<'a>,
}

/// One section of it, perhaps absent.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    name: Option<String>,
    table: Option<&'d DeTable<'d>>,
}

impl<'a> Document<'a> {
    /// Unknown keys are looked for before anything is read: a misspelt key is then reported as
    /// such, and not as another one that is missing.
    pub(super) fn parse(file: &'a Path, text: &'a str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|e| ConfigError::Syntax {
            file: file.to_owned(),
            line: line_at(text, e.span().map_or(0, |span| span.start)),
            message: match e.message() {
                "duplicate key" => "it stands there twice; remove one of the two".to_owned(),
                message => message.to_owned(),
            },
        })?;
        let document = Self { file, text, table: table.into_inner() };
        document.refuse_unknown()?;
        Ok(document)
    }

    pub(super) fn top(&self) -> Section<'_> {
        Section { document: self, name: None, table: Some(&self.table) }
    }

    pub(super) fn section(&self, name: &'static str) -> Section<'_> {
        let table = self.table.get(name).and_then(|v| v.get_ref().as_table());
        Section { document: self, name: Some(name.to_owned()), table }
    }

    /// The tables of `[[section.name]]`, in the order of the file.
    pub(super) fn list(&self, section: &str, name: &str) -> Vec<Section<'_>> {
        self.tables(section, name)
            .enumerate()
            .map(|(place, table)| Section {
                document: self,
                name: Some(format!("{section}.{name}[{}]", place + 1)),
                table: Some(table),
            })
            .collect()
    }

    fn tables(&self, section: &str, name: &str) -> impl Iterator<Item = &DeTable<'a>> {
        let section = self.table.get(section).and_then(|v| v.get_ref().as_table());
        let list = section.and_then(|s| s.get(name)).and_then(|v| v.get_ref().as_array());
        list.into_iter().flatten().filter_map(|v| v.get_ref().as_table())
    }

    fn refuse_unknown(&self) -> Result<(), ConfigError> {
        for (key, value) in &self.table {
            let (name, line) = (key.get_ref().as_ref(), self.line(key));
            let Some((_, keys)) = schema::SECTIONS.iter().find(|(s, _)| *s == name) else {
                if schema::TOP.contains(&name) {
                    continue;
                }
                return Err(self.unknown_at_top(name, line, value.get_ref().is_table()));
            };
            let Some(section) = value.get_ref().as_table() else {
                return Err(ConfigError::WrongType {
                    file: self.file.to_owned(),
                    line,
                    key: name.to_owned(),
                    expected: "a section",
                    found: value.get_ref().type_str().to_owned(),
                });
            };
            for (key, value) in section {
                let given = key.get_ref().as_ref();
                match schema::LISTS.iter().find(|(s, list, _)| (*s, *list) == (name, given)) {
                    Some((_, _, keys)) => self.refuse_unknown_in_list(name, given, value, keys)?,
                    None if keys.contains(&given) => {}
                    None => return Err(self.unknown_key(key, &format!("[{name}]"), keys)),
                }
            }
        }
        Ok(())
    }

    fn refuse_unknown_in_list(
        &self,
        section: &str,
        list: &str,
        value: &Spanned<DeValue<'_>>,
        keys: &[&str],
    ) -> Result<(), ConfigError> {
        let place = format!("[[{section}.{list}]]");
        let wrong = |value: &Spanned<DeValue<'_>>| ConfigError::WrongType {
            file: self.file.to_owned(),
            line: self.line(value),
            key: format!("{section}.{list}"),
            expected: "a list of sections, each under a head in double brackets",
            found: value.get_ref().type_str().to_owned(),
        };
        let tables = value.get_ref().as_array().ok_or_else(|| wrong(value))?;
        for table in tables {
            for key in table.get_ref().as_table().ok_or_else(|| wrong(table))?.keys() {
                if !keys.contains(&key.get_ref().as_ref()) {
                    return Err(self.unknown_key(key, &place, keys));
                }
            }
        }
        Ok(())
    }

    fn unknown_key(
        &self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        place: &str,
        keys: &[&str],
    ) -> ConfigError {
        let given = key.get_ref().as_ref();
        ConfigError::UnknownKey {
            file: self.file.to_owned(),
            line: self.line(key),
            key: given.to_owned(),
            place: format!(" in {place}"),
            advice: advice(given, keys.iter().copied(), "\"", "\""),
        }
    }

    fn unknown_at_top(&self, name: &str, line: usize, is_section: bool) -> ConfigError {
        let (file, name) = (self.file.to_owned(), name.to_owned());
        if is_section {
            let advice = advice(&name, schema::section_names(), "[", "]");
            return ConfigError::UnknownSection { file, line, section: name, advice };
        }
        let home = schema::SECTIONS.iter().find(|(_, keys)| keys.contains(&name.as_str()));
        let advice = match home {
            Some((section, _)) => format!("; it belongs into [{section}]"),
            None => advice(&name, schema::TOP.iter().copied(), "\"", "\""),
        };
        ConfigError::UnknownKey {
            file,
            line,
            key: name,
            place: " outside any section".into(),
            advice,
        }
    }

    fn line<T>(&self, at: &Spanned<T>) -> usize {
        line_at(self.text, at.span().start)
    }
}

impl Section<'_> {
    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, ConfigError> {
        value.ok_or_else(|| ConfigError::Missing {
            file: self.document.file.to_owned(),
            key: self.full_name(key),
        })
    }

    /// An error about the value of `key`, whether it stands in the file or is a default.
    pub(super) fn refuse(&self, key: &str, advice: &str) -> ConfigError {
        let line = self.value(key).map(|v| self.document.line(v));
        ConfigError::Value {
            file: self.document.file.to_owned(),
            key: self.full_name(key),
            place: line.map_or_else(String::new, |line| format!(" at line {line}")),
            advice: advice.to_owned(),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Printable text of 1 to `bytes_max` bytes.
    pub(super) fn name(&self, key: &str, bytes_max: usize) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(key, "a string")? else { return Ok(None) };
        if text.trim().is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
            let advice = format!("must be printable text of 1 to {bytes_max} bytes");
            return Err(self.refuse(key, &advice));
        }
        Ok(Some(text.to_owned()))
    }

    /// A path, made absolute against the directory of the file.
    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(text) = self.text(key, "a path as a string")? else { return Ok(None) };
        if text.is_empty() || text.contains('\0') {
            return Err(self.refuse(key, "must be a path; leave the key out if it has a default"));
        }
        let base = self.document.file.parent().unwrap_or(Path::new(""));
        let joined = base.join(text);
        let absolute =
            std::path::absolute(&joined).map_err(|e| self.refuse(key, &e.to_string()))?;
        Ok(Some(absolute))
    }

    pub(super) fn address(&self, key: &str) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(text) = self.text(key, "an address such as \"127.0.0.1:8200\"")? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            self.refuse(
                key,
                "must be an IP address and a port, such as \"127.0.0.1:8200\" or \"[::]:8200\"",
            )
        })
    }

    pub(super) fn duration(
        &self,
        key: &str,
        max: Duration,
    ) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(key, "a duration such as \"15m\"")? else { return Ok(None) };
        match parse_duration(text) {
            Some(duration) if duration <= max => Ok(Some(duration)),
            Some(_) => {
                let advice = format!("must not be longer than {}", format_duration(max));
                Err(self.refuse(key, &advice))
            }
            None => Err(self.refuse(
                key,
                "must be a number with a unit (ms, s, m, h, d), such as \"15m\" or \"1h30m\"",
            )),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(b) => Ok(Some(*b)),
            _ => Err(self.wrong_type(key, value, "true or false")),
        }
    }

    pub(super) fn integer<T: TryFrom<u64>>(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::Integer(digits) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a whole number"));
        };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        match number.filter(|n| range.contains(n)).and_then(|n| T::try_from(n).ok()) {
            Some(number) => Ok(Some(number)),
            None => {
                let advice = format!("must be between {} and {}", range.start(), range.end());
                Err(self.refuse(key, &advice))
            }
        }
    }

    /// A list of networks such as `10.0.0.0/8`.
    pub(super) fn networks(&self, key: &str) -> Result<Option<Vec<IpNet>>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let expected = "a list of networks such as [\"10.0.0.0/8\"]";
        let list =
            value.get_ref().as_array().ok_or_else(|| self.wrong_type(key, value, expected))?;
        let networks: Option<Vec<IpNet>> = list
            .iter()
            .map(|network| network.get_ref().as_str().and_then(|text| text.parse().ok()))
            .collect();
        networks.map(Some).ok_or_else(|| self.refuse(key, &format!("must be {expected}")))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(key, "a string")? else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        Err(self.refuse(key, &format!("must be {}", known.join(" or "))))
    }

    fn text(&self, key: &str, expected: &'static str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(text.as_ref())),
            _ => Err(self.wrong_type(key, value, expected)),
        }
    }

    fn value(&self, key: &str) -> Option<&Spanned<DeValue<'_>>> {
        self.table.and_then(|table| table.get(key))
    }

    fn wrong_type(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &'static str,
    ) -> ConfigError {
        ConfigError::WrongType {
            file: self.document.file.to_owned(),
            line: self.document.line(value),
            key: self.full_name(key),
            expected,
            found: value.get_ref().type_str().to_owned(),
        }
    }

    fn full_name(&self, key: &str) -> String {
        self.name.as_ref().map_or_else(|| key.to_owned(), |section| format!("{section}.{key}"))
    }
}

fn advice<'a>(given: &str, known: impl Iterator<Item = &'a str>, l: &str, r: &str) -> String {
    let known: Vec<&str> = known.collect();
    if let Some(near) = schema::nearest(given, known.iter().copied()) {
        return format!("; did you mean {l}{near}{r}?");
    }
    let known: Vec<_> = known.iter().map(|k| format!("{l}{k}{r}")).collect();
    format!("; there are {}", known.join(", "))
}

/// Lines count from 1.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}
