//! Where passwords are hashed: on blocking threads, so many at once and no more (P29). Logins of
//! one name go one after the other, so that each sees the count of wrong guesses before it; those
//! that wait are bounded too, whether or not there is such a user.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::invalid;
use crate::barrier::MountId;
use crate::identity::userpass::{PasswordHash, UserName};
use crate::limits::{PASSWORD_HASHES_MAX, PASSWORD_LOGINS_MAX, PASSWORD_LOGINS_PER_NAME_MAX};
use crate::sensitive::SecretText;
use crate::vault::VaultError;

type Key = (MountId, String);

/// One for the whole process.
pub struct Passwords {
    slots: Arc<Semaphore>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    total: usize,
    by_name: HashMap<Key, Line>,
}

#[derive(Default)]
struct Line {
    turn: Arc<tokio::sync::Mutex<()>>,
    length: usize,
}

/// A place in the line of a name; given up when dropped.
pub(super) struct Place<'p> {
    passwords: &'p Passwords,
    key: Key,
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

impl Passwords {
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let slots = (processors / 2).clamp(1, PASSWORD_HASHES_MAX);
        Self { slots: Arc::new(Semaphore::new(slots)), lines: Mutex::default() }
    }

    /// Queues up for a login.
    ///
    /// # Errors
    /// Too many are there already.
    pub(super) fn queue(&self, mount: MountId, name: &UserName) -> Result<Place<'_>, VaultError> {
        let key = (mount, name.as_str().to_owned());
        let mut lines = self.lines.lock();
        let length = lines.by_name.get(&key).map_or(0, |line| line.length);
        if lines.total >= PASSWORD_LOGINS_MAX || length >= PASSWORD_LOGINS_PER_NAME_MAX {
            return Err(VaultError::Unavailable {
                reason: "too many logins by password at once; try again".into(),
                retry_after: Duration::from_secs(1),
            });
        }
        lines.total += 1;
        let line = lines.by_name.entry(key.clone()).or_default();
        line.length += 1;
        Ok(Place { passwords: self, key, turn: line.turn.clone() })
    }

    pub(super) async fn hash(
        &self,
        password: &Arc<SecretText>,
        salt: [u8; 16],
    ) -> Result<PasswordHash, VaultError> {
        let password = password.clone();
        self.work(move || PasswordHash::new(&password, salt).map_err(invalid)).await
    }

    pub(super) async fn verify(
        &self,
        hash: PasswordHash,
        password: &Arc<SecretText>,
    ) -> Result<bool, VaultError> {
        let password = password.clone();
        self.work(move || hash.verify(&password).map_err(invalid)).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let slot = self.slots.clone().acquire_owned().await;
        let slot = slot.map_err(|error| VaultError::Internal(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the thread that works: a task that is dropped frees no slot.
            let _slot = slot;
            work()
        });
        done.await.map_err(|error| VaultError::Internal(error.to_string()))?
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.passwords.lines.lock();
        lines.total -= 1;
        if let Some(line) = lines.by_name.get_mut(&self.key) {
            line.length -= 1;
            if line.length == 0 {
                lines.by_name.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    #[test]
    fn p29_lines_are_bounded_and_forgotten() {
        let passwords = Passwords::new();
        let mount = MountId([1; 16]);
        let queue = |who: &str| passwords.queue(mount, &name(who));
        let one: Vec<_> =
            (0..PASSWORD_LOGINS_PER_NAME_MAX).map(|_| queue("bob").ok().unwrap()).collect();
        assert!(matches!(queue("BOB"), Err(VaultError::Unavailable { .. })));
        let rest: Vec<_> = (one.len()..PASSWORD_LOGINS_MAX)
            .map(|n| queue(&format!("u{n}")).ok().unwrap())
            .collect();
        assert!(matches!(queue("carol"), Err(VaultError::Unavailable { .. })));
        drop((one, rest));
        assert!(queue("bob").is_ok());
        let lines = passwords.lines.lock();
        assert_eq!((lines.total, lines.by_name.len()), (0, 0));
    }

    #[test]
    fn p29_hashes_have_as_many_slots_as_were_stated() {
        let slots = Passwords::new().slots.available_permits();
        assert!((1..=PASSWORD_HASHES_MAX).contains(&slots));
    }
}
