//! Policies: read, write, list, delete. A change holds for the next request.

use super::opened::{Opened, built_in_version, policy_place};
use super::records::PolicyRecord;
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::access::{Operation, Policy, PolicyName};
use crate::barrier::{BarrierError, MountId, kinds};
use crate::path::RequestPath;

impl Vault {
    pub async fn policy_list(&self, caller: &Caller, path: &RequestPath) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, Ask::new(Operation::List, path)).await?;
        turn.run(async {
            let session = pass?;
            session.seen(path, session.opened.policies.load().names())
        })
        .await
    }

    /// The policy as written; `NotFound` when there is none, or for `root`, which has no text.
    pub async fn policy_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<PolicyRecord> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            let policies = session.opened.policies.load();
            policies.record(name.as_str()).cloned().ok_or(VaultError::NotFound)
        })
        .await
    }

    pub async fn policy_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
        text: &str,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            if !name.is_writable() {
                return Err(VaultError::invalid(format!(
                    "cannot update {:?} policy",
                    name.as_str()
                )));
            }
            let policy = Policy::parse(name.clone(), text).map_err(invalid)?;
            self.change_policies(&opened, caller, &name, Some(&policy)).await
        })
        .await
    }

    pub async fn policy_delete(&self, caller: &Caller, ask: Ask<'_>, name: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            if !name.is_deletable() {
                return Err(VaultError::invalid(match name.as_str() {
                    PolicyName::DEFAULT => "cannot delete default policy".to_owned(),
                    other => format!("cannot delete {other:?} policy"),
                }));
            }
            self.change_policies(&opened, caller, &name, None).await
        })
        .await
    }

    /// Writes a policy, or deletes it. One change at a time, in force before it is acknowledged.
    async fn change_policies(
        &self,
        opened: &Opened,
        caller: &Caller,
        name: &PolicyName,
        policy: Option<&Policy>,
    ) -> Result<(), VaultError> {
        let _one = opened.settings.lock().await;
        let (leaf, at) = policy_place(name.as_str());
        for _ in 0..TRIES {
            let mut unit = opened.barrier.unit();
            let kind = if let Some(policy) = policy {
                let current = opened.barrier.read_fresh::<PolicyRecord>(&at).await?;
                match &current {
                    Some(entry) => unit.expect_at::<PolicyRecord>(&at, entry.revision),
                    None => unit.expect_absent::<PolicyRecord>(&at),
                }
                let before =
                    current.map_or_else(|| built_in_version(name.as_str()), |e| e.value.version);
                let record = PolicyRecord {
                    name: name.as_str().to_owned(),
                    text: policy.text().to_owned(),
                    modified_unix_seconds: self.now().unix_seconds(),
                    version: before + 1,
                };
                unit.put(&at, &record).await?;
                unit.enter(MountId::SYSTEM, kinds::POLICY_NAME, &leaf);
                "policy.write"
            } else {
                unit.delete::<PolicyRecord>(&at);
                unit.leave(MountId::SYSTEM, kinds::POLICY_NAME, &leaf);
                "policy.delete"
            };
            unit.note(self.note(caller, kind, name.as_str()));
            match unit.commit().await {
                Ok(revision) => {
                    opened.seen(revision);
                    return opened.reload_policies().await;
                }
                // Another node was first.
                Err(BarrierError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(VaultError::Contended)
    }
}

fn invalid(error: crate::access::PolicyError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
