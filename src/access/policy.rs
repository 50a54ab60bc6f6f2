//! One policy document: its name, its text as written, and the rules in it.
//!
//! * `decode`: the tree of a document to rules

mod decode;

#[cfg(test)]
mod tests;

use std::time::Duration;

use thiserror::Error;

use super::builtin::WRAPPING_POLICY_TEXT;
use super::hcl;
use super::parameters::ParameterRules;
use super::template::PathTemplate;
use super::{Capabilities, PolicyName};
use crate::clock::Timestamp;
use crate::limits::{NAME_BYTES_MAX, POLICY_BYTES_MAX};

/// A parsed policy; immutable.
#[derive(Clone, Debug)]
pub struct Policy {
    name: PolicyName,
    text: String,
    rules: Vec<Rule>,
}

/// One `path` block.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub path: PathTemplate,
    /// Where it stands in the document, from 1.
    pub line: usize,
    pub capabilities: Capabilities,
    pub limits: RuleLimits,
    /// From then on the rule is as if not written.
    pub expiration: Option<Timestamp>,
}

/// What a rule asks beyond the capability; empty for a deny.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RuleLimits {
    pub parameters: ParameterRules,
    pub min_wrapping_ttl: Option<Duration>,
    pub max_wrapping_ttl: Option<Duration>,
    pub pagination_limit: Option<u64>,
}

impl RuleLimits {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Two rules for one path: parameters unite, of other bounds the lesser holds.
    pub fn merge(&mut self, other: &Self) {
        fn lesser<T: Ord + Copy>(a: &mut Option<T>, b: Option<T>) {
            *a = [*a, b].into_iter().flatten().min();
        }
        self.parameters.merge(&other.parameters);
        lesser(&mut self.min_wrapping_ttl, other.min_wrapping_ttl);
        lesser(&mut self.max_wrapping_ttl, other.max_wrapping_ttl);
        lesser(&mut self.pagination_limit, other.pagination_limit);
    }
}

/// Why a policy or its name is refused; every variant is the client's fault (400).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    #[error("policy name is empty")]
    NameEmpty,
    #[error("policy name is longer than {NAME_BYTES_MAX} bytes")]
    NameTooLong,
    #[error("policy name has a comma or a control character")]
    NameCharacter,
    #[error("policy name \"root\" is reserved")]
    NameReserved,
    #[error("policy is longer than {POLICY_BYTES_MAX} bytes")]
    TooLong,
    /// Position (from 1) and what was expected there.
    #[error("failed to parse policy: At {line}:{column}: {problem}")]
    Syntax { line: usize, column: usize, problem: String },
    /// Well-formed, but no policy: the position is that of the key in question.
    #[error("failed to parse policy: At {line}:{column}: {problem}")]
    Document { line: usize, column: usize, problem: String },
    /// The same within the block of a path.
    #[error("failed to parse policy: At {line}:{column}: path {path:?}: {problem}")]
    Rule { line: usize, column: usize, path: String, problem: String },
}

impl From<hcl::SyntaxError> for PolicyError {
    fn from(error: hcl::SyntaxError) -> Self {
        let hcl::Position { line, column } = error.at;
        PolicyError::Syntax { line, column, problem: error.problem }
    }
}

impl Policy {
    /// Parses HCL 1 or JSON. `name` is canonical; `root` is refused (security property P3).
    pub fn parse(name: PolicyName, text: &str) -> Result<Self, PolicyError> {
        if !name.is_writable() {
            return Err(PolicyError::NameReserved);
        }
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLong);
        }
        Self::decoded(name, text)
    }

    /// That of wrapping tokens, which no request writes.
    pub fn wrapping() -> Result<Self, PolicyError> {
        Self::decoded(PolicyName::wrapping(), WRAPPING_POLICY_TEXT)
    }

    fn decoded(name: PolicyName, text: &str) -> Result<Self, PolicyError> {
        let rules = decode::rules(hcl::parse(text)?, hcl::is_json(text))?;
        Ok(Self { name, text: text.to_owned(), rules })
    }

    /// The document in its canonical spelling, comments kept; refused when it is no policy.
    pub fn format(text: &str) -> Result<String, PolicyError> {
        Self::parse(PolicyName::default_policy(), text)?;
        Ok(hcl::format(text)?)
    }

    /// The policy that permits everything; it has no document.
    pub fn root() -> Self {
        Self { name: PolicyName::root(), text: String::new(), rules: Vec::new() }
    }

    /// The same, but from `ends` on as if not written.
    pub fn ending(mut self, ends: Option<Timestamp>) -> Self {
        for rule in &mut self.rules {
            rule.expiration = [rule.expiration, ends].into_iter().flatten().min();
        }
        self
    }

    pub fn name(&self) -> &PolicyName {
        &self.name
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
