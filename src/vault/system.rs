//! What clients ask the system about itself and about their own rights.

use std::sync::Arc;

use super::lifecycle::Status;
use super::opened::Opened;
use super::turn::{Answer, Ask, Caller};
use super::{Target, Vault, VaultError};
use crate::access::{Acl, Operation, Request};
use crate::audit;
use crate::jwt::Jwks;
use crate::mounts::{Mount, Plane, Visibility};
use crate::path::RequestPath;

/// The mounts a caller may know of.
pub struct Preflight {
    pub secret: Vec<Arc<Mount>>,
    pub auth: Vec<Arc<Mount>>,
}

impl Vault {
    /// `seal-status`, `leader` and the like: no lease needed, still on record.
    pub async fn public_status(&self, caller: &Caller, path: &'static str) -> Answer<Status> {
        let turn = self.admit_public(caller, "read", path, audit::Kind::Request, false)?;
        turn.run(async { Ok(self.status()) }).await
    }

    /// What everybody may be told and is on record all the same.
    pub async fn answer_anyone(
        &self,
        caller: &Caller,
        operation: &'static str,
        path: &str,
    ) -> Answer<()> {
        let turn = self.admit_public(caller, operation, path, audit::Kind::Request, false)?;
        turn.run(async { Ok(()) }).await
    }

    /// The public keys that verify leases.
    pub async fn jwks(&self, caller: &Caller) -> Answer<Jwks> {
        let path = ".well-known/jwks.json";
        let turn = self.admit_public(caller, "read", path, audit::Kind::Request, false)?;
        turn.run(async { Ok(self.opened()?.keys.jwks()) }).await
    }

    /// What each path permits the caller; paths that can't be canonical permit nothing.
    pub async fn capabilities_self(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        paths: &[String],
    ) -> Answer<Vec<(String, Vec<&'static str>)>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let acl = pass?.acl;
            Ok(capabilities(&acl, paths))
        })
        .await
    }

    /// The same for another's lease, which must stand.
    pub async fn capabilities_of(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        target: Target<'_>,
        paths: &[String],
    ) -> Answer<Vec<(String, Vec<&'static str>)>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            // Its row too: a revoked lease has no rights to tell of.
            // So has one whose entity is disabled.
            let invalid = |error: VaultError| match error {
                VaultError::Forbidden(_) | VaultError::Unauthenticated => {
                    VaultError::invalid("1 error occurred:\n\t* invalid token\n\n")
                }
                other => other,
            };
            let (_, entry) = self.find(&session, &target).await.map_err(invalid)?;
            let about = &entry.value.attribution;
            let identity = session.opened.identity(&about.entity_id).await.map_err(invalid)?;
            let policies = &about.token_policies;
            let acl = session.opened.acl_with(policies, identity.as_ref(), self.now());
            Ok(capabilities(&acl, paths))
        })
        .await
    }

    /// The mount behind a path, for clients that must know an engine's version before they ask.
    pub async fn preflight(
        &self,
        caller: &Caller,
        path: &RequestPath,
        at: &str,
    ) -> Answer<Arc<Mount>> {
        let who = self.identify(caller).await;
        let ask = Ask::new(Operation::Read, path).for_anyone();
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            let refuse = || {
                VaultError::Forbidden(format!(
                    "preflight capability check returned 403, please ensure client's policies \
                     grant access to path \"{}/\"",
                    at.trim_end_matches('/')
                ))
            };
            let asked = RequestPath::from_decoded(at).map_err(|_| refuse())?;
            let mount = session.opened.resolve(asked.as_str()).ok_or_else(refuse)?.mount;
            let visible = session.acl.has_any_under(&mount.request_path());
            if visible { Ok(mount) } else { Err(refuse()) }
        })
        .await
    }

    /// All mounts that the caller has any right under, and those that are shown to everybody.
    pub async fn preflight_all(&self, caller: &Caller, path: &RequestPath) -> Answer<Preflight> {
        let of = |opened: &Opened, plane, has_right: &dyn Fn(&Mount) -> bool| {
            let mut mounts = opened.mounts_of(plane);
            mounts.retain(|m| {
                m.tuning.listing_visibility == Visibility::Unauth || has_right(m.as_ref())
            });
            mounts
        };
        let both = |opened: &Opened, has_right: &dyn Fn(&Mount) -> bool| Preflight {
            secret: of(opened, Plane::Secret, has_right),
            auth: of(opened, Plane::Auth, has_right),
        };
        if caller.token.is_none() {
            let turn =
                self.admit_public(caller, "read", path.as_str(), audit::Kind::Request, false)?;
            return turn.run(async { self.opened().map(|o| both(&o, &|_| false)) }).await;
        }
        let who = self.identify(caller).await;
        let (turn, pass) =
            self.decide(caller, who, Ask::new(Operation::Read, path).for_anyone())?;
        turn.run(async {
            let session = pass?;
            Ok(both(&session.opened, &|m| session.acl.has_any_under(&m.request_path())))
        })
        .await
    }
}

/// Whether the policies alone permit a request without parameters.
pub(super) fn is_permitted(acl: &Acl, operation: Operation, path: &str) -> bool {
    acl.decide(&Request { operation, path, parameters: None, wrap_ttl: None }).allowed
}

fn capabilities(acl: &Acl, paths: &[String]) -> Vec<(String, Vec<&'static str>)> {
    paths
        .iter()
        .map(|text| {
            let granted = match RequestPath::from_decoded(text.trim_start_matches('/')) {
                Ok(path) if path.had_trailing_slash() => {
                    acl.capabilities(&format!("{}/", path.as_str()))
                }
                Ok(path) => acl.capabilities(path.as_str()),
                Err(_) => vec!["deny"],
            };
            (text.clone(), granted)
        })
        .collect()
}
