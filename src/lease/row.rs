//! The stored row of a lease. It holds no token text: who reads it can't act as its holder.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::jwt::{Accessor, Confirmation, Incarnation, Lineage};

/// The row at (expiry hour, id) of its accessor. Durable before the token leaves; a lease is
/// honoured only while its row exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub accessor: Accessor,
    /// The lease stands until here; renewal moves it, never past `hard_end`.
    pub soft_end: Timestamp,
    /// Never moves; the token's `exp` is not later than this rounded up to a second.
    pub hard_end: Timestamp,
    /// Uses left; `None` is unlimited, `Some(0)` stands no more.
    pub uses_left: Option<u32>,
    pub revoked: bool,
    /// Set together with the first child; then revoking also takes a [`super::Subject::Parent`]
    /// cutoff, and renewal never moves the soft end back.
    pub has_children: bool,
    /// Ancestors, nearest first; the first is the parent. Empty: an orphan.
    pub ancestors: Vec<Accessor>,
    /// As in the claims: so that cutoffs are known to kill a lease whose token is not at hand.
    pub lineage: Lineage,
    pub revision: u64,
    pub incarnation: Incarnation,
    /// Thumbprint of the key that signed the token.
    pub kid: String,
    pub attribution: Attribution,
}

impl Row {
    pub fn parent(&self) -> Option<Accessor> {
        self.ancestors.first().copied()
    }

    /// The token role that made the lease: its path is `auth/token/create/<role>[/<suffix>]`, below
    /// which nothing else is ever mounted.
    pub fn token_role(&self) -> Option<&str> {
        let rest = self.attribution.path.strip_prefix("auth/token/create/")?;
        rest.split('/').next()
    }

    /// True for every lease that a login or an orphan request made.
    pub fn is_orphan(&self) -> bool {
        self.ancestors.is_empty()
    }

    /// Time left until the soft end, zero when past.
    pub fn ttl(&self, now: Timestamp) -> Duration {
        self.soft_end.min(self.hard_end).saturating_since(now)
    }

    /// The row after one use, for leases with limited uses: `None` when nothing is to be written
    /// (unlimited) or nothing is left. The caller guards the row's revision, so that a use counts
    /// once.
    pub fn spend(&self) -> Option<Row> {
        let left = self.uses_left?.checked_sub(1)?;
        Some(Row { uses_left: Some(left), ..self.clone() })
    }

    /// The row of a revoked lease.
    pub fn revoke(&self) -> Row {
        Row { revoked: true, ..self.clone() }
    }
}

/// What a lease is, as reported in `type`. All are "service" to clients; the first init's root
/// lease and periodic ones have their own TTL rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Service,
    Root,
    Periodic,
}

/// Whose lease it is and how it came to be; what lookups show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    pub kind: Kind,
    pub display_name: String,
    /// Path of the request that created it, without `/v1/`.
    pub path: String,
    /// Namespace path; empty is the root namespace.
    pub namespace: String,
    /// Id and accessor of the login method's mount.
    pub mount_id: String,
    pub mount_accessor: String,
    /// Role logged in with; may be empty.
    pub role: String,
    /// Entity id; empty where there is no entity.
    pub entity_id: String,
    /// Canonical: sorted, each once.
    pub token_policies: Vec<String>,
    pub metadata: BTreeMap<String, String>,
    pub creation_time: Timestamp,
    /// As granted; the increment of a renewal that names none.
    pub creation_ttl: Duration,
    /// Zero when none was asked for.
    pub explicit_max_ttl: Duration,
    /// Zero when the lease is not periodic.
    pub period: Duration,
    pub renewable: bool,
    pub last_renewal: Option<Timestamp>,
    /// As granted; zero is unlimited.
    pub num_uses: u32,
    /// Any of them must hold the client's address; empty binds nothing.
    pub bound_cidrs: Vec<IpNet>,
    /// The client certificate the lease is bound to; renewal needs it too.
    pub certificate: Option<[u8; 32]>,
}

impl Attribution {
    /// The value of `type` in answers.
    pub fn type_text(&self) -> &'static str {
        "service"
    }

    pub fn confirmation(&self) -> Option<Confirmation> {
        self.certificate.map(|certificate| Confirmation { certificate })
    }
}
