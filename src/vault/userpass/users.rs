//! Users: listed, read, written, deleted. A password is hashed only for who may write it.

use std::sync::Arc;

use super::invalid;
use crate::access::Operation;
use crate::barrier::{MountId, kinds};
use crate::identity::userpass::{PasswordHash, User, UserName, UserUpdate, check_length};
use crate::lease::{Cutoff, Subject};
use crate::mounts::Mount;
use crate::sensitive::SecretText;
use crate::vault::opened::Opened;
use crate::vault::records::user_at;
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{TRIES, Vault, VaultError};

/// A new password for an existing user.
pub struct PasswordChange {
    pub password: SecretText,
    /// Ends all leases of the user in the same commit. They go on otherwise, as clients expect.
    pub revoke_leases: bool,
}

/// A write of a user, checked and hashed.
struct Change {
    update: UserUpdate,
    /// The user must exist: writes of one field.
    only_existing: bool,
    revoke_leases: bool,
}

impl Vault {
    pub async fn userpass_user_list(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let id = MountId(mount.id);
            let session = pass?;
            let children =
                session.opened.barrier.list(id, kinds::USERPASS_NAME, "", after, limit).await?;
            session.seen(ask.path, children.into_iter().map(|c| c.name).collect())
        })
        .await
    }

    pub async fn userpass_user_read(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<User> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = UserName::parse(name).map_err(invalid)?;
            let user = self.user(&opened, mount, &name).await?;
            user.map(|u| u.value).ok_or(VaultError::NotFound)
        })
        .await
    }

    /// Creates a user or changes what `update` names of it; a new one needs a password.
    pub async fn userpass_user_write(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        password: Option<SecretText>,
        update: UserUpdate,
    ) -> Answer<()> {
        let who = self.identify(caller).await;
        let mut ask = ask;
        if let Ok(session) = &who
            && let Ok(name) = UserName::parse(name)
            && let Ok(None) = self.user(&session.opened, mount, &name).await
        {
            ask.operation = Operation::Create;
        }
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            let password = self.hashed(password).await?;
            let update = UserUpdate { password, ..update };
            let change = Change { update, only_existing: false, revoke_leases: false };
            let may = |exists: bool| session.may_still(&ask, exists);
            self.write_user(&session.opened, caller, mount, name, change, may).await
        })
        .await
    }

    /// Changes the policies of a user.
    pub async fn userpass_policies(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        update: UserUpdate,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let change = Change { update, only_existing: true, revoke_leases: false };
            self.write_user(&pass?.opened, caller, mount, name, change, |_| Ok(())).await
        })
        .await
    }

    pub async fn userpass_password(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        new: PasswordChange,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.urgent(new.revoke_leases)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let password = self.hashed(Some(new.password)).await?;
            let update = UserUpdate { password, ..UserUpdate::default() };
            let change = Change { update, only_existing: true, revoke_leases: new.revoke_leases };
            self.write_user(&opened, caller, mount, name, change, |_| Ok(())).await
        })
        .await
    }

    async fn hashed(
        &self,
        password: Option<SecretText>,
    ) -> Result<Option<PasswordHash>, VaultError> {
        let Some(password) = password else { return Ok(None) };
        check_length(&password).map_err(invalid)?;
        let salt = self.ports.random.array();
        Ok(Some(self.passwords.hash(&Arc::new(password), salt).await?))
    }

    async fn write_user(
        &self,
        opened: &Opened,
        caller: &Caller,
        mount: &Mount,
        name: &str,
        change: Change,
        may: impl Fn(bool) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let id = MountId(mount.id);
        let name = UserName::parse(name).map_err(invalid)?;
        let at = user_at(id, name.as_str());
        let _queue = opened.stripe(id, name.as_str()).await;
        for _ in 0..TRIES {
            let current = self.user(opened, mount, &name).await?;
            may(current.is_some())?;
            let mut unit = opened.barrier.unit();
            let user = match &current {
                Some(entry) => {
                    unit.expect_at::<User>(&at, entry.revision);
                    entry.value.updated(change.update.clone())
                }
                None if change.only_existing => {
                    return Err(VaultError::invalid("username does not exist"));
                }
                None => {
                    unit.expect_absent::<User>(&at);
                    unit.enter(id, kinds::USERPASS_NAME, name.as_str());
                    User::create(&name, self.now(), change.update.clone())
                }
            };
            unit.put(&at, &user.map_err(invalid)?).await?;
            unit.note(self.note(caller, "userpass.user.put", name.as_str()));
            let mut cut = None;
            if change.revoke_leases {
                let role = name.as_str().to_owned();
                let subject = Subject::Role { mount_id: hex::encode(mount.id), role };
                let cutoff = Cutoff::new(subject, self.now());
                unit.urgent();
                self.put_cutoff(&mut unit, &cutoff).await?;
                cut = Some((cutoff, opened.begin_cut().await));
            }
            match self.commit(opened, unit).await {
                Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
                Ok(revision) => {
                    if let Some((cutoff, pending)) = cut {
                        opened.cut(cutoff, revision);
                        drop(pending);
                    }
                    return Ok(());
                }
            }
        }
        Err(VaultError::Contended)
    }

    /// From here on the user's leases are renewed no more; `revoke-leases` ends them at once.
    pub async fn userpass_user_delete(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.urgent(true)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let id = MountId(mount.id);
            let name = UserName::parse(name).map_err(invalid)?;
            let at = user_at(id, name.as_str());
            let _queue = opened.stripe(id, name.as_str()).await;
            for _ in 0..TRIES {
                let Some(user) = self.user(&opened, mount, &name).await? else { return Ok(()) };
                let mut unit = opened.barrier.unit();
                unit.urgent();
                unit.expect_at::<User>(&at, user.revision);
                unit.delete::<User>(&at);
                unit.leave(id, kinds::USERPASS_NAME, name.as_str());
                unit.note(self.note(caller, "userpass.user.delete", name.as_str()));
                match self.commit(&opened, unit).await {
                    Err(VaultError::Contended) => {}
                    done => return done.map(|_| ()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }
}
