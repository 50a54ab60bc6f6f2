//! Golden vectors of store keys, and how paths fall apart.

use super::*;
use crate::keyring::Keyring;
use crate::keyring::fake::{MapShelf, SoftHsm, ports};

fn index() -> DataKey {
    DataKey::fixed([0x11; 16], 3, [0x22; 32])
}

const MOUNT: MountId = MountId([0x33; 16]);

#[test]
fn golden_store_keys_do_not_change() {
    let mount = "33".repeat(16);
    // The two tags are in the fixtures of format v1, by a second implementation.
    let tags = include_str!("../../../tests/fixtures/format-v1/subkeys.txt");
    let tags: Vec<_> = tags.lines().skip(2).collect();
    let kind = Kind(7);
    let key = |at: Address| hex::encode(at.store_key(kind, &index()));
    let (dir, child) = (tags[0], tags[1]);
    assert_eq!(key(Address::named(MOUNT, "team/app/db")), format!("10{mount}0007{dir}{child}"));
    assert_eq!(
        key(Address::version(MOUNT, "team/app/db", [9; 16], 5)),
        format!("11{mount}0007{dir}{child}0000000000000005")
    );
    assert_eq!(
        key(Address::bucketed(MOUNT, 6, [0x44; 16])),
        format!("12{mount}000700000006{}", "44".repeat(16))
    );
    let prefix = directory_prefix(MOUNT, kind, "team/app", &index());
    assert_eq!(hex::encode(prefix), format!("10{mount}0007{dir}"));
    assert_eq!(hex::encode(blob_key(BlobName::Manifest)), "00");
    let name = BlobName::DataKey { mount: MOUNT, purpose: RingPurpose::Index, version: 4 };
    assert_eq!(hex::encode(blob_key(name)), format!("01{mount}0200000004"));
}

#[test]
fn an_address_that_was_used_gives_the_keys_of_a_fresh_one() {
    let other = DataKey::fixed([0x11; 16], 4, [0x55; 32]);
    let fresh = || Address::named(MOUNT, "team/app/db");
    let used = fresh();
    for index in [&index(), &other, &index()] {
        assert_eq!(used.store_key(Kind(7), index), fresh().store_key(Kind(7), index));
        let version = Address::version(MOUNT, "team/app/db", [9; 16], 5);
        let at = used.at_version([9; 16], 5);
        assert_eq!(at.store_key(Kind(8), index), version.store_key(Kind(8), index));
        assert_eq!(at.context(), version.context());
    }
    assert_ne!(fresh().store_key(Kind(7), &index()), fresh().store_key(Kind(7), &other));
}

#[test]
fn a_path_falls_apart_into_directory_and_child() {
    let all = [("a", ""), ("a/", ""), ("a/b", "a"), ("a/b/", "a"), ("a/b/c", "a/b"), ("", "")];
    for (path, dir) in all {
        assert_eq!(directory_of(path), dir, "{path}");
    }
}

#[test]
fn contexts_of_different_shapes_never_meet() {
    let id = [0x41; 16];
    let bucketed = Address::bucketed(MOUNT, 0x4242_4242, id);
    let bucketed = bucketed.context().0.into_owned();
    let same_bytes = String::from_utf8(bucketed.clone()).unwrap();
    assert_ne!(Address::named(MOUNT, &same_bytes).context().0.into_owned(), bucketed);
}

#[test]
fn the_same_name_in_two_directories_has_two_tags() {
    let key = |path| Address::named(MOUNT, path).store_key(Kind(7), &index());
    let tag = |key: &Bytes| directory_part(key).unwrap().1;
    assert_ne!(tag(&key("a/password")), tag(&key("b/password")));
    assert_ne!(tag(&key("a/x")), tag(&key("a/x/")));
}

#[test]
fn debug_output_never_shows_the_path() {
    assert!(!format!("{:?}", Address::named(MOUNT, "marker")).contains("marker"));
}

#[tokio::test]
async fn the_manifests_kind_agrees_with_the_registry() {
    assert_eq!(crate::keyring::manifest::KIND, crate::barrier::kinds::MANIFEST.0);
    let (hsm, shelf) = (SoftHsm::new(), std::sync::Arc::<MapShelf>::default());
    let initial = Keyring::initialise(ports(&hsm, &shelf)).await.unwrap();
    let keys: std::collections::HashSet<_> =
        initial.blobs.iter().map(|(name, _)| blob_key(*name)).collect();
    assert_eq!(keys.len(), 3, "manifest, records key, index key");
}
