//! What of identities is in memory while the vault is open: all groups, and a bounded cache of
//! resolved identities, so that a warm request reads no record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use super::resolve::Identity;
use crate::identity::{Groups, Id};

/// Resolved identities kept warm; each costs about 1 KiB, shared with the cache of records.
const IDENTITIES_MAX: usize = 20_000;
/// Numbers of change: entities share one by their first byte.
const STRIPES: usize = 256;

/// The resident part of identities.
pub struct Identities {
    groups: ArcSwap<Groups>,
    /// With the number that its entity's stripe had before anything was read.
    resolved: Cache<Id, (u64, Arc<Identity>)>,
    changes: Vec<AtomicU64>,
    /// Changes of entities and groups by people, one at a time; logins rely on guards alone.
    pub(in crate::vault) changing: Mutex<()>,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            groups: ArcSwap::from_pointee(Groups::default()),
            resolved: Cache::new(IDENTITIES_MAX),
            changes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            changing: Mutex::new(()),
        }
    }
}

impl Identities {
    pub fn groups(&self) -> Arc<Groups> {
        self.groups.load_full()
    }

    pub(super) fn replace_groups(&self, groups: Groups) {
        self.groups.store(Arc::new(groups));
    }

    /// An identity as of now, if it is known: neither its entity nor any group changed since.
    pub(super) fn warm(&self, id: Id) -> Option<Arc<Identity>> {
        let (seen, identity) = self.resolved.get(&id)?;
        let groups = self.groups.load();
        (seen == self.change_of(id) && Arc::ptr_eq(&groups, &identity.groups)).then_some(identity)
    }

    /// To be read before the record that [`Identities::keep`] rests on.
    pub(super) fn change_of(&self, id: Id) -> u64 {
        self.changes[usize::from(id.0[0])].load(Ordering::Acquire)
    }

    pub(super) fn keep(&self, id: Id, seen: u64, identity: Arc<Identity>) {
        self.resolved.insert(id, (seen, identity));
    }

    /// After a change of the entity is committed, before it is acknowledged.
    pub(super) fn forget(&self, id: Id) {
        self.changes[usize::from(id.0[0])].fetch_add(1, Ordering::AcqRel);
    }

    /// After a mount came or went: aliases at it count no more.
    pub(in crate::vault) fn forget_all(&self) {
        for change in &self.changes {
            change.fetch_add(1, Ordering::AcqRel);
        }
    }
}
