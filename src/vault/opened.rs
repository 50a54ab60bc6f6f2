//! What exists only while the vault is open: barrier, keys, and the small resident state (mounts,
//! policies, cutoffs) that every request needs. Sealing drops all of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, MutexGuard};

use super::VaultError;
use super::entities::{Identities, Identity};
use super::records::{PolicyRecord, mount_table, policy_leaf};
use super::system_config::SystemConfig;
use crate::access::{
    Acl, DEFAULT_POLICY_TEXT, Policy, PolicyName, TemplateValues, WRAPPING_POLICY_TEXT,
};
use crate::barrier::{Address, Barrier, MountId, kinds};
use crate::clock::Timestamp;
use crate::identity::Id;
use crate::jwt::{Expect, KeySet};
use crate::keyguard::KeyRef;
use crate::lease::{Cutoffs, Verified};
use crate::mounts::{EngineKind, Mount, Plane, Resolved, Table};
use crate::quota::Limiter;
use crate::store::Revision;

/// Verified leases kept warm; each costs about 2 KiB.
const VERIFIED_MAX: usize = 20_000;
/// Compiled policy sets kept warm; each costs about 4 KiB, and each entity has its own.
const ACLS_MAX: usize = 5_000;
/// Stripes of the locks that make writers of one record queue up instead of colliding.
const STRIPES: usize = 256;

/// The policies in force and a number that changes with them.
pub struct Policies {
    /// `None`: what is stored does not parse.
    by_name: BTreeMap<String, (Option<Arc<Policy>>, PolicyRecord)>,
}

/// A compiled set belongs to the names that a lease carries, and to its entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AclKey {
    names: Vec<String>,
    entity: Option<Id>,
}

/// The same, borrowed: a warm request copies no names.
#[derive(Hash)]
struct AclLook<'a> {
    names: &'a [String],
    entity: Option<Id>,
}

impl Equivalent<AclKey> for AclLook<'_> {
    fn equivalent(&self, key: &AclKey) -> bool {
        self.names == key.names && self.entity == key.entity
    }
}

/// With the policies and the identity it was compiled from: no others may be served by it.
#[derive(Clone)]
struct Compiled {
    policies: Arc<Policies>,
    identity: Option<Arc<Identity>>,
    acl: Arc<Acl>,
}

/// An open vault.
pub struct Opened {
    pub cluster_id: String,
    pub barrier: Arc<Barrier>,
    pub keys: KeySet,
    pub expect: Expect,
    /// The lease key that signs, with its id in tokens.
    pub lease_key: KeyRef,
    pub kid: String,
    pub mounts: ArcSwap<Table>,
    pub policies: ArcSwap<Policies>,
    pub cutoffs: ArcSwap<Cutoffs>,
    pub system_config: ArcSwap<SystemConfig>,
    pub limiter: Limiter,
    /// Moves when any row or cutoff changes: a warm lease that passed this number needs no row.
    epoch: AtomicU64,
    pub(super) verified: Cache<[u8; 32], (u64, Arc<Verified>)>,
    acls: Cache<AclKey, Compiled>,
    /// Groups, and entities resolved lately.
    pub(super) identities: Identities,
    /// The greatest revision this process has seen applied.
    revision: AtomicU64,
    /// The revision seen when the cutoff under way began; the maximum when there is none.
    pub(super) stamp_floor: AtomicU64,
    pub(super) cutting: Mutex<()>,
    stripes: Vec<Mutex<()>>,
    /// Changes of mounts and policies, one at a time.
    pub(super) settings: Mutex<()>,
    /// Upgrades of mounts, one at a time.
    pub(super) upgrades: Mutex<()>,
}

/// What the constructor needs, all of it already verified.
pub struct Parts {
    pub barrier: Arc<Barrier>,
    pub keys: KeySet,
    pub expect: Expect,
    pub lease_key: KeyRef,
    pub kid: String,
    pub cluster_id: String,
    /// The store's when it was opened.
    pub revision: Revision,
}

