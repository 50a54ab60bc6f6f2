//! One atomic change: guards, puts, deletes, names and a note. Values are sealed when they are
//! put (so their digest is known); store keys are made at commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::barrier::address::{self, Address, directory_part};
use crate::barrier::cache::Kept;
use crate::barrier::directory::{entries_of, entry_key};
use crate::barrier::record::encode;
use crate::barrier::{Barrier, BarrierError, Kind, MountId, Note, Record, kinds};
use crate::keyring::{BlobName, DataKey, Place, RingChange, RingPurpose};
use crate::limits;
use crate::store::{Delete, Guard, Revision};

/// A unit of work; dropped without `commit`, nothing happens. A later put or delete of the same
/// record replaces the earlier one.
pub struct Unit {
    barrier: Arc<Barrier>,
    steps: Vec<Step>,
    rings: Option<Rings>,
    note: Option<Note>,
    urgent: bool,
}

enum Step {
    Expect { at: Address, kind: Kind, revision: Option<Revision> },
    ExpectNone { mount: MountId, tree: Kind },
    Put { at: Address, kind: Kind, sealed: Bytes },
    Delete { at: Address, kind: Kind },
    Enter { mount: MountId, tree: Kind, path: String },
    Leave { mount: MountId, tree: Kind, path: String },
    CloseBucket { mount: MountId, kind: Kind, bucket: u32 },
    CloseMount { mount: MountId },
}

/// A change of the manifest, and the revision that it was prepared against.
struct Rings {
    change: RingChange,
    manifest: Revision,
}

/// What a commit touched, for the cache to replace or forget.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) put: Vec<(Bytes, Bytes)>,
    pub(super) deleted: Vec<Bytes>,
    pub(super) closed: Vec<Bytes>,
    /// Read again when the commit lost.
    pub(super) guarded: Vec<Bytes>,
}

/// The commit in the making.
#[derive(Default)]
struct Draft {
    guards: Vec<Guard>,
    /// `None` deletes. Keyed, because a key may appear only once.
    writes: BTreeMap<Bytes, Option<Bytes>>,
    closed: Vec<Bytes>,
}

impl Unit {
    pub(super) fn new(barrier: Arc<Barrier>) -> Self {
        Self { barrier, steps: Vec::new(), rings: None, note: None, urgent: false }
    }

    /// Commit only if there is no record at `at`.
    pub fn expect_absent<T: Record>(&mut self, at: &Address) {
        self.steps.push(Step::Expect { at: at.clone(), kind: T::KIND, revision: None });
    }

    /// Commit only if the record at `at` is still the one read at `revision`.
    pub fn expect_at<T: Record>(&mut self, at: &Address, revision: Revision) {
        self.steps.push(Step::Expect { at: at.clone(), kind: T::KIND, revision: Some(revision) });
    }

    /// Commit only if the tree of names is empty.
    pub fn expect_none_under(&mut self, mount: MountId, tree: Kind) {
        self.steps.push(Step::ExpectNone { mount, tree });
    }

    /// Seals `value` for `at` and returns its digest C. Async because the data key may be cold
    /// (one unwrap); nothing reaches the store before `commit`.
    pub async fn put<T: Record>(
        &mut self,
        at: &Address,
        value: &T,
    ) -> Result<[u8; 32], BarrierError> {
        let plain = encode(value)?;
        let key = self.key(at.mount(), RingPurpose::Records).await?;
        let (path, incarnation, version) = at.context();
        let place = Place { mount: at.mount(), kind: T::KIND.0, path: &path, incarnation, version };
        let sealed = self.barrier.keyring.seal_under(&key, &place, plain.expose())?;
        let digest = sealed.commitment();
        let sealed = sealed.into_bytes();
        self.steps.push(Step::Put { at: at.clone(), kind: T::KIND, sealed });
        Ok(digest)
    }

    /// As `put`, for what [`Barrier::read_shared`] reads: where an older sealing of it is kept
    /// opened, this one is too, so that the next read has nothing to open. It serves only once the
    /// record is this very sealing, so never when the commit is lost.
    pub async fn put_shared<T: Record>(
        &mut self,
        at: &Address,
        value: Arc<T>,
    ) -> Result<[u8; 32], BarrierError> {
        let digest = self.put(at, value.as_ref()).await?;
        if let Some(Step::Put { sealed, .. }) = self.steps.last() {
            let index = self.key(at.mount(), RingPurpose::Index).await?;
            let kept = Kept { digest, value, sealed_bytes: sealed.len() };
            self.barrier.cache.renew_opened(&at.store_key(T::KIND, &index), kept);
        }
        Ok(digest)
    }

