//! The first keys of a store.

use std::sync::Arc;

use bytes::Bytes;

use crate::keyguard::{KeyAdmin, KeyRef, Purpose};
use crate::keyring::change::RingChange;
use crate::keyring::data_key::DataKey;
use crate::keyring::manifest::{self, Body, Clear, KekEntry, NextVersions, SealMode};
use crate::keyring::wrapped::{self, WrappedPurpose};
use crate::keyring::{BlobName, KeyState, Keyring, KeyringError, MountId, Ports, SigningKey};

const FIRST: u32 = 1;

/// Makes everything; `made` lists the HSM keys also when it fails halfway.
pub(super) async fn make(
    ports: &Ports,
    made: &mut Vec<KeyRef>,
) -> Result<(Keyring, Vec<(BlobName, Bytes)>), KeyringError> {
    let kek = ports.admin.create_kek(FIRST).await?;
    made.push(kek.key);
    let lease = ports.admin.create_signer(Purpose::Lease, FIRST).await?;
    made.push(lease);
    let checkpoint = ports.admin.create_signer(Purpose::Checkpoint, FIRST).await?;
    made.push(checkpoint);

    let now = ports.clock.now();
    let id = ports.random.array();
    let key = DataKey::generate(&*ports.admin, &ports.random, id, FIRST).await?;
    let mode = SealMode::Auto;
    let wrapped_key =
        wrapped::wrap(&*ports.wrap, &kek, &key, WrappedPurpose::Manifest, mode, now).await?;
    let clear = Clear { kek, wrapped_key };
    let next = FIRST + 1;
    let body = Body {
        generation: 1,
        cluster_id: ports.random.uuid(),
        incarnation: ports.random.array(),
        created: now,
        seal_mode: mode,
        ring_epoch: 0,
        keks: vec![KekEntry { kek, state: KeyState::Active }],
        lease_keys: vec![SigningKey { key: lease, state: KeyState::Active }],
        checkpoint_keys: vec![SigningKey { key: checkpoint, state: KeyState::Active }],
        next: NextVersions { kek: next, lease: next, checkpoint: next },
        manifest_key_commitment: key.commitment(),
        rings: Vec::new(),
    };
    let mut change = RingChange::new(body);
    change.create_rings(ports, MountId::SYSTEM).await?;
    let manifest = manifest::seal(&clear, &key, &change.body, &ports.random)?;
    let mut blobs = vec![(BlobName::Manifest, Bytes::from(manifest))];
    blobs.extend_from_slice(change.blobs());
    let keyring = Keyring::assemble(ports.clone(), clear, change.body.clone(), key);
    for (name, key) in change.take_fresh() {
        keyring.warm.insert(name, Arc::clone(&key))?;
    }
    Ok((keyring, blobs))
}

/// Best effort: a key that can't be destroyed now is named in the log for an operator.
pub(super) async fn unmake(admin: &dyn KeyAdmin, made: &[KeyRef]) {
    for key in made {
        if let Err(fault) = admin.destroy(key).await {
            tracing::warn!(%key, %fault, "a key made in vain is left in the HSM");
        }
    }
}
