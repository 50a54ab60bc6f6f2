//! The KV use cases: read a record, apply the engine's pure rule, commit its change.
//! A read takes the head and one version record; a write goes through one guarded commit.

use std::sync::Arc;

use super::opened::Opened;
use super::turn::{Answer, Ask, Caller, Fields, Session};
use super::{TRIES, Vault, VaultError};
use crate::access::Operation;
use crate::barrier::{Address, BarrierError, Entry, MountId, kinds};
use crate::engines::kv::{
    self, Change, Config, ConfigChange, Head, HeadAction, KvError, MetadataChange, PatchBase,
    Payload, Removal, Selection, Version, VersionView,
};
use crate::mounts::Mount;
use crate::path::RequestPath;
use crate::store::Revision;

/// A secret as a request names it.
pub struct SecretAt<'a> {
    pub mount: Arc<Mount>,
    /// Below the mount and the verb: `team/app` of `secret/data/team/app`.
    pub secret: &'a str,
    /// The whole request path, for the decision.
    pub path: &'a RequestPath,
    pub parameters: Option<&'a dyn Fields>,
}

/// What a read found.
pub enum Found {
    Live(VersionView, Version),
    /// Deleted or destroyed: 404 with its metadata.
    Gone(VersionView),
}

/// What a patch did.
pub enum Patched {
    Done(VersionView),
    Gone(VersionView),
}

