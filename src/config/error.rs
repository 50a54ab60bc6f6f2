//! What can be wrong with a configuration file. Every text says where and what to do; none holds
//! a secret, because the file holds none.

use std::io;
use std::path::PathBuf;

/// A file that does not configure anything. All variants are the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {source}; give the file's path with --config", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} has {size} bytes, which is no configuration file", file.display())]
    TooLarge { file: PathBuf, size: u64 },
    #[error("{}: line {line} holds bytes that are no UTF-8; write it anew", file.display())]
    NotText { file: PathBuf, line: usize },
    #[error("{}: line {line} is not TOML: {message}", file.display())]
    Syntax { file: PathBuf, line: usize, message: String },
    #[error("{}: unknown key \"{key}\" at line {line}{place}{advice}", file.display())]
    UnknownKey { file: PathBuf, line: usize, key: String, place: String, advice: String },
    #[error("{}: unknown section [{section}] at line {line}{advice}", file.display())]
    UnknownSection { file: PathBuf, line: usize, section: String, advice: String },
    #[error("{}: {key} at line {line} must be {expected}, not {found}", file.display())]
    WrongType { file: PathBuf, line: usize, key: String, expected: &'static str, found: String },
    #[error("{}: {key} is missing; see config/strongroom.toml for what it means", file.display())]
    Missing { file: PathBuf, key: String },
    #[error("{}: {key}{place} {advice}", file.display())]
    Value { file: PathBuf, key: String, place: String, advice: String },
}
