//! Proofs over the tree (RFC 6962, 2.1.1 and 2.1.2; RFC 9162 has the same and the verifiers): that
//! an entry is in a tree, and that one tree is the beginning of another. A proof is made in one
//! pass over the leaves, without keeping them.

use std::ops::Range;

use super::{Frontier, NodeHash, parent};

/// The nodes of a proof, bottom up.
pub(in crate::audit) type Path = Vec<NodeHash>;

/// Collects the roots of some disjoint spans of leaves while all leaves go by in order.
pub(in crate::audit) struct Collector {
    /// In the order of the proof.
    spans: Vec<(Range<u64>, Frontier)>,
    /// Indices into `spans`, by where they begin.
    order: Vec<usize>,
    /// The first of `order` that is not complete.
    next: usize,
    seen: u64,
}

impl Collector {
    /// For the proof that leaf `index` is in the tree of `size` leaves (`index < size`).
    pub fn inclusion(index: u64, size: u64) -> Self {
        Self::new(inclusion_spans(index, size))
    }

    /// For the proof that the tree of `old` leaves is the beginning of that of `size` leaves
    /// (`0 < old ≤ size`).
    pub fn consistency(old: u64, size: u64) -> Self {
        Self::new(consistency_spans(old, size))
    }

    fn new(spans: Vec<Range<u64>>) -> Self {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|i| spans[*i].start);
        let spans = spans.into_iter().map(|span| (span, Frontier::default())).collect();
        Self { spans, order, next: 0, seen: 0 }
    }

    /// Goes on from the right edge of the leaves before, which are gone; false if the proof needs one
    /// of them.
    pub fn begin_after(&mut self, edge: &Frontier) -> bool {
        self.seen = edge.size();
        for at in &self.order {
            let (span, tree) = &mut self.spans[*at];
            if span.start >= self.seen {
                break;
            }
            let Some(part) = edge.part(span.start..span.end.min(self.seen)) else { return false };
            *tree = part;
            self.next += usize::from(span.end <= self.seen);
        }
        true
    }

    /// The next leaf, from the first one on.
    pub fn push(&mut self, leaf: NodeHash) {
        let index = self.seen;
        self.seen += 1;
        let Some(at) = self.order.get(self.next) else { return };
        let (span, tree) = &mut self.spans[*at];
        if span.contains(&index) {
            tree.push(leaf);
        }
        if self.seen == span.end {
            self.next += 1;
        }
    }

    /// The proof; `None` while leaves are missing.
    pub fn finish(self) -> Option<Path> {
        (self.next == self.order.len())
            .then(|| self.spans.iter().map(|(_, tree)| tree.root()).collect())
    }
}

/// PATH(m, D[n]) of RFC 6962, 2.1.1.
fn inclusion_spans(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut from, mut to) = (0, size);
    let mut spans = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            spans.push(middle..to);
            to = middle;
        } else {
            spans.push(from..middle);
            from = middle;
        }
    }
    spans.reverse();
    spans
}

/// PROOF(m, D[n]) of RFC 6962, 2.1.2.
fn consistency_spans(old: u64, size: u64) -> Vec<Range<u64>> {
    let (mut from, mut to) = (0, size);
    let mut spans = Vec::new();
    // True as long as the old tree's root is that of the leaves looked at.
    let mut whole = true;
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            spans.push(middle..to);
            to = middle;
        } else {
            spans.push(from..middle);
            from = middle;
            whole = false;
        }
    }
    if !whole {
        spans.push(from..to);
    }
    spans.reverse();
    spans
}

