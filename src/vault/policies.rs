//! Policies: read, write, list, delete. A change holds for the next request.

use std::time::Duration;

use super::opened::{Opened, built_in_version, policy_place};
use super::records::PolicyRecord;
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::access::{Operation, Policy, PolicyName};
use crate::barrier::{BarrierError, MountId, kinds};
use crate::clock::Timestamp;
use crate::path::RequestPath;

/// A policy to be written.
#[derive(Clone, Debug, Default)]
pub struct PolicyWrite {
    pub text: String,
    /// The version that it replaces; -1 where there must be none.
    pub cas: Option<i64>,
    pub cas_required: bool,
    /// When it ends, as a time or as seconds from now.
    pub expiration: Option<Timestamp>,
    pub ttl: Option<Duration>,
}

impl PolicyWrite {
    fn ends(&self, now: Timestamp) -> Result<Option<Timestamp>, VaultError> {
        let ends = match (self.expiration, self.ttl) {
            (Some(_), Some(_)) => {
                let text = "cannot supply both 'expiration' and 'ttl' for policies";
                return Err(VaultError::invalid(text));
            }
            (Some(at), None) => at,
            (None, Some(ttl)) => {
                let ttl = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
                Timestamp(now.0.saturating_add(ttl))
            }
            (None, None) => return Ok(None),
        };
        if ends <= now {
            let text = "refusing to update policy as expiration time has already elapsed";
            return Err(VaultError::invalid(text));
        }
        Ok(Some(ends))
    }

