//! Response wrapping: an answer is kept sealed for whoever holds a token of one use, and that token
//! is the answer. Unwrapping takes answer and use in one guarded commit, before anything leaves:
//! of any number who try, one wins; a crash after the commit loses the answer and never doubles it.

use std::sync::Arc;
use std::time::Duration;

use super::opened::Opened;
use super::records::row_at;
use super::tokens::refused;
use super::turn::{Answer, Ask, Caller, Session};
use super::{TRIES, Vault, VaultError};
use crate::audit;
use crate::barrier::{Entry, MountId, Unit};
use crate::engines::cubbyhole::WrappedAnswer;
use crate::lease::{Accessor, GrantRequest, Granted, Origin, Row, TtlLimits, grant, is_wrapping};
use crate::limits;
use crate::mounts::{EngineKind, Mount};
use crate::sensitive::SecretText;

const NOT_VALID: &str = "wrapping token is not valid or does not exist";

/// What a request made that an answer hands over: taken back when the answer can't be wrapped.
pub enum Made {
    Lease(Accessor),
    SecretId { mount: Arc<Mount>, role_uid: [u8; 16], accessor: String },
}

/// An answer to be wrapped.
pub struct ToWrap<'a> {
    /// Path of the request that it answers; of a LIST with a slash at the end.
    pub path: &'a str,
    pub ttl: Duration,
    pub status: u16,
    pub body: &'a str,
    /// Of the lease or secret id in it; empty if there is none.
    pub accessor: String,
    pub made: Option<Made>,
}

/// What the client gets in its place.
pub struct Wrapping {
    pub token: SecretText,
    pub row: Row,
    /// Of the lease or secret id in the wrapped answer; empty if there is none.
    pub wrapped_accessor: String,
}

