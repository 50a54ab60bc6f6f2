//! The login: name and password to a lease. Every way to fail costs the same work and ends with
//! the same words; the answer leaves only after a wrong guess was counted on disk.

use std::sync::Arc;
use std::time::Duration;

use super::invalid;
use crate::audit::Who;
use crate::barrier::{Address, MountId, Unit};
use crate::identity::userpass::{
    Guessed, Lockout, LockoutSlot, PasswordHash, Suspect, User, UserName, check_length, principal,
    slot_of,
};
use crate::lease::{GrantRequest, Origin, grant};
use crate::limits::LOCKOUT_DURATION_MAX;
use crate::mounts::Mount;
use crate::sensitive::SecretText;
use crate::vault::opened::Opened;
use crate::vault::records::{lockout_at, user_at};
use crate::vault::tokens::{Issued, refused};
use crate::vault::turn::{Answer, Caller};
use crate::vault::{TRIES, Vault, VaultError};

/// The one answer to whatever does not log in.
const WRONG: &str = "invalid username or password";

/// One attempt, on its way through the tries of a guarded change.
struct Attempt<'a> {
    caller: &'a Caller,
    mount: &'a Mount,
    path: &'a str,
    name: UserName,
    password: Arc<SecretText>,
}

impl Vault {
    /// `path` is the request's with the name in its one spelling.
    pub async fn userpass_login(
        &self,
        caller: &Caller,
        mount: &Mount,
        path: &str,
        name: &str,
        password: SecretText,
    ) -> Answer<Issued> {
        let mut turn = self.admit_login(caller, mount, path)?;
        let result = self.log_in_by_password(caller, mount, path, name, password).await;
        if let Ok(issued) = &result {
            let accessor = issued.row.accessor.to_string();
            let about = &issued.row.attribution;
            turn.identify(&Who {
                entity: &about.entity_id,
                accessor: &accessor,
                role: &about.role,
                display: &about.display_name,
                client: caller.client,
            });
        }
        turn.close(result).await
    }

    async fn log_in_by_password(
        &self,
        caller: &Caller,
        mount: &Mount,
        path: &str,
        name: &str,
        password: SecretText,
    ) -> Result<Issued, VaultError> {
        let opened = self.opened()?;
        check_length(&password).map_err(invalid)?;
        // Nobody can have such a name: saying so at once tells nothing about anyone.
        let name = UserName::parse(name).map_err(|_| VaultError::invalid(WRONG))?;
        let place = self.passwords.queue(MountId(mount.id), &name)?;
        let _turn = place.turn.lock().await;
        let attempt = Attempt { caller, mount, path, name, password: Arc::new(password) };
        // Tries repeat because others changed a record, not because of the password: it is checked
        // anew only when the hash is another.
        let mut checked: Option<(PasswordHash, bool)> = None;
        for _ in 0..TRIES {
            match self.try_password(&opened, &attempt, &mut checked).await {
                Err(VaultError::Contended) => {}
                done => return done,
            }
        }
        Err(VaultError::Contended)
    }

    async fn try_password(
        &self,
        opened: &Opened,
        attempt: &Attempt<'_>,
        checked: &mut Option<(PasswordHash, bool)>,
    ) -> Result<Issued, VaultError> {
        // Before anything is read: what is cut after this line is cut for this login too.
        let revision = opened.stamp();
        let id = MountId(attempt.mount.id);
        let key = self.digest_key(opened, id).await?;
        let user = self.user(opened, attempt.mount, &attempt.name).await?;
        let found = user.as_ref().map(|entry| &entry.value);
        let suspect = Suspect::new(&attempt.name, found, attempt.caller.client);
        let at = lockout_at(id, slot_of(&key, attempt.name.as_str()));
        let slot = opened.barrier.read_fresh::<LockoutSlot>(&at).await?;
        let mut unit = opened.barrier.unit();
        match &slot {
            Some(entry) => unit.expect_at::<LockoutSlot>(&at, entry.revision),
            None => unit.expect_absent::<LockoutSlot>(&at),
        }
        let slot = slot.map(|entry| entry.value).unwrap_or_default();
        if lockout(attempt.mount).is_some() && slot.is_locked(&suspect.guessed, self.now()) {
            return Err(locked_out());
        }
        let hash = suspect.hash();
        let right = match checked {
            Some((of, right)) if *of == hash => *right,
            _ => {
                let right = self.passwords.verify(hash.clone(), &attempt.password).await?;
                *checked = Some((hash, right));
                right
            }
        };
        match suspect.known.zip(user.as_ref()).filter(|_| right) {
            Some((known, entry)) => {
                // Still the same user, with the same password, when the lease begins.
                unit.expect_at::<User>(&user_at(id, attempt.name.as_str()), entry.revision);
                if let Some(left) = slot.succeeded(&suspect.guessed) {
                    match left.is_empty() {
                        true => unit.delete::<LockoutSlot>(&at),
                        false => drop(unit.put(&at, &left).await?),
                    }
                }
                self.admit_user(opened, attempt, known, revision.0, unit).await
            }
            None => Err(self.count(opened, attempt, &at, &slot, &suspect.guessed, unit).await?),
        }
    }

