//! Directories of sealed names: one sealed entry per child, found by scanning the directory's
//! prefix. A leaf "a" and a branch "a/" are separate entries.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::barrier::address::{self, check_directory, check_path, directory_of};
use crate::barrier::unit::Effects;
use crate::barrier::{Barrier, BarrierError, Kind, MountId};
use crate::keyring::{DataKey, Place, RingPurpose};
use crate::limits;
use crate::store::{Delete, Guard, Revision};

const SCHEMA: u8 = 1;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Child {
    /// For a branch with its trailing slash, as it sorts and prints.
    pub name: String,
    pub branch: bool,
}

/// What is sealed for a child: its own name, a branch's with the slash. Field order is the format.
#[derive(Serialize, Deserialize)]
struct SealedName {
    name: String,
}

/// A directory as it was read: sorted, and the tags of its children for invalidation.
pub(super) struct Listing {
    pub(super) children: Vec<Child>,
    pub(super) tags: HashSet<[u8; 16]>,
}

impl Listing {
    pub(super) fn weight(&self) -> u64 {
        let names: usize = self.children.iter().map(|c| c.name.len() + 80).sum();
        u64::try_from(names + 128).unwrap_or(u64::MAX)
    }

    fn page(&self, after: Option<&str>, limit: usize) -> Vec<Child> {
        let from = after.map_or(0, |after| {
            self.children.partition_point(|c| c.name.as_bytes() <= after.as_bytes())
        });
        self.children[from..].iter().take(limit).cloned().collect()
    }
}

/// Entries of `path`: its leaf, and the branches of its ancestors, as entry paths (a branch ends
/// in a slash).
pub(super) fn entries_of(path: &str) -> Result<Vec<String>, BarrierError> {
    check_path(path)?;
    let mut entries = vec![path.to_owned()];
    let mut dir = directory_of(path);
    while !dir.is_empty() {
        entries.push(format!("{dir}/"));
        dir = directory_of(dir);
    }
    Ok(entries)
}

/// The sealing context of an entry. A scan knows the directory and the entry's tag but not yet
/// its name, so those two are what an entry is bound to: 00 02 tag(16) directory.
fn entry_path(dir: &str, tag: [u8; 16]) -> Vec<u8> {
    [&[0, 2], &tag[..], dir.as_bytes()].concat()
}

impl Barrier {
    /// The sealed entry for an entry path, with its store key.
    pub(super) fn seal_entry(
        &self,
        mount: MountId,
        tree: Kind,
        entry: &str,
        index: &DataKey,
        records: &DataKey,
    ) -> Result<(Bytes, Bytes), BarrierError> {
        let key = entry_key(mount, tree, entry, index);
        let dir = directory_of(entry);
        let name = if dir.is_empty() { entry } else { &entry[dir.len() + 1..] };
        let mut plain = vec![SCHEMA];
        let body = postcard::to_stdvec(&SealedName { name: name.to_owned() })
            .map_err(|_| BarrierError::Encoding("a name cannot be encoded"))?;
        plain.extend_from_slice(&body);
        let (_, tag) = address::directory_part(&key)
            .ok_or(BarrierError::Encoding("an entry's key has the shape of named records"))?;
        let path = entry_path(dir, tag);
        let place = Place { mount, kind: tree.0, path: &path, incarnation: [0; 16], version: 0 };
        let sealed = self.keyring.seal_under(records, &place, &plain)?;
        Ok((key, sealed.into_bytes()))
    }

