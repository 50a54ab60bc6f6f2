//! All limits, and the one that a path falls under: the exact path before the longest beginning,
//! that before the mount, and the limit of every path last.
//!
//! Paths are compared as the limiter's `fold` spells them. Names of roles, users and policies are
//! known in any case, and a limit that one spelling escapes is none; where paths differ by case alone
//! (KV), they share the limit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bucket::Pace;
use super::rule::Rule;

/// The limits by name.
pub struct Rules {
    fold: fn(&str) -> String,
    by_name: BTreeMap<String, Arc<Active>>,
    exact: HashMap<String, Arc<Active>>,
    /// Longest first.
    beginnings: Vec<(String, Arc<Active>)>,
    mounts: Vec<(String, Arc<Active>)>,
    everywhere: Option<Arc<Active>>,
}

pub(super) struct Active {
    /// Never used again, so that a rule that changed starts its clients anew.
    pub id: u64,
    pub pace: Pace,
    rule: Rule,
}

static IDS: AtomicU64 = AtomicU64::new(1);

impl Rules {
    pub(super) fn none(fold: fn(&str) -> String) -> Self {
        Self {
            fold,
            by_name: BTreeMap::new(),
            exact: HashMap::new(),
            beginnings: Vec::new(),
            mounts: Vec::new(),
            everywhere: None,
        }
    }

    pub(super) fn new(rules: Vec<Rule>, before: &Rules) -> Self {
        let mut all = Self::none(before.fold);
        for rule in rules {
            let active = match before.by_name.get(&rule.name) {
                Some(same) if same.rule == rule => same.clone(),
                _ => Arc::new(Active {
                    id: IDS.fetch_add(1, Ordering::Relaxed),
                    pace: rule.pace(),
                    rule: rule.clone(),
                }),
            };
            let path = (all.fold)(&rule.path);
            if path.is_empty() {
                all.everywhere = Some(active.clone());
            } else if let Some(beginning) = path.strip_suffix('*') {
                all.beginnings.push((beginning.to_owned(), active.clone()));
            } else if path.ends_with('/') {
                all.mounts.push((path, active.clone()));
            } else {
                all.exact.insert(path, active.clone());
            }
            all.by_name.insert(rule.name, active);
        }
        for list in [&mut all.beginnings, &mut all.mounts] {
            list.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        }
        all
    }

    pub(super) fn find(&self, path: &str) -> Option<&Active> {
        if self.by_name.is_empty() {
            return None;
        }
        let path = (self.fold)(path);
        let begins = |(beginning, _): &&(String, _)| path.starts_with(beginning.as_str());
        // A mount's own root comes without its slash.
        let below = |(mount, _): &&(String, _)| {
            path.starts_with(mount.as_str()) || mount.strip_suffix('/') == Some(path.as_str())
        };
        self.exact
            .get(&path)
            .or_else(|| self.beginnings.iter().find(begins).map(|(_, active)| active))
            .or_else(|| self.mounts.iter().find(below).map(|(_, active)| active))
            .or(self.everywhere.as_ref())
            .map(Arc::as_ref)
    }

    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.by_name.get(name).map(|active| &active.rule)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_name.values().map(|active| &active.rule)
    }

    pub fn names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The rule of another name that is about the same paths.
    pub fn rival(&self, of: &Rule) -> Option<&str> {
        let path = (self.fold)(&of.path);
        let same = |a: &&Arc<Active>| a.rule.name != of.name && (self.fold)(&a.rule.path) == path;
        self.by_name.values().find(same).map(|a| a.rule.name.as_str())
    }
}
