//! The one spelling of a mount's path: no leading slash, exactly one trailing.

use super::MountError;
use crate::limits;

/// Names of the first segment that no mount may take: the vault answers them itself.
const RESERVED: &[&str] = &["sys", "auth", "cubbyhole", "identity", "audit"];

/// A canonical mount path such as `team/kv/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPath(String);

impl MountPath {
    /// Accepts `secret`, `secret/`, `/secret/`; refuses what a request path could not reach.
    pub fn parse(text: &str) -> Result<Self, MountError> {
        let refuse = |why| MountError::Path { path: text.chars().take(64).collect(), why };
        let inner = text.trim_matches('/');
        if inner.is_empty() {
            return Err(refuse("it is empty"));
        }
        if inner.len() > limits::NAME_BYTES_MAX {
            return Err(refuse("it is longer than 512 bytes"));
        }
        if inner.split('/').count() > limits::MOUNT_SEGMENTS_MAX {
            return Err(refuse("it has more than 16 segments"));
        }
        for segment in inner.split('/') {
            if segment.is_empty() || segment == "." || segment == ".." {
                return Err(refuse("it has an empty or a dot segment"));
            }
        }
        // A blank within is fine, as in Vault; other white space looks like one and is none.
        let blank = |c: char| c.is_whitespace() && c != ' ';
        if inner.chars().any(|c| c.is_control() || blank(c) || "*+%?#\\".contains(c)) {
            return Err(refuse(
                "it has white space other than a blank, a control character or one of * + % ? # \\",
            ));
        }
        if inner.split('/').any(|segment| segment.trim() != segment) {
            return Err(refuse("a segment begins or ends with a blank"));
        }
        Ok(Self(format!("{inner}/")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when the vault itself answers below this name.
    pub fn is_reserved(&self) -> bool {
        self.0.split('/').next().is_some_and(|first| RESERVED.contains(&first))
    }
}