    /// The children of `dir` ("" is the root; no leading slash) after the name `after`, sorted
    /// bytewise, at most `limit`.
    pub async fn list(
        &self,
        mount: MountId,
        tree: Kind,
        dir: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Child>, BarrierError> {
        Ok(self.listing(mount, tree, check_directory(dir)?).await?.page(after, limit))
    }

    /// Whether `dir` has any child.
    pub async fn any_under(
        &self,
        mount: MountId,
        tree: Kind,
        dir: &str,
    ) -> Result<bool, BarrierError> {
        let index = self.ring_key(mount, RingPurpose::Index).await?;
        let prefix = address::directory_prefix(mount, tree, check_directory(dir)?, &index);
        if let Some(listing) = self.cache.listing(&prefix) {
            return Ok(!listing.children.is_empty());
        }
        Ok(!self.store.scan(&prefix, None, 1).await?.entries.is_empty())
    }

    async fn listing(
        &self,
        mount: MountId,
        tree: Kind,
        dir: &str,
    ) -> Result<Arc<Listing>, BarrierError> {
        let index = self.ring_key(mount, RingPurpose::Index).await?;
        let prefix = address::directory_prefix(mount, tree, dir, &index);
        if let Some(listing) = self.cache.listing(&prefix) {
            return Ok(listing);
        }
        let fill = self.cache.begin(&prefix);
        let mut children = Vec::new();
        let mut tags = HashSet::new();
        let mut after: Option<Bytes> = None;
        loop {
            let page = self.store.scan(&prefix, after.as_deref(), limits::SCAN_PAGE_MAX).await?;
            for (key, stored) in &page.entries {
                let (_, tag) = address::directory_part(key)
                    .ok_or(BarrierError::Store("a foreign key in a directory".into()))?;
                children.push(self.open_entry(mount, tree, dir, tag, &stored.value).await?);
                tags.insert(tag);
            }
            if children.len() > limits::DIRECTORY_CHILDREN_MAX {
                return Err(BarrierError::TooLarge("children of one directory".into()));
            }
            after = page.entries.last().map(|(key, _)| key.clone());
            if !page.more || after.is_none() {
                break;
            }
            // A page costs about a millisecond of opening; others want the thread too.
            tokio::task::yield_now().await;
        }
        children.sort();
        let listing = Arc::new(Listing { children, tags });
        self.cache.finish_listing(fill, &prefix, &listing);
        Ok(listing)
    }

    async fn open_entry(
        &self,
        mount: MountId,
        tree: Kind,
        dir: &str,
        tag: [u8; 16],
        sealed: &Bytes,
    ) -> Result<Child, BarrierError> {
        let path = entry_path(dir, tag);
        let place = Place { mount, kind: tree.0, path: &path, incarnation: [0; 16], version: 0 };
        let (opened, _) = self.open_at(&place, sealed.clone()).await?;
        let name = match opened.expose().split_first() {
            Some((&SCHEMA, body)) => postcard::from_bytes::<SealedName>(body).ok(),
            _ => None,
        }
        .ok_or(BarrierError::Encoding("an entry that is not of its schema"))?
        .name;
        Ok(Child { branch: name.ends_with('/'), name })
    }

    /// After a committed `leave`: removes the branch entries of `dir` and its ancestors as far as
    /// they are empty, each guarded by *none under*. A directory that fills again meanwhile wins.
    pub async fn prune(&self, mount: MountId, tree: Kind, dir: &str) -> Result<(), BarrierError> {
        let mut dir = check_directory(dir)?;
        while !dir.is_empty() && !self.any_under(mount, tree, dir).await? {
            match self.remove_branch(mount, tree, dir).await {
                Ok(_) => dir = directory_of(dir),
                Err(BarrierError::Conflict) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One step of pruning; `Conflict` when `dir` is not empty (any more).
    pub(super) async fn remove_branch(
        &self,
        mount: MountId,
        tree: Kind,
        dir: &str,
    ) -> Result<Revision, BarrierError> {
        let index = self.ring_key(mount, RingPurpose::Index).await?;
        let prefix = address::directory_prefix(mount, tree, dir, &index);
        let branch = entry_key(mount, tree, &format!("{dir}/"), &index);
        let effects = Effects { deleted: vec![branch.clone()], ..Effects::default() };
        let commit = self.new_commit(
            vec![Guard::NoneUnder(prefix)],
            Vec::new(),
            vec![Delete::Key(branch)],
            Bytes::new(),
        );
        self.submit(commit, effects).await
    }
}

pub(super) fn entry_key(mount: MountId, tree: Kind, entry: &str, index: &DataKey) -> Bytes {
    address::Address::named(mount, entry).store_key(tree, index)
}
