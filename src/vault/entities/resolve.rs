//! From the entity that a lease names to what it adds to the lease: policies of its own and of its
//! groups, and the values of policy templates. Looked up at every request, nearly always in memory:
//! a change holds for the next request (security property P20).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::records::{EntityRecord, entity_at};
use crate::access::TemplateValues;
use crate::barrier::{MountId, kinds};
use crate::identity::{Entity, Group, Groups, Id, template_values};
use crate::limits::{ENTITY_MERGED_MAX, GROUPS_MAX};
use crate::vault::VaultError;
use crate::vault::opened::Opened;

/// An entity as of one moment, with the groups of that moment.
pub struct Identity {
    pub entity: Entity,
    /// Of the entity, then of its groups; each once.
    pub policies: Vec<String>,
    pub(super) groups: Arc<Groups>,
}

impl Identity {
    fn new(entity: Entity, groups: Arc<Groups>) -> Self {
        let mut seen = BTreeSet::new();
        let mut policies = entity.policies.clone();
        policies.extend(groups.all_of(entity.id).iter().flat_map(|g| g.policies.clone()));
        policies.retain(|name| seen.insert(name.clone()));
        Self { entity, policies, groups }
    }

    pub fn template_values(&self) -> TemplateValues {
        template_values(&self.entity, &self.groups.all_of(self.entity.id))
    }
}

impl Opened {
    /// The identity behind a lease; `None` for leases without an entity.
    ///
    /// # Errors
    /// `Unauthenticated` when the entity is disabled or gone: its leases are refused.
    pub(in crate::vault) async fn identity(
        &self,
        entity_id: &str,
    ) -> Result<Option<Arc<Identity>>, VaultError> {
        if entity_id.is_empty() {
            return Ok(None);
        }
        let warm = entity_id.parse::<Id>().ok().and_then(|id| self.identities.warm(id));
        let identity = match warm {
            Some(identity) => Some(identity),
            None => Box::pin(self.known_identity(entity_id)).await?,
        };
        match identity {
            Some(identity) if !identity.entity.disabled => Ok(Some(identity)),
            _ => Err(VaultError::Unauthenticated),
        }
    }

    /// The identity whether or not it is disabled; `None` when it is gone.
    pub(in crate::vault) async fn known_identity(
        &self,
        entity_id: &str,
    ) -> Result<Option<Arc<Identity>>, VaultError> {
        let Ok(mut id) = entity_id.parse::<Id>() else { return Ok(None) };
        // An entity that was merged points to the one it became; never further, but a bound costs
        // nothing.
        for _ in 0..=ENTITY_MERGED_MAX {
            if let Some(identity) = self.identities.warm(id) {
                return Ok(Some(identity));
            }
            let seen = self.identities.change_of(id);
            let groups = self.identities.groups();
            let Some(entry) = self.barrier.read_shared::<EntityRecord>(&entity_at(id)).await?
            else {
                return Ok(None);
            };
            match entry.value.as_ref() {
                EntityRecord::Merged(to) => id = *to,
                EntityRecord::Entity(entity) => {
                    let mut entity = entity.clone();
                    entity.aliases.retain(|a| self.mount_by_id(&a.mount_id).is_some());
                    let identity = Arc::new(Identity::new(entity, groups));
                    self.identities.keep(id, seen, identity.clone());
                    return Ok(Some(identity));
                }
            }
        }
        Err(VaultError::Integrity)
    }

    /// The policies that its entity adds to a lease, for answers.
    pub(in crate::vault) async fn identity_policies(
        &self,
        entity_id: &str,
    ) -> Result<Vec<String>, VaultError> {
        Ok(self.known_identity(entity_id).await?.map(|i| i.policies.clone()).unwrap_or_default())
    }

    pub(in crate::vault) async fn reload_groups(&self) -> Result<(), VaultError> {
        let mut groups = Groups::default();
        let (system, tree) = (MountId::SYSTEM, kinds::GROUP_NAME);
        for child in self.barrier.list(system, tree, "", None, GROUPS_MAX).await? {
            let at = crate::barrier::Address::named(system, &child.name);
            if let Some(entry) = self.barrier.read_fresh::<Group>(&at).await? {
                groups.put(entry.value);
            }
        }
        self.identities.replace_groups(groups);
        Ok(())
    }
}
