//! The keyring over a software HSM: initialise, open, warm, change, seal.

use std::sync::atomic::Ordering;

use super::fake::{MapShelf, SoftHsm, ports};
use super::*;
use crate::keyguard::Fault;

const MOUNT: MountId = MountId([7; 16]);

struct Vault {
    hsm: Arc<SoftHsm>,
    shelf: Arc<MapShelf>,
    keyring: Keyring,
}

async fn vault() -> Vault {
    let (hsm, shelf) = (SoftHsm::new(), Arc::<MapShelf>::default());
    let initial = Keyring::initialise(ports(&hsm, &shelf)).await.unwrap();
    shelf.0.lock().extend(initial.blobs);
    Vault { hsm, shelf, keyring: initial.keyring }
}

impl Vault {
    fn blob(&self, name: BlobName) -> Bytes {
        self.shelf.0.lock()[&name].clone()
    }

    async fn reopened(&self) -> Keyring {
        let manifest = self.blob(BlobName::Manifest);
        Keyring::open(&manifest, ports(&self.hsm, &self.shelf)).await.unwrap()
    }

    async fn mount(&self, mount: MountId) {
        let mut change = self.keyring.change().unwrap();
        self.keyring.create_rings(&mut change, mount).await.unwrap();
        let manifest = self.keyring.seal_manifest(&change).unwrap();
        let mut shelf = self.shelf.0.lock();
        shelf.extend(change.blobs().iter().cloned());
        shelf.insert(BlobName::Manifest, manifest);
        drop(shelf);
        self.keyring.adopt(change).unwrap();
    }
}

fn place(mount: MountId) -> Place<'static> {
    Place { mount, kind: 7, path: b"app/db", incarnation: [1; 16], version: 1 }
}

async fn sealed(keyring: &Keyring, mount: MountId) -> Bytes {
    keyring.seal(&place(mount), b"value").await.unwrap().into_bytes()
}

async fn opens(keyring: &Keyring, mount: MountId, bytes: &Bytes) -> Result<(), KeyringError> {
    let (opened, _) = keyring.open_sealed(&place(mount), bytes.clone()).await?;
    assert_eq!(opened.expose(), b"value");
    Ok(())
}

#[tokio::test]
async fn a_reopened_keyring_is_the_same_vault() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let again = vault.reopened().await;
    assert_eq!(again.cluster_id(), vault.keyring.cluster_id());
    assert_eq!(again.incarnation(), vault.keyring.incarnation());
    assert_eq!(again.lease_keys(), vault.keyring.lease_keys());
    assert_eq!(again.checkpoint_keys(), vault.keyring.checkpoint_keys());
    opens(&again, MOUNT, &bytes).await.unwrap();
}

#[tokio::test]
async fn a_key_is_unwrapped_once_and_concurrent_first_uses_share_the_call() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let cold = vault.reopened().await;
    let before = vault.hsm.unwraps_so_far();
    let uses: Vec<_> = (0..20).map(|_| opens(&cold, MOUNT, &bytes)).collect();
    for result in join_all(uses).await {
        result.unwrap();
    }
    opens(&cold, MOUNT, &bytes).await.unwrap();
    assert_eq!(vault.hsm.unwraps_so_far() - before, 1);
}

/// Polls all of them in turn, so that they really overlap.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).map(Some).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        for slot in &mut running {
            if let Some(future) = slot
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                done.push(output);
                *slot = None;
            }
        }
        if running.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

#[tokio::test]
async fn warm_keys_serve_while_the_hsm_is_away_and_cold_ones_say_why_not() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let cold = vault.reopened().await;
    vault.hsm.gone.store(true, Ordering::SeqCst);
    opens(&vault.keyring, MOUNT, &bytes).await.unwrap();
    let refused = opens(&cold, MOUNT, &bytes).await.unwrap_err();
    assert!(matches!(refused, KeyringError::Hsm(Fault::Unavailable { .. })));
    let rewarm = vault.keyring.rewarm().await.unwrap_err();
    assert!(matches!(rewarm, KeyringError::Hsm(Fault::Unavailable { .. })));
    opens(&vault.keyring, MOUNT, &bytes).await.unwrap();
    vault.hsm.gone.store(false, Ordering::SeqCst);
    vault.keyring.rewarm().await.unwrap();
}

#[tokio::test]
async fn rewarming_drops_a_key_whose_blob_was_altered() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let name = BlobName::DataKey { mount: MOUNT, purpose: RingPurpose::Records, version: 1 };
    let mut blob = vault.blob(name).to_vec();
    blob[100] ^= 1;
    vault.shelf.0.lock().insert(name, blob.into());
    assert!(matches!(vault.keyring.rewarm().await, Err(KeyringError::Integrity(_))));
    assert!(matches!(opens(&vault.keyring, MOUNT, &bytes).await, Err(KeyringError::Integrity(_))));
}

