//! Userpass: users, the login that turns a password into a lease, and names that are locked out.

mod hashing;
mod lockouts;
mod login;
mod users;

use super::opened::Opened;
use super::records::user_at;
use super::{Vault, VaultError};
use crate::barrier::{Entry, MountId};
use crate::identity::userpass::{User, UserName, UserpassError};
use crate::mounts::Mount;

pub use hashing::Passwords;
pub use lockouts::LockedOut;
pub use users::PasswordChange;

impl Vault {
    async fn user(
        &self,
        opened: &Opened,
        mount: &Mount,
        name: &UserName,
    ) -> Result<Option<Entry<User>>, VaultError> {
        Ok(opened.barrier.read_fresh::<User>(&user_at(MountId(mount.id), name.as_str())).await?)
    }
}

fn invalid(error: UserpassError) -> VaultError {
    match error {
        UserpassError::HashParameters => {
            tracing::error!(%error, "a user's record is not one of ours");
            VaultError::Integrity
        }
        other => VaultError::Invalid(other.to_string()),
    }
}
