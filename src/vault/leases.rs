//! `sys/leases/*`: leases named by the path that made them and their accessor. No secrets engine
//! hands out leased secrets yet, so every lease here is a token's.

use super::opened::Opened;
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
            let row = self.named_row(&opened, &lease).await?.ok_or_else(unknown)?;
            let ttl = row.ttl(self.now());
            if row.revoked || ttl.is_zero() || self.is_cut(&opened, &row) {
                return Err(unknown());
            }
            Ok(LeaseView { row, ttl, identity_policies: Vec::new() })
        })
        .await
    }

    /// Whether anybody keeps leases of this kind: those whose revocation failed for good are the
    /// only kind that clients ask for.
    pub async fn lease_kind(&self, caller: &Caller, ask: Ask<'_>, known: bool) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            pass?;
            if known { Ok(()) } else { Err(VaultError::NotFound) }
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
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth).urgent(true)).await?;
        turn.run(async {
            let opened = pass?.opened;
            match self.named_row(&opened, &lease).await? {
                Some(row) => self.revoke_row(&opened, caller, row.accessor, false).await,
                None => Ok(()),
            }
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
            let known = self.named_row(&opened, &lease).await?.is_some();
            Err(VaultError::invalid(if known {
                "tokens cannot be renewed through this endpoint"
            } else {
                "lease not found"
            }))
        })
        .await
    }

    /// The row that a lease id names: its accessor's, when the path is that row's own.
    async fn named_row(
        &self,
        opened: &Opened,
        lease: &LeaseRef<'_>,
    ) -> Result<Option<Row>, VaultError> {
        let Some((path, accessor)) = lease.parse() else { return Ok(None) };
        let row = opened.barrier.read_fresh::<Row>(&row_at(accessor)).await?;
        Ok(row.map(|e| e.value).filter(|r| r.attribution.path == path))
    }
}
