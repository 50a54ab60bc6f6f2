//! The one canonical request path: router, access, audit and store all use this value.
//! Not here: mounts, and the query string (the caller cuts it off before).
//!
//! A path is percent-decoded exactly once and has exactly one spelling; what is not canonical is
//! refused, never rewritten or redirected (security property P16). The one exception is a single
//! trailing slash, which is dropped and remembered.

use std::fmt;

use thiserror::Error;

use crate::limits::{PATH_BYTES_MAX, PATH_SEGMENTS_MAX, SEGMENT_BYTES_MAX};

#[cfg(test)]
mod tests;

/// A decoded path without leading or trailing slash, such as `secret/data/app`.
///
/// Never empty; no segment is empty, `.` or `..`; no control character (so no NUL); UTF-8.
/// Any other character may occur, the backslash too: nothing below treats it as a separator.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestPath {
    text: String,
    had_trailing_slash: bool,
}

/// Why a path is refused; every variant is the client's fault (400). The texts quote no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    #[error("path is empty; name a mount and a path below it")]
    Empty,
    #[error("path is longer than {PATH_BYTES_MAX} bytes; use a shorter path")]
    TooLong,
    #[error("path has more than {PATH_SEGMENTS_MAX} segments; use fewer levels")]
    TooManySegments,
    #[error("path has a segment longer than {SEGMENT_BYTES_MAX} bytes; use shorter names")]
    SegmentTooLong,
    #[error("path has an empty segment; write one slash between names and none in front")]
    EmptySegment,
    #[error("path has a \".\" or \"..\" segment; send the path without relative segments")]
    DotSegment,
    #[error("path has an encoded slash (%2F); a name cannot contain a slash")]
    EncodedSlash,
    #[error("path has a bad percent escape; write a literal percent sign as %25")]
    BadEscape,
    #[error("path has an unencoded query or fragment character; write %3F for ? and %23 for #")]
    Delimiter,
    #[error("path is not valid UTF-8; encode names as UTF-8 before percent-encoding them")]
    NotUtf8,
    #[error("path has a control character; remove it")]
    ControlCharacter,
}

impl RequestPath {
    /// Parses what follows `/v1/` in the request target: undecoded, without the query.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        // Three raw bytes make at least one decoded byte; the one more is a trailing slash.
        if raw.len() > 3 * PATH_BYTES_MAX + 1 {
            return Err(PathError::TooLong);
        }
        if raw.bytes().any(|b| matches!(b, b'?' | b'#')) {
            return Err(PathError::Delimiter);
        }
        Self::from_decoded(&decode_once(raw)?)
    }

    /// The same rules for a path that was never encoded: one in a JSON body, or an audit replay.
    pub fn from_decoded(text: &str) -> Result<Self, PathError> {
        let (text, had_trailing_slash) = match text.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(PathError::ControlCharacter);
        }
        for (index, segment) in text.split('/').enumerate() {
            match segment {
                "" => return Err(PathError::EmptySegment),
                "." | ".." => return Err(PathError::DotSegment),
                s if s.len() > SEGMENT_BYTES_MAX => return Err(PathError::SegmentTooLong),
                _ if index >= PATH_SEGMENTS_MAX => return Err(PathError::TooManySegments),
                _ => {}
            }
        }
        Ok(Self { text: text.to_owned(), had_trailing_slash })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the request spelled the path with one slash at the end.
    pub fn had_trailing_slash(&self) -> bool {
        self.had_trailing_slash
    }

    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split('/')
    }

    /// What lies below `mount` (spelled with or without a slash at the end): `""` for the mount
    /// itself, `None` when the path is elsewhere. Whole segments only: `ab/c` is not below `a`.
    pub fn strip_mount(&self, mount: &str) -> Option<&str> {
        let mount = mount.strip_suffix('/').unwrap_or(mount);
        let rest = self.text.strip_prefix(mount)?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestPath({:?})", self.text)
    }
}

impl AsRef<str> for RequestPath {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// RFC 3986, section 2.1, applied once; `%25` becomes `%` and is not looked at again.
fn decode_once(raw: &str) -> Result<String, PathError> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = bytes.next().and_then(hex_digit).ok_or(PathError::BadEscape)?;
        let low = bytes.next().and_then(hex_digit).ok_or(PathError::BadEscape)?;
        match high << 4 | low {
            b'/' => return Err(PathError::EncodedSlash),
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).map_err(|_| PathError::NotUtf8)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}
