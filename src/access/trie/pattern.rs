//! How a rule path reads, what it matches, which of two patterns Vault prefers.

use std::cmp::Ordering;

/// How a rule path reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    Exact(String),
    Wild(Wild),
}

/// A path with `+` segments, a `*` at the end, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wild {
    /// Without the `*`.
    text: String,
    is_prefix: bool,
    /// Bytes before the first `+`; all of them when there is none.
    literal_length: usize,
    /// Segments that are `+`.
    wildcards: usize,
    has_segment_wildcards: bool,
}

impl Pattern {
    /// `+` counts only where a segment begins with it; `*` only at the very end.
    pub fn parse(path: &str) -> Self {
        let has_segment_wildcards = path.starts_with("+/") || path == "+" || path.contains("/+");
        let is_prefix = path.ends_with('*');
        if !has_segment_wildcards && !is_prefix {
            return Pattern::Exact(path.to_owned());
        }
        let text = path.strip_suffix('*').unwrap_or(path);
        // Vault takes the first `+` of the text, be it a wildcard or part of a name.
        let first_plus = has_segment_wildcards.then(|| text.find('+')).flatten();
        let wildcards = match has_segment_wildcards {
            true => text.split('/').filter(|s| *s == "+").count(),
            false => 0,
        };
        Pattern::Wild(Wild {
            text: text.to_owned(),
            is_prefix,
            literal_length: first_plus.unwrap_or(text.len()),
            wildcards,
            has_segment_wildcards,
        })
    }
}

impl Wild {
    /// Whether Vault prefers this pattern where both match: the first wildcard further right; then
    /// no `*` at the end; then fewer `+`; then the longer; then the greater in byte order.
    pub fn outranks(&self, other: &Self) -> bool {
        self.priority(other) == Ordering::Greater
    }

    /// `Greater` means: asked first.
    pub fn priority(&self, other: &Self) -> Ordering {
        (self.literal_length.cmp(&other.literal_length))
            .then(other.is_prefix.cmp(&self.is_prefix))
            .then(other.wildcards.cmp(&self.wildcards))
            .then(self.text.len().cmp(&other.text.len()))
            .then_with(|| self.text.cmp(&other.text))
    }

    /// The bytes before the first wildcard.
    pub(super) fn literal(&self) -> &[u8] {
        &self.text.as_bytes()[..self.literal_length]
    }

    /// The first segment behind a `+` that a matching path has too, with its number from 0.
    pub(super) fn pivot(&self) -> Option<(usize, &str)> {
        let mut segments: Vec<&str> = self.text.split('/').collect();
        if self.is_prefix {
            segments.pop();
        }
        let first_plus = segments.iter().position(|s| *s == "+")?;
        let mut behind = segments.into_iter().enumerate().skip(first_plus);
        behind.find(|(_, segment)| *segment != "+")
    }

    /// The text before the `*`, where that is the only wildcard.
    pub fn plain_prefix(&self) -> Option<&str> {
        (!self.has_segment_wildcards).then_some(self.text.as_str())
    }

    /// Whether it is a plain prefix that covers all of `directory`.
    pub(super) fn covers(&self, directory: &str) -> bool {
        !self.has_segment_wildcards && self.matches(directory, true)
    }

    /// Whether the pattern covers `path`, or `path/` when `slash`.
    pub fn matches(&self, path: &str, slash: bool) -> bool {
        if !self.has_segment_wildcards {
            let rest = self.text.strip_prefix(path);
            return path.starts_with(&self.text) || (slash && rest == Some("/"));
        }
        let mut segments = path.split('/').chain(slash.then_some(""));
        let mut parts = self.text.split('/').peekable();
        while let Some(part) = parts.next() {
            let Some(segment) = segments.next() else { return false };
            if part == "+" || part == segment {
                continue;
            }
            return self.is_prefix && parts.peek().is_none() && segment.starts_with(part);
        }
        self.is_prefix || segments.next().is_none()
    }

    /// Whether some path beneath `directory` (no slash at the end), or the directory with its
    /// slash, can match.
    pub(super) fn may_match_under(&self, directory: &str) -> bool {
        if !self.has_segment_wildcards {
            return self.text.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
                || self.matches(directory, true);
        }
        let mut parts = self.text.split('/').peekable();
        for segment in directory.split('/') {
            let Some(part) = parts.next() else { return false };
            if part == "+" || part == segment {
                continue;
            }
            return self.is_prefix && parts.peek().is_none() && segment.starts_with(part);
        }
        // Something must be left for what is beneath, or a prefix that goes on.
        self.is_prefix || parts.peek().is_some()
    }
}
