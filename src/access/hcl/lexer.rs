//! Characters to tokens, for HCL 1 and for JSON. Not here: which token may follow which.

use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use super::{Position, SyntaxError};

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Ident(String),
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Assign,
    Comma,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Eof,
}

impl Token {
    /// The name that HCL's own messages use.
    pub fn name(&self) -> &'static str {
        match self {
            Token::Ident(_) => "IDENT",
            Token::String(_) => "STRING",
            Token::Integer(_) => "NUMBER",
            Token::Float(_) => "FLOAT",
            Token::Boolean(_) => "BOOL",
            Token::Assign => "ASSIGN",
            Token::Comma => "COMMA",
            Token::LeftBrace => "LBRACE",
            Token::RightBrace => "RBRACE",
            Token::LeftBracket => "LBRACK",
            Token::RightBracket => "RBRACK",
            Token::Eof => "EOF",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Hcl,
    Json,
}

pub struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    at: Position,
    /// In bytes, of what is read next and of the last token.
    offset: usize,
    token_start: usize,
    comments: Vec<Range<usize>>,
    syntax: Syntax,
}

type Lexed<T> = Result<T, SyntaxError>;

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, syntax: Syntax) -> Self {
        Self {
            chars: text.chars().peekable(),
            at: Position { line: 1, column: 1 },
            offset: 0,
            token_start: 0,
            comments: Vec::new(),
            syntax,
        }
    }

    /// Where the last token stands in the text, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.token_start..self.offset
    }

    /// The comments before the last token that were not taken yet, in bytes.
    pub fn take_comments(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.comments)
    }

    /// The next token and where it begins.
    pub fn token(&mut self) -> Lexed<(Position, Token)> {
        self.skip_blanks_and_comments()?;
        self.token_start = self.offset;
        let at = self.at;
        let Some(first) = self.peek() else { return Ok((at, Token::Eof)) };
        let punctuation = match first {
            '{' => Some(Token::LeftBrace),
            '}' => Some(Token::RightBrace),
            '[' => Some(Token::LeftBracket),
            ']' => Some(Token::RightBracket),
            ',' => Some(Token::Comma),
            '=' if self.syntax == Syntax::Hcl => Some(Token::Assign),
            ':' if self.syntax == Syntax::Json => Some(Token::Assign),
            _ => None,
        };
        if let Some(token) = punctuation {
            self.next();
            return Ok((at, token));
        }
        let token = match first {
            '"' => Token::String(self.string()?),
            '<' if self.syntax == Syntax::Hcl => Token::String(self.heredoc()?),
            '-' | '0'..='9' => self.number()?,
            c if c.is_alphabetic() || c == '_' => self.word(),
            '\0' => return Err(error(at, "unexpected null character (0x00)")),
            _ => return Err(error(at, "illegal char")),
        };
        Ok((at, token))
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.offset += c.len_utf8();
        if c == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    fn skip_blanks_and_comments(&mut self) -> Lexed<()> {
        loop {
            let start = self.offset;
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r') => {
                    self.next();
                    continue;
                }
                Some('#') if self.syntax == Syntax::Hcl => self.skip_line(),
                Some('/') if self.syntax == Syntax::Hcl => {
                    let at = self.at;
                    self.next();
                    match self.peek() {
                        Some('/') => self.skip_line(),
                        Some('*') => self.skip_block_comment()?,
                        _ => return Err(error(at, "expected '/' for comment")),
                    }
                }
                _ => return Ok(()),
            }
            self.comments.push(start..self.offset);
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    fn skip_block_comment(&mut self) -> Lexed<()> {
        self.next();
        let mut previous = ' ';
        while let Some(c) = self.next() {
            if previous == '*' && c == '/' {
                return Ok(());
            }
            previous = c;
        }
        Err(error(self.at, "comment not terminated"))
    }

    fn word(&mut self) -> Token {
        let mut word = String::new();
        while let Some(c) = self.peek() {
            if !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
                break;
            }
            word.push(c);
            self.next();
        }
        match word.as_str() {
            "true" => Token::Boolean(true),
            "false" => Token::Boolean(false),
            _ => Token::Ident(word),
        }
    }

    /// Decimal, `0x` hexadecimal, leading-zero octal, or a float.
    fn number(&mut self) -> Lexed<Token> {
        let at = self.at;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-')) {
                break;
            }
            text.push(c);
            self.next();
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", text.as_str()),
        };
        // A second sign is for the exponent of a float only.
        let radix = |digits: &str, radix| {
            let plain = digits.starts_with(|c: char| c.is_ascii_alphanumeric());
            plain.then(|| i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()).flatten()
        };
        let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let octal = digits.strip_prefix('0').filter(|rest| !rest.is_empty());
        let integer = match (hexadecimal, octal) {
            (Some(rest), _) => radix(rest, 16),
            (None, Some(rest)) => radix(rest, 8),
            (None, None) => radix(digits, 10),
        };
        if let Some(integer) = integer {
            return Ok(Token::Integer(integer));
        }
        let is_float = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.contains(['.', 'e', 'E'])
            && hexadecimal.is_none();
        match text.parse::<f64>() {
            Ok(float) if is_float && float.is_finite() => Ok(Token::Float(float)),
            _ => Err(error(at, "illegal number")),
        }
    }

    fn string(&mut self) -> Lexed<String> {
        self.next();
        let mut text = String::new();
        // Depth of `${ … }`, inside which quotes and newlines are part of the string.
        let mut braces = 0_usize;
        loop {
            let at = self.at;
            let Some(c) = self.next() else { return Err(unterminated(self.at)) };
            match c {
                '\0' => return Err(error(at, "unexpected null character (0x00)")),
                '"' if braces == 0 => return Ok(text),
                '\n' if braces == 0 => return Err(unterminated(at)),
                '\\' if braces == 0 => {
                    let unescaped = self.escape(at)?;
                    text.push(unescaped);
                    continue;
                }
                '$' if braces == 0 && self.syntax == Syntax::Hcl && self.peek() == Some('{') => {
                    self.next();
                    text.push_str("${");
                    braces = 1;
                    continue;
                }
                '{' if braces > 0 => braces += 1,
                '}' if braces > 0 => braces -= 1,
                _ => {}
            }
            text.push(c);
        }
    }

    fn escape(&mut self, at: Position) -> Lexed<char> {
        let illegal = || error(at, "illegal char escape");
        let json = self.syntax == Syntax::Json;
        match self.next().ok_or_else(|| unterminated(at))? {
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            '\\' => Ok('\\'),
            '"' => Ok('"'),
            '/' if json => Ok('/'),
            'u' if json => self.json_unicode(at),
            'a' if !json => Ok('\u{7}'),
            'v' if !json => Ok('\u{b}'),
            'u' if !json => char::from_u32(self.digits(4, 16, 0, at)?).ok_or_else(illegal),
            'U' if !json => char::from_u32(self.digits(8, 16, 0, at)?).ok_or_else(illegal),
            // One byte, which must be a character by itself: HCL cannot write half of one.
            'x' if !json => ascii(self.digits(2, 16, 0, at)?).ok_or_else(illegal),
            c @ '0'..='7' if !json => {
                let first = c.to_digit(8).unwrap_or_default();
                ascii(self.digits(2, 8, first, at)?).ok_or_else(illegal)
            }
            _ => Err(illegal()),
        }
    }

    /// RFC 8259, section 7: beyond the basic plane as a surrogate pair.
    fn json_unicode(&mut self, at: Position) -> Lexed<char> {
        let illegal = || error(at, "illegal char escape");
        let high = self.digits(4, 16, 0, at)?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(illegal);
        }
        if self.next() != Some('\\') || self.next() != Some('u') {
            return Err(illegal());
        }
        let low = self.digits(4, 16, 0, at)?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(illegal());
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(illegal)
    }

    fn digits(&mut self, count: usize, radix: u32, first: u32, at: Position) -> Lexed<u32> {
        (0..count).try_fold(first, |value, _| {
            let digit = self.next().and_then(|c| c.to_digit(radix));
            let digit = digit.ok_or_else(|| error(at, "illegal char escape"))?;
            value
                .checked_mul(radix)
                .and_then(|v| v.checked_add(digit))
                .ok_or_else(|| error(at, "illegal char escape"))
        })
    }

    /// `<<ANCHOR` or `<<-ANCHOR`, lines, then the anchor alone on a line. Blanks before it are
    /// tolerated, with the dash required; then they come off every line if all have them.
    fn heredoc(&mut self) -> Lexed<String> {
        let at = self.at;
        self.next();
        if self.next() != Some('<') {
            return Err(error(at, "heredoc expected second '<', didn't see it"));
        }
        let indented = self.peek() == Some('-');
        if indented {
            self.next();
        }
        let anchor = self.line().ok_or_else(|| error(self.at, "heredoc not terminated"))?;
        let anchor = anchor.trim_end_matches('\r').to_owned();
        if anchor.is_empty() || !anchor.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(error(at, "heredoc anchor not found"));
        }
        let mut lines = Vec::new();
        loop {
            if self.peek().is_none() {
                return Err(error(self.at, "heredoc not terminated"));
            }
            let line = self.line_keeping_newline();
            let unindented = line.trim_start_matches([' ', '\t', '\r', '\u{b}', '\u{c}']);
            let indent = &line[..line.len() - unindented.len()];
            let is_anchor = unindented.trim_end_matches('\r') == anchor;
            if is_anchor && !(indented && indent.is_empty()) {
                let strip = indented && lines.iter().all(|l: &String| l.starts_with(indent));
                let cut = if strip { indent.len() } else { 0 };
                return Ok(lines.iter().map(|l| &l[cut..]).collect());
            }
            lines.push(line + "\n");
        }
    }

    /// The rest of the line, its newline consumed; `None` when the input ends first.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            match self.next()? {
                '\n' => return Some(line),
                c => line.push(c),
            }
        }
    }

    /// The rest of the line without its newline, which is consumed.
    fn line_keeping_newline(&mut self) -> String {
        let mut line = String::new();
        while let Some(c) = self.next() {
            if c == '\n' {
                break;
            }
            line.push(c);
        }
        line
    }
}

fn ascii(code: u32) -> Option<char> {
    char::from_u32(code).filter(char::is_ascii)
}

fn unterminated(at: Position) -> SyntaxError {
    error(at, "literal not terminated")
}

fn error(at: Position, problem: &str) -> SyntaxError {
    SyntaxError { at, problem: problem.to_owned() }
}
