//! Groups: list, read, write, delete. All of them are resident, so every question about circles
//! and names is answered under the lock of changes; the record's guard catches the rest.

use std::sync::Arc;

use super::entity::EntityRef;
use super::records::group_at;
use super::{AliasMount, Answer, Ask, Caller, alias_mount, guard, invalid, may_see};
use crate::barrier::{MountId, kinds};
use crate::identity::{Group, GroupUpdate, Groups, Id};
use crate::limits::GROUPS_MAX;
use crate::vault::opened::Opened;
use crate::vault::{Vault, VaultError};

/// How a request names a group.
#[derive(Clone, Copy, Debug)]
pub enum GroupRef<'a> {
    Id(&'a str),
    Name(&'a str),
    /// By its alias at the method with this accessor.
    Alias {
        name: &'a str,
        mount_accessor: &'a str,
    },
    AliasId(&'a str),
}

/// A group as reads show it.
pub struct FoundGroup {
    pub group: Arc<Group>,
    pub parents: Vec<Id>,
    /// Where its alias counts; `None` when it has none, or its mount is gone.
    pub alias_mount: Option<AliasMount>,
}

impl Vault {
    /// All groups, in order of their ids; `NotFound` when there are none, as LIST answers.
    pub async fn group_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<FoundGroup>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let groups = opened.identities.groups();
            let seen = groups.iter().filter(|g| may_see(&session, "group", g.id, &g.name));
            let found: Vec<_> = seen.map(|g| shown(opened, &groups, g)).collect();
            if found.is_empty() { Err(VaultError::NotFound) } else { Ok(found) }
        })
        .await
    }

    /// `NotFound` when there is no such group.
    pub async fn group_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        which: GroupRef<'_>,
    ) -> Answer<FoundGroup> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let groups = opened.identities.groups();
            let group = find(opened, &groups, which).ok_or(VaultError::NotFound)?;
            guard(&session, "group", group.id, &group.name)?;
            Ok(shown(opened, &groups, &group))
        })
        .await
    }

    /// Creates a group or changes what `update` names of it: the one of `id` if that is given,
    /// else the one of the update's name. Answers with it when it is new.
    pub async fn group_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        id: Option<&str>,
        update: GroupUpdate,
    ) -> Answer<Option<Group>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let _one = opened.identities.changing.lock().await;
            let groups = opened.identities.groups();
            let current = match (id, update.name.as_deref()) {
                (Some(id), _) => {
                    let found = find(opened, &groups, GroupRef::Id(id));
                    Some(found.ok_or_else(|| VaultError::invalid("invalid group ID"))?)
                }
                (None, Some(name)) if !name.is_empty() => groups.named(name).cloned(),
                (None, _) => None,
            };
            let now = self.now();
            let after = match &current {
                Some(group) => group.updated(update, now),
                None => Group::create(self.new_id()?, update, now),
            }
            .map_err(invalid)?;
            for group in current.as_deref().into_iter().chain([&after]) {
                guard(&session, "group", group.id, &group.name)?;
            }
            if groups.named(&after.name).is_some_and(|other| other.id != after.id) {
                return Err(VaultError::invalid("group name is already in use"));
            }
            if current.is_none() && groups.len() >= GROUPS_MAX {
                let text =
                    format!("at most {GROUPS_MAX} groups; delete one that is no longer used");
                return Err(VaultError::Invalid(text));
            }
            self.check_members(opened, &groups, current.as_deref(), &after).await?;
            self.save_group(opened, caller, current.is_none(), &after).await?;
            Ok(current.is_none().then_some(after))
        })
        .await
    }

    /// Members that are new are there, and close no circle.
    async fn check_members(
        &self,
        opened: &Opened,
        groups: &Groups,
        before: Option<&Group>,
        after: &Group,
    ) -> Result<(), VaultError> {
        let known =
            |ids: fn(&Group) -> &Vec<Id>, id: &Id| before.is_some_and(|b| ids(b).contains(id));
        for id in after.entities.iter().filter(|id| !known(|g| &g.entities, id)) {
            let entity = self.find_entity(opened, EntityRef::Id(&id.to_string())).await?;
            if entity.is_none() {
                return Err(VaultError::Invalid(format!("invalid entity ID \"{id}\"")));
            }
        }
        for id in &after.groups {
            if *id == after.id {
                let text = format!("member group ID \"{id}\" is same as the ID of the group");
                return Err(VaultError::Invalid(text));
            }
            if groups.get(*id).is_none() {
                return Err(VaultError::Invalid(format!("invalid member group ID \"{id}\"")));
            }
        }
        if let Some(id) = groups.circle(after.id, &after.groups) {
            let text = format!("cyclic relationship detected for member group ID \"{id}\"");
            return Err(VaultError::Invalid(text));
        }
        Ok(())
    }

    /// One group, in one commit, in force before it is acknowledged. Under the lock of changes.
    pub(super) async fn save_group(
        &self,
        opened: &Opened,
        caller: &Caller,
        new: bool,
        group: &Group,
    ) -> Result<(), VaultError> {
        let mut unit = opened.barrier.unit();
        if new {
            let at = group_at(group.id);
            unit.expect_absent::<Group>(&at);
            unit.put(&at, group).await?;
            unit.enter(MountId::SYSTEM, kinds::GROUP_NAME, &group.id.to_string());
        } else {
            self.put_groups(opened, &mut unit, std::slice::from_ref(group)).await?;
        }
        unit.note(self.note(caller, "identity.group.put", &group.id.to_string()));
        self.commit(opened, unit).await?;
        self.groups_changed(opened, vec![group.clone()]);
        Ok(())
    }

    /// Deletes a group; one that is not there is nothing to delete. Groups that list it no longer
    /// do.
    pub async fn group_delete(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        which: GroupRef<'_>,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.urgent(true)).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let _one = opened.identities.changing.lock().await;
            let groups = opened.identities.groups();
            let Some(group) = find(opened, &groups, which) else { return Ok(()) };
            guard(&session, "group", group.id, &group.name)?;
            let at = group_at(group.id);
            let mut unit = opened.barrier.unit();
            unit.urgent();
            let current = opened.barrier.read_fresh::<Group>(&at).await?;
            unit.expect_at::<Group>(&at, current.ok_or(VaultError::Contended)?.revision);
            unit.delete::<Group>(&at);
            unit.leave(MountId::SYSTEM, kinds::GROUP_NAME, &group.id.to_string());
            let parents = groups.parents(group.id);
            let parents = parents.into_iter().filter_map(|id| groups.get(id));
            let changed: Vec<Group> = parents.map(|p| p.without_group(group.id)).collect();
            // What does not fit keeps the id, which no group has, until it is next written.
            let stored = super::entity::fitting(&changed);
            self.put_groups(opened, &mut unit, &changed[..stored]).await?;
            unit.note(self.note(caller, "identity.group.delete", &group.id.to_string()));
            self.commit(opened, unit).await?;
            let mut groups = Groups::clone(&groups);
            groups.remove(group.id);
            for parent in changed {
                groups.put(parent);
            }
            opened.identities.replace_groups(groups);
            Ok(())
        })
        .await
    }
}