/// Changes of the versions of one secret.
pub enum VersionsCommand<'a> {
    DeleteLatest,
    Delete(&'a [i64]),
    Undelete(&'a [i64]),
    Destroy(&'a [i64]),
}

/// Where the records of a secret live.
struct Place<'a> {
    mount: MountId,
    secret: &'a str,
    head: Address,
}

impl<'a> Place<'a> {
    fn new(at: &SecretAt<'a>) -> Self {
        let mount = MountId(at.mount.id);
        Self { mount, secret: at.secret, head: Address::named(mount, at.secret) }
    }

    fn version(&self, head: &Head, version: u64) -> Address {
        self.head.at_version(head.incarnation, version)
    }
}

impl Vault {
    pub async fn kv_read(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        version: Option<i64>,
    ) -> Answer<Found> {
        let asked = version.and_then(|v| u64::try_from(v).ok());
        let ask = Ask::new(Operation::Read, at.path).at_version(asked).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            self.kv_fetch(&session, at, version).await
        })
        .await
    }

    async fn kv_fetch(
        &self,
        session: &Session,
        at: &SecretAt<'_>,
        version: Option<i64>,
    ) -> Result<Found, VaultError> {
        self.ask_hsm_if_strict(&session.opened).await?;
        let place = Place::new(at);
        // A head and its records change together; a write in between shows as a record that is
        // gone or has another digest, and the second look sees the new head.
        for attempt in 0..2 {
            let head = session.opened.barrier.read_shared::<Head>(&place.head).await?;
            let head = head.map(|e| e.value);
            match kv::select(head.as_deref(), version, self.now()) {
                Selection::Missing => return Err(VaultError::NotFound),
                Selection::Deleted(view) | Selection::Destroyed(view) => {
                    return Ok(Found::Gone(view));
                }
                Selection::Live { view, digest } => {
                    let Some(head) = &head else { return Err(VaultError::NotFound) };
                    let record = place.version(head, view.version);
                    match session.opened.barrier.read::<Version>(&record).await? {
                        Some(entry) if entry.digest == digest => {
                            return Ok(Found::Live(view, entry.value));
                        }
                        _ if attempt == 0 => {}
                        _ => {
                            tracing::error!("a version record does not match its head");
                            return Err(VaultError::Integrity);
                        }
                    }
                }
            }
        }
        Err(VaultError::Contended)
    }

    /// `data` is the JSON text of an object or `null`. Whether this creates or updates decides
    /// which capability is needed.
    pub async fn kv_put(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        data: &str,
    ) -> Answer<VersionView> {
        let who = self.identify(caller).await;
        let place = Place::new(at);
        let opened = who.as_ref().ok().map(|session| session.opened.clone());
        // One look at the head serves the decision and the write; writers of a secret queue here.
        let (queue, mut looked) = match &opened {
            None => (None, None),
            Some(opened) => {
                let queue = opened.stripe(place.mount, at.secret).await;
                (Some(queue), Some(opened.barrier.read_shared::<Head>(&place.head).await))
            }
        };
        let is_new = matches!(looked, Some(Ok(None)));
        let operation = if is_new { Operation::Create } else { Operation::Update };
        let ask = Ask::new(operation, at.path).with(at.parameters);
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let _queue = queue;
            let session = pass?;
            let opened = &session.opened;
            let config = self.kv_config(opened, place.mount).await?;
            for _ in 0..TRIES {
                let (head, is_fresh) = match looked.take() {
                    Some(looked) => (looked?, false),
                    None => {
                        let head = opened.barrier.read_fresh::<Head>(&place.head).await?;
                        (head.map(Entry::shared), true)
                    }
                };
                session.may_still(&ask, head.is_some())?;
                let current = head.as_ref().map(|h| h.value.as_ref());
                let config = self.kv_write_config(config, current);
                let payload = Payload::parse(data).map_err(refused)?;
                let incarnation = self.ports.random.public();
                let change = match kv::put(current, &config, cas, payload, incarnation, self.now())
                {
                    Ok(change) => change,
                    Err(error) if is_fresh => return Err(refused(error)),
                    // The first look may have been behind another node: only a fresh one refuses.
                    Err(_) => continue,
                };
                let before = head.as_ref().map(|h| (h.value.as_ref(), h.revision));
                match self.kv_commit(opened, caller, at, &place, before, change).await {
                    Err(VaultError::Contended) => {}
                    done => return done,
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    pub async fn kv_patch(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        patch: &str,
    ) -> Answer<Patched> {
        let ask = Ask::new(Operation::Patch, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let place = Place::new(at);
            let _queue = opened.stripe(place.mount, at.secret).await;
            let config = self.kv_config(&opened, place.mount).await?;
            for _ in 0..TRIES {
                let head = opened.barrier.read_fresh::<Head>(&place.head).await?;
                let current = head.as_ref().map(|h| &h.value);
                let config = self.kv_write_config(config, current);
                let now = self.now();
                let base = match kv::patch_base(current, &config, cas, now).map_err(refused)? {
                    PatchBase::Missing => return Err(VaultError::NotFound),
                    PatchBase::Gone(view) => return Ok(Patched::Gone(view)),
                    PatchBase::Version { version, digest } => (version, digest),
                };
                let Some(current) = current else { return Err(VaultError::NotFound) };
                let record = place.version(current, base.0);
                let Some(entry) = opened.barrier.read_fresh::<Version>(&record).await? else {
                    continue;
                };
                if entry.digest != base.1 {
                    return Err(VaultError::Integrity);
                }
                let change =
                    kv::patch(current, &config, &entry.value, cas, patch, now).map_err(refused)?;
                let before = head.as_ref().map(|h| (&h.value, h.revision));
                match self.kv_commit(&opened, caller, at, &place, before, change).await {
                    Ok(view) => return Ok(Patched::Done(view)),
                    Err(VaultError::Contended) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Delete, undelete or destroy versions. `operation` is what the dialect asks policies for.
    pub async fn kv_versions(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        operation: Operation,
        command: VersionsCommand<'_>,
    ) -> Answer<()> {
        let ask = Ask::new(operation, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let place = Place::new(at);
            let config = self.kv_config(&opened, place.mount).await?;
            self.kv_change(&opened, caller, at, |head, now| {
                match &command {
                    VersionsCommand::DeleteLatest => Ok(kv::delete_latest(head, now)),
                    VersionsCommand::Delete(versions) => kv::delete_versions(head, versions, now),
                    VersionsCommand::Undelete(versions) => {
                        kv::undelete(head, &config, versions, now)
                    }
                    VersionsCommand::Destroy(versions) => kv::destroy(head, versions, now),
                }
                .map_err(refused)
            })
            .await
        })
        .await
    }

    pub async fn kv_metadata_read(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<Head> {
        let ask = Ask::new(Operation::Read, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let head = pass?.opened.barrier.read::<Head>(&Place::new(at).head).await?;
            head.map(|e| e.value).ok_or(VaultError::NotFound)
        })
        .await
    }

    /// Creates or changes a secret's settings; the outcome is what to warn about.
    pub async fn kv_metadata_put(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        change: &MetadataChange,
    ) -> Answer<Vec<String>> {
        let who = self.identify(caller).await;
        let operation = self.create_or_update(&who, at).await;
        let ask = Ask::new(operation, at.path).with(at.parameters);
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let config = self.kv_config(opened, MountId(at.mount.id)).await?;
            self.kv_change(opened, caller, at, |head, now| {
                session.may_still(&ask, head.is_some())?;
                let incarnation = self.ports.random.array();
                kv::put_metadata(head, &config, cas, change, incarnation, now).map_err(refused)
            })
            .await
        })
        .await
    }

    pub async fn kv_metadata_patch(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        change: &MetadataChange,
    ) -> Answer<Vec<String>> {
        let ask = Ask::new(Operation::Patch, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let config = self.kv_config(&opened, MountId(at.mount.id)).await?;
            self.kv_change(&opened, caller, at, |head, now| {
                kv::patch_metadata(head, &config, cas, change, now)
                    .map_err(refused)?
                    .ok_or(VaultError::NotFound)
            })
            .await
        })
        .await
    }

    /// Removes the secret with every version, in as many commits as it takes.
    pub async fn kv_metadata_delete(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<()> {
        let ask = Ask::new(Operation::Delete, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            loop {
                let removed =
                    self.kv_change(&opened, caller, at, |head, now| Ok(kv::remove(head, now)));
                if removed.await? == Removal::Complete {
                    return Ok(());
                }
            }
        })
        .await
    }

    /// Names below a directory of the mount, without those the caller may not see.
    pub async fn kv_list(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<String>> {
        let ask = Ask::new(Operation::List, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            self.ask_hsm_if_strict(&session.opened).await?;
            let mount = MountId(at.mount.id);
            let mut names = Vec::new();
            let mut after = after.map(str::to_owned);
            while names.len() < limit {
                let page = session
                    .opened
                    .barrier
                    .list(mount, kinds::KV_NAME, at.secret, after.as_deref(), limit)
                    .await?;
                let full = page.len() == limit;
                after = page.last().map(|c| c.name.clone());
                names.extend(
                    page.into_iter()
                        .map(|c| c.name)
                        .filter(|name| session.acl.may_see(at.path.as_str(), name)),
                );
                if !full || after.is_none() {
                    break;
                }
            }
            names.truncate(limit);
            if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
        })
        .await
    }

    pub async fn kv_config_read(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<Config> {
        let (turn, pass) = self.admit(caller, Ask::new(Operation::Read, at.path)).await?;
        turn.run(async { self.kv_config(&pass?.opened, MountId(at.mount.id)).await }).await
    }

    pub async fn kv_config_write(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        change: &ConfigChange,
    ) -> Answer<()> {
        let ask = Ask::new(Operation::Update, at.path).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let mount = MountId(at.mount.id);
            let place = config_at(mount);
            let _queue = opened.stripe(mount, "").await;
            for _ in 0..TRIES {
                let current = opened.barrier.read_fresh::<Config>(&place).await?;
                let config = current.as_ref().map(|e| e.value).unwrap_or_default();
                let config = config.changed(change).map_err(refused)?;
                let mut unit = opened.barrier.unit();
                match &current {
                    Some(entry) => unit.expect_at::<Config>(&place, entry.revision),
                    None => unit.expect_absent::<Config>(&place),
                }
                unit.put(&place, &config).await?;
                unit.note(self.note(caller, "kv.config.put", &at.mount.request_path()));
                match unit.commit().await {
                    Ok(revision) => {
                        opened.seen(revision);
                        return Ok(());
                    }
                    Err(BarrierError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    async fn kv_config(&self, opened: &Opened, mount: MountId) -> Result<Config, VaultError> {
        let entry = opened.barrier.read::<Config>(&config_at(mount)).await?;
        Ok(entry.map(|e| e.value).unwrap_or_default())
    }

    /// The mount's configuration for a write: where neither mount nor secret says how many
    /// versions are kept, the server's own configuration does.
    fn kv_write_config(&self, config: Config, head: Option<&Head>) -> Config {
        let secret_says = head.is_some_and(|h| h.settings.max_versions != 0);
        if config.max_versions != 0 || secret_says {
            return config;
        }
        Config { max_versions: self.settings.kv_max_versions, ..config }
    }

    /// Create when both would be decided differently and there is nothing there yet.
    async fn create_or_update(
        &self,
        who: &Result<Session, VaultError>,
        at: &SecretAt<'_>,
    ) -> Operation {
        let Ok(session) = who else { return Operation::Update };
        match session.opened.barrier.read_shared::<Head>(&Place::new(at).head).await {
            Ok(None) => Operation::Create,
            _ => Operation::Update,
        }
    }

    /// Applies a rule to the head until its commit meets no concurrent one.
    async fn kv_change<T>(
        &self,
        opened: &Opened,
        caller: &Caller,
        at: &SecretAt<'_>,
        rule: impl Fn(Option<&Head>, crate::clock::Timestamp) -> Result<Change<T>, VaultError>,
    ) -> Result<T, VaultError> {
        let place = Place::new(at);
        let _queue = opened.stripe(place.mount, at.secret).await;
        for _ in 0..TRIES {
            let head = opened.barrier.read_fresh::<Head>(&place.head).await?;
            let before = head.as_ref().map(|h| (&h.value, h.revision));
            let change = rule(before.map(|(head, _)| head), self.now())?;
            match self.kv_commit(opened, caller, at, &place, before, change).await {
                Err(VaultError::Contended) => {}
                done => return done,
            }
        }
        Err(VaultError::Contended)
    }

    /// Commits what a rule asked for, guarded by the head it was asked about.
    async fn kv_commit<T>(
        &self,
        opened: &Opened,
        caller: &Caller,
        at: &SecretAt<'_>,
        place: &Place<'_>,
        before: Option<(&Head, Revision)>,
        change: Change<T>,
    ) -> Result<T, VaultError> {
        if change.is_empty() {
            return Ok(change.outcome);
        }
        let mut unit = opened.barrier.unit();
        match before {
            Some((_, revision)) => unit.expect_at::<Head>(&place.head, revision),
            None => unit.expect_absent::<Head>(&place.head),
        }
        let mut emptied = false;
        match change.head {
            HeadAction::Put(mut head) => {
                if let Some((version, record)) = &change.put {
                    let digest = unit.put(&place.version(&head, *version), record).await?;
                    head.attach_digest(*version, digest);
                }
                for version in &change.remove {
                    unit.delete::<Version>(&place.version(&head, *version));
                }
                unit.put(&place.head, &head).await?;
                if before.is_none() {
                    unit.enter(place.mount, kinds::KV_NAME, place.secret);
                }
            }
            HeadAction::Delete => {
                if let Some((before, _)) = before {
                    for version in &change.remove {
                        unit.delete::<Version>(&place.version(before, *version));
                    }
                }
                unit.delete::<Head>(&place.head);
                unit.leave(place.mount, kinds::KV_NAME, place.secret);
                emptied = true;
            }
            HeadAction::Keep => {}
        }
        let subject = format!("{}{}", at.mount.request_path(), at.secret);
        unit.note(self.note(caller, change.note.kind, &subject));
        opened.seen(unit.commit().await?);
        if emptied && let Some((directory, _)) = place.secret.rsplit_once('/') {
            // Tidying only: a crash here leaves an empty directory entry behind, no more.
            if let Err(error) = opened.barrier.prune(place.mount, kinds::KV_NAME, directory).await {
                tracing::warn!(%error, "an emptied directory was not tidied");
            }
        }
        Ok(change.outcome)
    }
}

fn config_at(mount: MountId) -> Address {
    Address::named(mount, "config")
}

fn refused(error: KvError) -> VaultError {
    match error {
        KvError::NothingToPatch => VaultError::NotFound,
        other => VaultError::Invalid(other.to_string()),
    }
}
