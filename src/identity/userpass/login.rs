//! Whose password is to be checked, and what a right one grants.

use std::net::IpAddr;

use super::{Guessed, PasswordHash, User, UserName};
use crate::clock::Timestamp;
use crate::identity::{Principal, TokenParameters};
use crate::jwt::admits;

/// Whom an attempt is about. A user is unknown to who comes from outside of its networks: there, a
/// right password and a wrong one, a user and none, are the same to the last detail (P1).
#[derive(Debug)]
pub struct Suspect<'a> {
    /// The user, when a right password would log in.
    pub known: Option<&'a User>,
    /// What the attempt is counted for when it fails.
    pub guessed: Guessed,
}

impl<'a> Suspect<'a> {
    pub fn new(name: &UserName, user: Option<&'a User>, client: Option<IpAddr>) -> Self {
        let known = user.filter(|u| admits(&u.parameters.bound_cidrs, client));
        // Guesses from elsewhere don't lock a user out of networks that he is bound to.
        let within = known.is_some_and(|u| !u.parameters.bound_cidrs.is_empty());
        Self { known, guessed: Guessed { name: name.as_str().to_owned(), within } }
    }

    /// The hash to check the password against: nobody's, for the same work, where there is none.
    pub fn hash(&self) -> PasswordHash {
        self.known.map_or_else(PasswordHash::nobody, |u| u.password.clone())
    }
}

/// Who logged in. `mount` is the mount's path, as display names have it.
pub fn principal(user: &User, mount: &str, client: Option<IpAddr>) -> Principal {
    let networks = user.parameters.networks_for(client);
    let prefix = mount.trim_matches('/').replace('/', "-");
    Principal {
        alias: user.name.clone(),
        display_name: format!("{prefix}-{}", user.name),
        role: user.name.clone(),
        metadata: [("username".to_owned(), user.name.clone())].into(),
        parameters: TokenParameters { bound_cidrs: networks, ..user.parameters.clone() },
    }
}

/// Why a lease of `user`, issued at `issued`, is not renewed; `None` when it may be (P7). `policies`
/// are the lease's own, `None` for a child, which has a part of its parent's.
pub fn renewable(
    user: Option<&User>,
    issued: Timestamp,
    policies: Option<&[String]>,
) -> Option<&'static str> {
    let Some(user) = user.filter(|u| u.created <= issued) else {
        return Some("the user of this lease is gone, not renewing; log in anew");
    };
    let own = |names: &[String]| {
        let mut names: Vec<String> = names.iter().filter(|n| *n != "default").cloned().collect();
        names.sort();
        names
    };
    match policies {
        Some(then) if own(then) != own(&user.parameters.policies) => {
            Some("policies have changed, not renewing; log in anew")
        }
        _ => None,
    }
}
