//! A store in hostile hands: whatever is done to its bytes shows as an integrity error or as
//! absence, never as another value; and nothing readable lies in it.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const PATHS: [&str; 3] = ["marked-team/marked-app", "marked-team/marked-db", "marked-solo"];

fn places() -> Vec<(Address, String)> {
    let mut places = Vec::new();
    for path in PATHS {
        places.push((named(path), format!("marked-value head of {path}")));
        for version in 1..3 {
            let at = Address::version(MOUNT, path, [5; 16], version);
            places.push((at, format!("marked-value {version} of {path}")));
        }
    }
    for id in 0..3u8 {
        let at = Address::bucketed(MOUNT, 6, [id; 16]);
        places.push((at, format!("marked-value {id} in the bucket")));
    }
    places
}

async fn populated() -> Vault {
    let vault = vault().await;
    let mut unit = vault.barrier.unit();
    for (at, value) in places() {
        unit.put(&at, &secret(&value)).await.unwrap();
    }
    for path in PATHS {
        unit.enter(MOUNT, kinds::KV_NAME, path);
    }
    unit.note(note("marked-subject"));
    unit.commit().await.unwrap();
    vault
}

fn is_integrity<T>(result: &Result<T, BarrierError>) -> bool {
    matches!(result, Err(BarrierError::Integrity(_)))
}

/// Reads all there is; a wrong value panics, an integrity error is counted.
async fn integrity_errors(barrier: &Barrier) -> usize {
    let mut errors = 0;
    for (at, expected) in places() {
        match barrier.read::<Secret>(&at).await {
            Ok(Some(entry)) => assert_eq!(entry.value.text, expected),
            Ok(None) => {}
            Err(BarrierError::Integrity(_)) => errors += 1,
            Err(other) => panic!("neither value nor integrity error: {other:?}"),
        }
    }
    for (dir, expected) in
        [("", &["marked-solo", "marked-team/"]), ("marked-team", &["marked-app", "marked-db"])]
    {
        match barrier.list(MOUNT, kinds::KV_NAME, dir, None, 99).await {
            Ok(children) => {
                assert!(children.iter().all(|c| expected.contains(&c.name.as_str())));
            }
            Err(BarrierError::Integrity(_)) => errors += 1,
            Err(other) => panic!("neither names nor integrity error: {other:?}"),
        }
    }
    let bucket = barrier.scan_bucket::<Secret>(MOUNT, 6, None, 99).await;
    if is_integrity(&bucket) {
        errors += 1;
    }
    errors
}

/// A restart over the tampered store; the manifest or a data key may refuse already.
async fn detected(vault: &Vault) -> bool {
    let clock = Clock::manual(Timestamp(1));
    let (store, hsm) = (vault.store.clone(), vault.hsm.clone());
    match open_keyring(store.clone(), hsm.clone(), hsm, clock, Random::system()).await {
        Ok(Some(keyring)) => {
            let barrier = Barrier::new(store, keyring, CACHE, Random::system());
            integrity_errors(&barrier).await > 0
        }
        Ok(None) => panic!("the manifest is there"),
        Err(BarrierError::Integrity(_)) => true,
        Err(other) => panic!("not an integrity error: {other:?}"),
    }
}