/// The largest power of two below `n` (n > 1).
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// Whether leaf `index` of hash `leaf` is in the tree of `size` leaves with this root (RFC 9162,
/// 2.1.3.2).
pub(in crate::audit) fn includes(
    index: u64,
    leaf: NodeHash,
    size: u64,
    root: &NodeHash,
    path: &[NodeHash],
) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = parent(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = parent(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the tree of `old` leaves is the beginning of the tree of `size` leaves (RFC 9162,
/// 2.1.4.2).
pub(in crate::audit) fn extends(
    old: u64,
    old_root: &NodeHash,
    size: u64,
    root: &NodeHash,
    path: &[NodeHash],
) -> bool {
    if old == size {
        return path.is_empty() && old_root == root;
    }
    if old == 0 || old > size {
        return false;
    }
    let mut path = path.iter();
    let first = match old.is_power_of_two() {
        true => Some(old_root),
        false => path.next(),
    };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = parent(sibling, &old_hash);
            hash = parent(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = parent(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && hash == *root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::log::line_hash;

    fn leaf(i: u64) -> NodeHash {
        line_hash(&i.to_be_bytes())
    }

    fn root(size: u64) -> NodeHash {
        let mut tree = Frontier::default();
        (0..size).for_each(|i| tree.push(leaf(i)));
        tree.root()
    }

    fn collected(mut collector: Collector, size: u64) -> Path {
        (0..size).for_each(|i| collector.push(leaf(i)));
        collector.finish().unwrap()
    }

    /// The proofs of the example tree of seven leaves in RFC 6962, 2.1.3.
    #[test]
    fn spans_are_those_of_the_example_in_the_rfc() {
        assert_eq!(inclusion_spans(0, 7), [1..2, 2..4, 4..7]);
        assert_eq!(inclusion_spans(3, 7), [2..3, 0..2, 4..7]);
        assert_eq!(inclusion_spans(4, 7), [5..6, 6..7, 0..4]);
        assert_eq!(inclusion_spans(6, 7), [4..6, 0..4]);
        assert_eq!(consistency_spans(3, 7), [2..3, 3..4, 0..2, 4..7]);
        assert_eq!(consistency_spans(4, 7).as_slice(), [Range { start: 4, end: 7 }]);
        assert_eq!(consistency_spans(6, 7), [4..6, 6..7, 0..4]);
    }

    proptest! {
        #[test]
        fn an_inclusion_proof_holds_for_its_leaf_and_no_other(
            size in 1_u64..200, index in 0_u64..200, other in 0_u64..200,
        ) {
            let index = index % size;
            let path = collected(Collector::inclusion(index, size), size);
            let root = root(size);
            prop_assert!(includes(index, leaf(index), size, &root, &path));
            let (moved, changed) = (other % size, leaf(other + 1_000));
            prop_assert!(!includes(index, changed, size, &root, &path));
            prop_assert!(moved == index || !includes(moved, leaf(index), size, &root, &path));
            prop_assert!(!includes(size, leaf(index), size, &root, &path));
            for cut in 0..path.len() {
                prop_assert!(!includes(index, leaf(index), size, &root, &path[..cut]));
                let mut bad = path.clone();
                bad[cut][0] ^= 1;
                prop_assert!(!includes(index, leaf(index), size, &root, &bad));
            }
        }

        #[test]
        fn a_consistency_proof_holds_for_its_trees_and_no_others(
            size in 1_u64..200, old in 0_u64..200,
        ) {
            let old = 1 + old % size;
            let path = collected(Collector::consistency(old, size), size);
            let (before, after) = (root(old), root(size));
            prop_assert!(extends(old, &before, size, &after, &path));
            let mut forked = before;
            forked[31] ^= 1;
            prop_assert!(!extends(old, &forked, size, &after, &path));
            for cut in 0..path.len() {
                prop_assert!(!extends(old, &before, size, &after, &path[..cut]));
                let mut bad = path.clone();
                bad[cut][0] ^= 1;
                prop_assert!(!extends(old, &before, size, &after, &bad));
            }
        }

        #[test]
        fn a_proof_is_there_once_all_its_leaves_went_by(size in 2_u64..100, index in 0_u64..100) {
            let index = index % size;
            let mut collector = Collector::inclusion(index, size);
            // The last leaf may be the one that is proved; then nothing but it is missing.
            let needed = if index == size - 1 { size - 1 } else { size };
            (0..needed - 1).for_each(|i| collector.push(leaf(i)));
            prop_assert!(collector.finish().is_none());
        }
    }
}
