//! Mounts of secrets engines and login methods: list, read, enable, disable, tune; `moving`: remount.
//! Disabling a login method kills its leases (a cutoff in the same commit) and closes its records.

mod moving;

use std::sync::Arc;

use super::kv::config_at;
use super::opened::Opened;
use super::records::mount_table;
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::access::Operation;
use crate::barrier::MountId;
use crate::engines::kv::Config;
use crate::lease::{Cutoff, Subject};
use crate::mounts::{EngineKind, Mount, MountError, MountPath, Plane, Settings, Table};
use crate::path::RequestPath;
use crate::store::Revision;

/// What came of a tune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuned {
    Done,
    /// A KV mount went from version 1 to 2.
    Upgraded,
}

impl Vault {
    pub async fn mount_list(
        &self,
        caller: &Caller,
        path: &RequestPath,
        plane: Plane,
    ) -> Answer<Vec<Arc<Mount>>> {
        let (turn, pass) = self.admit(caller, Ask::new(Operation::Read, path)).await?;
        turn.run(async { Ok(pass?.opened.mounts_of(plane)) }).await
    }

    /// One mount; an error in the words clients know when there is none.
    pub async fn mount_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        plane: Plane,
        at: &str,
        sudo: bool,
    ) -> Answer<Arc<Mount>> {
        let ask = ask.sudo(sudo);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let at = MountPath::parse(at).map_err(invalid)?;
            let table = opened.mounts.load();
            table.at(plane, &at).cloned().ok_or_else(|| no_mount(plane, &at))
        })
        .await
    }

    pub async fn mount_enable(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        at: &str,
        kind: EngineKind,
        settings: Settings,
    ) -> Answer<()> {
        let ask = ask.sudo(kind.plane() == Plane::Auth);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            if kind.is_builtin() {
                return Err(invalid(MountError::Builtin(kind.type_name().into())));
            }
            let at = MountPath::parse(at).map_err(invalid)?;
            let mut mount = self.new_mount(at.as_str(), kind);
            settings.apply(&mut mount, self.system_max_seconds()).map_err(invalid)?;
            let id = MountId(mount.id);
            let subject = mount.request_path();
            self.change_mounts(&opened, caller, "mount.enable", &subject, async |table, unit| {
                table.add(mount).map_err(invalid)?;
                Ok(unit.create_rings(id).await?)
            })
            .await
            .map(|_| ())
        })
        .await
    }

    /// Answers the same whether or not there was a mount, as clients expect.
    pub async fn mount_disable(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        plane: Plane,
        at: &str,
    ) -> Answer<()> {
        let kills = plane == Plane::Auth;
        let ask = ask.sudo(kills).urgent(kills);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let at = MountPath::parse(at).map_err(invalid)?;
            let Some(mount) = opened.mounts.load().at(plane, &at).cloned() else { return Ok(()) };
            let subject = mount.request_path();
            let id = MountId(mount.id);
            let cutoff = Cutoff::new(Subject::Mount(hex::encode(id.0)), self.now());
            // Leases decided while the mount goes die with it.
            let pending = opened.begin_cut().await;
            let change = async |table: &mut Table, unit: &mut crate::barrier::Unit| {
                // Another request may have disabled this one and enabled a new one in its place.
                if table.at(plane, &at).is_none_or(|m| m.id != id.0) {
                    return Err(VaultError::Contended);
                }
                table.remove(plane, &at).map_err(invalid)?;
                if kills {
                    unit.urgent();
                    self.put_cutoff(unit, &cutoff).await?;
                }
                Ok(unit.remove_mount(id).await?)
            };
            let revision =
                self.change_mounts(&opened, caller, "mount.disable", &subject, change).await?;
            if kills {
                opened.cut(cutoff, revision);
            }
            drop(pending);
            Ok(())
        })
        .await
    }

    /// `version` is of a KV mount; from 1 to 2 is an upgrade, which is complete when this answers.
    pub async fn mount_tune(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        plane: Plane,
        at: &str,
        settings: Settings,
        version: Option<u64>,
    ) -> Answer<Tuned> {
        let ask = ask.sudo(plane == Plane::Auth);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let at = MountPath::parse(at).map_err(invalid)?;
            let subject = at.as_str().to_owned();
            let mut upgraded = None;
            let tune = async |table: &mut Table, unit: &mut crate::barrier::Unit| {
                let mount = table.at(plane, &at).ok_or_else(|| no_mount(plane, &at))?;
                if mount.kind == EngineKind::System {
                    return Err(invalid(MountError::Builtin(mount.request_path())));
                }
                let mut changed = Mount::clone(mount);
                settings.apply(&mut changed, self.system_max_seconds()).map_err(invalid)?;
                if changes_version(&changed, version)? {
                    changed.kind = EngineKind::Kv2;
                    changed.upgrading = true;
                    // From this commit on no value of version 1 is written any more.
                    let config = config_at(MountId(changed.id));
                    unit.expect_absent::<Config>(&config);
                    unit.put(&config, &Config::default()).await?;
                    upgraded = Some(changed.id);
                }
                if changed.kind == EngineKind::Kv2 {
                    changed.tuning.options.remove("version");
                }
                table.tune(changed);
                Ok(())
            };
            self.change_mounts(&opened, caller, "mount.tune", &subject, tune).await?;
            let Some(id) = upgraded else { return Ok(Tuned::Done) };
            self.finish_upgrade(&opened, id).await?;
            Ok(Tuned::Upgraded)
        })
        .await
    }

    fn system_max_seconds(&self) -> u64 {
        self.settings.ttl.max_ttl.as_secs()
    }

    /// As [`Vault::change_table`], with the event of a caller's change.
    async fn change_mounts(
        &self,
        opened: &Opened,
        caller: &Caller,
        kind: &str,
        subject: &str,
        change: impl AsyncFnOnce(&mut Table, &mut crate::barrier::Unit) -> Result<(), VaultError>,
    ) -> Result<Revision, VaultError> {
        self.change_table(opened, async |table, unit| {
            unit.note(self.note(caller, kind, subject));
            change(table, unit).await
        })
        .await
    }

    /// One change of the table at a time, in force before it is acknowledged. The table read
    /// and the table put are guarded by revision: another node's change is a conflict, not lost.
    pub(super) async fn change_table(
        &self,
        opened: &Opened,
        change: impl AsyncFnOnce(&mut Table, &mut crate::barrier::Unit) -> Result<(), VaultError>,
    ) -> Result<Revision, VaultError> {
        let _one = opened.settings.lock().await;
        let at = mount_table();
        let current =
            opened.barrier.read_fresh::<Table>(&at).await?.ok_or(VaultError::Integrity)?;
        let mut table = current.value;
        let mut unit = opened.barrier.unit();
        unit.expect_at::<Table>(&at, current.revision);
        change(&mut table, &mut unit).await?;
        unit.put(&at, &table).await?;
        let revision = unit.commit().await?;
        opened.seen(revision);
        opened.reload_mounts().await?;
        Ok(revision)
    }

    /// A mount with fresh ids.
    pub(super) fn new_mount(&self, path: &str, kind: EngineKind) -> Mount {
        let random = &self.ports.random;
        let tree = match kind.plane() {
            Plane::Auth => "auth_",
            Plane::Secret => "",
        };
        Mount {
            accessor: format!("{tree}{}_{}", kind.type_name(), hex::encode(random.array::<4>())),
            uuid: random.uuid(),
            ..Mount::new(random.array(), path, kind, self.now())
        }
    }
}

/// Whether `version` asks a KV mount to become a versioned one.
fn changes_version(mount: &Mount, version: Option<u64>) -> Result<bool, VaultError> {
    match (mount.kind, version) {
        (EngineKind::Kv1, Some(2)) => Ok(true),
        (EngineKind::Kv2, Some(1)) => {
            Err(VaultError::invalid("cannot downgrade mount from version 2"))
        }
        (EngineKind::Kv1 | EngineKind::Kv2, Some(version)) if version > 2 || version == 0 => {
            Err(VaultError::invalid(format!("invalid version provided: {version}")))
        }
        _ => Ok(false),
    }
}

fn no_mount(plane: Plane, at: &MountPath) -> VaultError {
    VaultError::Invalid(match plane {
        Plane::Secret => format!("No secret engine mount at {}", at.as_str()),
        Plane::Auth => format!("No auth engine at {}", at.as_str()),
    })
}

fn invalid(error: MountError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
