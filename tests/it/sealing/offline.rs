//! A stopped server's store, opened by whoever has write access to its disk: he sees keys and
//! sealed values and can put others.

use bytes::Bytes;
use strongroom::barrier::kinds;
use strongroom::clock::Clock;
use strongroom::store::embedded::{Embedded, Options};
use strongroom::store::{Commit, CommitId, Store};

use crate::harness::Server;

/// First byte and kind of a family of store keys (docs/FORMAT.md).
#[derive(Clone, Copy)]
pub struct Family(u8, u16);

pub const KV_HEADS: Family = Family(0x10, kinds::KV_HEAD.0);
pub const KV_ENTRIES: Family = Family(0x10, kinds::KV_NAME.0);
pub const KV_VERSIONS: Family = Family(0x11, kinds::KV_VERSION.0);

pub struct Offline {
    store: Embedded,
    runtime: tokio::runtime::Runtime,
}

impl Offline {
    pub fn open(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let directory = server.data().join("data/store");
        let opened = Embedded::open(&directory, Options::default(), Clock::system()).unwrap();
        Self { store: opened.store, runtime }
    }

    /// The `count` records of the family that were written last, in the order of their writing.
    pub fn newest(&self, family: Family, count: usize) -> Vec<(Bytes, Vec<u8>)> {
        let page = self.runtime.block_on(self.store.scan(&[family.0], None, 1_000)).unwrap();
        assert!(!page.more);
        let mut of_family: Vec<_> = page
            .entries
            .into_iter()
            .filter(|(key, _)| key[17..19] == family.1.to_be_bytes())
            .collect();
        of_family.sort_by_key(|(_, stored)| stored.revision);
        assert!(of_family.len() >= count, "{} records, not {count}", of_family.len());
        let newest = of_family.split_off(of_family.len() - count);
        newest.into_iter().map(|(key, stored)| (key, stored.value.to_vec())).collect()
    }

    pub fn put(&self, key: &Bytes, value: &[u8]) {
        let mut id = [0; 16];
        id.copy_from_slice(&key[key.len() - 16..]);
        let commit = Commit {
            id: CommitId(id),
            guards: Vec::new(),
            puts: vec![(key.clone(), Bytes::copy_from_slice(value))],
            deletes: Vec::new(),
            note: Bytes::new(),
            urgent: false,
        };
        self.runtime.block_on(self.store.commit(commit)).unwrap();
    }
}
