//! Range reads over layers and index together: newest wins, deletions and closed prefixes hide
//! what lies below them.

use bytes::Bytes;

use super::super::{Page, Stored};
use super::index::{Index, IndexError};
use super::overlay::{Layer, PrefixSet};

/// What the layers say about a range: enough of it to fill a page, copied out so that no lock is
/// held while the index is read.
#[derive(Debug)]
pub(super) struct Masked {
    /// In key order; `None` hides a key of the index. Ends early once it has more live entries
    /// than the page takes.
    entries: Vec<(Bytes, Option<Stored>)>,
    closed: PrefixSet,
}

/// Collects the layers' part (newest first) of a page of `limit` entries under `prefix`.
pub(super) fn collect<'a>(
    layers: impl Iterator<Item = &'a Layer>,
    prefix: &'a [u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Masked {
    let layers: Vec<&Layer> = layers.collect();
    let mut closed = PrefixSet::default();
    for prefix in layers.iter().flat_map(|layer| layer.closed().iter()) {
        closed.insert(prefix.clone());
    }
    let mut ranges: Vec<_> =
        layers.iter().map(|layer| layer.range(prefix, after).peekable()).collect();
    let mut masked = Masked { entries: Vec::new(), closed };
    let mut live = 0;
    while live <= limit {
        let next = ranges.iter_mut().filter_map(|range| range.peek().map(|(key, _)| *key)).min();
        let Some(key) = next else { break };
        let mut newest: Option<&Option<Stored>> = None;
        for (depth, range) in ranges.iter_mut().enumerate() {
            if let Some((_, value)) = range.next_if(|(other, _)| *other == key) {
                let hidden = layers[..depth].iter().any(|newer| newer.closed().covers(key));
                newest.get_or_insert(if hidden { &None } else { value });
            }
        }
        let value = newest.cloned().flatten();
        live += usize::from(value.is_some());
        masked.entries.push((key.clone(), value));
    }
    masked
}

/// Merges with the index into a page.
pub(super) fn page(
    masked: Masked,
    index: &Index,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Page, IndexError> {
    let mut above = masked.entries.into_iter().peekable();
    let mut below = index.range(prefix, after);
    let mut next_below = below.next().transpose()?;
    let mut entries: Vec<(Bytes, Stored)> = Vec::new();
    while entries.len() <= limit {
        if let Some((key, _)) = &next_below
            && let Some(closed) = masked.closed.covering(key)
        {
            // Jump over all of it: it may be a million records that the index thread has not
            // removed yet.
            let Some(end) = end_of_prefix(closed) else {
                next_below = None;
                continue;
            };
            below = index.range_from(prefix, &end);
            next_below = below.next().transpose()?;
            continue;
        }
        let take_above = match (above.peek(), &next_below) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((a, _)), Some((b, _))) => {
                if a == b {
                    next_below = below.next().transpose()?;
                    true
                } else {
                    a < b
                }
            }
        };
        if take_above {
            if let Some((key, Some(stored))) = above.next() {
                entries.push((key, stored));
            }
        } else {
            entries.extend(next_below.take());
            next_below = below.next().transpose()?;
        }
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    Ok(Page { entries, more })
}

/// The least key above everything that begins with `prefix`; `None` if there is none.
pub(super) fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}
