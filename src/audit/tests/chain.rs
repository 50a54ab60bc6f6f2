//! Entries, permits and the chain while all goes well.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use super::support::{Fixture, OK, draft, read, wait_until, write};
use crate::audit::lines::parse_head;
use crate::audit::log::{GENESIS, line_hash};
use crate::audit::{Audit, AuditConfig, AuditError, Outcome, Who};
use crate::clock::Clock;
use crate::random::Random;

#[test]
fn a_read_is_in_the_file_before_its_value_is_free() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let permit = audit.reserve(&draft("secret/data/a")).unwrap();
    let before = log.entries().len();
    let answer = permit.record(OK, "value").unwrap();
    let entries = log.entries();
    assert_eq!(entries.len(), before + 1);
    assert_eq!(entries[before]["path"], "secret/data/a");
    assert_eq!(answer.map(str::len).release(), 5);
}

#[tokio::test]
async fn a_change_is_synced_before_its_value_is_free() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let syncs = log.disk.syncs.load(Ordering::SeqCst);
    write(&audit, "secret/data/a").await;
    assert!(log.disk.syncs.load(Ordering::SeqCst) > syncs);
    assert_eq!(audit.status().synced, audit.status().entries);
}

#[test]
fn a_read_is_synced_without_anybody_waiting() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    read(&audit, "a");
    wait_until("the line is synced", || audit.status().synced == 2);
}

#[test]
fn a_dropped_permit_records_aborted() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    drop(audit.reserve(&draft("secret/data/lost")).unwrap());
    let entries = log.entries();
    let last = entries.last().unwrap();
    assert_eq!(last["code"], "aborted");
    assert_eq!(last["path"], "secret/data/lost");
    assert!(last.get("status").is_none());
}

#[test]
fn a_login_names_the_caller_it_found() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let mut permit = audit
        .reserve(&crate::audit::Draft { who: Who::default(), ..draft("auth/approle/login") })
        .unwrap();
    permit.identify(&Who { entity: "e-9", ..Who::default() });
    let _answer = permit.record(Outcome::new(200, "ok"), ()).unwrap();
    let entries = log.entries();
    assert_eq!(entries.last().unwrap()["entity"], "e-9");
    assert!(entries.last().unwrap().get("role").is_none());
}

#[test]
fn many_threads_make_one_dense_chain_and_every_entry_is_in_it() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let audit = &audit;
            scope.spawn(move || {
                for i in 0..250 {
                    read(audit, &format!("secret/data/{thread}/{i}"));
                }
            });
        }
    });
    let text = std::fs::read_to_string(log.path().join("00000000000000000000.jsonl")).unwrap();
    let (mut seq, mut prev) = (0, GENESIS);
    for line in text.lines() {
        let head = parse_head(line.as_bytes()).unwrap();
        assert_eq!((head.seq, head.prev), (seq, prev));
        (seq, prev) = (seq + 1, line_hash(line.as_bytes()));
    }
    assert_eq!(seq, 2_001);
    for thread in 0..8 {
        for i in 0..250 {
            assert_eq!(text.matches(&format!("\"secret/data/{thread}/{i}\"")).count(), 1);
        }
    }
}

#[tokio::test]
async fn a_full_segment_is_followed_by_the_next() {
    let log = Fixture::new(1_000);
    let audit = log.open();
    for i in 0..12 {
        write(&audit, &format!("secret/data/{i}")).await;
    }
    let segments = crate::audit::segment::list(log.path()).unwrap();
    assert!(segments.len() > 2, "{segments:?}");
    let seqs: Vec<_> = log.entries().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..13).collect::<Vec<_>>());
}

#[test]
fn directory_and_files_are_for_the_owner_only() {
    let log = Fixture::new(1 << 20);
    let dir = log.path().join("deep/audit");
    let config = AuditConfig::new(&dir);
    let _audit = Audit::open(config, Clock::system(), &Random::system()).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let log = Fixture::new(1 << 20);
    let _audit = log.open();
    let again = Audit::open(AuditConfig::new(log.path()), Clock::system(), &Random::system());
    assert!(matches!(again, Err(AuditError::InUse(_))));
}

#[tokio::test]
async fn a_closed_log_takes_nothing_more_and_says_so() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.close().await;
    let refusal = audit.reserve(&draft("a")).err().unwrap();
    assert!(refusal.to_string().contains("closed"), "{refusal}");
    drop(audit);
    assert_eq!(log.entries().last().unwrap()["type"], "stop");
}
