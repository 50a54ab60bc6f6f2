//! Checkpoints of the running log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::support::{Fixture, SoftKey, read, wait_until, write};
use crate::audit::verify::{Verdict, verify};
use crate::audit::{PublicKeys, Signer};

fn verdict(log: &Fixture) -> Verdict {
    verify(log.path(), None, None, &mut |_| ()).unwrap()
}

#[tokio::test]
async fn a_log_closed_with_a_signer_is_intact_in_full() {
    let log = Fixture::new(1_000);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    for i in 0..10 {
        write(&audit, &format!("secret/data/{i}")).await;
    }
    audit.close().await;
    drop(audit);
    let verdict = verdict(&log);
    assert_eq!(verdict.exit_code(), 0, "{verdict}");
    let summary = verdict.summary();
    assert_eq!((summary.entries, summary.proven), (12, 12));
    assert_eq!(summary.origin.as_deref(), Some("strongroom.audit/c0ffee"));
    assert_eq!(summary.last.as_ref().unwrap().facts.ring_epoch, 3);
}

#[test]
fn activity_gets_a_checkpoint_after_a_second_and_idleness_after_an_hour() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    read(&audit, "a");
    // The audit thread may sign for the first entry alone, just when the second one comes.
    wait_until("both entries are covered", || {
        log.clock.advance(Duration::from_millis(100));
        audit.status().checkpointed == 2
    });
    let path = log.path().join("00000000000000000000.checkpoints");
    let notes = || std::fs::read_to_string(&path).unwrap().matches("\n— ").count();
    let before = notes();
    assert!((1..=2).contains(&before));
    log.clock.advance(Duration::from_secs(60 * 60));
    wait_until("an idle hour has its checkpoint", || notes() > before);
    drop(audit);
    assert_eq!(verdict(&log).exit_code(), 0);
}

#[tokio::test]
async fn while_the_hsm_is_away_the_chain_goes_on_and_is_covered_later() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let key = SoftKey::new(7);
    audit.attach_signer(key.signer()).unwrap();
    audit.checkpoint().await.unwrap();
    let before = audit.status().checkpointed;
    key.away.store(true, Ordering::SeqCst);
    write(&audit, "a").await;
    assert_eq!(audit.checkpoint().await.unwrap_err().sink, "checkpoint");
    let status = audit.status();
    assert_eq!(status.checkpointed, before);
    assert!(status.checkpoint_fault.is_some() && status.down.is_none());
    assert_eq!(verdict(&log).exit_code(), 2);
    key.away.store(false, Ordering::SeqCst);
    audit.checkpoint().await.unwrap();
    assert_eq!(verdict(&log).exit_code(), 0);
}

#[tokio::test]
async fn a_sealed_vault_goes_on_without_checkpoints() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    write(&audit, "a").await;
    audit.detach().await;
    assert_eq!(audit.status().checkpointed, 2);
    write(&audit, "b").await;
    assert!(audit.checkpoint().await.unwrap_err().reason.contains("sealed"));
    assert_eq!(verdict(&log).exit_code(), 2);
}

#[tokio::test]
async fn a_new_key_is_published_beside_the_old_one() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    for scalar in [7, 8, 7] {
        audit.attach_signer(SoftKey::new(scalar).signer()).unwrap();
        write(&audit, "a").await;
        audit.checkpoint().await.unwrap();
    }
    let keys = PublicKeys::read(&log.path().join("audit.pub")).unwrap();
    assert_eq!(keys.iter().count(), 2);
    assert_eq!(verdict(&log).exit_code(), 0);
}

#[test]
fn a_cluster_id_that_can_not_name_a_key_is_refused() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    for id in ["", "a b", "a+b", "a\nb"] {
        let signer = Signer { cluster_id: id.into(), ..SoftKey::new(7).signer() };
        assert!(audit.attach_signer(signer).is_err(), "{id:?}");
    }
}
