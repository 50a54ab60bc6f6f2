//! Where a path's mount ends and whether it keeps versions, as the server says.

use crate::cli::client::{Client, text_of};
use crate::cli::error::CliError;

/// A path, split at the end of its mount.
pub struct Place {
    /// With its trailing slash.
    mount: String,
    /// Within the mount; a trailing slash is kept.
    rest: String,
    pub versioned: bool,
}

impl Place {
    /// Asks `sys/internal/ui/mounts`, as every client of this dialect does before kv calls.
    pub fn find(client: &Client, path: &str) -> Result<Self, CliError> {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return Err(CliError::usage("the path is empty; begin with a mount, such as secret/"));
        }
        let answer = client.get(&format!("sys/internal/ui/mounts/{path}"), "")?;
        let answer = answer.quiet()?;
        let data = answer.require(&["data"])?;
        let field = |name: &str| data.get(name).map(|v| text_of(v)).unwrap_or_default();
        if !matches!(field("type").as_str(), "kv" | "generic" | "cubbyhole") {
            return Err(CliError::usage(format!("{path} is not in a key-value mount")));
        }
        let options = answer.object(&["data", "options"])?.unwrap_or_default();
        let versioned = options.get("version").is_some_and(|v| text_of(v) == "2");
        Self::split(path, &field("path"), versioned)
            .ok_or_else(|| CliError::Answer("its mount does not hold the path".into()))
    }

    fn split(path: &str, mount: &str, versioned: bool) -> Option<Self> {
        let name = mount.trim_matches('/');
        let rest = path.strip_prefix(name)?;
        let rest = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
        Some(Self { mount: format!("{name}/"), rest: rest.to_owned(), versioned })
    }

    /// The path as it is.
    pub fn plain(&self) -> String {
        format!("{}{}", self.mount, self.rest)
    }

    /// The path within one of the versioned engine's trees: data, metadata, delete, …
    pub fn inner(&self, tree: &str) -> Result<String, CliError> {
        if !self.versioned {
            return Err(self.unversioned(tree));
        }
        Ok(format!("{}{tree}/{}", self.mount, self.rest))
    }

    /// Where its names are listed.
    pub fn listed(&self) -> Result<String, CliError> {
        if self.versioned { self.inner("metadata") } else { Ok(self.plain()) }
    }

    pub fn unversioned(&self, what: &str) -> CliError {
        CliError::usage(format!(
            "the mount {} keeps no versions: {what} has no meaning",
            self.mount
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_tree_goes_between_mount_and_path() {
        let place = Place::split("a/b/c/d", "a/b/", true).unwrap();
        assert_eq!(place.inner("data").unwrap(), "a/b/data/c/d");
        assert_eq!(
            Place::split("secret", "secret/", true).unwrap().inner("metadata").unwrap(),
            "secret/metadata/"
        );
        assert_eq!(Place::split("secret/x/", "secret/", false).unwrap().plain(), "secret/x/");
    }

    #[test]
    fn a_mount_that_does_not_hold_the_path_is_refused() {
        assert!(Place::split("secrets/x", "secret/", true).is_none());
        assert!(Place::split("other/x", "secret/", true).is_none());
    }

    #[test]
    fn version_trees_exist_only_where_versions_do() {
        assert!(Place::split("kv1/x", "kv1/", false).unwrap().inner("destroy").is_err());
    }
}