/// Keys that these reads use: all but the system mount's own, which only notes need.
fn used(key: &Bytes) -> bool {
    key.len() == 1 || key[1..17] == MOUNT.0
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_flipped_bit_in_any_stored_value_is_an_integrity_error() {
    run(async {
        let vault = populated().await;
        assert_eq!(integrity_errors(&*vault.restarted().await).await, 0);
        for (key, value) in vault.store.all().into_iter().filter(|(key, _)| used(key)) {
            // Every byte is covered by the keyring's tests; here the ways in which they are read.
            for at in (0..value.len()).step_by(37).chain([value.len() - 1]) {
                let mut twin = value.to_vec();
                twin[at] ^= 0x10;
                vault.store.tamper(&key, twin.into());
                assert!(detected(&vault).await, "byte {at} under {}", hex::encode(&key));
            }
            vault.store.tamper(&key, value);
        }
    });
}

#[test]
fn a_cut_or_lengthened_value_is_an_integrity_error() {
    run(async {
        let vault = populated().await;
        for (key, value) in vault.store.all().into_iter().filter(|(key, _)| used(key)) {
            for len in [0, 1, 40, value.len() / 2, value.len() - 1] {
                vault.store.tamper(&key, value.slice(..len));
                assert!(detected(&vault).await, "cut to {len} under {}", hex::encode(&key));
            }
            vault.store.tamper(&key, [&value[..], b"\0"].concat().into());
            assert!(detected(&vault).await);
            vault.store.tamper(&key, value);
        }
    });
}

#[test]
fn p42_any_two_values_swapped_are_an_integrity_error() {
    run(async {
        let vault = populated().await;
        let all: Vec<_> = vault.store.all().into_iter().filter(|(key, _)| used(key)).collect();
        for (i, (one, value_one)) in all.iter().enumerate() {
            for (two, value_two) in &all[i + 1..] {
                vault.store.tamper(one, value_two.clone());
                vault.store.tamper(two, value_one.clone());
                let what = format!("{} and {}", hex::encode(one), hex::encode(two));
                assert!(detected(&vault).await, "{what}");
                vault.store.tamper(one, value_one.clone());
                vault.store.tamper(two, value_two.clone());
            }
        }
    });
}

#[tokio::test]
async fn an_altered_store_key_hides_a_record_or_shows_as_an_integrity_error() {
    let vault = populated().await;
    for (key, value) in vault.store.all().into_iter().filter(|(key, _)| key.len() > 21) {
        for at in 0..key.len() {
            let mut moved = key.to_vec();
            moved[at] ^= 1;
            let moved = Bytes::from(moved);
            if vault.store.all().contains_key(&moved) {
                continue;
            }
            vault.store.remove(&key);
            vault.store.tamper(&moved, value.clone());
            // Panics on a wrong value.
            let _ = integrity_errors(&*vault.restarted().await).await;
            vault.store.remove(&moved);
            vault.store.tamper(&key, value.clone());
        }
    }
}

#[tokio::test]
async fn an_old_version_record_does_not_open_as_another_version_or_incarnation() {
    let vault = vault().await;
    let index = vault.barrier.ring_key(MOUNT, RingPurpose::Index).await.unwrap();
    let first = Address::version(MOUNT, "a", [1; 16], 1);
    let second = Address::version(MOUNT, "a", [1; 16], 2);
    vault.put(&first, "old").await;
    vault.put(&second, "new").await;
    let stored = |at: &Address| vault.store.all()[&at.store_key(Secret::KIND, &index)].clone();
    let old = stored(&first);
    vault.store.tamper(&second.store_key(Secret::KIND, &index), old.clone());
    assert!(is_integrity(&vault.restarted().await.read::<Secret>(&second).await));
    // The path is deleted and made again: same store key, another incarnation.
    let again = Address::version(MOUNT, "a", [2; 16], 1);
    vault.put(&again, "newest").await;
    vault.store.tamper(&again.store_key(Secret::KIND, &index), old);
    assert!(is_integrity(&vault.restarted().await.read::<Secret>(&again).await));
}

#[tokio::test]
async fn a_record_of_one_kind_is_not_read_as_another() {
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Lookalike {
        text: String,
    }
    impl Record for Lookalike {
        const KIND: Kind = kinds::KV_HEAD;
        const SCHEMA: u8 = Secret::SCHEMA;
    }
    let vault = vault().await;
    vault.put(&named("a"), "secret").await;
    let index = vault.barrier.ring_key(MOUNT, RingPurpose::Index).await.unwrap();
    let value = vault.store.all()[&named("a").store_key(Secret::KIND, &index)].clone();
    vault.store.tamper(&named("a").store_key(Lookalike::KIND, &index), value);
    assert!(is_integrity(&vault.restarted().await.read::<Lookalike>(&named("a")).await));
}

#[tokio::test]
async fn neither_names_nor_values_are_readable_in_keys_values_or_notes() {
    let vault = populated().await;
    let all = vault.store.all();
    let bytes = all.iter().flat_map(|(key, value)| [key.clone(), value.clone()]);
    let mut seen = 0;
    for bytes in bytes.chain(vault.store.notes()) {
        seen += bytes.len();
        let readable = bytes.windows(6).any(|w| w.eq_ignore_ascii_case(b"marked"));
        assert!(!readable, "{}", hex::encode(&bytes));
    }
    assert!(seen > 1000);
}

#[tokio::test]
async fn a_tampered_note_is_dropped_and_its_change_still_told() {
    let vault = vault().await;
    let barrier = &vault.barrier;
    let mut changes = barrier.changes();
    let mut commit = barrier.new_commit(Vec::new(), Vec::new(), Vec::new(), Bytes::new());
    commit.note = Bytes::from_static(b"not a note");
    let revision = vault.store.commit(commit).await.unwrap();
    // The first change may be the mount's.
    loop {
        let Some(Change::Commit { revision: told, note: None }) = changes.next().await else {
            panic!("the change was not told");
        };
        if told == revision {
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_damage_to_random_values_never_yields_a_wrong_value(
        which in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        len in 1usize..40,
        mask in 1u8..,
    ) {
        run(async {
            let vault = populated().await;
            let all: Vec<_> = vault.store.all().into_iter().filter(|(key, _)| used(key)).collect();
            let (key, value) = which.get(&all);
            let mut twin = value.to_vec();
            let from = at.index(twin.len());
            for byte in twin.iter_mut().skip(from).take(len) {
                *byte ^= mask;
            }
            vault.store.tamper(key, twin.into());
            assert!(detected(&vault).await);
        });
    }
}