    pub fn delete<T: Record>(&mut self, at: &Address) {
        self.steps.push(Step::Delete { at: at.clone(), kind: T::KIND });
    }

    /// Removes a whole bucket, whose number is never used again.
    pub fn close_bucket<T: Record>(&mut self, mount: MountId, bucket: u32) {
        self.steps.push(Step::CloseBucket { mount, kind: T::KIND, bucket });
    }

    /// Puts the leaf entry of `path` and the branch entries of all its ancestors. Always all of
    /// them: a concurrent removal of an emptied directory can then not lose one. A malformed path
    /// shows at commit.
    pub fn enter(&mut self, mount: MountId, tree: Kind, path: &str) {
        self.steps.push(Step::Enter { mount, tree, path: path.to_owned() });
    }

    /// Removes the leaf entry of `path`; `Barrier::prune` tidies emptied ancestors afterwards.
    pub fn leave(&mut self, mount: MountId, tree: Kind, path: &str) {
        self.steps.push(Step::Leave { mount, tree, path: path.to_owned() });
    }

    /// Makes data keys for a new mount, in this commit (HSM: two draws, two wraps, two unwraps).
    /// Later puts of this unit may already go into that mount.
    pub async fn create_rings(&mut self, mount: MountId) -> Result<(), BarrierError> {
        let barrier = self.barrier.clone();
        let rings = self.begin_rings().await?;
        Ok(barrier.keyring.create_rings(&mut rings.change, mount).await?)
    }

    /// Removes the data keys of a mount and closes everything stored under it.
    pub async fn remove_mount(&mut self, mount: MountId) -> Result<(), BarrierError> {
        let barrier = self.barrier.clone();
        let rings = self.begin_rings().await?;
        barrier.keyring.remove_rings(&mut rings.change, mount)?;
        self.steps.push(Step::CloseMount { mount });
        Ok(())
    }

    async fn begin_rings(&mut self) -> Result<&mut Rings, BarrierError> {
        let rings = match self.rings.take() {
            Some(rings) => rings,
            None => {
                // Should a still newer manifest come between these two lines, the guard on the
                // revision makes this commit a conflict.
                let manifest = self.barrier.refresh_manifest().await?;
                Rings { change: self.barrier.keyring.change()?, manifest }
            }
        };
        Ok(self.rings.insert(rings))
    }

    /// This change takes access away, so it must be possible on a full disk too.
    pub fn urgent(&mut self) {
        self.urgent = true;
    }

    /// The event of this change; at most one, the last given.
    pub fn note(&mut self, note: Note) {
        self.note = Some(note);
    }

    /// All or nothing; durable, and visible to this process's reads, when it returns `Ok`.
    pub async fn commit(mut self) -> Result<Revision, BarrierError> {
        let mut draft = Draft::default();
        let mut keys = HashMap::new();
        for step in std::mem::take(&mut self.steps) {
            self.draft(step, &mut draft, &mut keys).await?;
        }
        if let Some(rings) = &self.rings {
            let manifest = address::blob_key(BlobName::Manifest);
            draft.guards.push(Guard::AtRevision(manifest.clone(), rings.manifest));
            let sealed = self.barrier.keyring.seal_manifest(&rings.change)?;
            draft.writes.insert(manifest, Some(sealed));
            for (name, blob) in rings.change.blobs() {
                draft.writes.insert(address::blob_key(*name), Some(blob.clone()));
            }
        }
        let note = match &self.note {
            Some(note) => self.barrier.seal_note(note).await?,
            None => Bytes::new(),
        };
        let (mut commit, effects) = draft.finish(&self.barrier, note);
        commit.urgent = self.urgent;
        let revision = self.barrier.submit(commit, effects).await?;
        if let Some(rings) = self.rings {
            // The commit stands whatever happens here; at worst the keys are unwrapped on use.
            if let Err(error) = self.barrier.keyring.adopt(rings.change) {
                tracing::warn!(%error, "a committed manifest was not taken into use");
            }
        }
        Ok(revision)
    }

