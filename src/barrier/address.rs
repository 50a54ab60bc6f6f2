//! Where a record lives. The same address yields the store key (opaque to the store) and the
//! sealing context (what was asked for).
//!
//! ```text
//! manifest   00
//! data key   01 mount(16) purpose(1) u32(version)
//! named      10 mount(16) u16(kind) H(directory)(16) H(path)(16)
//! version    11 mount(16) u16(kind) H(directory)(16) H(path)(16) u64(version)
//! bucketed   12 mount(16) u16(kind) u32(bucket) id(16)
//! ```
//! H is HMAC-SHA256 under the mount's index key, cut to 16 bytes, with one domain for directories
//! and one for children. A child's tag covers its whole path, so that equal names in different
//! directories do not show as equal.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;

use crate::barrier::{BarrierError, Kind};
use crate::keyring::{BlobName, DataKey, MountId, RingPurpose};
use crate::limits;

const TAG_MANIFEST: u8 = 0x00;
const TAG_DATA_KEY: u8 = 0x01;
const TAG_NAMED: u8 = 0x10;
const TAG_VERSION: u8 = 0x11;
const TAG_BUCKETED: u8 = 0x12;

const DOMAIN_DIRECTORY: u8 = 1;
const DOMAIN_CHILD: u8 = 2;

/// Length of a directory's prefix: tag, mount, kind, H(directory).
const DIRECTORY_LEN: usize = 1 + 16 + 2 + 16;
const BUCKET_LEN: usize = 1 + 16 + 2 + 4;

/// The place of a record within its kind.
#[derive(Clone)]
pub struct Address {
    mount: MountId,
    shape: Shape,
    /// H(directory) and H(path) of the path, once they were needed: a request asks for the same
    /// path's store keys again and again (head, version, guard, put).
    tags: OnceLock<Tags>,
}

/// The tags of a path, and the index key that made them.
#[derive(Clone, Copy)]
struct Tags {
    key: ([u8; 16], u32),
    both: [u8; 32],
}

#[derive(Clone)]
enum Shape {
    Named { path: String },
    Version { path: String, incarnation: [u8; 16], version: u64 },
    Bucketed { bucket: u32, id: [u8; 16] },
}

impl Address {
    /// A record found by its path within the mount; the path shows nowhere in the store.
    pub fn named(mount: MountId, path: &str) -> Self {
        Self::new(mount, Shape::Named { path: path.to_owned() })
    }

    /// An immutable version of the record at `path`; `incarnation` comes from the path's head, so
    /// that a recreated path never meets an old version.
    pub fn version(mount: MountId, path: &str, incarnation: [u8; 16], version: u64) -> Self {
        Self::new(mount, Shape::Version { path: path.to_owned(), incarnation, version })
    }

    /// A version of the record that lives here; see [`Address::version`].
    pub fn at_version(&self, incarnation: [u8; 16], version: u64) -> Self {
        let path = match &self.shape {
            Shape::Named { path } | Shape::Version { path, .. } => path.as_str(),
            Shape::Bucketed { .. } => "",
        };
        Self { tags: self.tags.clone(), ..Self::version(self.mount, path, incarnation, version) }
    }

    /// A record in a numbered bucket that is closed as a whole. Bucket and id stand readable in
    /// the store key: the id must be random or a keyed hash, never a name.
    pub fn bucketed(mount: MountId, bucket: u32, id: [u8; 16]) -> Self {
        Self::new(mount, Shape::Bucketed { bucket, id })
    }

    fn new(mount: MountId, shape: Shape) -> Self {
        Self { mount, shape, tags: OnceLock::new() }
    }

    pub fn mount(&self) -> MountId {
        self.mount
    }

    /// `index` is the mount's index key.
    pub(super) fn store_key(&self, kind: Kind, index: &DataKey) -> Bytes {
        match &self.shape {
            Shape::Named { path } => self.named_key(TAG_NAMED, kind, path, index).into(),
            Shape::Version { path, version, .. } => {
                let mut key = self.named_key(TAG_VERSION, kind, path, index);
                key.extend_from_slice(&version.to_be_bytes());
                key.into()
            }
            Shape::Bucketed { bucket, id } => {
                let mut key = bucket_prefix(self.mount, kind, *bucket).to_vec();
                key.extend_from_slice(id);
                key.into()
            }
        }
    }

    fn named_key(&self, tag: u8, kind: Kind, path: &str, index: &DataKey) -> Vec<u8> {
        let mut key = Vec::with_capacity(DIRECTORY_LEN + 16 + 8);
        head(&mut key, tag, self.mount, kind);
        let known = self.tags.get_or_init(|| Tags::of(path, index));
        // Another index key than at the first time, after a rotation.
        let fits = known.key == (index.id(), index.version());
        let tags = if fits { *known } else { Tags::of(path, index) };
        key.extend_from_slice(&tags.both);
        key
    }

    /// Path, incarnation and version of the sealing context. Injective: a bucketed place begins
    /// with 00 01, and a path that begins with 00 is prefixed by 00 00.
    pub(super) fn context(&self) -> (Cow<'_, [u8]>, [u8; 16], u64) {
        match &self.shape {
            Shape::Named { path } => (path_bytes(path), [0; 16], 0),
            Shape::Version { path, incarnation, version } => {
                (path_bytes(path), *incarnation, *version)
            }
            Shape::Bucketed { bucket, id } => {
                let mut path = vec![0, 1];
                path.extend_from_slice(&bucket.to_be_bytes());
                path.extend_from_slice(id);
                (Cow::Owned(path), [0; 16], 0)
            }
        }
    }
}

