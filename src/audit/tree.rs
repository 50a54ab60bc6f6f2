//! The RFC 6962 Merkle tree, append only: its right edge (frontier), from which the root of the
//! present size follows.
//!
//! * `proof`: that an entry is in it, that it grew from an older one

pub(super) mod proof;

use std::ops::Range;

use ring::digest::{Context, SHA256, digest};

/// A node of the tree: SHA-256(0x00 ‖ leaf) or SHA-256(0x01 ‖ left ‖ right) (RFC 6962, 2.1).
pub(super) type NodeHash = [u8; 32];

/// The roots of the perfect subtrees that make up the tree, largest first: one for every set bit
/// of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frontier {
    size: u64,
    nodes: Vec<NodeHash>,
}

impl Frontier {
    /// A frontier read from a file; `None` if the number of nodes does not fit the size.
    pub fn from_parts(size: u64, nodes: Vec<NodeHash>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    /// The tree of some of its leaves; `None` if its nodes do not say what that is.
    pub fn part(&self, span: Range<u64>) -> Option<Self> {
        let (mut start, mut taken, mut nodes) = (0, 0, Vec::new());
        for node in &self.nodes {
            // The largest perfect tree that fits what is left.
            let leaves = 1 << (63 - (self.size - start).leading_zeros());
            if span.start <= start && start + leaves <= span.end {
                nodes.push(*node);
                taken += leaves;
            }
            start += leaves;
        }
        if taken != span.end - span.start {
            return None;
        }
        Self::from_parts(taken, nodes)
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn nodes(&self) -> &[NodeHash] {
        &self.nodes
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: NodeHash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            // As many nodes as set bits, so there is one to take for each trailing one.
            let Some(left) = self.nodes.pop() else { break };
            node = parent(&left, &node);
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root; of an empty tree SHA-256 of nothing.
    pub fn root(&self) -> NodeHash {
        let mut right_to_left = self.nodes.iter().rev();
        let Some(first) = right_to_left.next() else { return array(digest(&SHA256, b"")) };
        right_to_left.fold(*first, |right, left| parent(left, &right))
    }
}

fn parent(left: &NodeHash, right: &NodeHash) -> NodeHash {
    let mut context = Context::new(&SHA256);
    context.update(&[1]);
    context.update(left);
    context.update(right);
    array(context.finish())
}

fn array(digest: ring::digest::Digest) -> NodeHash {
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::log::line_hash;

    /// The definition of RFC 6962, 2.1, word for word: split at the largest power of two below n.
    fn by_definition(leaves: &[NodeHash]) -> NodeHash {
        match leaves {
            [] => array(digest(&SHA256, b"")),
            [leaf] => *leaf,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                parent(&by_definition(&leaves[..k]), &by_definition(&leaves[k..]))
            }
        }
    }

    /// The eight leaves and roots of the Certificate Transparency test data.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::default();
        assert_eq!(
            hex::encode(tree.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (leaf, root) in leaves.into_iter().zip(roots) {
            tree.push(line_hash(&hex::decode(leaf).unwrap()));
            assert_eq!(hex::encode(tree.root()), root);
        }
    }

    proptest! {
        #[test]
        fn the_frontier_gives_the_root_of_the_definition(n in 0_u64..600) {
            let leaves: Vec<_> = (0..n).map(|i| line_hash(&i.to_be_bytes())).collect();
            let mut tree = Frontier::default();
            for leaf in &leaves {
                tree.push(*leaf);
            }
            prop_assert_eq!(tree.root(), by_definition(&leaves));
            prop_assert_eq!(
                Frontier::from_parts(n, tree.nodes().to_vec()),
                Some(tree)
            );
        }
    }
}
