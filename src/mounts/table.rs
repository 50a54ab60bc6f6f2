//! The table itself: who answers a path, and which changes are allowed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EngineKind, Mount, MountError, MountPath, Plane};
use crate::limits;

/// Mounts in one table; the record stays well within one commit.
const MOUNTS_MAX: usize = 2_000;

/// All mounts of both planes, sorted by request path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    mounts: Vec<Arc<Mount>>,
    /// The last ones, newest last.
    moves: Vec<Move>,
}

/// A mount that changed its path; clients ask for it by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub id: String,
    /// As requests reach them: `secret/`, `auth/approle/`.
    pub from: String,
    pub to: String,
}

/// The mount that answers a path, and what remains of the path below it.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub mount: Arc<Mount>,
    /// Without a leading slash; empty for the mount's own root.
    pub rest: String,
}

impl Table {
    pub fn iter(&self, plane: Plane) -> impl Iterator<Item = &Arc<Mount>> {
        self.mounts.iter().filter(move |m| m.plane == plane)
    }

    /// Longest prefix wins. `path` is canonical: no leading and no trailing slash.
    pub fn resolve(&self, path: &str) -> Option<Resolved> {
        let (plane, below) = match path.strip_prefix("auth/") {
            Some(below) => (Plane::Auth, below),
            None => (Plane::Secret, path),
        };
        let mut best: Option<(&Arc<Mount>, &str)> = None;
        for mount in self.iter(plane) {
            let Some(rest) = strip(below, &mount.path) else { continue };
            if best.is_none_or(|(b, _)| b.path.len() < mount.path.len()) {
                best = Some((mount, rest));
            }
        }
        best.map(|(mount, rest)| Resolved { mount: mount.clone(), rest: rest.to_owned() })
    }

    pub fn at(&self, plane: Plane, path: &MountPath) -> Option<&Arc<Mount>> {
        self.iter(plane).find(|m| m.path == path.as_str())
    }

    pub fn by_id(&self, id: &[u8; 16]) -> Option<&Arc<Mount>> {
        self.mounts.iter().find(|m| &m.id == id)
    }

    /// Adds a mount; refuses what would take or hide another one's paths.
    pub fn add(&mut self, mount: Mount) -> Result<(), MountError> {
        let path = MountPath::parse(&mount.path)?;
        if !mount.kind.is_builtin() && mount.plane == Plane::Secret && path.is_reserved() {
            return Err(MountError::Builtin(path.as_str().into()));
        }
        self.vacant(mount.plane, &path)?;
        if self.mounts.len() >= MOUNTS_MAX {
            return Err(MountError::TooMany(MOUNTS_MAX));
        }
        self.mounts.push(Arc::new(mount));
        self.mounts.sort_by_key(|m| m.request_path());
        Ok(())
    }

    /// Takes a mount out; `None` when there is none there.
    pub fn remove(&mut self, plane: Plane, path: &MountPath) -> Result<Option<Mount>, MountError> {
        let Some(index) =
            self.mounts.iter().position(|m| m.plane == plane && m.path == path.as_str())
        else {
            return Ok(None);
        };
        if self.mounts[index].kind.is_builtin() {
            return Err(MountError::Builtin(self.mounts[index].request_path()));
        }
        Ok(Some(Arc::unwrap_or_clone(self.mounts.remove(index))))
    }

    /// Gives the mount at `from` another path in its plane. Its records hang on its id, so nothing
    /// else moves. The mount as it stands afterwards; `None` when there is none at `from`.
    pub fn rename(
        &mut self,
        plane: Plane,
        from: &MountPath,
        to: &MountPath,
        id: &str,
    ) -> Result<Option<Arc<Mount>>, MountError> {
        // It may not end up beside itself either: what is below the old path was somebody's name.
        self.vacant(plane, to)?;
        let Some(mut mount) = self.remove(plane, from)? else { return Ok(None) };
        let source = mount.request_path();
        mount.path = to.as_str().to_owned();
        let target = mount.request_path();
        self.add(mount)?;
        if self.moves.len() >= limits::MOVES_KEPT {
            self.moves.remove(0);
        }
        self.moves.push(Move { id: id.to_owned(), from: source, to: target });
        Ok(self.at(plane, to).cloned())
    }

    /// A move that was made, if it is still remembered.
    pub fn moved(&self, id: &str) -> Option<&Move> {
        self.moves.iter().find(|m| m.id == id)
    }

    /// Refuses a path that another mount has, is above, or is below.
    fn vacant(&self, plane: Plane, path: &MountPath) -> Result<(), MountError> {
        let path = path.as_str();
        for other in self.iter(plane) {
            if other.path == path {
                return Err(MountError::InUse(other.request_path()));
            }
            if path.starts_with(&other.path) || other.path.starts_with(path) {
                return Err(MountError::Overlaps(other.request_path()));
            }
        }
        Ok(())
    }

    /// Replaces the settings of a mount that stays where and what it is.
    pub fn tune(&mut self, changed: Mount) {
        if let Some(mount) = self.mounts.iter_mut().find(|m| m.id == changed.id) {
            *mount = Arc::new(changed);
        }
    }