// Paths are as confidential as the store keys that hide them.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.mount)
    }
}

fn path_bytes(path: &str) -> Cow<'_, [u8]> {
    if path.starts_with('\0') {
        Cow::Owned([&[0, 0], path.as_bytes()].concat())
    } else {
        Cow::Borrowed(path.as_bytes())
    }
}

/// The directory of a path and what lies in it: "a/b/c" → "a/b", "a/b/" → "a".
pub(super) fn directory_of(path: &str) -> &str {
    let body = path.strip_suffix('/').unwrap_or(path);
    body.rfind('/').map_or("", |at| &body[..at])
}

impl Tags {
    fn of(path: &str, index: &DataKey) -> Self {
        let mut both = [0; 32];
        both[..16]
            .copy_from_slice(&index.name_tag(DOMAIN_DIRECTORY, directory_of(path).as_bytes()));
        both[16..].copy_from_slice(&index.name_tag(DOMAIN_CHILD, path.as_bytes()));
        Self { key: (index.id(), index.version()), both }
    }
}

fn head(key: &mut Vec<u8>, tag: u8, mount: MountId, kind: Kind) {
    key.push(tag);
    key.extend_from_slice(&mount.0);
    key.extend_from_slice(&kind.0.to_be_bytes());
}

/// The store keys of the entries of `dir` begin with this.
pub(super) fn directory_prefix(mount: MountId, tree: Kind, dir: &str, index: &DataKey) -> Bytes {
    let mut key = Vec::with_capacity(DIRECTORY_LEN);
    head(&mut key, TAG_NAMED, mount, tree);
    key.extend_from_slice(&index.name_tag(DOMAIN_DIRECTORY, dir.as_bytes()));
    key.into()
}

/// The directory prefix that a store key lies under, if it is of a named record, and its child tag.
pub(super) fn directory_part(key: &[u8]) -> Option<(&[u8], [u8; 16])> {
    let (prefix, child) = key.split_at_checked(DIRECTORY_LEN)?;
    if prefix[0] == TAG_NAMED { Some((prefix, child.try_into().ok()?)) } else { None }
}

/// The store keys of a bucket begin with this.
pub(super) fn bucket_prefix(mount: MountId, kind: Kind, bucket: u32) -> Bytes {
    let mut key = Vec::with_capacity(BUCKET_LEN + 16);
    head(&mut key, TAG_BUCKETED, mount, kind);
    key.extend_from_slice(&bucket.to_be_bytes());
    key.into()
}

/// The store keys of all buckets of a kind begin with this; buckets follow each other by number.
pub(super) fn buckets_prefix(mount: MountId, kind: Kind) -> Bytes {
    let mut key = Vec::with_capacity(BUCKET_LEN);
    head(&mut key, TAG_BUCKETED, mount, kind);
    key.into()
}

/// The bucket of a bucketed record's store key.
pub(super) fn bucket_of(key: &[u8]) -> Option<u32> {
    let number = key.get(BUCKET_LEN - 4..BUCKET_LEN)?;
    number.try_into().ok().map(u32::from_be_bytes)
}

/// The id of a bucketed record's store key.
pub(super) fn bucket_id(key: &[u8]) -> Option<[u8; 16]> {
    key.get(BUCKET_LEN..)?.try_into().ok()
}

/// Everything that belongs to a mount lies under these.
pub(super) fn mount_prefixes(mount: MountId) -> Vec<Bytes> {
    [TAG_DATA_KEY, TAG_NAMED, TAG_VERSION, TAG_BUCKETED]
        .map(|tag| Bytes::from([&[tag], &mount.0[..]].concat()))
        .to_vec()
}

/// Where the keyring's blobs are kept.
pub(super) fn blob_key(name: BlobName) -> Bytes {
    match name {
        BlobName::Manifest => Bytes::from_static(&[TAG_MANIFEST]),
        BlobName::DataKey { mount, purpose, version } => {
            let purpose = match purpose {
                RingPurpose::Records => 1,
                RingPurpose::Index => 2,
            };
            let mut key = vec![TAG_DATA_KEY];
            key.extend_from_slice(&mount.0);
            key.push(purpose);
            key.extend_from_slice(&version.to_be_bytes());
            key.into()
        }
    }
}

/// A path that can stand in a tree: no empty segment, within the limits. "" is the root and is
/// accepted only as a directory.
pub(super) fn check_path(path: &str) -> Result<(), BarrierError> {
    let sound = path.len() <= limits::PATH_BYTES_MAX
        && path.split('/').count() <= limits::PATH_SEGMENTS_MAX
        && path.split('/').all(|s| !s.is_empty() && s.len() <= limits::SEGMENT_BYTES_MAX);
    if sound { Ok(()) } else { Err(BarrierError::Path) }
}

/// Accepts "", "a/b" and "a/b/"; answers without the trailing slash.
pub(super) fn check_directory(dir: &str) -> Result<&str, BarrierError> {
    let dir = dir.strip_suffix('/').unwrap_or(dir);
    if !dir.is_empty() {
        check_path(dir)?;
    }
    Ok(dir)
}

#[cfg(test)]
mod tests;
