//! `sys/leases/*`: leases named by the path that made them and their accessor. No secrets engine
//! hands out leased secrets yet, so every lease here is a token's.

use super::records::row_at;
use super::tokens::LeaseView;
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::audit;
use crate::lease::{Accessor, Row};

/// `auth/approle/login/<accessor>`: creation path and accessor.
pub struct LeaseRef<'a>(pub &'a str);

impl LeaseRef<'_> {
    fn parse(&self) -> Option<(&str, Accessor)> {
        let (path, accessor) = self.0.trim_matches('/').rsplit_once('/')?;
        Some((path, accessor.parse().ok()?))
    }
}

impl Vault {
    pub async fn lease_lookup(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        lease: LeaseRef<'_>,
    ) -> Answer<LeaseView> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let unknown = || VaultError::invalid("invalid lease");
            let (path, accessor) = lease.parse().ok_or_else(unknown)?;
            let row = opened.barrier.read_fresh::<Row>(&row_at(accessor)).await?;
            let row = row.map(|e| e.value).filter(|r| r.attribution.path == path);
            let row = row.ok_or_else(unknown)?;
            let ttl = row.ttl(self.now());
            if row.revoked || ttl.is_zero() || self.is_cut(&opened, &row) {
                return Err(unknown());
            }
            Ok(LeaseView { row, ttl })
        })
        .await
    }

    /// Revoking an unknown lease succeeds, as clients expect.
    pub async fn lease_revoke(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        lease: LeaseRef<'_>,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let Some((path, accessor)) = lease.parse() else { return Ok(()) };
            let row = opened.barrier.read_fresh::<Row>(&row_at(accessor)).await?;
            if row.is_some_and(|r| r.value.attribution.path == path) {
                self.revoke_row(&opened, caller, accessor, false).await?;
            }
            Ok(())
        })
        .await
    }

    /// Token leases are renewed by their holders, through `auth/token`.
    pub async fn lease_renew(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        lease: LeaseRef<'_>,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let known = match lease.parse() {
                Some((path, accessor)) => opened
                    .barrier
                    .read_fresh::<Row>(&row_at(accessor))
                    .await?
                    .is_some_and(|r| r.value.attribution.path == path),
                None => false,
            };
            Err(VaultError::invalid(if known {
                "tokens cannot be renewed through this endpoint"
            } else {
                "lease not found"
            }))
        })
        .await
    }

    /// Accessors of all leases that may still stand, at most `limit`.
    pub async fn accessor_list(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        limit: usize,
    ) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let now = self.now();
            let first = Accessor::new(now, [0; 16]).hour;
            let last = Accessor::new(now + crate::limits::LEASE_HARD_MAX, [0; 16]).hour + 1;
            let mut out = Vec::new();
            for hour in first..=last {
                let mut after = None;
                loop {
                    let page = opened
                        .barrier
                        .scan_bucket::<Row>(crate::barrier::MountId::SYSTEM, hour, after, 500)
                        .await?;
                    let Some((id, _)) = page.last() else { break };
                    after = Some(*id);
                    for (_, entry) in &page {
                        let row = &entry.value;
                        let stands = !row.revoked && !row.ttl(now).is_zero();
                        if stands && !self.is_cut(&opened, row) {
                            out.push(row.accessor.to_string());
                        }
                    }
                    if out.len() >= limit {
                        return Ok(out);
                    }
                }
            }
            if out.is_empty() { Err(VaultError::NotFound) } else { Ok(out) }
        })
        .await
    }
}