    /// `current` is the version there is, 0 for none.
    fn check(&self, current: u64, is_required: bool) -> Result<(), VaultError> {
        match self.cas {
            None if is_required || self.cas_required => {
                Err(VaultError::invalid("check-and-set parameter required for this call"))
            }
            Some(-1) if current > 0 => {
                Err(VaultError::invalid("check-and-set parameter set to -1 on existing entry"))
            }
            Some(cas) if cas != -1 && u64::try_from(cas) != Ok(current) => {
                Err(VaultError::Invalid(format!(
                    "check-and-set parameter {cas} did not match the current version {current}"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Vault {
    /// All policies in their order, `root` last.
    pub async fn policy_list(
        &self,
        caller: &Caller,
        path: &RequestPath,
    ) -> Answer<Vec<PolicyRecord>> {
        let (turn, pass) = self.admit(caller, Ask::new(Operation::List, path)).await?;
        turn.run(async {
            let session = pass?;
            let policies = session.opened.policies.load_full();
            // A deny on a policy hides it from every list that there is of them.
            let seen = |record: &&PolicyRecord| {
                [path.as_str(), "sys/policies/acl"]
                    .iter()
                    .all(|collection| session.acl.may_see(collection, &record.name))
            };
            let records: Vec<PolicyRecord> =
                policies.records(self.now()).filter(seen).cloned().collect();
            if records.is_empty() { Err(VaultError::NotFound) } else { Ok(records) }
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
            policies.record(name.as_str(), self.now()).cloned().ok_or(VaultError::NotFound)
        })
        .await
    }

    pub async fn policy_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
        write: &PolicyWrite,
    ) -> Answer<()> {
        // A policy in force that is written again may be one that is to allow less.
        let (turn, pass) = self.admit(caller, ask.urgent(self.has_policy(name))).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            if !name.is_writable() {
                return Err(VaultError::invalid(format!(
                    "cannot update {:?} policy",
                    name.as_str()
                )));
            }
            Policy::parse(name.clone(), &write.text).map_err(invalid)?;
            let ends = write.ends(self.now())?;
            if ends.is_some() && name.as_str() == PolicyName::DEFAULT {
                return Err(VaultError::invalid(
                    "the default policy cannot end; write it without expiration and ttl",
                ));
            }
            self.change_policies(&opened, caller, &name, Some((write, ends))).await
        })
        .await
    }

    pub async fn policy_delete(&self, caller: &Caller, ask: Ask<'_>, name: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.urgent(true)).await?;
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

    fn has_policy(&self, name: &str) -> bool {
        let Ok(name) = PolicyName::canonical(name) else { return false };
        let Ok(opened) = self.opened() else { return false };
        opened.policies.load().record(name.as_str(), self.now()).is_some()
    }

    /// Writes a policy, or deletes it. One change at a time, in force before it is acknowledged.
    async fn change_policies(
        &self,
        opened: &Opened,
        caller: &Caller,
        name: &PolicyName,
        write: Option<(&PolicyWrite, Option<Timestamp>)>,
    ) -> Result<(), VaultError> {
        let _one = opened.settings.lock().await;
        let (leaf, at) = policy_place(name.as_str());
        for _ in 0..TRIES {
            let mut unit = opened.barrier.unit();
            let kind = if let Some((write, ends)) = write {
                let current = opened.barrier.read_fresh::<PolicyRecord>(&at).await?;
                match &current {
                    Some(entry) => {
                        unit.expect_at::<PolicyRecord>(&at, entry.revision);
                        unit.urgent();
                    }
                    None => unit.expect_absent::<PolicyRecord>(&at),
                }
                // One that ended is as if deleted, so its version counts no more.
                let now = self.now();
                let current = current.map(|e| e.value).filter(|record| !record.is_over(now));
                let before =
                    current.as_ref().map_or_else(|| built_in_version(name.as_str()), |r| r.version);
                write.check(before, current.is_some_and(|record| record.cas_required))?;
                let record = PolicyRecord {
                    name: name.as_str().to_owned(),
                    text: write.text.clone(),
                    modified_unix_seconds: now.unix_seconds(),
                    version: before + 1,
                    cas_required: write.cas_required,
                    ends,
                };
                unit.put(&at, &record).await?;
                unit.enter(MountId::SYSTEM, kinds::POLICY_NAME, &leaf);
                "policy.write"
            } else {
                unit.urgent();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(write: &PolicyWrite, current: u64, is_required: bool) -> Option<String> {
        write.check(current, is_required).err().map(|error| error.to_string())
    }

    #[test]
    fn a_write_replaces_the_version_that_it_names_and_no_other() {
        let write = |cas| PolicyWrite { cas, ..PolicyWrite::default() };
        for (cas, current, is_required, allowed) in [
            (None, 0, false, true),
            (None, 3, false, true),
            (None, 3, true, false),
            (Some(3), 3, true, true),
            (Some(2), 3, false, false),
            (Some(0), 0, false, true),
            (Some(-1), 0, true, true),
            (Some(-1), 1, false, false),
            (Some(-7), 0, false, false),
        ] {
            let refused = refusal(&write(cas), current, is_required);
            assert_eq!(refused.is_none(), allowed, "{cas:?} {current} {is_required} {refused:?}");
        }
        let asks = PolicyWrite { cas_required: true, ..PolicyWrite::default() };
        assert!(refusal(&asks, 0, false).is_some());
    }

    #[test]
    fn a_policy_ends_later_than_now_or_never() {
        let (now, second) = (Timestamp(1_000_000_000), Duration::from_secs(1));
        let ends = |expiration, ttl| {
            PolicyWrite { expiration, ttl, ..PolicyWrite::default() }.ends(now).ok()
        };
        assert_eq!(ends(None, None), Some(None));
        assert_eq!(ends(None, Some(second)), Some(Some(Timestamp(2_000_000_000))));
        assert_eq!(ends(Some(Timestamp(u64::MAX)), None), Some(Some(Timestamp(u64::MAX))));
        assert_eq!(ends(None, Some(Duration::MAX)), Some(Some(Timestamp(u64::MAX))));
        for (expiration, ttl) in [
            (None, Some(Duration::ZERO)),
            (Some(now), None),
            (Some(Timestamp(u64::MAX)), Some(second)),
        ] {
            assert_eq!(ends(expiration, ttl), None);
        }
    }
}
