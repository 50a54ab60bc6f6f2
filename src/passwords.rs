//! Rules that generated passwords follow, and passwords by them: how long, of which characters, at
//! least how many of which. Not here: passwords that people choose (`identity::userpass`), and where
//! the rules are stored (`vault`).
//!
//! * `decode`: a document in HCL or JSON to the rules
//! * `generate`: the rules and randomness to a password

mod decode;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod generate;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::access::hcl;
use crate::limits::{
    PASSWORD_GENERATED_MAX, PASSWORD_GENERATED_MIN, PASSWORD_POLICY_BYTES_MAX, PASSWORD_RULES_MAX,
};

/// What a generated password is like. Every password that fits is as likely as any other.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
    /// In characters.
    length: usize,
    /// What a password is made of, each character once.
    alphabet: Vec<char>,
    /// For each character of the alphabet, the rules that it counts for: bit n is the rule n.
    rules_of: Vec<u32>,
    /// At least so many characters of each rule.
    minima: Vec<usize>,
}

/// Why a document is no password policy; every variant is the client's fault (400). Texts are
/// those of the dialect, where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PasswordPolicyError {
    #[error("password policy is longer than {PASSWORD_POLICY_BYTES_MAX} bytes")]
    TooLong,
    #[error("invalid password policy: unable to decode: At {line}:{column}: {problem}")]
    Syntax { line: usize, column: usize, problem: String },
    /// Well-formed, but not a rule.
    #[error("invalid password policy: At {line}:{column}: {problem}")]
    Rule { line: usize, column: usize, problem: String },
    #[error("invalid password policy: {}", multiple(.0))]
    Whole(Vec<String>),
    #[error(
        "passwords must be between {PASSWORD_GENERATED_MIN} and {PASSWORD_GENERATED_MAX} characters"
    )]
    Length,
    #[error("invalid password policy: more than {PASSWORD_RULES_MAX} rules; unite some of them")]
    TooManyRules,
    #[error(
        "invalid password policy: hardly any password fits it; give fewer min-chars, or a greater \
         length"
    )]
    HardlyAny,
}

/// As Go's multierror prints them.
fn multiple(texts: &[String]) -> String {
    let count = if texts.len() == 1 { "1 error" } else { &format!("{} errors", texts.len()) };
    format!("{count} occurred:\n\t* {}\n\n", texts.join("\n\t* "))
}

impl From<hcl::SyntaxError> for PasswordPolicyError {
    fn from(error: hcl::SyntaxError) -> Self {
        let hcl::Position { line, column } = error.at;
        Self::Syntax { line, column, problem: error.problem }
    }
}

impl PasswordPolicy {
    /// Reads HCL 1 or JSON. Whether passwords fit it often enough, `check` says.
    pub fn parse(text: &str) -> Result<Self, PasswordPolicyError> {
        if text.len() > PASSWORD_POLICY_BYTES_MAX {
            return Err(PasswordPolicyError::TooLong);
        }
        Self::of(decode::document(hcl::parse(text)?)?)
    }

    fn of(document: decode::Document) -> Result<Self, PasswordPolicyError> {
        let decode::Document { length, charsets } = document;
        let mut alphabet: Vec<char> = charsets.iter().flat_map(|c| c.characters.chars()).collect();
        alphabet.sort_unstable();
        alphabet.dedup();
        let needed: usize = charsets.iter().map(|c| c.min_chars).sum();
        let mut wrong = Vec::new();
        if length < 1 {
            wrong.push("length must be > 0".to_owned());
        }
        if alphabet.is_empty() {
            wrong.push("no charset specified".to_owned());
        }
        if !alphabet.iter().all(|c| is_printable(*c)) {
            wrong.push("non-printable character in charset".to_owned());
        }
        let length = usize::try_from(length).unwrap_or(0);
        if wrong.is_empty() && needed > length {
            wrong.push(format!(
                "specified rules require at least {needed} characters but {length} is specified"
            ));
        }
        if !wrong.is_empty() {
            return Err(PasswordPolicyError::Whole(wrong));
        }
        if !(PASSWORD_GENERATED_MIN..=PASSWORD_GENERATED_MAX).contains(&length) {
            return Err(PasswordPolicyError::Length);
        }
        if charsets.len() > PASSWORD_RULES_MAX {
            return Err(PasswordPolicyError::TooManyRules);
        }
        let rules_of = |character: &char| {
            let counts = charsets.iter().map(|c| u32::from(c.characters.contains(*character)));
            counts.enumerate().map(|(rule, counts)| counts << rule).sum()
        };
        Ok(Self {
            length,
            rules_of: alphabet.iter().map(rules_of).collect(),
            alphabet,
            minima: charsets.iter().map(|c| c.min_chars).collect(),
        })
    }
}

/// Letters, digits, punctuation, symbols, and of blanks the one of ASCII. What a reader could not
/// tell apart or type in is no part of a password.
fn is_printable(character: char) -> bool {
    // `escape_debug` writes as they are what is printable, and these three with a backslash.
    matches!(character, '\'' | '"' | '\\') || character.escape_debug().len() == 1
}
