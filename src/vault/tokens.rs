//! Leases as tokens: create, look up, renew, revoke. A token leaves only after its row is durable,
//! and a revocation is acknowledged only after it is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::opened::Opened;
use super::records::row_at;
use super::token_roles::Through;
use super::turn::{Answer, Ask, Caller, Session};
use super::{TRIES, Vault, VaultError};
use crate::access::PolicyName;
use crate::audit;
use crate::barrier::{Entry, Unit};
use crate::engines::cubbyhole::{Cubbyhole, WrappedAnswer};
use crate::jwt::{JwtError, SigningInput};
use crate::lease::{
    Accessor, Client, Cutoff, GrantRequest, Granted, Held, LeaseError, Origin, Row, Subject,
    TtlLimits, grant, renew, renew_by_role,
};
use crate::mounts::EngineKind;
use crate::path::RequestPath;
use crate::sensitive::SecretText;

/// A fresh lease, on its way to its holder.
pub struct Issued {
    pub token: SecretText,
    pub row: Row,
    pub ttl: Duration,
    pub warnings: Vec<String>,
    /// What its entity and its groups add to the lease's own.
    pub identity_policies: Vec<String>,
}

/// What `auth/token/create` may ask for.
#[derive(Debug, Default)]
pub struct TokenWish {
    pub policies: Vec<String>,
    pub no_default_policy: bool,
    pub ttl: Duration,
    pub explicit_max_ttl: Duration,
    pub period: Duration,
    pub renewable: bool,
    pub num_uses: u32,
    pub display_name: String,
    pub metadata: BTreeMap<String, String>,
    /// The role it is to be made through: `create/<role>`.
    pub role: Option<String>,
    /// Only through a role that allows it; empty is none.
    pub entity_alias: String,
    /// `no_parent`, or the path `create-orphan`.
    pub orphan: bool,
    /// The orphan was asked for by its own path, whose policy decides.
    pub orphan_by_path: bool,
}

