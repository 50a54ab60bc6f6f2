//! Rule paths in one radix trie, asked in Vault's order of priority. Not here: what a rule says.
//!
//! An exact rule beats every pattern. Of the patterns that match, the one that outranks the others
//! wins ([`Wild::outranks`]). That order does not depend on the request, and its first criterion is
//! where the first wildcard stands: so patterns hang at the node of their literal beginning, and
//! the walk from the deepest node reached back to the root meets the best one first.
//!
//! * `pattern`: how a rule path reads, matching, rank
//! * `wild_set`: the patterns of one node

mod pattern;
mod wild_set;

use std::collections::HashMap;

pub use pattern::{Pattern, Wild};
use wild_set::WildSet;

/// Rules are known here by their index in the caller's list.
pub type RuleIndex = usize;

#[derive(Clone, Debug)]
pub struct Trie {
    /// The root, with an empty label, is the first.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    label: Vec<u8>,
    /// By first byte, sorted.
    children: Vec<(u8, usize)>,
    exact: Option<RuleIndex>,
    wild: WildSet,
    /// The nearest node above that has patterns.
    up: Option<usize>,
}

/// A place in the trie after the bytes of a path: `node`, of whose label `taken` bytes are consumed.
#[derive(Clone, Copy)]
pub struct Place {
    node: usize,
    taken: usize,
    /// The node whose label was consumed last in full.
    complete: usize,
    /// The input left the trie.
    lost: bool,
}

impl Trie {
    /// `rules`: each pattern once.
    pub fn new(rules: impl IntoIterator<Item = (Pattern, RuleIndex)>) -> Self {
        let mut trie = Self { nodes: vec![Node::default()] };
        let mut by_node: HashMap<usize, Vec<(Wild, RuleIndex)>> = HashMap::new();
        for (pattern, index) in rules {
            match pattern {
                Pattern::Exact(text) => {
                    let node = trie.node_for(text.as_bytes());
                    trie.nodes[node].exact = Some(index);
                }
                Pattern::Wild(wild) => {
                    let node = trie.node_for(wild.literal());
                    by_node.entry(node).or_default().push((wild, index));
                }
            }
        }
        // Nodes keep their index when the trie grows, and their key with it.
        for (node, rules) in by_node {
            trie.nodes[node].wild = WildSet::new(rules);
        }
        trie.link_upwards();
        trie
    }

    pub fn place(&self, path: &str) -> Place {
        self.walk(Place { node: 0, taken: 0, complete: 0, lost: false }, path)
    }

    /// One slash further.
    pub fn with_slash(&self, place: Place) -> Place {
        self.walk(place, "/")
    }

    /// The rule that names the place exactly.
    pub fn exact(&self, place: Place) -> Option<RuleIndex> {
        let node = &self.nodes[place.node];
        let is_whole = !place.lost && place.taken == node.label.len();
        if is_whole { node.exact } else { None }
    }

    /// The best pattern for the place, which is that of `path`, or of `path/` when `slash`.
    pub fn wild(&self, place: Place, path: &str, slash: bool) -> Option<(&Wild, RuleIndex)> {
        let mut next = Some(place.complete);
        while let Some(index) = next {
            let node = &self.nodes[index];
            if let Some(found) = node.wild.find(path, slash) {
                return Some(found);
            }
            next = node.up;
        }
        None
    }

    /// Rules that can answer for something beneath `directory`: exact ones there, and patterns
    /// that are not beaten everywhere there by a plain prefix which covers all of it.
    pub fn under(&self, directory: &str) -> Vec<RuleIndex> {
        let all = || self.nodes.iter().flat_map(|n| n.wild.iter());
        let covering = all().map(|(wild, _)| wild).filter(|wild| wild.covers(directory));
        let best = covering.max_by(|a, b| a.priority(b));
        let beaten = |wild: &Wild| best.is_some_and(|b| b.outranks(wild));
        let mut rules: Vec<_> = all()
            .filter(|(w, _)| w.may_match_under(directory) && !beaten(w))
            .map(|(_, index)| *index)
            .collect();
        self.collect_exact(directory, &mut rules);
        rules
    }

    fn collect_exact(&self, directory: &str, rules: &mut Vec<RuleIndex>) {
        let place = self.with_slash(self.place(directory));
        let mut pending = Vec::from_iter((!place.lost).then_some(place.node));
        while let Some(node) = pending.pop() {
            rules.extend(self.nodes[node].exact);
            pending.extend(self.nodes[node].children.iter().map(|(_, child)| *child));
        }
    }

    fn walk(&self, mut place: Place, text: &str) -> Place {
        let mut rest = text.as_bytes();
        while !rest.is_empty() && !place.lost {
            let node = &self.nodes[place.node];
            let label = &node.label[place.taken..];
            if label.is_empty() {
                match node.child(rest[0]) {
                    Some(child) => place = Place { node: child, taken: 0, ..place },
                    None => place.lost = true,
                }
                continue;
            }
            let common = common_length(label, rest);
            place.taken += common;
            rest = &rest[common..];
            if common == label.len() {
                place.complete = place.node;
            } else if !rest.is_empty() {
                place.lost = true;
            }
        }
        place
    }

    /// The node that ends exactly at `key`, made if need be.
    fn node_for(&mut self, key: &[u8]) -> usize {
        let mut current = 0;
        let mut rest = key;
        while let Some(&first) = rest.first() {
            let Some(child) = self.nodes[current].child(first) else {
                return self.add(current, Node { label: rest.to_vec(), ..Node::default() });
            };
            let common = common_length(&self.nodes[child].label, rest);
            current = match common < self.nodes[child].label.len() {
                true => self.split(current, child, common),
                false => child,
            };
            rest = &rest[common..];
        }
        current
    }

    fn add(&mut self, parent: usize, node: Node) -> usize {
        let index = self.nodes.len();
        let key = (node.label[0], index);
        self.nodes.push(node);
        let children = &mut self.nodes[parent].children;
        let at = children.partition_point(|(byte, _)| *byte < key.0);
        children.insert(at, key);
        index
    }

    /// Puts a new node with the first `length` bytes of the label of `child` between it and
    /// `parent`; returns the new one. `child` keeps its index and its key.
    fn split(&mut self, parent: usize, child: usize, length: usize) -> usize {
        let lower = self.nodes[child].label.split_off(length);
        let label = std::mem::replace(&mut self.nodes[child].label, lower);
        let children = vec![(self.nodes[child].label[0], child)];
        let upper = self.nodes.len();
        self.nodes.push(Node { label, children, ..Node::default() });
        for (_, index) in &mut self.nodes[parent].children {
            if *index == child {
                *index = upper;
            }
        }
        upper
    }

    fn link_upwards(&mut self) {
        let mut pending = vec![(0, None)];
        while let Some((index, up)) = pending.pop() {
            let node = &mut self.nodes[index];
            node.up = up;
            let below = if node.wild.is_empty() { up } else { Some(index) };
            pending.extend(node.children.iter().map(|(_, child)| (*child, below)));
        }
    }
}

impl Node {
    fn child(&self, first: u8) -> Option<usize> {
        let at = self.children.binary_search_by_key(&first, |(byte, _)| *byte).ok()?;
        Some(self.children[at].1)
    }
}

fn common_length(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}
