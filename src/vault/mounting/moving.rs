//! Remount: a mount gets another path. Everything that belongs to it hangs on its id, so the move is
//! one guarded change of the table. The leases of a login method that moves end in the same commit:
//! they were granted under a path that is no longer theirs.

use super::invalid;
use crate::access::Operation;
use crate::barrier::{MountId, Unit};
use crate::lease::{Cutoff, Subject};
use crate::mounts::{MountPath, Move, Plane, Table};
use crate::path::RequestPath;
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{Vault, VaultError};

impl Vault {
    /// `from` and `to` are request paths: `secret`, `auth/approle`. Answers the move's id.
    pub async fn mount_move(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        from: &str,
        to: &str,
    ) -> Answer<String> {
        let (turn, pass) = self.admit(caller, ask.sudo(true)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let (from_plane, source) = place(from)?;
            let (to_plane, target) = place(to)?;
            if from_plane != to_plane {
                return Err(VaultError::invalid(match from_plane {
                    Plane::Auth => {
                        format!("cannot remount auth mount to non-auth mount \"{to}/\"")
                    }
                    Plane::Secret => format!("cannot remount to destination {to}/"),
                }));
            }
            let id = self.ports.random.uuid();
            let subject = format!("{} {}", source.as_str(), target.as_str());
            // Leases decided while the mount moves end with the others.
            let pending = opened.begin_cut().await;
            let mut cutoff = None;
            let change = async |table: &mut Table, unit: &mut Unit| {
                let moved = table.rename(from_plane, &source, &target, &id).map_err(invalid)?;
                let Some(mount) = moved else {
                    return Err(VaultError::invalid(format!(
                        "no matching mount at \"{}/\"",
                        from.trim_matches('/')
                    )));
                };
                let (old, new) = (at(from_plane, &source), mount.request_path());
                self.move_quotas(&opened, unit, &old, &new).await?;
                if mount.plane == Plane::Auth {
                    let mount = MountId(mount.id);
                    let cut = Cutoff::new(Subject::Mount(hex::encode(mount.0)), self.now());
                    self.put_cutoff(unit, &cut).await?;
                    cutoff = Some(cut);
                }
                Ok(())
            };
            let revision =
                self.change_mounts(&opened, caller, "mount.move", &subject, change).await?;
            if let Some(cutoff) = cutoff {
                opened.cut(cutoff, revision);
            }
            opened.reload_quotas().await?;
            drop(pending);
            Ok(id)
        })
        .await
    }

    /// A move by its id; they are complete when they are answered, so there is no other state.
    pub async fn mount_moved(&self, caller: &Caller, path: &RequestPath, id: &str) -> Answer<Move> {
        let (turn, pass) = self.admit(caller, Ask::new(Operation::Read, path)).await?;
        turn.run(async {
            pass?.opened.mounts.load().moved(id).cloned().ok_or(VaultError::NotFound)
        })
        .await
    }
}

/// The path of requests to what is mounted there.
fn at(plane: Plane, path: &MountPath) -> String {
    match plane {
        Plane::Auth => format!("auth/{}", path.as_str()),
        Plane::Secret => path.as_str().to_owned(),
    }
}

fn place(text: &str) -> Result<(Plane, MountPath), VaultError> {
    let (plane, below) = match text.trim_start_matches('/').strip_prefix("auth/") {
        Some(below) => (Plane::Auth, below),
        None => (Plane::Secret, text),
    };
    Ok((plane, MountPath::parse(below).map_err(invalid)?))
}