    /// The built-in mount of a kind.
    pub fn builtin(&self, kind: EngineKind) -> Option<&Arc<Mount>> {
        self.mounts.iter().find(|m| m.kind == kind)
    }
}

/// `rest` of `path` below `mount_path` (`secret/`); the mount's own root has no trailing slash.
fn strip<'a>(path: &'a str, mount_path: &str) -> Option<&'a str> {
    let bare = mount_path.trim_end_matches('/');
    let rest = path.strip_prefix(bare)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mounts::tests::mount;

    #[test]
    fn a_mount_answers_its_own_segment_and_nothing_that_merely_begins_like_it() {
        let mut t = Table::default();
        t.add(mount("secret/", EngineKind::Kv2)).unwrap();
        assert_eq!(t.resolve("secret/data/a").unwrap().rest, "data/a");
        assert_eq!(t.resolve("secret").unwrap().rest, "");
        assert!(t.resolve("secrets/data/a").is_none());
        assert!(t.resolve("auth/secret/x").is_none());
    }

    #[test]
    fn overlapping_and_reserved_paths_are_refused() {
        let mut t = Table::default();
        t.add(mount("a/b/", EngineKind::Kv2)).unwrap();
        assert!(matches!(t.add(mount("a/", EngineKind::Kv2)), Err(MountError::Overlaps(_))));
        assert!(matches!(t.add(mount("a/b/", EngineKind::Kv2)), Err(MountError::InUse(_))));
        for reserved in ["sys/x/", "auth/", "identity/"] {
            assert!(matches!(t.add(mount(reserved, EngineKind::Kv2)), Err(MountError::Builtin(_))));
        }
        for bad in ["", "/", "a//b", "a/../b", "a\tb", "a /b", "x*"] {
            assert!(MountPath::parse(bad).is_err(), "{bad}");
        }
    }

    /// Found by fuzzing: forty levels could be mounted, and no request path has so many.
    #[test]
    fn a_mount_that_no_request_could_reach_is_refused() {
        let deep = |levels: usize| vec!["a"; levels].join("/");
        assert!(MountPath::parse(&deep(16)).is_ok());
        assert!(MountPath::parse(&deep(17)).is_err());
    }

    #[test]
    fn builtin_mounts_stay() {
        let mut t = Table::default();
        t.add(mount("token/", EngineKind::Token)).unwrap();
        let path = MountPath::parse("token").unwrap();
        assert!(matches!(t.remove(Plane::Auth, &path), Err(MountError::Builtin(_))));
    }

    #[test]
    fn a_moved_mount_keeps_its_id_and_is_found_at_its_new_path_alone() {
        let mut t = Table::default();
        t.add(mount("a/", EngineKind::Kv1)).unwrap();
        t.add(mount("taken/x/", EngineKind::Kv2)).unwrap();
        let path = |p| MountPath::parse(p).unwrap();
        let id = t.at(Plane::Secret, &path("a")).unwrap().id;
        for no in ["a", "a/below", "taken", "taken/x", "taken/x/y", "sys/a", "auth/a", "identity"] {
            let before = t.clone();
            assert!(t.clone().rename(Plane::Secret, &path("a"), &path(no), "m").is_err(), "{no}");
            assert_eq!(t, before);
        }
        assert_eq!(t.rename(Plane::Secret, &path("none"), &path("b"), "m"), Ok(None));
        assert_eq!(t.rename(Plane::Auth, &path("a"), &path("b"), "m"), Ok(None));
        let moved = t.rename(Plane::Secret, &path("a"), &path("b/c"), "m").unwrap().unwrap();
        assert_eq!((moved.id, moved.path.as_str()), (id, "b/c/"));
        assert!(t.resolve("a/x").is_none());
        assert_eq!(t.resolve("b/c/x").unwrap().mount.id, id);
        let told = t.moved("m").unwrap();
        assert_eq!((told.from.as_str(), told.to.as_str()), ("a/", "b/c/"));
        assert!(t.moved("other").is_none());
    }

    #[test]
    fn only_so_many_moves_are_remembered() {
        let mut t = Table::default();
        t.add(mount("m0/", EngineKind::Kv1)).unwrap();
        let path = |i: usize| MountPath::parse(&format!("m{i}")).unwrap();
        for i in 0..=limits::MOVES_KEPT {
            t.rename(Plane::Secret, &path(i), &path(i + 1), &i.to_string()).unwrap().unwrap();
        }
        assert!(t.moved("0").is_none() && t.moved("1").is_some());
    }

    #[test]
    fn builtin_mounts_do_not_move() {
        let mut t = Table::default();
        t.add(mount("token/", EngineKind::Token)).unwrap();
        let (from, to) = (MountPath::parse("token").unwrap(), MountPath::parse("t").unwrap());
        assert!(matches!(t.rename(Plane::Auth, &from, &to, "m"), Err(MountError::Builtin(_))));
    }
}
