//! From a presented token to a lease that stands: signature once, row once, then from a cache that
//! costs one digest and one atomic load.

use std::net::IpAddr;
use std::sync::Arc;

use ring::digest;

use super::opened::Opened;
use super::records::row_at;
use super::turn::Caller;
use super::{TRIES, Vault, VaultError};
use crate::barrier::MountId;
use crate::jwt::Unverified;
use crate::lease::{
    Claims, Client, Cutoffs, Recheck, Refusal, Row, Standing, Verified, is_wrapping,
};

impl Vault {
    /// The lease, verified and standing; a limited one has one use fewer afterwards.
    ///
    /// # Errors
    /// `Unauthenticated` whatever is wrong with the token; `Unavailable` when its row can't be
    /// read: revocation never fails open.
    pub(super) async fn authenticate(
        &self,
        opened: &Opened,
        token: &str,
        client: Option<IpAddr>,
    ) -> Result<Arc<Verified>, VaultError> {
        let client = Client { address: client, certificate: None };
        let key = digest_of(token);
        // Read before anything it guards: a change after this line makes the entry stale.
        let epoch = opened.epoch();
        if let Some((passed, held)) = opened.verified.get(&key) {
            if passed == epoch {
                let cutoffs = opened.cutoffs.load();
                match held.recheck(cutoffs.generation(), &client, self.now()) {
                    // Boxed, here and below: a warm read's future has no room for what it seldom does.
                    Recheck::Stands(standing) if is_spent_by_use(&held, standing) => {
                        return Box::pin(self.spend(opened, held, standing, &client)).await;
                    }
                    Recheck::Stands(_) => return Ok(held),
                    Recheck::Refused(refusal) => return Err(refused(refusal)),
                    Recheck::Stale => {}
                }
            }
            let looking = self.look_at_row(opened, held.claims.clone(), &client);
            let (held, standing) = Box::pin(looking).await?;
            opened.verified.insert(key, (epoch, held.clone()));
            return Box::pin(self.spend(opened, held, standing, &client)).await;
        }
        let claims = Unverified::parse(token)
            .and_then(|t| t.verify(&opened.keys, &opened.expect, self.now()))
            .map_err(|error| {
                tracing::debug!(%error, "a token was refused");
                VaultError::Unauthenticated
            })?;
        let looking = self.look_at_row(opened, Arc::new(claims), &client);
        let (held, standing) = Box::pin(looking).await?;
        opened.verified.insert(key, (epoch, held.clone()));
        Box::pin(self.spend(opened, held, standing, &client)).await
    }

    /// Another's token, as a request names it: verified and standing, no use taken, no matter
    /// from where it may be used.
    pub(super) fn verify_other(&self, opened: &Opened, token: &str) -> Result<Claims, VaultError> {
        Unverified::parse(token)
            .and_then(|t| t.verify(&opened.keys, &opened.expect, self.now()))
            .ok()
            .filter(|claims| !opened.cutoffs.load().kills(claims))
            .ok_or_else(|| VaultError::Forbidden("bad token".into()))
    }

    /// Whether the caller's token was signed by this vault and has not ended for good; its row
    /// is not looked at. Enough to let a large body in, and for nothing else.
    pub fn recognises(&self, caller: &Caller) -> bool {
        let (Some(token), Ok(opened)) = (&caller.token, self.opened()) else { return false };
        opened.verified.peek(&digest_of(token.expose())).is_some()
            || Unverified::parse(token.expose())
                .and_then(|t| t.verify(&opened.keys, &opened.expect, self.now()))
                .is_ok()
    }

    /// A caller's lease, where this process verified it lately and nobody revoked it since: for the
    /// log and for names. Whether it has uses left is not asked: this request may have had the last.
    pub(super) async fn known_lease(&self, caller: &Caller) -> Option<Arc<Verified>> {
        let (token, opened) = (caller.token.as_ref()?, self.opened().ok()?);
        let (_, held) = opened.verified.peek(&digest_of(token.expose()))?;
        let row = opened.barrier.read::<Row>(&row_at(held.claims.jti)).await.ok()??.value;
        let is_revoked = row.revoked || opened.cutoffs.load().kills(&held.claims);
        (!is_revoked).then_some(held)
    }

    async fn look_at_row(
        &self,
        opened: &Opened,
        claims: Arc<Claims>,
        client: &Client,
    ) -> Result<(Arc<Verified>, Standing), VaultError> {
        let row = opened.barrier.read::<Row>(&row_at(claims.jti)).await?;
        let row = row.ok_or(VaultError::Unauthenticated)?.value;
        let cutoffs = opened.cutoffs.load();
        let (held, standing) =
            Verified::new(claims, Arc::new(row), &cutoffs, client, self.now()).map_err(refused)?;
        Ok((Arc::new(held), standing))
    }

    /// Takes one use from a limited lease: guarded, so that no use is given twice.
    async fn spend(
        &self,
        opened: &Opened,
        held: Arc<Verified>,
        standing: Standing,
        client: &Client,
    ) -> Result<Arc<Verified>, VaultError> {
        if !is_spent_by_use(&held, standing) {
            return Ok(held);
        }
        let at = row_at(held.claims.jti);
        for _ in 0..TRIES {
            let _turn = opened.stripe(MountId::SYSTEM, &held.claims.jti.to_string()).await;
            let entry =
                opened.barrier.read_fresh::<Row>(&at).await?.ok_or(VaultError::Unauthenticated)?;
            let cutoffs: Arc<Cutoffs> = opened.cutoffs.load_full();
            crate::lease::check(&held.claims, Some(&entry.value), &cutoffs, client, self.now())
                .map_err(refused)?;
            let Some(row) = entry.value.spend() else { return Err(VaultError::Unauthenticated) };
            let mut unit = opened.barrier.unit();
            unit.expect_at::<Row>(&at, entry.revision);
            unit.put(&at, &row).await?;
            match unit.commit().await {
                Ok(revision) => {
                    opened.seen(revision);
                    opened.bump_epoch();
                    return Ok(Arc::new(held.after_use(row)));
                }
                Err(crate::barrier::BarrierError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(VaultError::Contended)
    }
}

/// A wrapping token keeps its one use for unwrapping, which takes it: presented elsewhere it is
/// refused by its policy, and not burned.
fn is_spent_by_use(held: &Verified, standing: Standing) -> bool {
    standing.counted && !is_wrapping(&held.claims.pol)
}

fn digest_of(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    out
}

fn refused(refusal: Refusal) -> VaultError {
    tracing::debug!(%refusal, "a lease was refused");
    VaultError::Unauthenticated
}