    async fn draft(
        &self,
        step: Step,
        draft: &mut Draft,
        keys: &mut HashMap<(MountId, RingPurpose), Arc<DataKey>>,
    ) -> Result<(), BarrierError> {
        if let Step::CloseMount { mount } = step {
            draft.closed.extend(address::mount_prefixes(mount));
            return Ok(());
        }
        if let Step::CloseBucket { mount, kind, bucket } = step {
            draft.closed.push(address::bucket_prefix(mount, kind, bucket));
            return Ok(());
        }
        let index = self.key_of(keys, step.mount(), RingPurpose::Index).await?;
        match step {
            Step::Expect { at, kind, revision } => {
                let key = at.store_key(kind, &index);
                draft.guards.push(match revision {
                    None => Guard::Absent(key),
                    Some(revision) => Guard::AtRevision(key, revision),
                });
            }
            Step::ExpectNone { mount, tree } => {
                let root = address::directory_prefix(mount, tree, "", &index);
                draft.guards.push(Guard::NoneUnder(root));
            }
            Step::Put { at, kind, sealed } => {
                draft.writes.insert(at.store_key(kind, &index), Some(sealed));
            }
            Step::Delete { at, kind } => {
                draft.writes.insert(at.store_key(kind, &index), None);
            }
            Step::Leave { mount, tree, path } => {
                address::check_path(&path)?;
                draft.writes.insert(entry_key(mount, tree, &path, &index), None);
            }
            Step::Enter { mount, tree, path } => {
                let records = self.key_of(keys, mount, RingPurpose::Records).await?;
                for entry in entries_of(&path)? {
                    let (key, sealed) =
                        self.barrier.seal_entry(mount, tree, &entry, &index, &records)?;
                    self.refuse_overfull(&key)?;
                    draft.writes.insert(key, Some(sealed));
                }
            }
            Step::CloseBucket { .. } | Step::CloseMount { .. } => {}
        }
        Ok(())
    }

    /// A directory known to be full takes no further child. (One that is not in the cache is let
    /// pass: counting it would make every creation a listing.)
    fn refuse_overfull(&self, key: &Bytes) -> Result<(), BarrierError> {
        let Some((prefix, tag)) = directory_part(key) else { return Ok(()) };
        let full = self.barrier.cache.listing(prefix).is_some_and(|listing| {
            listing.children.len() >= limits::DIRECTORY_CHILDREN_MAX && !listing.tags.contains(&tag)
        });
        if full {
            return Err(BarrierError::TooLarge("children of one directory".into()));
        }
        Ok(())
    }

    async fn key_of(
        &self,
        keys: &mut HashMap<(MountId, RingPurpose), Arc<DataKey>>,
        mount: MountId,
        purpose: RingPurpose,
    ) -> Result<Arc<DataKey>, BarrierError> {
        if let Some(key) = keys.get(&(mount, purpose)) {
            return Ok(key.clone());
        }
        let key = self.key(mount, purpose).await?;
        keys.insert((mount, purpose), key.clone());
        Ok(key)
    }

    /// The key in use, or the one that this very unit makes.
    async fn key(
        &self,
        mount: MountId,
        purpose: RingPurpose,
    ) -> Result<Arc<DataKey>, BarrierError> {
        let fresh = self.rings.as_ref().and_then(|r| r.change.fresh_key(mount, purpose));
        match fresh {
            Some(key) => Ok(key.clone()),
            None => self.barrier.ring_key(mount, purpose).await,
        }
    }
}

impl Step {
    fn mount(&self) -> MountId {
        match self {
            Step::Expect { at, .. } | Step::Put { at, .. } | Step::Delete { at, .. } => at.mount(),
            Step::Enter { mount, .. }
            | Step::ExpectNone { mount, .. }
            | Step::Leave { mount, .. }
            | Step::CloseBucket { mount, .. }
            | Step::CloseMount { mount } => *mount,
        }
    }
}

impl Draft {
    fn finish(self, barrier: &Barrier, note: Bytes) -> (crate::store::Commit, Effects) {
        let mut effects = Effects { closed: self.closed.clone(), ..Effects::default() };
        let mut puts = Vec::new();
        let mut deletes: Vec<Delete> = self.closed.into_iter().map(Delete::Closed).collect();
        for (key, value) in self.writes {
            match value {
                Some(value) => {
                    effects.put.push((key.clone(), value.clone()));
                    puts.push((key, value));
                }
                None => {
                    effects.deleted.push(key.clone());
                    deletes.push(Delete::Key(key));
                }
            }
        }
        for guard in &self.guards {
            match guard {
                Guard::Absent(key) | Guard::AtRevision(key, _) => effects.guarded.push(key.clone()),
                Guard::NoneUnder(_) => {}
            }
        }
        (barrier.new_commit(self.guards, puts, deletes, note), effects)
    }
}

impl Barrier {
    async fn seal_note(&self, note: &Note) -> Result<Bytes, BarrierError> {
        let plain = encode(note)?;
        let sealed = self.keyring.seal(&NOTE_PLACE, plain.expose()).await?;
        Ok(sealed.into_bytes())
    }
}

/// Notes are kept by the store beside their commit, under no key of ours.
pub(super) const NOTE_PLACE: Place<'static> = Place {
    mount: MountId::SYSTEM,
    kind: kinds::NOTE.0,
    path: &[],
    incarnation: [0; 16],
    version: 0,
};
