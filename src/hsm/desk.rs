//! A thread's own session and the handles it has found. Handles never leave it: a new generation
//! means a new desk, so a handle cannot outlive the login it was found under.

use std::collections::HashMap;
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState};
use cryptoki::slot::Slot;
use parking_lot::Mutex;

use super::failure::Trouble;
use super::module::Context;
use crate::keyguard::Fault;

/// One login: everything learnt under it dies with it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) generation: u64,
    /// The module's initialisation this login belongs to.
    pub(super) epoch: u64,
    pub(super) slot: Slot,
    pub(super) logins: Arc<Logins>,
}

/// Counts the logins of a token, each before it is tried: while the number stands, a login that was
/// lost has not come back.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<(u64, u64)>);

impl Logins {
    /// The generation begun last and the epoch of the module it was begun in.
    pub(super) fn last(&self) -> (u64, u64) {
        *self.0.lock()
    }

    /// The number of a login that is about to be tried.
    pub(super) fn begin(&self, epoch: u64) -> u64 {
        let mut last = self.0.lock();
        *last = (last.0 + 1, epoch);
        last.0
    }
}

pub(super) struct Desk {
    pub(super) session: Session,
    pub(super) live: Arc<Live>,
    pkcs11: Pkcs11,
    handles: HashMap<([u8; 16], Kind), ObjectHandle>,
}

/// The class of a key object (CKA_CLASS): a pair shares its CKA_ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Secret,
    Private,
    Public,
}

impl Kind {
    pub(super) fn class(self) -> ObjectClass {
        match self {
            Kind::Secret => ObjectClass::SECRET_KEY,
            Kind::Private => ObjectClass::PRIVATE_KEY,
            Kind::Public => ObjectClass::PUBLIC_KEY,
        }
    }
}

impl Desk {
    /// A read-write session, because some HSMs have no others.
    pub(super) fn open(context: &Context, live: Arc<Live>) -> Result<Self, Error> {
        // Not closed on drop: after a re-initialisation the handle may name somebody else's session.
        let session = context.pkcs11.open_rw_session_no_drop(live.slot)?;
        Ok(Self { session, live, pkcs11: context.pkcs11.clone(), handles: HashMap::new() })
    }

    /// Closes the session if the module still knows it.
    pub(super) fn close(self, context: &Context) {
        if context.epoch == self.live.epoch
            && let Err(error) = self.session.close()
        {
            tracing::debug!(%error, "closing an HSM session");
        }
    }

    /// The one key with this CKA_ID and class.
    pub(super) fn key(&mut self, id: &[u8; 16], kind: Kind) -> Result<ObjectHandle, Trouble> {
        if let Some(handle) = self.handles.get(&(*id, kind)) {
            return Ok(*handle);
        }
        let handle = match self.find(id, kind)?.as_slice() {
            [one] => *one,
            [] => {
                self.check_held()?;
                return Err(Trouble::Final(Fault::Key(format!(
                    "the token has no {kind:?} key with CKA_ID {}",
                    hex::encode(id)
                ))));
            }
            more => {
                return Err(Trouble::Final(Fault::Key(format!(
                    "the token has {} {kind:?} keys with CKA_ID {}: remove the foreign ones",
                    more.len(),
                    hex::encode(id)
                ))));
            }
        };
        self.handles.insert((*id, kind), handle);
        Ok(handle)
    }

    /// Private objects hide from a session that nobody is logged in to: "not found" means nothing
    /// before this passes. Another thread may have logged in again since the search, so the session
    /// must be logged in and no login begun after the one that this desk was opened under.
    pub(super) fn check_held(&self) -> Result<(), Trouble> {
        self.check_login()?;
        if self.live.logins.last().0 == self.live.generation {
            Ok(())
        } else {
            Err(Trouble::logged_out())
        }
    }

    /// Whether somebody is logged in now.
    pub(super) fn check_login(&self) -> Result<(), Trouble> {
        match self.session.get_session_info()?.session_state() {
            SessionState::RwUser | SessionState::RoUser => Ok(()),
            _ => Err(Trouble::logged_out()),
        }
    }

    pub(super) fn find(&self, id: &[u8; 16], kind: Kind) -> Result<Vec<ObjectHandle>, Error> {
        self.session.find_objects(&[
            Attribute::Token(true),
            Attribute::Class(kind.class()),
            Attribute::Id(id.to_vec()),
        ])
    }

    /// Drops the handles, which must be found again.
    pub(super) fn forget(&mut self) {
        self.handles.clear();
    }

    /// Another session in place of one that a failed call may have left in an operation. Only while
    /// inside the module's gate.
    pub(super) fn reopen(&mut self) -> Result<(), Error> {
        self.forget();
        let fresh = self.pkcs11.open_rw_session_no_drop(self.live.slot)?;
        let old = std::mem::replace(&mut self.session, fresh);
        if let Err(error) = old.close() {
            tracing::debug!(%error, "closing an HSM session");
        }
        Ok(())
    }
}
