//! HCL 1 and JSON as one small tree. Not here: what a policy means, and HCL 2.
//!
//! The grammar is the part of HCL 1 (github.com/hashicorp/hcl, v1) that configuration can use:
//! comments, quoted and bare keys, several keys before a block, heredocs, `${…}` kept verbatim in
//! strings, numbers in four spellings, commas where HCL 1 tolerates them. A document whose first
//! character is `{` is JSON, as there. Input is bounded by the caller, depth here; no panic.
//!
//! * `format`: the canonical spelling of a document, comments kept
//! * `lexer`: characters to tokens
//! * `parser`: tokens to the tree

mod format;
mod lexer;
mod parser;

#[cfg(test)]
mod tests;

pub use format::format;
pub use parser::{is_json, parse};

/// Line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// One `keys… = value` or `keys… { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Never empty.
    pub keys: Vec<String>,
    pub value: Value,
    pub at: Position,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Null,
    List(Vec<Value>),
    Object(Vec<Item>),
}

impl Value {
    /// The kind, for error texts.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Null => "null",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// Where the text stops being HCL, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub at: Position,
    pub problem: String,
}