/// The wrapping token that a request is about.
pub enum Presented<'a> {
    /// The caller's own token.
    Own,
    /// One named beside the caller's own.
    Named(&'a SecretText),
    /// None, and what to say about that.
    Missing(&'static str),
}

impl Vault {
    /// Keeps an answer and makes its wrapping token. Whatever fails here, the client gets an error
    /// and nothing that the answer would have granted (P11).
    pub async fn wrap_answer(&self, caller: &Caller, answer: ToWrap<'_>) -> Answer<Wrapping> {
        let ToWrap { path, ttl, status, body, accessor, made } = answer;
        let prepared = async {
            let opened = self.opened()?;
            let record = WrappedAnswer::new(status, body, accessor)
                .map_err(|e| VaultError::Invalid(e.to_string()))?;
            let granted = self.wrapping_grant(&opened, caller, path, ttl).await?;
            Ok((opened, record, granted))
        };
        let prepared = prepared.await;
        let wrapping = prepared.as_ref().ok().map(|(_, _, g)| g.row.accessor.to_string());
        let about = wrapping.as_deref().unwrap_or_default();
        let path = path.trim_end_matches('/');
        let turn = match self.admit_wrapping(caller, "wrap", path, about).await {
            Ok(turn) => turn,
            Err(unavailable) => {
                self.take_back(caller, made).await;
                return Err(unavailable);
            }
        };
        turn.run(async {
            let done = match prepared {
                Err(error) => Err(error),
                Ok((opened, record, granted)) => {
                    let unit = opened.barrier.unit();
                    self.issue_wrapping(&opened, caller, granted, record, unit).await
                }
            };
            if done.is_err() {
                self.take_back(caller, made).await;
            }
            done
        })
        .await
    }

    /// Whether the caller may have an answer wrapped that everybody gets: keeping it costs a signature
    /// and room, so he holds a lease that stands, and uses it. A wrapping token is good for one
    /// thing, which is not this.
    ///
    /// # Errors
    /// As for every request of a caller without a lease.
    pub async fn may_wrap_public(&self, caller: &Caller) -> Result<(), VaultError> {
        match self.identify(caller).await?.is_wrapping() {
            true => Err(VaultError::Unauthenticated),
            false => Ok(()),
        }
    }

    /// `sys/wrapping/wrap`: whether the caller may have wrapped what he sends.
    pub async fn echo(&self, caller: &Caller, ask: Ask<'_>) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async { pass.map(|_| ()) }).await
    }

    /// Whether the caller's token is a wrapping token; that it stands is for the use case to see.
    pub fn presents_wrapping_token(&self, caller: &Caller) -> bool {
        let (Some(token), Ok(opened)) = (&caller.token, self.opened()) else { return false };
        self.wrapping_accessor(&opened, token).is_ok()
    }

    /// What is wrapped, given out for good: the token is used up and the answer gone from the
    /// vault before anybody sees it.
    pub async fn unwrap(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        presented: Presented<'_>,
    ) -> Answer<WrappedAnswer> {
        let who = self.identify(caller).await;
        let wrapping = self.presented(caller, &who, &presented);
        let ask = ask.kind(audit::Kind::Auth).about(wrapping.as_ref().ok().copied());
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let accessor = wrapping?;
            let opened = pass?.opened;
            self.ask_hsm_if_strict(&opened).await?;
            let _queue = opened.stripe(MountId::SYSTEM, &accessor.to_string()).await;
            for _ in 0..TRIES {
                let (row, answer) = self.unspent(&opened, accessor).await?;
                let mut unit = opened.barrier.unit();
                spend(&mut unit, accessor, &row, &answer).await?;
                unit.note(self.note(caller, "wrapping.unwrapped", &accessor.to_string()));
                match self.commit(&opened, unit).await {
                    Ok(_) => {
                        opened.bump_epoch();
                        return Ok(answer.value);
                    }
                    Err(VaultError::Contended) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// The same answer under a new token, with the path that it came from; the old token is used
    /// up in the same commit. It lives as long as the old one was given, or shorter if asked for.
    pub async fn rewrap(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        presented: Presented<'_>,
    ) -> Answer<Wrapping> {
        let who = self.identify(caller).await;
        let wrapping = self.presented(caller, &who, &presented);
        let ask = ask.kind(audit::Kind::Auth).about(wrapping.as_ref().ok().copied());
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let opened = pass?.opened;
            let accessor = wrapping?;
            let _queue = opened.stripe(MountId::SYSTEM, &accessor.to_string()).await;
            for _ in 0..TRIES {
                let (row, answer) = self.unspent(&opened, accessor).await?;
                let about = &row.value.attribution;
                let ttl = caller.wrap_ttl.unwrap_or(about.creation_ttl).min(about.creation_ttl);
                let granted = self.wrapping_grant(&opened, caller, &about.path, ttl).await?;
                let mut unit = opened.barrier.unit();
                spend(&mut unit, accessor, &row, &answer).await?;
                match self.issue_wrapping(&opened, caller, granted, answer.value, unit).await {
                    Ok(done) => {
                        opened.bump_epoch();
                        return Ok(done);
                    }
                    Err(VaultError::Contended) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Where a wrapped answer came from and when; nothing is used up. No other lease is needed: who
    /// received a token looks, before he unwraps it, whether it is what he was promised.
    pub async fn wrapping_lookup(
        &self,
        caller: &Caller,
        path: &str,
        presented: Presented<'_>,
    ) -> Answer<Row> {
        let found = self.look_up(caller, &presented).await;
        let accessor = found.as_ref().ok().map(|row| row.accessor.to_string());
        let about = accessor.as_deref().unwrap_or_default();
        self.admit_wrapping(caller, "read", path, about).await?.close(found).await
    }

    async fn look_up(&self, caller: &Caller, of: &Presented<'_>) -> Result<Row, VaultError> {
        let opened = self.opened()?;
        let token = match of {
            Presented::Missing(text) => return Err(VaultError::Forbidden((*text).into())),
            Presented::Own => caller.token.as_ref().ok_or_else(not_valid)?,
            Presented::Named(token) => token,
        };
        let accessor = self.wrapping_accessor(&opened, token)?;
        Ok(self.unspent(&opened, accessor).await?.0.value)
    }

    /// The accessor of the token presented, if it is a wrapping token at all.
    fn presented(
        &self,
        caller: &Caller,
        who: &Result<Session, VaultError>,
        presented: &Presented<'_>,
    ) -> Result<Accessor, VaultError> {
        match presented {
            Presented::Missing(text) => Err(VaultError::Forbidden((*text).into())),
            Presented::Named(token) if Some(*token) != caller.token.as_ref() => {
                let opened = self.opened()?;
                self.wrapping_accessor(&opened, token)
            }
            Presented::Own | Presented::Named(_) => match who {
                Ok(session) if session.is_wrapping() => Ok(session.held.claims.jti),
                Ok(_) | Err(VaultError::Unauthenticated) => Err(not_valid()),
                // Closed, or its row can't be read: the same is said here.
                Err(VaultError::Unavailable { reason, retry_after }) => {
                    let (reason, retry_after) = (reason.clone(), *retry_after);
                    Err(VaultError::Unavailable { reason, retry_after })
                }
                Err(VaultError::NotInitialised) => Err(VaultError::NotInitialised),
                Err(VaultError::Integrity) => Err(VaultError::Integrity),
                Err(_) => Err(VaultError::Sealed),
            },
        }
    }

    fn wrapping_accessor(
        &self,
        opened: &Opened,
        token: &SecretText,
    ) -> Result<Accessor, VaultError> {
        let claims = self.verify_other(opened, token.expose()).map_err(|_| not_valid())?;
        if is_wrapping(&claims.pol) { Ok(claims.jti) } else { Err(not_valid()) }
    }

    /// Row and answer of a wrapping token that stands, fresh from the store.
    async fn unspent(
        &self,
        opened: &Opened,
        accessor: Accessor,
    ) -> Result<(Entry<Row>, Entry<WrappedAnswer>), VaultError> {
        let row = self.standing_row(opened, accessor, not_valid).await?;
        let answer = opened.barrier.read_fresh::<WrappedAnswer>(&row_at(accessor)).await?;
        Ok((row, answer.ok_or_else(not_valid)?))
    }

    async fn wrapping_grant(
        &self,
        opened: &Opened,
        caller: &Caller,
        path: &str,
        ttl: Duration,
    ) -> Result<Granted, VaultError> {
        let mount = opened.builtin(EngineKind::Token).ok_or(VaultError::Integrity)?;
        let held = self.known_lease(caller).await;
        let request = GrantRequest {
            id: self.ports.random.array(),
            kid: opened.kid.clone(),
            revision: opened.stamp().0,
            ttl,
            explicit_max_ttl: ttl,
            renewable: false,
            num_uses: 1,
            // Who had it wrapped.
            display_name: held.map(|h| h.row.attribution.display_name.clone()).unwrap_or_default(),
            path: path.to_owned(),
            mount_id: hex::encode(mount.id),
            mount_accessor: mount.accessor.clone(),
            ..GrantRequest::default()
        };
        let bounds = TtlLimits {
            default_ttl: limits::WRAP_TTL_MAX,
            max_ttl: limits::WRAP_TTL_MAX,
            hard_max: limits::WRAP_TTL_MAX,
        };
        grant(request, Origin::Wrapping, &bounds, &opened.expect, self.now()).map_err(refused)
    }

    /// Answer and row become durable together, then the token may leave.
    async fn issue_wrapping(
        &self,
        opened: &Opened,
        caller: &Caller,
        granted: Granted,
        answer: WrappedAnswer,
        mut unit: Unit,
    ) -> Result<Wrapping, VaultError> {
        let at = row_at(granted.row.accessor);
        unit.expect_absent::<WrappedAnswer>(&at);
        unit.put(&at, &answer).await?;
        let issued = self.issue(opened, caller, granted, unit).await?;
        Ok(Wrapping { token: issued.token, row: issued.row, wrapped_accessor: answer.accessor })
    }

    /// Undoes what the answer would have handed over.
    async fn take_back(&self, caller: &Caller, made: Option<Made>) {
        let Some(made) = made else { return };
        let done = async {
            let opened = self.opened()?;
            match &made {
                Made::Lease(accessor) => self.revoke_row(&opened, caller, *accessor, false).await,
                Made::SecretId { mount, role_uid, accessor } => {
                    self.drop_secret_id(&opened, caller, mount, role_uid, accessor).await
                }
            }
        };
        if let Err(error) = done.await {
            // Its secret never left this process: nobody holds it, and it expires.
            tracing::error!(%error, "what an answer made that could not be wrapped is still there");
        }
    }
}

async fn spend(
    unit: &mut Unit,
    accessor: Accessor,
    row: &Entry<Row>,
    answer: &Entry<WrappedAnswer>,
) -> Result<(), VaultError> {
    let at = row_at(accessor);
    let spent = row.value.spend().ok_or_else(not_valid)?;
    unit.expect_at::<Row>(&at, row.revision);
    unit.put(&at, &spent).await?;
    unit.expect_at::<WrappedAnswer>(&at, answer.revision);
    unit.delete::<WrappedAnswer>(&at);
    Ok(())
}

fn not_valid() -> VaultError {
    VaultError::invalid(NOT_VALID)
}
