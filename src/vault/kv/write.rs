//! A new version of a secret: written whole, or patched from the one before.

use super::{Patched, Place, SecretAt, refused};
use crate::access::Operation;
use crate::barrier::Entry;
use crate::engines::kv::{self, Config, Head, PatchBase, Payload, Version, VersionView};
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{TRIES, Vault, VaultError};

impl Vault {
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
        let ask = Ask::new(operation, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.decide(caller, who, ask)?;
        let done = async {
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
        }
        .await;
        turn.close(done).await
    }

    pub async fn kv_patch(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        patch: &str,
    ) -> Answer<Patched> {
        let ask = Ask::new(Operation::Patch, at.path).on(Some(&at.mount)).with(at.parameters);
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

    /// The mount's configuration for a write: where neither mount nor secret says how many
    /// versions are kept, the server's own configuration does.
    fn kv_write_config(&self, config: Config, head: Option<&Head>) -> Config {
        let secret_says = head.is_some_and(|h| h.settings.max_versions != 0);
        if config.max_versions != 0 || secret_says {
            return config;
        }
        Config { max_versions: self.settings.kv_max_versions, ..config }
    }
}