impl Opened {
    /// Loads the resident state.
    pub async fn load(parts: Parts) -> Result<Self, VaultError> {
        let cutoffs = Cutoffs::new(parts.expect.incarnation);
        let opened = Self {
            cluster_id: parts.cluster_id,
            barrier: parts.barrier,
            keys: parts.keys,
            expect: parts.expect,
            lease_key: parts.lease_key,
            kid: parts.kid,
            mounts: ArcSwap::default(),
            policies: ArcSwap::from_pointee(Policies { by_name: BTreeMap::new() }),
            cutoffs: ArcSwap::from_pointee(cutoffs),
            system_config: ArcSwap::default(),
            limiter: Limiter::new(super::quotas::folded),
            epoch: AtomicU64::new(1),
            verified: Cache::new(VERIFIED_MAX),
            acls: Cache::new(ACLS_MAX),
            identities: Identities::default(),
            revision: AtomicU64::new(parts.revision.0),
            stamp_floor: AtomicU64::new(u64::MAX),
            cutting: Mutex::new(()),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            settings: Mutex::new(()),
            upgrades: Mutex::new(()),
        };
        opened.reload_mounts().await?;
        opened.reload_policies().await?;
        opened.reload_groups().await?;
        opened.reload_cutoffs().await?;
        opened.reload_system_config().await?;
        opened.reload_quotas().await?;
        Ok(opened)
    }

    pub async fn reload_mounts(&self) -> Result<Option<Revision>, VaultError> {
        let entry = self.barrier.read_fresh::<Table>(&mount_table()).await?;
        let revision = entry.as_ref().map(|e| e.revision);
        self.mounts.store(Arc::new(entry.map(|e| e.value).unwrap_or_default()));
        self.identities.forget_all();
        Ok(revision)
    }

    pub async fn reload_policies(&self) -> Result<(), VaultError> {
        let mut by_name = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .barrier
                .list(MountId::SYSTEM, kinds::POLICY_NAME, "", after.as_deref(), 500)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for child in &page {
                let at = Address::named(MountId::SYSTEM, &child.name);
                let Some(entry) = self.barrier.read_fresh::<PolicyRecord>(&at).await? else {
                    continue;
                };
                let parsed = PolicyName::canonical(&entry.value.name)
                    .and_then(|name| Policy::parse(name, &entry.value.text));
                if let Err(error) = &parsed {
                    tracing::error!(
                        %error,
                        "a stored policy does not parse; its leases may do nothing until it is written anew"
                    );
                }
                let ends = entry.value.ends;
                let policy = parsed.ok().map(|policy| Arc::new(policy.ending(ends)));
                by_name.insert(entry.value.name.clone(), (policy, entry.value));
            }
        }
        self.policies.store(Arc::new(Policies::with_builtins(by_name)));
        self.acls.clear();
        Ok(())
    }

    /// The rights of a set of policy names; names without a policy grant nothing.
    pub fn acl_of(&self, names: &[String], now: Timestamp) -> Arc<Acl> {
        self.acl_with(names, None, now)
    }

    /// The same, with what the lease's identity adds: policies, and values for templates.
    pub(super) fn acl_with(
        &self,
        names: &[String],
        identity: Option<&Arc<Identity>>,
        now: Timestamp,
    ) -> Arc<Acl> {
        let policies = self.policies.load();
        let entity = identity.map(|i| i.entity.id);
        if let Some(known) = self.acls.get(&AclLook { names, entity })
            && Arc::ptr_eq(&known.policies, &policies)
            && same(known.identity.as_ref(), identity)
            && known.acl.valid_until().is_none_or(|end| now < end)
        {
            return known.acl;
        }
        let mut all = names.to_vec();
        // `root` beside others would be an error, and it needs no more.
        if !names.iter().any(|n| n == PolicyName::ROOT) {
            let added = identity.map_or(&[][..], |i| &i.policies);
            all.extend(added.iter().filter(|n| !names.contains(n)).cloned());
        }
        let set = policies.set(&all);
        let values = identity.map_or_else(TemplateValues::none, |i| i.template_values());
        let acl = Arc::new(Acl::compile(&set, &values, now));
        let (policies, identity) = (Arc::clone(&policies), identity.cloned());
        let compiled = Compiled { policies, identity, acl: acl.clone() };
        self.acls.insert(AclKey { names: names.to_vec(), entity }, compiled);
        acl
    }

    pub fn resolve(&self, path: &str) -> Option<Resolved> {
        self.mounts.load().resolve(path)
    }

    pub fn mount_by_id(&self, id: &[u8; 16]) -> Option<Arc<Mount>> {
        self.mounts.load().by_id(id).cloned()
    }

    pub fn builtin(&self, kind: EngineKind) -> Option<Arc<Mount>> {
        self.mounts.load().builtin(kind).cloned()
    }

    pub fn mounts_of(&self, plane: Plane) -> Vec<Arc<Mount>> {
        self.mounts.load().iter(plane).cloned().collect()
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// After a row or cutoff changed: warm leases look at their rows again.
    pub fn bump_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    pub fn seen(&self, revision: Revision) {
        self.revision.fetch_max(revision.0, Ordering::AcqRel);
    }

    /// What this process has seen applied.
    pub fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    /// Writers of the same record wait for one another here; guards decide all the same.
    pub async fn stripe(&self, mount: MountId, path: &str) -> MutexGuard<'_, ()> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (mount, path).hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0);
        self.stripes[index].lock().await
    }
}

