//! The strict parser of RFC 8259 with limits. It refuses what follows the value, byte order marks
//! and invalid UTF-8, and takes the last of duplicate keys. A lone surrogate escape becomes
//! U+FFFD, as in Go, because strict clients could not read it back.

use zeroize::Zeroizing;

use super::{Text, Value};
use crate::limits;

/// Why a text is not acceptable JSON. The texts are Go's; they quote one character of the input at
/// most, and only one that breaks the grammar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("unexpected EOF")]
    Eof,
    #[error("invalid character {found} {context}")]
    Character { found: String, context: String },
    #[error("object member name must be a string")]
    MemberName,
    #[error("invalid escape sequence in string")]
    Escape,
    #[error("invalid UTF-8; send the body as UTF-8")]
    Utf8,
    #[error("exceeded maximum nesting of {0} levels")]
    Depth(usize),
    #[error("exceeded maximum number of strings ({0})")]
    Strings(usize),
    #[error("exceeded maximum number of values ({0})")]
    Values(usize),
}

impl JsonError {
    /// True for a text that is well-formed so far but larger than a limit.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Depth(_) | Self::Strings(_) | Self::Values(_))
    }
}

/// How much structure a text may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub depth: usize,
    /// Keys and strings together.
    pub strings: usize,
    pub values: usize,
}

impl Limits {
    /// For a request body.
    pub const BODY: Limits = Limits {
        depth: limits::JSON_DEPTH_MAX,
        strings: limits::JSON_STRINGS_MAX,
        values: limits::JSON_VALUES_MAX,
    };
    /// For text that was parsed under `BODY` before it was stored; patches may have added to it,
    /// so only its bytes bound the number of strings.
    pub const STORED: Limits = Limits { strings: usize::MAX, ..Self::BODY };
}

/// Parses one value that fills the whole text.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value<'_>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Utf8)?;
    let mut parser = Parser { text, at: 0, strings: 0, values: 0, limits };
    parser.space();
    let value = parser.value(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.unexpected("after top-level value")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    strings: usize,
    values: usize,
    limits: Limits,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The error for what stands at the current place.
    fn unexpected(&self, context: &str) -> JsonError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => JsonError::Eof,
            Some(c) => JsonError::Character { found: go_quote(c), context: context.into() },
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(JsonError::Values(self.limits.values));
        }
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.literal("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.literal("false").map(|()| Value::Bool(false)),
            Some(b'n') => self.literal("null").map(|()| Value::Null),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth >= self.limits.depth {
            return Err(JsonError::Depth(self.limits.depth));
        }
        Ok(depth + 1)
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let key = match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'{' | b'[' | b'-' | b'0'..=b'9') => return Err(JsonError::MemberName),
                _ => return Err(self.unexpected("looking for beginning of value")),
            };
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.space();
            members.push((key, self.value(depth)?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    keep_last(&mut members);
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonError> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(self.unexpected(&context));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("in numeric literal"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>, JsonError> {
        self.strings += 1;
        if self.strings > self.limits.strings {
            return Err(JsonError::Strings(self.limits.strings));
        }
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(JsonError::Eof),
                Some(b'"') => {
                    let plain = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text::Plain(plain));
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0..=0x1f) => return Err(self.unexpected("in string")),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Goes on at the first escape of a string that began at `start`.
    fn escaped_string(&mut self, start: usize) -> Result<Text<'a>, JsonError> {
        // A decoded string is never longer than its text, so this never grows: growing would
        // leave unerased copies behind.
        let end = self.text.len().min(start + self.string_len(start));
        let mut out = Zeroizing::new(String::with_capacity(end - start));
        out.push_str(&self.text[start..self.at]);
        loop {
            let plain = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            out.push_str(&self.text[plain..self.at]);
            match self.peek() {
                None => return Err(JsonError::Eof),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text::Decoded(out));
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.unexpected("in string")),
            }
        }
    }

    /// Bytes from `start` to the closing quote (or the end, if there is none).
    fn string_len(&self, start: usize) -> usize {
        let bytes = &self.text.as_bytes()[start..];
        let mut i = 0;
        while i < bytes.len() && bytes[i] != b'"' {
            i += if bytes[i] == b'\\' { 2 } else { 1 };
        }
        i
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let c = match self.peek() {
            None => return Err(JsonError::Eof),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            Some(_) => return Err(JsonError::Escape),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4(self.at)?;
        self.at += 4;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let second = self.hex4(self.at + 2)?;
            if (0xdc00..0xe000).contains(&second) {
                self.at += 6;
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&self, at: usize) -> Result<u32, JsonError> {
        let digits = self.text.as_bytes().get(at..at + 4).ok_or(JsonError::Eof)?;
        digits.iter().try_fold(0, |code, &b| {
            let digit = char::from(b).to_digit(16).ok_or(JsonError::Escape)?;
            Ok(code << 4 | digit)
        })
    }
}

/// Drops every member whose key comes again later. Sorting keeps this n·log n: a body may hold
/// thousands of keys.
fn keep_last(members: &mut Vec<(Text<'_>, Value<'_>)>) {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|&a, &b| members[a].0.as_str().cmp(members[b].0.as_str()).then(a.cmp(&b)));
    let mut superseded = vec![false; members.len()];
    let mut any = false;
    for pair in order.windows(2) {
        if members[pair[0]].0 == members[pair[1]].0 {
            superseded[pair[0]] = true;
            any = true;
        }
    }
    if any {
        let mut flags = superseded.into_iter();
        members.retain(|_| !flags.next().unwrap_or(false));
    }
}

/// A character in single quotes as Go prints it in these errors.
fn go_quote(c: char) -> String {
    match c {
        '\'' => "'\\''".into(),
        '"' => "'\"'".into(),
        '\\' => "'\\\\'".into(),
        '\n' => "'\\n'".into(),
        '\r' => "'\\r'".into(),
        '\t' => "'\\t'".into(),
        '\0'..='\u{1f}' | '\u{7f}' => format!("'\\x{:02x}'", u32::from(c)),
        '\u{80}'..='\u{9f}' | '\u{feff}' | '\u{2028}' | '\u{2029}' => {
            format!("'\\u{:04x}'", u32::from(c))
        }
        _ => format!("'{c}'"),
    }
}