#[tokio::test]
async fn a_sealed_keyring_does_nothing() {
    let vault = vault().await;
    let bytes = sealed(&vault.keyring, MountId::SYSTEM).await;
    vault.keyring.seal_up();
    let keyring = &vault.keyring;
    assert!(keyring.is_sealed());
    let refused = opens(keyring, MountId::SYSTEM, &bytes).await;
    assert_eq!(refused, Err(KeyringError::Sealed));
    assert_eq!(keyring.rewarm().await, Err(KeyringError::Sealed));
    assert_eq!(keyring.change().err(), Some(KeyringError::Sealed));
    let manifest = vault.blob(BlobName::Manifest);
    assert_eq!(keyring.reload(&manifest).await, Err(KeyringError::Sealed));
}

#[tokio::test]
async fn an_unwrap_under_way_while_sealing_does_not_bring_its_key_back() {
    let vault = vault().await;
    let bytes = sealed(&vault.keyring, MountId::SYSTEM).await;
    let cold = vault.reopened().await;
    let mut first_use = Box::pin(opens(&cold, MountId::SYSTEM, &bytes));
    std::future::poll_fn(|cx| {
        assert!(first_use.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    cold.seal_up();
    assert_eq!(first_use.await, Err(KeyringError::Sealed));
    assert!(cold.warm.names().is_empty());
}

#[tokio::test]
async fn blobs_swapped_between_rings_do_not_open() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let ours = BlobName::DataKey { mount: MOUNT, purpose: RingPurpose::Records, version: 1 };
    for (mount, purpose) in [(MountId::SYSTEM, RingPurpose::Records), (MOUNT, RingPurpose::Index)] {
        let theirs = vault.blob(BlobName::DataKey { mount, purpose, version: 1 });
        let kept = vault.shelf.0.lock().insert(ours, theirs).unwrap();
        let cold = vault.reopened().await;
        assert_eq!(opens(&cold, MOUNT, &bytes).await, Err(Reason::ForeignKey.into()));
        vault.shelf.0.lock().insert(ours, kept);
    }
    vault.shelf.0.lock().remove(&ours);
    let cold = vault.reopened().await;
    assert_eq!(opens(&cold, MOUNT, &bytes).await, Err(Reason::Missing.into()));
}

#[tokio::test]
async fn a_record_of_one_mount_does_not_open_in_another() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let moved = opens(&vault.keyring, MountId::SYSTEM, &bytes).await;
    assert_eq!(moved, Err(Reason::ForeignKey.into()));
    let nowhere = opens(&vault.keyring, MountId([9; 16]), &bytes).await;
    assert_eq!(nowhere, Err(KeyringError::NoRing(MountId([9; 16]))));
}

#[tokio::test]
async fn a_running_keyring_follows_newer_manifests_and_refuses_older_ones() {
    let vault = vault().await;
    let other_node = vault.reopened().await;
    let old = vault.blob(BlobName::Manifest);
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    assert_eq!(opens(&other_node, MOUNT, &bytes).await, Err(KeyringError::NoRing(MOUNT)));
    other_node.reload(&vault.blob(BlobName::Manifest)).await.unwrap();
    opens(&other_node, MOUNT, &bytes).await.unwrap();
    assert_eq!(other_node.reload(&old).await, Err(Reason::Rollback.into()));
}

#[tokio::test]
async fn removed_rings_open_nothing_and_are_no_longer_warm() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let bytes = sealed(&vault.keyring, MOUNT).await;
    let mut change = vault.keyring.change().unwrap();
    vault.keyring.remove_rings(&mut change, MOUNT).unwrap();
    vault.keyring.adopt(change).unwrap();
    assert!(!vault.keyring.has_rings(MOUNT));
    assert_eq!(opens(&vault.keyring, MOUNT, &bytes).await, Err(KeyringError::NoRing(MOUNT)));
    assert!(vault.keyring.warm.names().iter().all(|(mount, ..)| *mount != MOUNT));
}

#[tokio::test]
async fn a_mount_gets_its_rings_once() {
    let vault = vault().await;
    vault.mount(MOUNT).await;
    let mut change = vault.keyring.change().unwrap();
    let again = vault.keyring.create_rings(&mut change, MOUNT).await;
    assert_eq!(again, Err(KeyringError::RingExists(MOUNT)));
}

#[tokio::test]
async fn a_failed_or_abandoned_initialisation_leaves_no_keys_in_the_hsm() {
    let (hsm, shelf) = (SoftHsm::new(), Arc::<MapShelf>::default());
    hsm.corrupts_wraps.store(true, Ordering::SeqCst);
    assert!(Keyring::initialise(ports(&hsm, &shelf)).await.is_err());
    assert_eq!(hsm.keys_held(), 0);
    hsm.corrupts_wraps.store(false, Ordering::SeqCst);
    let initial = Keyring::initialise(ports(&hsm, &shelf)).await.unwrap();
    assert_eq!(hsm.keys_held(), 3);
    initial.abandon().await;
    assert_eq!(hsm.keys_held(), 0);
}
