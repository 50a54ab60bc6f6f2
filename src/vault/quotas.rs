//! Rate limits: read, write, list, delete, and the question whether a request is one too many.

use std::net::IpAddr;

use super::opened::Opened;
use super::records::policy_leaf;
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::barrier::{Address, BarrierError, MountId, Unit, kinds};
use crate::identity::canonical;
use crate::limits::{QUOTAS_MAX, QUOTAS_MOVED_MAX};
use crate::quota::{Rule, RuleError, Verdict};

/// What a rate limit says of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limited {
    pub verdict: Verdict,
    /// Operators want it told with every answer.
    pub tell: bool,
}

/// The leaf of a limit among the names of limits, and where its record stands.
fn place(name: &str) -> (String, Address) {
    let leaf = policy_leaf(name);
    let at = Address::named(MountId::SYSTEM, &leaf);
    (leaf, at)
}

/// A path in the one spelling that limits are looked up by: names in it are the same in every
/// width and case of their letters and with blanks around them, as logins and roles have it (P2).
pub(super) fn folded(path: &str) -> String {
    if path.is_ascii() && !path.contains(' ') {
        return path.to_ascii_lowercase();
    }
    path.split('/').map(canonical).collect::<Vec<_>>().join("/")
}

impl Opened {
    pub(super) async fn reload_quotas(&self) -> Result<(), VaultError> {
        let mut rules = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .barrier
                .list(MountId::SYSTEM, kinds::QUOTA_NAME, "", after.as_deref(), 500)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for child in &page {
                let at = Address::named(MountId::SYSTEM, &child.name);
                if let Some(entry) = self.barrier.read_fresh::<Rule>(&at).await? {
                    rules.push(entry.value);
                }
            }
        }
        self.limiter.set(rules);
        Ok(())
    }

    /// The path of a limit as it is kept: a mount has its slash, and what is below no mount is
    /// refused, because it would never count anything.
    fn quota_path(&self, given: &str) -> Result<String, VaultError> {
        let path = given.trim_start_matches('/');
        let bare = path.trim_end_matches(['/', '*']);
        if path.is_empty() {
            return Ok(String::new());
        }
        let found = self.resolve(bare);
        let missing = || VaultError::Invalid(format!("invalid mount path \"{bare}/\""));
        let mount = found.ok_or_else(missing)?;
        let is_mount = mount.rest.is_empty() && !path.ends_with('*');
        Ok(if is_mount { mount.mount.request_path() } else { path.to_owned() })
    }
}

impl Vault {
    /// Asked before a request is read any further (P25); `None` where no limit is about it. The
    /// machine's own operator is not limited, and a closed vault has nothing to protect.
    pub fn rate_limit(&self, client: Option<IpAddr>, path: &str) -> Option<Limited> {
        let (client, opened) = (client?, self.opened.load());
        let opened = opened.as_ref()?;
        let config = opened.system_config.load();
        if config.quota.exempts(path) {
            return None;
        }
        let verdict = opened.limiter.check(path, client, self.ports.clock.boot())?;
        if !verdict.allowed {
            self.ports.metrics.rate_limited.inc();
        }
        Some(Limited { verdict, tell: config.quota.response_headers })
    }

    pub fn has_rate_limits(&self) -> bool {
        self.opened.load().as_ref().is_some_and(|opened| !opened.limiter.is_idle())
    }

    pub async fn quota_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            session.seen(ask.path, session.opened.limiter.rules().names())
        })
        .await
    }

    pub async fn quota_read(&self, caller: &Caller, ask: Ask<'_>, name: &str) -> Answer<Rule> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let rules = pass?.opened.limiter.rules();
            rules.get(name).cloned().ok_or(VaultError::NotFound)
        })
        .await
    }

    pub async fn quota_write(&self, caller: &Caller, ask: Ask<'_>, mut rule: Rule) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            rule.check().map_err(invalid)?;
            rule.path = opened.quota_path(&rule.path)?;
            self.change_quotas(&opened, caller, &rule.name, Some(&rule)).await
        })
        .await
    }

    pub async fn quota_delete(&self, caller: &Caller, ask: Ask<'_>, name: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            self.change_quotas(&opened, caller, name, None).await
        })
        .await
    }

    /// The limits of a mount that moves, and of paths below it, go with it, in the same commit.
    pub(super) async fn move_quotas(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        from: &str,
        to: &str,
    ) -> Result<(), VaultError> {
        let rules = opened.limiter.rules();
        let moved = rules.iter().filter_map(|rule| Some((rule, rule.path.strip_prefix(from)?)));
        for (count, (rule, rest)) in moved.enumerate() {
            if count >= QUOTAS_MOVED_MAX {
                return Err(VaultError::invalid(format!(
                    "more than {QUOTAS_MOVED_MAX} rate limits are about this mount; delete some \
                     and write them again for the new path"
                )));
            }
            let (_, at) = place(&rule.name);
            let current = opened.barrier.read_fresh::<Rule>(&at).await?;
            unit.expect_at::<Rule>(&at, current.ok_or(VaultError::Contended)?.revision);
            unit.put(&at, &Rule { path: format!("{to}{rest}"), ..rule.clone() }).await?;
        }
        Ok(())
    }

    /// One change at a time, in force before it is acknowledged.
    async fn change_quotas(
        &self,
        opened: &Opened,
        caller: &Caller,
        name: &str,
        rule: Option<&Rule>,
    ) -> Result<(), VaultError> {
        let _one = opened.settings.lock().await;
        let (leaf, at) = place(name);
        if let Some(rule) = rule {
            let rules = opened.limiter.rules();
            if let Some(other) = rules.rival(rule) {
                return Err(VaultError::invalid(format!(
                    "quota rule with similar properties exists under the name {other:?}"
                )));
            }
            if rules.get(name).is_none() && rules.len() >= QUOTAS_MAX {
                return Err(VaultError::invalid(format!(
                    "at most {QUOTAS_MAX} rate limits; delete one that is no longer needed"
                )));
            }
        }
        for _ in 0..TRIES {
            let current = opened.barrier.read_fresh::<Rule>(&at).await?;
            let mut unit = opened.barrier.unit();
            match &current {
                Some(entry) => unit.expect_at::<Rule>(&at, entry.revision),
                None => unit.expect_absent::<Rule>(&at),
            }
            match rule {
                Some(rule) => {
                    unit.put(&at, rule).await?;
                    unit.enter(MountId::SYSTEM, kinds::QUOTA_NAME, &leaf);
                    unit.note(self.note(caller, "quota.write", name));
                }
                None if current.is_none() => return Ok(()),
                None => {
                    unit.delete::<Rule>(&at);
                    unit.leave(MountId::SYSTEM, kinds::QUOTA_NAME, &leaf);
                    unit.note(self.note(caller, "quota.delete", name));
                }
            }
            match unit.commit().await {
                Ok(revision) => {
                    opened.seen(revision);
                    return opened.reload_quotas().await;
                }
                Err(BarrierError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(VaultError::Contended)
    }
}

fn invalid(error: RuleError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
