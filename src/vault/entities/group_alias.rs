//! Aliases of external groups: the name that a login method knows the group by.

use super::group::{GroupRef, find};
use super::{Answer, Ask, Caller, FoundAlias, alias_key, alias_mount, guard, invalid, method};
use crate::identity::{Alias, Group, GroupKind, GroupUpdate, Id, Metadata};
use crate::vault::{Vault, VaultError};

/// What a write of a group's alias names.
#[derive(Clone, Debug, Default)]
pub struct GroupAliasWish {
    pub name: String,
    pub mount_accessor: String,
    /// The external group it shall belong to; a new one without it.
    pub group: Option<String>,
    pub custom_metadata: Option<Metadata>,
}

impl Vault {
    /// All aliases of groups; `NotFound` when there are none, as LIST answers.
    pub async fn group_alias_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<FoundAlias>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let groups = opened.identities.groups();
            let aliases = groups.iter().filter_map(|g| g.alias.as_ref().map(|a| (g, a)));
            let standing = aliases.filter(|(_, a)| opened.mount_by_id(&a.mount_id).is_some());
            let mut found: Vec<FoundAlias> = standing
                .map(|(group, alias)| FoundAlias {
                    alias: alias.clone(),
                    owner: group.id,
                    mount: alias_mount(&opened, alias),
                })
                .collect();
            found.sort_by_key(|f| f.alias.id);
            if found.is_empty() { Err(VaultError::NotFound) } else { Ok(found) }
        })
        .await
    }

    /// `NotFound` when there is no such alias, or its mount is gone.
    pub async fn group_alias_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        id: &str,
    ) -> Answer<FoundAlias> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let groups = opened.identities.groups();
            let group =
                find(&opened, &groups, GroupRef::AliasId(id)).ok_or(VaultError::NotFound)?;
            let alias = group.alias.clone().ok_or(VaultError::NotFound)?;
            let mount = alias_mount(&opened, &alias);
            Ok(FoundAlias { alias, owner: group.id, mount })
        })
        .await
    }

    /// Creates an alias, or changes the one of `id`. A group has one: a new one takes the place of
    /// the old. Answers with the ids of group and alias.
    pub async fn group_alias_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        id: Option<&str>,
        wish: GroupAliasWish,
    ) -> Answer<(Id, Id)> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = session.opened.clone();
            let _one = opened.identities.changing.lock().await;
            let groups = opened.identities.groups();
            let holder = match id {
                None => None,
                Some(id) => {
                    let found = find(&opened, &groups, GroupRef::AliasId(id));
                    Some(found.ok_or_else(|| VaultError::invalid("invalid group alias ID"))?)
                }
            };
            if wish.mount_accessor.is_empty() {
                return Err(VaultError::invalid("missing mount_accessor"));
            }
            let mount = method(&opened, &wish.mount_accessor)?;
            if wish.name.is_empty() {
                return Err(VaultError::invalid("missing alias name"));
            }
            let target = match wish.group.as_deref().filter(|g| !g.is_empty()) {
                None => holder.clone(),
                Some(group) => {
                    let found = find(&opened, &groups, GroupRef::Id(group));
                    let bad = || VaultError::invalid("invalid group ID given in 'canonical_id'");
                    Some(found.ok_or_else(bad)?)
                }
            };
            for group in holder.iter().chain(&target) {
                guard(&session, "group", group.id, &group.name)?;
            }
            let by_name =
                GroupRef::Alias { name: &wish.name, mount_accessor: &wish.mount_accessor };
            let taken = find(&opened, &groups, by_name);
            let own = |g: &std::sync::Arc<Group>| {
                [&target, &holder].into_iter().flatten().any(|mine| mine.id == g.id)
            };
            if taken.is_some_and(|group| !own(&group)) {
                return Err(VaultError::invalid(
                    "combination of mount and group alias name is already in use",
                ));
            }
            if target.as_ref().is_some_and(|g| g.kind == GroupKind::Internal) {
                return Err(VaultError::invalid("alias can't be set on an internal group"));
            }
            let now = self.now();
            let before = holder.as_ref().and_then(|g| g.alias.clone());
            let alias = Alias {
                name: wish.name.clone(),
                key: alias_key(&mount, &wish.name),
                mount_id: mount.id,
                mount_accessor: mount.accessor.clone(),
                updated: now,
                custom_metadata: wish.custom_metadata,
                ..match before {
                    Some(alias) => alias,
                    None => self.new_alias(&mount, &wish.name)?,
                }
            };
            let alias_id = alias.id;
            let (new, base) = match &target {
                Some(group) => (false, Group::clone(group)),
                None => {
                    let kind = Some(GroupKind::External);
                    let update = GroupUpdate { kind, ..GroupUpdate::default() };
                    (true, Group::create(self.new_id()?, update, now).map_err(invalid)?)
                }
            };
            let after = base.with_alias(Some(alias), now).map_err(invalid)?;
            let mut unit = opened.barrier.unit();
            let mut changed = vec![after.clone()];
            // The alias moves: the group that had it gives it up in the same commit.
            if let Some(giver) = holder.filter(|g| g.id != after.id) {
                changed.push(giver.with_alias(None, now).map_err(invalid)?);
            }
            if new {
                return self
                    .save_group(&opened, caller, true, &after)
                    .await
                    .map(|()| (after.id, alias_id));
            }
            self.put_groups(&opened, &mut unit, &changed).await?;
            unit.note(self.note(caller, "identity.group-alias.put", &alias_id.to_string()));
            self.commit(&opened, unit).await?;
            self.groups_changed(&opened, changed);
            Ok((after.id, alias_id))
        })
        .await
    }

    /// Deletes an alias; one that is not there is nothing to delete. Its group stays.
    pub async fn group_alias_delete(&self, caller: &Caller, ask: Ask<'_>, id: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = session.opened.clone();
            let _one = opened.identities.changing.lock().await;
            let groups = opened.identities.groups();
            let Some(group) = find(&opened, &groups, GroupRef::AliasId(id)) else { return Ok(()) };
            guard(&session, "group", group.id, &group.name)?;
            let after = group.with_alias(None, self.now()).map_err(invalid)?;
            self.save_group(&opened, caller, false, &after).await
        })
        .await
    }
}