impl Policies {
    fn with_builtins(mut by_name: BTreeMap<String, (Option<Arc<Policy>>, PolicyRecord)>) -> Self {
        let record = |name: &str, text: &str| PolicyRecord {
            name: name.into(),
            text: text.into(),
            modified_unix_seconds: 0,
            version: built_in_version(name),
            cas_required: false,
            ends: None,
        };
        let root = (Some(Arc::new(Policy::root())), record(PolicyName::ROOT, ""));
        by_name.insert(PolicyName::ROOT.into(), root);
        // Whatever was stored under that name: what wrapping tokens may do is not configuration.
        by_name.remove(PolicyName::WRAPPING);
        if let Ok(policy) = Policy::wrapping() {
            let record = record(PolicyName::WRAPPING, WRAPPING_POLICY_TEXT);
            by_name.insert(PolicyName::WRAPPING.into(), (Some(Arc::new(policy)), record));
        }
        if !by_name.contains_key(PolicyName::DEFAULT)
            && let Ok(policy) = Policy::parse(PolicyName::default_policy(), DEFAULT_POLICY_TEXT)
        {
            let record = record(PolicyName::DEFAULT, DEFAULT_POLICY_TEXT);
            by_name.insert(PolicyName::DEFAULT.into(), (Some(Arc::new(policy)), record));
        }
        Self { by_name }
    }

    /// The policies of these names that exist. Nothing at all if one of them does not parse: what
    /// it would deny is not known.
    fn set(&self, names: &[String]) -> Vec<Arc<Policy>> {
        let existing = names.iter().filter_map(|name| self.by_name.get(name));
        existing.map(|(policy, _)| policy.clone()).collect::<Option<_>>().unwrap_or_default()
    }

    pub fn record(&self, name: &str, now: Timestamp) -> Option<&PolicyRecord> {
        let record = self.by_name.get(name).map(|(_, record)| record);
        record.filter(|record| !record.is_over(now))
    }

    /// Those that people deal with, `root` last: not that of wrapping tokens.
    pub fn records(&self, now: Timestamp) -> impl Iterator<Item = &PolicyRecord> {
        let shown = self.by_name.iter().filter(move |(name, (_, record))| {
            !matches!(name.as_str(), PolicyName::WRAPPING | PolicyName::ROOT)
                && !record.is_over(now)
        });
        let root = self.by_name.get(PolicyName::ROOT);
        shown.map(|(_, (_, record))| record).chain(root.map(|(_, record)| record))
    }
}

fn same(one: Option<&Arc<Identity>>, other: Option<&Arc<Identity>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// The version of a policy that nobody wrote: one with a text counts as written once.
pub fn built_in_version(name: &str) -> u64 {
    u64::from(name == PolicyName::DEFAULT || name == PolicyName::WRAPPING)
}

/// The leaf under which a policy stands in the tree of policies, and its address.
pub fn policy_place(name: &str) -> (String, Address) {
    let leaf = policy_leaf(name);
    let at = Address::named(MountId::SYSTEM, &leaf);
    (leaf, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> PolicyRecord {
        let (name, text) = (name.to_owned(), String::new());
        PolicyRecord {
            name,
            text,
            modified_unix_seconds: 1,
            version: 1,
            cas_required: false,
            ends: None,
        }
    }

    #[test]
    fn p17_beside_a_policy_that_does_not_parse_no_other_grants_anything() {
        let text = "path \"x\" { capabilities = [\"read\"] }";
        let good = Policy::parse(PolicyName::canonical("good").unwrap(), text).unwrap();
        let by_name = BTreeMap::from([
            ("good".to_owned(), (Some(Arc::new(good)), record("good"))),
            ("broken".to_owned(), (None, record("broken"))),
        ]);
        let policies = Policies::with_builtins(by_name);
        let count = |names: &[&str]| {
            policies.set(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).len()
        };
        assert_eq!(count(&["good", "default"]), 2);
        assert_eq!(count(&["good", "absent"]), 1);
        assert_eq!(count(&["broken", "good"]), 0);
        // It is shown, so that somebody can write it anew.
        let now = Timestamp(1);
        assert!(policies.record("broken", now).is_some());
        assert!(policies.records(now).any(|record| record.name == "broken"));
    }
}
