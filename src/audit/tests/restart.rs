//! Taking the log up again: in order, after a crash, after tampering.

use std::fs::{self, File};
use std::io::Write;

use super::support::{Fixture, SoftKey, read, write};
use crate::audit::verify::{Verdict, verify};
use crate::audit::{Audit, AuditConfig, AuditError};
use crate::clock::Clock;
use crate::random::Random;

fn segment(log: &Fixture, first: u64) -> std::path::PathBuf {
    log.path().join(format!("{first:020}.jsonl"))
}

async fn checked(log: &Fixture) -> Verdict {
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    audit.checkpoint().await.unwrap();
    drop(audit);
    verify(log.path(), None, None, &mut |_| ()).unwrap()
}

#[tokio::test]
async fn chain_and_tree_go_on_over_restarts_and_segments() {
    let log = Fixture::new(1_000);
    for round in 0..6 {
        let audit = log.open();
        audit.attach_signer(SoftKey::new(7).signer()).unwrap();
        for i in 0..round {
            write(&audit, &format!("secret/data/{round}/{i}")).await;
        }
        if round % 2 == 0 {
            audit.close().await;
        }
    }
    let verdict = checked(&log).await;
    assert_eq!(verdict.exit_code(), 0, "{verdict}");
    assert!(verdict.summary().segments > 3);
}

#[tokio::test]
async fn lost_frontiers_cost_time_only() {
    let log = Fixture::new(1_000);
    let audit = log.open();
    for i in 0..10 {
        write(&audit, &format!("secret/data/{i}")).await;
    }
    drop(audit);
    for entry in fs::read_dir(log.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "frontier") {
            fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(checked(&log).await.exit_code(), 0);
}

#[tokio::test]
async fn a_torn_line_is_kept_aside_and_told() {
    for torn in ["{\"v\":1,\"seq\":2,\"pre", "\0\0\0\0\0\0", "garbage\n", "{\"v\":1}\nmore"] {
        let log = Fixture::new(1 << 20);
        let audit = log.open();
        read(&audit, "a");
        drop(audit);
        let mut file = File::options().append(true).open(segment(&log, 0)).unwrap();
        file.write_all(torn.as_bytes()).unwrap();
        let verdict = checked(&log).await;
        assert_eq!(verdict.exit_code(), 0, "{verdict}");
        let entries = log.entries();
        let detail = entries[2]["detail"].as_str().unwrap();
        assert_eq!(entries[2]["type"], "recovery");
        assert!(detail.contains(&format!("{} bytes", torn.len())), "{detail}");
        let aside = fs::read(log.path().join("00000000000000000000.torn")).unwrap();
        assert_eq!(aside, torn.as_bytes());
    }
}

#[tokio::test]
async fn half_a_checkpoint_is_cut_off() {
    let log = Fixture::new(1 << 20);
    assert_eq!(checked(&log).await.exit_code(), 0);
    let path = log.path().join("00000000000000000000.checkpoints");
    let note = fs::read_to_string(&path).unwrap();
    for len in 1..note.len() {
        let Some(half) = note.get(..len) else { continue };
        fs::write(&path, format!("{note}\n{half}")).unwrap();
        let verdict = verify(log.path(), None, None, &mut |_| ()).unwrap();
        assert_eq!(verdict.exit_code(), 0, "{len}: {verdict}");
    }
    fs::write(&path, format!("{note}\n{}", &note[..40])).unwrap();
    let verdict = checked(&log).await;
    assert_eq!(verdict.exit_code(), 0, "{verdict}");
}

#[tokio::test]
async fn a_tail_cut_below_a_checkpoint_is_told_and_stays_visible() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    read(&audit, "a");
    read(&audit, "b");
    audit.close().await;
    drop(audit);
    let text = fs::read_to_string(segment(&log, 0)).unwrap();
    let kept: String = text.split_inclusive('\n').take(2).collect();
    fs::write(segment(&log, 0), kept).unwrap();
    drop(log.open());
    let entries = log.entries();
    assert!(entries[2]["detail"].as_str().unwrap().contains("a checkpoint covers 4 entries"));
    let verdict = verify(log.path(), None, None, &mut |_| ()).unwrap();
    assert_eq!(verdict.exit_code(), 1, "{verdict}");
}

#[tokio::test]
async fn damage_in_a_closed_segment_stops_the_start_only_where_the_end_depends_on_it() {
    let log = Fixture::new(1_000);
    let audit = log.open();
    for i in 0..10 {
        write(&audit, &format!("secret/data/{i}")).await;
    }
    drop(audit);
    let text = fs::read_to_string(segment(&log, 0)).unwrap();
    fs::write(segment(&log, 0), text.replacen("start", "stark", 1)).unwrap();
    drop(log.open());
    for entry in fs::read_dir(log.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "frontier") {
            fs::remove_file(path).unwrap();
        }
    }
    let config = AuditConfig::new(log.path());
    let result = Audit::open(config, Clock::system(), &Random::system());
    assert!(matches!(result, Err(AuditError::Damaged { line: 2, .. })));
}
