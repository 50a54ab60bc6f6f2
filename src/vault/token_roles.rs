//! Token roles: listed, read, written, deleted, and what they make of a request for a token.

use super::entities::LoginEntity;
use super::opened::Opened;
use super::records::token_role_at;
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::access::Operation;
use crate::audit;
use crate::barrier::{Entry, MountId, Unit, kinds};
use crate::identity::canonical;
use crate::identity::token_role::{RoleWish, TokenRole, TokenRoleError, TokenRoleUpdate};
use crate::lease::{GrantRequest, RoleBounds, Row};
use crate::mounts::Mount;

/// The role that a token is asked for by, and for whom it is to speak.
pub(super) struct Through<'a> {
    pub(super) name: &'a str,
    /// Empty is nobody in particular.
    pub(super) alias: &'a str,
    pub(super) mount: &'a Mount,
}

/// What a role made of a wish, beside the request.
pub(super) struct Shaped {
    pub orphan: bool,
    pub warnings: Vec<String>,
    /// To be told once the lease is issued, or not.
    pub entity: Option<LoginEntity>,
}

impl Vault {
    pub async fn token_role_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let max = crate::limits::DIRECTORY_CHILDREN_MAX;
            let (system, tree) = (MountId::SYSTEM, kinds::TOKEN_ROLE_NAME);
            let children = session.opened.barrier.list(system, tree, "", None, max).await?;
            session.seen(ask.path, children.into_iter().map(|c| c.name).collect())
        })
        .await
    }

    pub async fn token_role_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<TokenRole> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let role = self.token_role(&pass?.opened, name).await?;
            role.map(|r| r.value).ok_or(VaultError::NotFound)
        })
        .await
    }

    /// Creates a role or changes what `update` names of it.
    pub async fn token_role_write(
        &self,
        caller: &Caller,
        mut ask: Ask<'_>,
        name: &str,
        update: TokenRoleUpdate,
    ) -> Answer<TokenRole> {
        let who = self.identify(caller).await;
        if let Ok(session) = &who
            && let Ok(None) = self.token_role(&session.opened, name).await
        {
            ask.operation = Operation::Create;
        }
        let (turn, pass) = self.decide(caller, who, ask.kind(audit::Kind::Auth))?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let key = TokenRole::canonical_name(name);
            let at = token_role_at(&key);
            let _queue = opened.stripe(MountId::SYSTEM, &format!("token-role/{key}")).await;
            for _ in 0..TRIES {
                let current = opened.barrier.read_fresh::<TokenRole>(&at).await?;
                session.may_still(&ask, current.is_some())?;
                let role = match &current {
                    Some(entry) => entry.value.updated(update.clone()),
                    None => TokenRole::create(name, update.clone()),
                }
                .map_err(invalid)?;
                let mut unit = opened.barrier.unit();
                match &current {
                    Some(entry) => unit.expect_at::<TokenRole>(&at, entry.revision),
                    None => {
                        unit.expect_absent::<TokenRole>(&at);
                        unit.enter(MountId::SYSTEM, kinds::TOKEN_ROLE_NAME, &key);
                    }
                }
                unit.put(&at, &role).await?;
                unit.note(self.note(caller, "token.role.put", &key));
                match self.commit(opened, unit).await {
                    Err(VaultError::Contended) => {}
                    done => return done.map(|_| role),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Its tokens live on to their ends, but are renewed no more.
    pub async fn token_role_delete(&self, caller: &Caller, ask: Ask<'_>, name: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth).urgent(true)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let key = TokenRole::canonical_name(name);
            let at = token_role_at(&key);
            for _ in 0..TRIES {
                let Some(role) = opened.barrier.read_fresh::<TokenRole>(&at).await? else {
                    return Ok(());
                };
                let mut unit = opened.barrier.unit();
                unit.urgent();
                unit.expect_at::<TokenRole>(&at, role.revision);
                unit.delete::<TokenRole>(&at);
                unit.leave(MountId::SYSTEM, kinds::TOKEN_ROLE_NAME, &key);
                unit.note(self.note(caller, "token.role.delete", &key));
                match self.commit(&opened, unit).await {
                    Err(VaultError::Contended) => {}
                    done => return done.map(|_| ()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    async fn token_role(
        &self,
        opened: &Opened,
        name: &str,
    ) -> Result<Option<Entry<TokenRole>>, VaultError> {
        let at = token_role_at(&TokenRole::canonical_name(name));
        Ok(opened.barrier.read_fresh::<TokenRole>(&at).await?)
    }

    /// Makes of `request`, which says what the caller asked for, what the role grants. `unit` holds
    /// only while the role stays as it was read.
    pub(super) async fn shape_by_role(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        through: &Through<'_>,
        own: &[String],
        request: &mut GrantRequest,
    ) -> Result<Shaped, VaultError> {
        let role = self.token_role(opened, through.name).await?;
        let role = role.ok_or_else(|| {
            let name: String = through.name.chars().take(64).collect();
            VaultError::Invalid(format!("unknown role {name}"))
        })?;
        let key = TokenRole::canonical_name(through.name);
        unit.expect_at::<TokenRole>(&token_role_at(&key), role.revision);
        let wish = RoleWish {
            policies: &request.policies,
            no_default_policy: request.no_default_policy,
            explicit_max_ttl: request.explicit_max_ttl,
            period: request.period,
            num_uses: request.num_uses,
            renewable: request.renewable,
        };
        let granted = role.value.grant(&wish, own).map_err(invalid)?;
        let alias = canonical(through.alias);
        let mut entity = None;
        if !alias.is_empty() {
            role.value.check_alias(&alias).map_err(invalid)?;
            let known = self.entity_of_login(opened, unit, through.mount, &alias, None).await?;
            request.entity_id = known.id.to_string();
            entity = Some(known);
        }
        request.policies = granted.policies;
        request.policies_by_role = granted.policies_by_role;
        request.no_default_policy = granted.no_default_policy;
        request.explicit_max_ttl = granted.explicit_max_ttl;
        request.period = granted.period;
        // Whether the caller may ask for a period of his own was decided before.
        request.period_by_role = true;
        request.num_uses = granted.num_uses;
        request.renewable = granted.renewable;
        request.bound_cidrs = granted.bound_cidrs;
        request.path = granted.path;
        request.role = key;
        Ok(Shaped { orphan: granted.orphan, warnings: granted.warnings, entity })
    }

    /// What the role of a lease says now; `None` for a lease that no token role made.
    ///
    /// # Errors
    /// The role is gone: its tokens are not renewed.
    pub(super) async fn bounds_by_role(
        &self,
        opened: &Opened,
        row: &Row,
    ) -> Result<Option<RoleBounds>, VaultError> {
        let Some(name) = row.token_role() else { return Ok(None) };
        let role = self.token_role(opened, name).await?.map(|r| r.value).ok_or_else(|| {
            VaultError::Invalid(format!(
                "original token role {name:?} could not be found, not renewing"
            ))
        })?;
        Ok(Some(RoleBounds { period: role.period, explicit_max_ttl: role.explicit_max_ttl }))
    }
}

fn invalid(error: TokenRoleError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