/// Which lease a request is about.
pub enum Target<'a> {
    /// The caller's own.
    Own,
    Token(&'a SecretText),
    Accessor(&'a str),
}

/// A lease as a lookup shows it.
pub struct LeaseView {
    pub row: Row,
    pub ttl: Duration,
    /// As of now.
    pub identity_policies: Vec<String>,
}

/// A renewed lease.
pub struct RenewedLease {
    pub row: Row,
    pub ttl: Duration,
    pub warnings: Vec<String>,
    pub identity_policies: Vec<String>,
}

const INVALID_ACCESSOR: &str = "1 error occurred:\n\t* invalid accessor\n\n";

impl Vault {
    pub async fn token_create(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        wish: TokenWish,
    ) -> Answer<Issued> {
        let who = self.identify(caller).await;
        let sudo = who.as_ref().is_ok_and(|s| s.has_sudo(&ask));
        let (turn, pass) = self.decide(caller, who, ask.kind(audit::Kind::Auth))?;
        turn.run(async {
            let session = pass?;
            if wish.orphan && !wish.orphan_by_path && wish.role.is_none() && !sudo {
                return Err(VaultError::invalid(
                    "root or sudo privileges required to create orphan token",
                ));
            }
            if !wish.period.is_zero() && !sudo {
                return Err(VaultError::invalid(
                    "root or sudo privileges required to create periodic token",
                ));
            }
            self.create(&session, caller, ask.path, wish, sudo).await
        })
        .await
    }

    async fn create(
        &self,
        session: &Session,
        caller: &Caller,
        path: &RequestPath,
        wish: TokenWish,
        sudo: bool,
    ) -> Result<Issued, VaultError> {
        let opened = &session.opened;
        let parent_at = row_at(session.held.claims.jti);
        let mount = opened.builtin(EngineKind::Token).ok_or(VaultError::Integrity)?;
        for _ in 0..TRIES {
            // First of all: what is cut after this line is cut for this lease too.
            let revision = opened.stamp();
            let parent = opened
                .barrier
                .read_fresh::<Row>(&parent_at)
                .await?
                .ok_or(VaultError::Unauthenticated)?;
            // Cut since the caller was identified: an orphan carries a stamp of its own, which
            // this cutoff would not reach.
            if self.is_cut(opened, &parent.value) {
                return Err(VaultError::Unauthenticated);
            }
            let held =
                Held { claims: session.held.claims.as_ref().clone(), row: parent.value.clone() };
            let mut unit = opened.barrier.unit();
            // Whether or not it changes: a revocation of the parent in between is a conflict.
            unit.expect_at::<Row>(&parent_at, parent.revision);
            let mut request = GrantRequest {
                id: self.ports.random.array(),
                kid: opened.kid.clone(),
                revision: revision.0,
                ttl: wish.ttl,
                explicit_max_ttl: wish.explicit_max_ttl,
                period: wish.period,
                policies: wish.policies.clone(),
                no_default_policy: wish.no_default_policy,
                renewable: wish.renewable,
                num_uses: wish.num_uses,
                display_name: display_name(&wish.display_name),
                metadata: wish.metadata.clone(),
                path: path.as_str().to_owned(),
                mount_id: hex::encode(mount.id),
                mount_accessor: mount.accessor.clone(),
                sudo,
                ..GrantRequest::default()
            };
            let mut orphan = wish.orphan;
            let mut warnings = Vec::new();
            let mut entity = None;
            if let Some(name) = &wish.role {
                let through = Through { name, alias: &wish.entity_alias, mount: &mount };
                let own = &held.claims.pol;
                let shaped = match self
                    .shape_by_role(opened, &mut unit, &through, own, &mut request)
                    .await
                {
                    Err(VaultError::Contended) => continue,
                    shaped => shaped?,
                };
                (orphan, warnings, entity) = (shaped.orphan, shaped.warnings, shaped.entity);
            }
            let origin = if orphan { Origin::Orphan(&held) } else { Origin::Child(&held) };
            let limits = self.ttl_limits(&mount);
            let granted =
                grant(request, origin, &limits, &opened.expect, self.now()).map_err(refused)?;
            if let Some(row) = &granted.parent {
                unit.put(&parent_at, row).await?;
            }
            let issued = self.issue(opened, caller, granted, unit).await;
            if let Some(entity) = entity {
                entity.settled(opened);
            }
            match issued {
                Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
                Ok(mut issued) => {
                    warnings.append(&mut issued.warnings);
                    let carried = &issued.row.attribution.token_policies;
                    warnings.extend(missing_policies(opened, carried, self.now()));
                    return Ok(Issued { warnings, ..issued });
                }
            }
        }
        Err(VaultError::Contended)
    }

    /// Signs, makes the row durable, then lets the token go: in this order.
    pub(super) async fn issue(
        &self,
        opened: &Opened,
        caller: &Caller,
        granted: Granted,
        mut unit: Unit,
    ) -> Result<Issued, VaultError> {
        let input =
            SigningInput::new(&opened.kid, &granted.claims).map_err(|error| match error {
                JwtError::TooLarge => VaultError::invalid(
                    "the lease would be larger than 8 KiB; use fewer or shorter policy names",
                ),
                other => VaultError::Internal(other.to_string()),
            })?;
        // Before the lease is made: if this can't be read, none is.
        let identity_policies =
            Box::pin(opened.identity_policies(&granted.row.attribution.entity_id)).await?;
        let signature = self.ports.sign.sign(&opened.lease_key, input.message()).await?;
        let token = SecretText::new(input.finish(&signature));
        let at = row_at(granted.row.accessor);
        unit.expect_absent::<Row>(&at);
        unit.put(&at, &granted.row).await?;
        unit.note(self.note(caller, "lease.issued", &granted.row.accessor.to_string()));
        self.commit(opened, unit).await?;
        if granted.parent.is_some() {
            opened.bump_epoch();
        }
        self.ports.metrics.leases.issued.inc();
        Ok(Issued {
            token,
            row: granted.row,
            ttl: granted.ttl,
            warnings: granted.warnings,
            identity_policies,
        })
    }

    /// A root lease made by the vault itself: at init, and by `dev` for its file.
    pub async fn mint_root(&self, caller: &Caller) -> Result<SecretText, VaultError> {
        let opened = self.opened()?;
        let mount = opened.builtin(EngineKind::Token).ok_or(VaultError::Integrity)?;
        let request = GrantRequest {
            id: self.ports.random.array(),
            kid: opened.kid.clone(),
            revision: opened.stamp().0,
            policies: vec![PolicyName::ROOT.into()],
            display_name: "root".into(),
            path: "auth/token/root".into(),
            mount_id: hex::encode(mount.id),
            mount_accessor: mount.accessor.clone(),
            ..GrantRequest::default()
        };
        let limits = self.ttl_limits(&mount);
        let granted =
            grant(request, Origin::Init, &limits, &opened.expect, self.now()).map_err(refused)?;
        Ok(self.issue(&opened, caller, granted, opened.barrier.unit()).await?.token)
    }

    pub async fn token_lookup(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        target: Target<'_>,
    ) -> Answer<LeaseView> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let session = pass?;
            let row = match &target {
                // The use that this lookup took is already off.
                Target::Own => session.held.row.as_ref().clone(),
                other => self.find(&session, other).await?.1.value,
            };
            let entity = &row.attribution.entity_id;
            let identity_policies = session.opened.identity_policies(entity).await?;
            Ok(LeaseView { ttl: row.ttl(self.now()), row, identity_policies })
        })
        .await
    }

    pub async fn token_renew(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        target: Target<'_>,
        increment: Duration,
    ) -> Answer<RenewedLease> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            for _ in 0..TRIES {
                let found = self.find(&session, &target).await;
                let (accessor, entry) = found.map_err(|error| match error {
                    VaultError::Forbidden(_) => VaultError::invalid("token not found"),
                    other => other,
                })?;
                let parent = match entry.value.parent() {
                    None => None,
                    Some(parent) => {
                        opened.barrier.read_fresh::<Row>(&row_at(parent)).await?.map(|e| e.value)
                    }
                };
                let client = Client { address: caller.client, certificate: None };
                let entity = &entry.value.attribution.entity_id;
                let identity_policies = opened.identity_policies(entity).await?;
                let limits = self.limits_of(opened, &entry.value);
                let (row, parent) = (&entry.value, parent.as_ref());
                let bounds = self.bounds_by_role(opened, row).await?;
                let renewed = match &bounds {
                    None => renew(row, parent, increment, &limits, &client, self.now()),
                    Some(role) => {
                        renew_by_role(row, parent, increment, &limits, role, &client, self.now())
                    }
                }
                .map_err(refused)?;
                let at = row_at(accessor);
                let mut unit = opened.barrier.unit();
                unit.expect_at::<Row>(&at, entry.revision);
                unit.put(&at, &renewed.row).await?;
                self.login_stands(opened, &mut unit, &entry.value).await?;
                unit.note(self.note(caller, "lease.renewed", &accessor.to_string()));
                match self.commit(opened, unit).await {
                    Ok(_) => {
                        opened.bump_epoch();
                        self.ports.metrics.leases.renewed.inc();
                        let (row, ttl, warnings) = (renewed.row, renewed.ttl, renewed.warnings);
                        return Ok(RenewedLease { row, ttl, warnings, identity_policies });
                    }
                    Err(VaultError::Contended) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Revokes a lease and, unless `keep_children`, all that descend from it. False when there is
    /// no such lease, which clients take for success.
    pub async fn token_revoke(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        target: Target<'_>,
        keep_children: bool,
    ) -> Answer<bool> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth).urgent(true)).await?;
        turn.run(async {
            let session = pass?;
            let accessor = match self.find(&session, &target).await {
                Ok((accessor, _)) => accessor,
                Err(VaultError::Forbidden(_) | VaultError::Invalid(_)) => return Ok(false),
                Err(error) => return Err(error),
            };
            self.revoke_row(&session.opened, caller, accessor, keep_children).await?;
            Ok(true)
        })
        .await
    }

    /// Marks a row revoked; with children, a cutoff in the same commit takes them along.
    pub(super) async fn revoke_row(
        &self,
        opened: &Opened,
        caller: &Caller,
        accessor: Accessor,
        keep_children: bool,
    ) -> Result<(), VaultError> {
        let at = row_at(accessor);
        for _ in 0..TRIES {
            let Some(entry) = opened.barrier.read_fresh::<Row>(&at).await? else { return Ok(()) };
            let mut unit = opened.barrier.unit();
            unit.urgent();
            unit.expect_at::<Row>(&at, entry.revision);
            unit.put(&at, &entry.value.revoke()).await?;
            // What only its holder could read goes with it.
            unit.delete::<Cubbyhole>(&at);
            unit.delete::<WrappedAnswer>(&at);
            let mut cutoff = None;
            if entry.value.has_children && !keep_children {
                // No descendant outlives its parent's hard end, so neither need this.
                let made = Cutoff::until(Subject::Parent(accessor), entry.value.hard_end);
                self.put_cutoff(&mut unit, &made).await?;
                cutoff = Some((made, opened.begin_cut().await));
            }
            unit.note(self.note(caller, "lease.revoked", &accessor.to_string()));
            match self.commit(opened, unit).await {
                Ok(revision) => {
                    if let Some((cutoff, pending)) = cutoff {
                        opened.cut(cutoff, revision);
                        drop(pending);
                    }
                    opened.bump_epoch();
                    self.ports.metrics.leases.revoked.inc();
                    return Ok(());
                }
                Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(VaultError::Contended)
    }

    /// The lease that a request means, fresh from the store and standing.
    pub(super) async fn find(
        &self,
        session: &Session,
        target: &Target<'_>,
    ) -> Result<(Accessor, Entry<Row>), VaultError> {
        let opened = &session.opened;
        let (accessor, missing) = match target {
            Target::Own => (session.held.claims.jti, "bad token"),
            Target::Token(token) => (self.verify_other(opened, token.expose())?.jti, "bad token"),
            Target::Accessor(text) => {
                let parsed = text.parse::<Accessor>();
                (parsed.map_err(|_| VaultError::invalid(INVALID_ACCESSOR))?, INVALID_ACCESSOR)
            }
        };
        let missing = || match target {
            Target::Accessor(_) => VaultError::invalid(missing),
            Target::Own | Target::Token(_) => bad(missing),
        };
        Ok((accessor, self.standing_row(opened, accessor, missing).await?))
    }

    /// The row of a lease that stands, fresh from the store.
    pub(super) async fn standing_row(
        &self,
        opened: &Opened,
        accessor: Accessor,
        missing: impl Fn() -> VaultError,
    ) -> Result<Entry<Row>, VaultError> {
        let entry = opened.barrier.read_fresh::<Row>(&row_at(accessor)).await?;
        let entry = entry.ok_or_else(&missing)?;
        let ended = entry.value.revoked
            || entry.value.uses_left == Some(0)
            || entry.value.ttl(self.now()).is_zero();
        if ended || self.is_cut(opened, &entry.value) {
            return Err(missing());
        }
        Ok(entry)
    }

    /// The limits in force for the mount that a lease came from.
    fn limits_of(&self, opened: &Opened, row: &Row) -> TtlLimits {
        let mut id = [0; 16];
        let known = hex::decode_to_slice(&row.attribution.mount_id, &mut id).is_ok();
        match opened.mount_by_id(&id).filter(|_| known) {
            Some(mount) => self.ttl_limits(&mount),
            None => self.settings.ttl,
        }
    }

    /// The life of what a mount hands out when nobody asks for another.
    pub fn default_ttl(&self, mount: &crate::mounts::Mount) -> Duration {
        self.ttl_limits(mount).default_ttl
    }

    pub(super) fn ttl_limits(&self, mount: &crate::mounts::Mount) -> TtlLimits {
        let mut limits = self.settings.ttl;
        if mount.max_lease_ttl_seconds != 0 {
            limits.max_ttl = Duration::from_secs(mount.max_lease_ttl_seconds);
        }
        if mount.default_lease_ttl_seconds != 0 {
            limits.default_ttl = Duration::from_secs(mount.default_lease_ttl_seconds);
        }
        limits.default_ttl = limits.default_ttl.min(limits.max_ttl);
        limits
    }
}

/// Names stand in logs and paths: letters, digits and dashes only, as clients know them.
fn plain(display_name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    display_name.chars().map(kept).collect::<String>().trim_end_matches('-').to_owned()
}

fn display_name(asked: &str) -> String {
    if asked.is_empty() { "token".to_owned() } else { format!("token-{}", plain(asked)) }
}

fn missing_policies(
    opened: &Opened,
    names: &[String],
    now: crate::clock::Timestamp,
) -> Vec<String> {
    let policies = opened.policies.load();
    PolicyName::each(names)
        .flatten()
        .filter(|name| !name.is_root() && policies.record(name.as_str(), now).is_none())
        .map(|name| format!("Policy {:?} does not exist", name.as_str()))
        .collect()
}

fn bad(text: &str) -> VaultError {
    VaultError::Forbidden(text.to_owned())
}

pub(super) fn refused(error: LeaseError) -> VaultError {
    match error {
        // It ended while its holder was served: the answer is the same as a moment later.
        LeaseError::Revoked | LeaseError::Expired => VaultError::Unauthenticated,
        other => VaultError::Invalid(other.to_string()),
    }
}