    /// Counts a wrong guess and says what its answer is: that of the guess which locks, too.
    async fn count(
        &self,
        opened: &Opened,
        attempt: &Attempt<'_>,
        at: &Address,
        slot: &LockoutSlot,
        guessed: &Guessed,
        mut unit: Unit,
    ) -> Result<VaultError, VaultError> {
        let now = self.now();
        let Some(rules) = lockout(attempt.mount) else {
            return Ok(VaultError::invalid(WRONG));
        };
        let counted = slot.failed(guessed, &rules, now);
        unit.put(at, &counted).await?;
        if counted.is_locked(guessed, now) {
            unit.note(self.note(attempt.caller, "userpass.locked", &guessed.name));
        }
        self.commit(opened, unit).await?;
        Ok(VaultError::invalid(WRONG))
    }

    async fn admit_user(
        &self,
        opened: &Opened,
        attempt: &Attempt<'_>,
        user: &User,
        revision: u64,
        mut unit: Unit,
    ) -> Result<Issued, VaultError> {
        let mount = attempt.mount;
        let who = principal(user, &mount.path, attempt.caller.client);
        let about = Some(&who.metadata);
        let entity = self.entity_of_login(opened, &mut unit, mount, &who.alias, about).await?;
        let parameters = who.parameters;
        let request = GrantRequest {
            id: self.ports.random.array(),
            kid: opened.kid.clone(),
            revision,
            ttl: parameters.ttl,
            max_ttl: parameters.max_ttl,
            explicit_max_ttl: parameters.explicit_max_ttl,
            period: parameters.period,
            policies: parameters.policies,
            no_default_policy: parameters.no_default_policy,
            num_uses: parameters.num_uses,
            display_name: who.display_name,
            metadata: who.metadata,
            path: attempt.path.to_owned(),
            mount_id: hex::encode(mount.id),
            mount_accessor: mount.accessor.clone(),
            role: who.role,
            entity_id: entity.id.to_string(),
            bound_cidrs: parameters.bound_cidrs,
            ..GrantRequest::default()
        };
        let limits = self.ttl_limits(mount);
        let granted =
            grant(request, Origin::Login, &limits, &opened.expect, self.now()).map_err(refused)?;
        let issued = self.issue(opened, attempt.caller, granted, unit).await;
        entity.settled(opened);
        issued
    }
}

/// No more than this, as clients know it: not for how long, nor whether there is such a user.
fn locked_out() -> VaultError {
    VaultError::Forbidden("permission denied".into())
}

/// The rules of a mount; `None` where its operator switched lock-outs off.
fn lockout(mount: &Mount) -> Option<Lockout> {
    let server = Lockout::default();
    let Some(own) = mount.tuning.user_lockout else { return Some(server) };
    let seconds = |own: u64, server: Duration| match own {
        0 => server,
        seconds => Duration::from_secs(seconds).min(LOCKOUT_DURATION_MAX),
    };
    (!own.disable).then(|| Lockout {
        threshold: match own.threshold {
            0 => server.threshold,
            own => u32::try_from(own).unwrap_or(u32::MAX),
        },
        duration: seconds(own.duration_seconds, server.duration),
        counter_reset: seconds(own.counter_reset_seconds, server.counter_reset),
    })
}
