//! Password policies: listed, read, written, deleted, and the passwords made by them, which are kept
//! nowhere.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::opened::Opened;
use super::records::{PasswordPolicyRecord, password_policy_at};
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::barrier::{Entry, MountId, kinds};
use crate::limits::{DIRECTORY_CHILDREN_MAX, NAME_BYTES_MAX, PASSWORD_GENERATORS_MAX};
use crate::passwords::{PasswordPolicy, PasswordPolicyError};
use crate::sensitive::SecretText;

/// Where candidates are drawn: rules that few fit take milliseconds, which no async thread has.
pub struct Generators(Arc<Semaphore>);

impl Generators {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(PASSWORD_GENERATORS_MAX)))
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let slot = self.0.clone().acquire_owned().await;
        let slot = slot.map_err(|error| VaultError::Internal(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        done.await.map_err(|error| VaultError::Internal(error.to_string()))?
    }
}

impl Vault {
    pub async fn password_policy_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let (system, tree) = (MountId::SYSTEM, kinds::PASSWORD_POLICY_NAME);
            let max = DIRECTORY_CHILDREN_MAX;
            let children = session.opened.barrier.list(system, tree, "", None, max).await?;
            session.seen(ask.path, children.into_iter().map(|c| c.name).collect())
        })
        .await
    }

    pub async fn password_policy_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<PasswordPolicyRecord> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let found = password_policy(&pass?.opened, name).await?;
            found.map(|entry| entry.value).ok_or(VaultError::NotFound)
        })
        .await
    }

    pub async fn password_policy_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
        text: String,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            if name.len() > NAME_BYTES_MAX {
                return Err(VaultError::Invalid(format!(
                    "the name of a password policy has at most {NAME_BYTES_MAX} bytes"
                )));
            }
            let policy = PasswordPolicy::parse(&text).map_err(invalid)?;
            let random = self.ports.random.clone();
            self.generators.work(move || policy.check(&random).map_err(invalid)).await?;
            self.change_password_policy(&opened, caller, name, Some(text)).await
        })
        .await
    }

    pub async fn password_policy_delete(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            self.change_password_policy(&opened, caller, name, None).await
        })
        .await
    }

    /// A new password; that one was made is on record, and it is nowhere.
    pub async fn password_generate(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<SecretText> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let found = password_policy(&pass?.opened, name).await?;
            let text = found.ok_or(VaultError::NotFound)?.value.text;
            let policy = PasswordPolicy::parse(&text).map_err(invalid)?;
            let random = self.ports.random.clone();
            self.generators
                .work(move || {
                    policy.generate(&random).ok_or(invalid(PasswordPolicyError::HardlyAny))
                })
                .await
        })
        .await
    }

    async fn change_password_policy(
        &self,
        opened: &Opened,
        caller: &Caller,
        name: &str,
        text: Option<String>,
    ) -> Result<(), VaultError> {
        let at = password_policy_at(name);
        let record = text.map(|text| PasswordPolicyRecord { text });
        let _queue = opened.stripe(MountId::SYSTEM, &format!("password-policy/{name}")).await;
        for _ in 0..TRIES {
            let current = password_policy(opened, name).await?;
            let mut unit = opened.barrier.unit();
            match &current {
                Some(entry) => unit.expect_at::<PasswordPolicyRecord>(&at, entry.revision),
                None => unit.expect_absent::<PasswordPolicyRecord>(&at),
            }
            match &record {
                Some(record) => {
                    unit.put(&at, record).await?;
                    unit.enter(MountId::SYSTEM, kinds::PASSWORD_POLICY_NAME, name);
                    unit.note(self.note(caller, "password-policy.write", name));
                }
                None if current.is_none() => return Ok(()),
                None => {
                    unit.delete::<PasswordPolicyRecord>(&at);
                    unit.leave(MountId::SYSTEM, kinds::PASSWORD_POLICY_NAME, name);
                    unit.note(self.note(caller, "password-policy.delete", name));
                }
            }
            match self.commit(opened, unit).await {
                Err(VaultError::Contended) => {}
                done => return done.map(|_| ()),
            }
        }
        Err(VaultError::Contended)
    }
}

async fn password_policy(
    opened: &Opened,
    name: &str,
) -> Result<Option<Entry<PasswordPolicyRecord>>, VaultError> {
    Ok(opened.barrier.read_fresh::<PasswordPolicyRecord>(&password_policy_at(name)).await?)
}

fn invalid(error: PasswordPolicyError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