pub(super) fn find(opened: &Opened, groups: &Groups, which: GroupRef<'_>) -> Option<Arc<Group>> {
    let by_alias = |fits: &dyn Fn(&crate::identity::Alias) -> bool| {
        groups.iter().find(|g| g.alias.as_ref().is_some_and(fits)).cloned()
    };
    match which {
        GroupRef::Id(id) => groups.get(id.parse().ok()?).cloned(),
        GroupRef::Name(name) => groups.named(name).cloned(),
        GroupRef::AliasId(id) => {
            let id: Id = id.parse().ok()?;
            by_alias(&|a| a.id == id && opened.mount_by_id(&a.mount_id).is_some())
        }
        GroupRef::Alias { name, mount_accessor } => {
            let mount = super::method(opened, mount_accessor).ok()?;
            let key = super::alias_key(&mount, name);
            by_alias(&|a| a.mount_id == mount.id && a.key == key)
        }
    }
}

fn shown(opened: &Opened, groups: &Groups, group: &Arc<Group>) -> FoundGroup {
    let alias_mount = group
        .alias
        .as_ref()
        .filter(|a| opened.mount_by_id(&a.mount_id).is_some())
        .map(|a| alias_mount(opened, a));
    FoundGroup { group: group.clone(), parents: groups.parents(group.id), alias_mount }
}
