//! A user's name: canonical, and made of characters that mean nothing to paths and policies.

use std::fmt;

use super::UserpassError;
use crate::identity::canonical;
use crate::limits::USER_NAME_BYTES_MAX;

/// A canonical user name. Letters and digits of any script, `_`, and inside also `-`, `.`, `@`:
/// nothing that structures a path or a policy, however it is spelled (P18).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

impl UserName {
    /// The only constructor.
    ///
    /// # Errors
    /// `UserName`: such a user can't exist.
    pub fn parse(text: &str) -> Result<Self, UserpassError> {
        let name = canonical(text);
        let edge = |c: char| c.is_alphanumeric() || c == '_';
        let inner = |c: char| edge(c) || matches!(c, '-' | '.' | '@');
        let good = name.len() <= USER_NAME_BYTES_MAX
            && name.starts_with(edge)
            && name.ends_with(edge)
            && name.chars().all(inner)
            && !name.contains("..");
        if good { Ok(Self(name)) } else { Err(UserpassError::UserName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
