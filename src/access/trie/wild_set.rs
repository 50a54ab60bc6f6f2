//! The patterns that begin with the same literal text, asked best first. Those with a fixed
//! segment behind a `+` are found by that segment, so that many of one shape cost little.

use std::collections::HashMap;

use super::{RuleIndex, Wild};

#[derive(Clone, Debug, Default)]
pub struct WildSet {
    /// Best first.
    rules: Vec<(Wild, RuleIndex)>,
    /// Number of a segment, to its text, to positions in `rules`, ascending.
    by_segment: Vec<(usize, HashMap<String, Vec<usize>>)>,
    /// Positions of those without a fixed segment, ascending.
    others: Vec<usize>,
}

impl WildSet {
    pub fn new(mut rules: Vec<(Wild, RuleIndex)>) -> Self {
        rules.sort_by(|(a, _), (b, _)| b.priority(a));
        let mut set = Self::default();
        for (position, (wild, _)) in rules.iter().enumerate() {
            let Some((number, segment)) = wild.pivot() else {
                set.others.push(position);
                continue;
            };
            let at = set.by_segment.iter().position(|(n, _)| *n == number).unwrap_or_else(|| {
                set.by_segment.push((number, HashMap::new()));
                set.by_segment.len() - 1
            });
            set.by_segment[at].1.entry(segment.to_owned()).or_default().push(position);
        }
        set.rules = rules;
        set
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Wild, RuleIndex)> {
        self.rules.iter()
    }

    /// The best that matches `path`, or `path/` when `slash`.
    pub fn find(&self, path: &str, slash: bool) -> Option<(&Wild, RuleIndex)> {
        let first = |positions: &[usize]| {
            positions.iter().copied().find(|p| self.rules[*p].0.matches(path, slash))
        };
        let mut best = first(&self.others);
        for (number, by_text) in &self.by_segment {
            let segment = path.split('/').chain(slash.then_some("")).nth(*number);
            let found = segment.and_then(|s| by_text.get(s)).and_then(|p| first(p));
            best = [best, found].into_iter().flatten().min();
        }
        best.map(|position| (&self.rules[position].0, self.rules[position].1))
    }
}
