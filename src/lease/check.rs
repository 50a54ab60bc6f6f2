//! Does a lease stand? Once in full at first use, then cheaply for every use of the cached one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Cutoffs, Row, admits};
use crate::clock::Timestamp;
use crate::jwt::Claims;

/// What is known of the client of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    pub address: Option<IpAddr>,
    /// SHA-256 of the certificate that the client proved to hold.
    pub certificate: Option<[u8; 32]>,
}

/// A lease that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Time left until the soft end.
    pub ttl: Duration,
    /// Its uses are counted: this use must be written ([`Row::spend`]) before it is served.
    pub counted: bool,
}

/// Why a lease does not stand. Clients get one answer for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no row: never issued here, or ended")]
    Unknown,
    #[error("revoked")]
    Revoked,
    #[error("revoked by a cutoff")]
    Cut,
    #[error("expired")]
    Expired,
    #[error("no uses left")]
    Spent,
    #[error("the client's address is outside the bound CIDRs")]
    Network,
    #[error("the client did not prove the certificate the lease is bound to")]
    Certificate,
}

/// Whether the lease of verified `claims` stands at `now`, given its row.
///
/// # Errors
/// The [`Refusal`]; the row being unreachable is the caller's to tell apart (503, not this).
pub fn check(
    claims: &Claims,
    row: Option<&Row>,
    cutoffs: &Cutoffs,
    client: &Client,
    now: Timestamp,
) -> Result<Standing, Refusal> {
    let row = row.filter(|row| row.accessor == claims.jti).ok_or(Refusal::Unknown)?;
    if cutoffs.kills(claims) {
        return Err(Refusal::Cut);
    }
    stands(claims, row, client, now)
}

/// Everything but the cutoffs.
fn stands(
    claims: &Claims,
    row: &Row,
    client: &Client,
    now: Timestamp,
) -> Result<Standing, Refusal> {
    if row.revoked {
        return Err(Refusal::Revoked);
    }
    let ttl = row.ttl(now);
    if ttl.is_zero() || now.unix_seconds() >= claims.exp {
        return Err(Refusal::Expired);
    }
    if row.uses_left == Some(0) {
        return Err(Refusal::Spent);
    }
    if !admits(&row.attribution.bound_cidrs, client.address) {
        return Err(Refusal::Network);
    }
    // Token and row must agree; where either binds, the certificate must be proven.
    for bound in [claims.cnf.map(|c| c.certificate), row.attribution.certificate] {
        if bound.is_some() && bound != client.certificate {
            return Err(Refusal::Certificate);
        }
    }
    Ok(Standing { ttl, counted: row.uses_left.is_some() })
}

/// A lease whose signature verified and that stood, as a cache keeps it (by a digest of the token).
/// The cache drops it when its row changes.
#[derive(Clone, Debug)]
pub struct Verified {
    pub claims: Arc<Claims>,
    pub row: Arc<Row>,
    generation: u64,
}

/// The outcome of looking at a cached lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recheck {
    Stands(Standing),
    Refused(Refusal),
    /// A cutoff came since: [`Verified::refresh`] decides.
    Stale,
}

impl Verified {
    /// Checks in full and keeps what a later look needs.
    ///
    /// # Errors
    /// As [`check`].
    pub fn new(
        claims: Arc<Claims>,
        row: Arc<Row>,
        cutoffs: &Cutoffs,
        client: &Client,
        now: Timestamp,
    ) -> Result<(Self, Standing), Refusal> {
        let standing = check(&claims, Some(&row), cutoffs, client, now)?;
        Ok((Self { claims, row, generation: cutoffs.generation() }, standing))
    }

    /// The cheap look: a comparison of generations, ends, network, certificate.
    pub fn recheck(&self, generation: u64, client: &Client, now: Timestamp) -> Recheck {
        if generation != self.generation {
            return Recheck::Stale;
        }
        match stands(&self.claims, &self.row, client, now) {
            Ok(standing) => Recheck::Stands(standing),
            Err(refusal) => Recheck::Refused(refusal),
        }
    }

    /// The lease as the request that took a use sees it: with what is left, which is nothing at
    /// the last one. A later look at it decides as ever.
    pub fn after_use(&self, row: Row) -> Self {
        Self { claims: self.claims.clone(), row: Arc::new(row), generation: self.generation }
    }

    /// The same lease against newer cutoffs, still without signature or store.
    ///
    /// # Errors
    /// As [`check`].
    pub fn refresh(
        &self,
        cutoffs: &Cutoffs,
        client: &Client,
        now: Timestamp,
    ) -> Result<(Self, Standing), Refusal> {
        Self::new(self.claims.clone(), self.row.clone(), cutoffs, client, now)
    }
}
