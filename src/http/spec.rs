//! What each path and verb is for, beside the route table: a sentence, its fields, its answer.
//! `openapi` and `help` tell it to clients; a route that is not described here fails the tests.

mod approle;
mod cubbyhole;
mod fields;
mod identity;
mod kv;
mod kv1;
mod operating;
mod system;
#[cfg(test)]
mod tests;
mod token;
mod userpass;

pub use fields::{Field, Kind};

use super::request::Verb;
use crate::mounts::EngineKind;

/// One verb of one path.
pub struct Operation {
    /// A route's pattern, or one below a route that ends in `*rest`: `mounts/*path/tune`.
    pub pattern: &'static str,
    pub verb: Verb,
    /// One line, without a dot at its end.
    pub summary: &'static str,
    pub body: &'static [&'static [Field]],
    pub query: &'static [&'static [Field]],
    pub answer: Answer,
}

/// What success looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 204.
    Empty,
    /// 204, or an envelope with warnings.
    Warned,
    /// An envelope with `data`.
    Data,
    /// An envelope with `data`, or 204 where there is none.
    DataOrEmpty,
    /// An envelope with `data.keys`.
    Keys,
    /// An envelope with `auth`.
    Auth,
    /// 202 with an envelope that says so; 200 while it is under way already.
    Started,
    /// A JSON object of its own, without an envelope.
    Plain,
    /// Text, or JSON where the request asks for it.
    Text,
    /// Never: 400 or 404 says why.
    Refused,
}

macro_rules! operations {
    ($($pattern:literal $verb:ident $summary:literal $([$($body:expr),+])?
        $(query [$($query:expr),+])? => $answer:ident;)+) => {
        &[$(Operation {
            pattern: $pattern,
            verb: Verb::$verb,
            summary: $summary,
            body: &[$($($body),+)?],
            query: &[$($($query),+)?],
            answer: Answer::$answer,
        }),+]
    };
}
use operations;

/// What the tables of a kind are described by.
pub fn of(kind: EngineKind) -> &'static [&'static [Operation]] {
    match kind {
        EngineKind::System => &[system::OPERATIONS, operating::OPERATIONS],
        EngineKind::Kv2 => &[kv::OPERATIONS],
        EngineKind::Token => &[token::OPERATIONS],
        EngineKind::AppRole => &[approle::OPERATIONS],
        EngineKind::Kv1 => &[kv1::OPERATIONS],
        EngineKind::Userpass => &[userpass::OPERATIONS],
        EngineKind::Cubbyhole => &[cubbyhole::OPERATIONS],
        EngineKind::Identity => &[identity::OPERATIONS],
    }
}

pub fn find(kind: EngineKind, pattern: &str, verb: Verb) -> Option<&'static Operation> {
    of(kind).iter().copied().flatten().find(|o| o.pattern == pattern && o.verb == verb)
}
