//! Names below a directory of a mount, one level or all of them, without those the caller may not
//! see.

use super::VaultError;
use super::turn::Session;
use crate::barrier::{Kind, MountId};
use crate::limits;
use crate::path::RequestPath;

/// Which names are asked for.
pub struct Names<'a> {
    pub mount: MountId,
    pub tree: Kind,
    /// Below the mount, without a slash at the end; empty for the mount's own root.
    pub directory: &'a str,
    /// The directory as the request names it, for the decision on each name.
    pub path: &'a RequestPath,
    /// Names after this one only.
    pub after: Option<&'a str>,
    pub limit: Option<usize>,
}

impl Session {
    /// Of the names in a collection (roles, users, policies) those that the caller may see;
    /// `NotFound` when there are none, as LIST answers.
    pub(super) fn seen(
        &self,
        collection: &RequestPath,
        mut names: Vec<String>,
    ) -> Result<Vec<String>, VaultError> {
        names.retain(|name| self.acl.may_see(collection.as_str(), name));
        if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
    }

    /// The entries of the directory in byte order; directories end in a slash.
    pub(super) async fn names(&self, asked: &Names<'_>) -> Result<Vec<String>, VaultError> {
        let limit = asked.limit.unwrap_or(limits::DIRECTORY_CHILDREN_MAX);
        let mut names = Vec::new();
        let mut after = asked.after.map(str::to_owned);
        while names.len() < limit {
            let page = self
                .opened
                .barrier
                .list(asked.mount, asked.tree, asked.directory, after.as_deref(), limit)
                .await?;
            let full = page.len() == limit;
            after = page.last().map(|c| c.name.clone());
            let seen = page.into_iter().map(|c| c.name);
            names.extend(seen.filter(|name| self.acl.may_see(asked.path.as_str(), name)));
            if !full || after.is_none() {
                break;
            }
        }
        names.truncate(limit);
        Ok(names)
    }

    /// Every name beneath the directory, relative to it: first its own, then those of its last
    /// directory, and so on to its first; the dialect's order. A directory that the caller may not
    /// see is not entered.
    pub(super) async fn all_names(&self, asked: &Names<'_>) -> Result<Vec<String>, VaultError> {
        let limit = asked.limit.unwrap_or(limits::SCAN_NAMES_MAX);
        let mut names: Vec<String> = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(relative) = pending.pop() {
            let directory = joined(asked.directory, &relative);
            let children = self
                .opened
                .barrier
                .list(asked.mount, asked.tree, &directory, None, limits::DIRECTORY_CHILDREN_MAX)
                .await?;
            for child in children {
                let name = format!("{relative}{}", child.name);
                if !self.acl.may_see(asked.path.as_str(), &name) {
                    continue;
                }
                match child.branch {
                    true if asked.after.is_none_or(|after| !is_passed(&name, after)) => {
                        pending.push(name);
                    }
                    true => {}
                    false if asked.after.is_none_or(|after| is_after(&name, after)) => {
                        names.push(name);
                    }
                    false => {}
                }
            }
            if names.len() >= limit && asked.limit.is_some() {
                names.truncate(limit);
                return Ok(names);
            }
            if names.len() > limit {
                return Err(VaultError::invalid(format!(
                    "more than {limit} names; ask for them in parts, with limit and after"
                )));
            }
        }
        Ok(names)
    }
}

fn joined(directory: &str, relative: &str) -> String {
    let relative = relative.trim_end_matches('/');
    match (directory.trim_end_matches('/'), relative) {
        (directory, "") => directory.to_owned(),
        ("", relative) => relative.to_owned(),
        (directory, relative) => format!("{directory}/{relative}"),
    }
}

/// Whether `name` comes after `mark` in the order of [`Session::all_names`]. Any text is a mark,
/// also one whose secret is gone.
fn is_after(name: &str, mark: &str) -> bool {
    let (mut name, mut mark) = (name, mark);
    loop {
        match (name.split_once('/'), mark.split_once('/')) {
            (None, None) => return name > mark,
            // Names of a directory come before what is below its directories.
            (None, Some(_)) => return false,
            (Some(_), None) => return true,
            (Some((a, below_a)), Some((b, below_b))) if a == b => {
                (name, mark) = (below_a, below_b);
            }
            // Directories from the last to the first.
            (Some((a, _)), Some((b, _))) => return a < b,
        }
    }
}

/// Whether everything in `directory` (which ends in a slash) comes before `mark`, so that nobody
/// need look into it.
fn is_passed(directory: &str, mark: &str) -> bool {
    !mark.starts_with(directory) && !is_after(directory, mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As recorded from the reference server, and one more level.
    const ORDER: [&str; 10] = ["A", "a", "b", "sp ace", "é", "c/d", "c/e", "c/z/x", "c/f/x", "b/x"];

    #[test]
    fn any_name_is_a_place_to_go_on_from() {
        for (i, mark) in ORDER.iter().enumerate() {
            let rest: Vec<&str> = ORDER.into_iter().filter(|n| is_after(n, mark)).collect();
            assert_eq!(rest, ORDER[i + 1..], "after {mark}");
        }
        assert!(is_after("c/d", "zzz") && !is_after("a", "aa/x") && is_after("b/x", "bb/x"));
    }

    #[test]
    fn only_what_lies_before_the_mark_is_passed_over() {
        assert!(is_passed("c/", "b/x") && is_passed("c/z/", "c/f/x"));
        assert!(!is_passed("c/", "c/d") && !is_passed("b/", "c/d") && !is_passed("c/", "a"));
    }

    #[test]
    fn directories_are_joined_with_one_slash() {
        assert_eq!(joined("", ""), "");
        assert_eq!(joined("a/b", ""), "a/b");
        assert_eq!(joined("", "c/"), "c");
        assert_eq!(joined("a", "b/c/"), "a/b/c");
    }
}
