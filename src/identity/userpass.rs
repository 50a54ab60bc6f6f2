//! Userpass: a person proves a name and a password. Pure records and rules; the caller stores the
//! records, guards their revisions and decides when and on which thread a password is hashed.
//!
//! * `name`: the one spelling of a user's name
//! * `password`: Argon2id, and the stand-in for users that don't exist
//! * `user`: the user and its partial update
//! * `lockout`: wrong guesses are counted, for names that exist and for names that don't
//! * `login`: whose password is to be checked, and what a right one grants

mod lockout;
mod login;
mod name;
mod password;
#[cfg(test)]
mod tests;
mod user;

use super::ParametersError;
use crate::limits::{PASSWORD_BYTES_MAX, USER_NAME_BYTES_MAX};

pub use lockout::{Guessed, Lockout, LockoutSlot, slot_of};
pub use login::{Suspect, principal, renewable};
pub use name::UserName;
pub use password::{PasswordHash, check_length};
pub use user::{User, UserUpdate};

/// Why a user is not written, in the dialect's words where it has any.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserpassError {
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    #[error(
        "a user name is letters, digits, '_', '-', '.' and '@', begins and ends with a letter, a digit or '_', and has at most {USER_NAME_BYTES_MAX} bytes"
    )]
    UserName,
    #[error("must provide either password or password_hash")]
    NoPassword,
    #[error("password is longer than {PASSWORD_BYTES_MAX} bytes; choose a shorter one")]
    PasswordLength,
    #[error("a stored password hash has parameters that Argon2 refuses")]
    HashParameters,
}
