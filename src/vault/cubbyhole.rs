//! `cubbyhole/`: what a lease keeps for itself. The record stands where the lease's row does, under
//! the lease's own accessor, so no other lease has a path to it (P15).

use super::records::row_at;
use super::turn::{Answer, Ask, Caller, Session};
use super::{TRIES, Vault, VaultError};
use crate::access::Operation;
use crate::engines::cubbyhole::{Contents, Cubbyhole, CubbyholeError};
use crate::lease::Row;
use crate::path::RequestPath;

impl Vault {
    pub async fn cubbyhole_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        path: &str,
    ) -> Answer<Contents> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let hole = self.cubbyhole(&pass?).await?;
            hole.read(path).map_err(refused)?.cloned().ok_or(VaultError::NotFound)
        })
        .await
    }

    /// Names below a directory of the caller's cubbyhole, without those his policies hide.
    pub async fn cubbyhole_list(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        directory: &str,
    ) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let mut names = self.cubbyhole(&session).await?.list(directory);
            names.retain(|name| session.acl.may_see(ask.path.as_str(), name));
            if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
        })
        .await
    }

    /// `object` is the canonical text of a JSON object. Whether this creates or updates decides
    /// which capability is needed.
    pub async fn cubbyhole_put(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        path: &str,
        object: &str,
    ) -> Answer<()> {
        let who = self.identify(caller).await;
        let exists = match &who {
            Ok(session) => {
                let hole = self.cubbyhole(session).await;
                hole.is_ok_and(|hole| hole.read(path).is_ok_and(|found| found.is_some()))
            }
            Err(_) => false,
        };
        let ask = ask.operation(if exists { Operation::Update } else { Operation::Create });
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            self.cubbyhole_change(caller, &session, ask.path, |hole| {
                let found = hole.read(path).map_err(refused)?.is_some();
                session.may_still(&ask, found)?;
                hole.put(path, object).map_err(refused)
            })
            .await
        })
        .await
    }

    /// Deleting what is not there succeeds.
    pub async fn cubbyhole_delete(&self, caller: &Caller, ask: Ask<'_>, path: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            self.cubbyhole_change(caller, &session, ask.path, |hole| Ok(hole.delete(path))).await
        })
        .await
    }

    async fn cubbyhole(&self, session: &Session) -> Result<Cubbyhole, VaultError> {
        self.ask_hsm_if_strict(&session.opened).await?;
        let at = row_at(session.held.claims.jti);
        let found = session.opened.barrier.read::<Cubbyhole>(&at).await?;
        Ok(found.map(|entry| entry.value).unwrap_or_default())
    }

    async fn cubbyhole_change(
        &self,
        caller: &Caller,
        session: &Session,
        path: &RequestPath,
        change: impl Fn(Cubbyhole) -> Result<Cubbyhole, VaultError>,
    ) -> Result<(), VaultError> {
        let opened = &session.opened;
        let accessor = session.held.claims.jti;
        let at = row_at(accessor);
        let _queue = opened.stripe(crate::barrier::MountId::SYSTEM, &accessor.to_string()).await;
        for _ in 0..TRIES {
            // The lease stands when this commits: nothing is put beside a row that is revoked, for
            // its removal has been already.
            let row = opened.barrier.read_fresh::<Row>(&at).await?;
            let row = row.filter(|row| !row.value.revoked).ok_or(VaultError::Unauthenticated)?;
            let current = opened.barrier.read_fresh::<Cubbyhole>(&at).await?;
            let mut unit = opened.barrier.unit();
            unit.expect_at::<Row>(&at, row.revision);
            match &current {
                Some(entry) => unit.expect_at::<Cubbyhole>(&at, entry.revision),
                None => unit.expect_absent::<Cubbyhole>(&at),
            }
            let before = current.map(|entry| entry.value).unwrap_or_default();
            let was_empty = before.is_empty();
            let next = change(before)?;
            match (was_empty, next.is_empty()) {
                (true, true) => return Ok(()),
                (false, true) => unit.delete::<Cubbyhole>(&at),
                (_, false) => drop(unit.put(&at, &next).await?),
            }
            unit.note(self.note(caller, "cubbyhole.change", path.as_str()));
            match self.commit(opened, unit).await {
                Ok(_) => return Ok(()),
                Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(VaultError::Contended)
    }
}

fn refused(error: CubbyholeError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
