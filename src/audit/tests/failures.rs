//! What happens when the file can't be written, synced or found.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::support::{Fixture, OK, draft, read, wait_until, write};
use crate::audit::verify::{Reason, Verdict, verify};
use crate::audit::{Audit, Unavailable};

#[tokio::test]
async fn a_full_disk_refuses_answers_and_heals_with_room() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    read(&audit, "a");
    let early = audit.reserve(&draft("early")).unwrap();
    let dropped = audit.reserve(&draft("dropped")).unwrap();

    log.disk.fits.store(17, Ordering::SeqCst);
    log.disk.full.store(true, Ordering::SeqCst);
    let refusal = early.record(OK, "secret value").unwrap_err();
    assert!(refusal.to_string().contains("`file`"), "{refusal}");
    assert!(refusal.to_string().contains("append failed"), "{refusal}");
    drop(dropped);
    assert!(audit.reserve(&draft("refused")).is_err());
    assert_eq!(log.entries().len(), 2, "no part of a line is left");

    log.disk.full.store(false, Ordering::SeqCst);
    wait_until("the log works again", || audit.status().down.is_none());
    write(&audit, "after").await;
    let entries = log.entries();
    let told: Vec<_> = entries
        .iter()
        .map(|e| (e["type"].as_str().unwrap(), e["path"].as_str(), e["answer"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("start", None, None),
            ("request", Some("a"), None),
            ("recovery", None, None),
            ("request", Some("early"), Some("withheld")),
            ("request", Some("dropped"), Some("withheld")),
            ("request", Some("after"), None),
        ]
    );
    assert_eq!(verify(log.path(), None, None, &mut |_| ()).unwrap().exit_code(), 2);
}

/// Fills the disk to what is kept back.
fn fill(log: &Fixture, audit: &Arc<Audit>) {
    log.disk.full.store(true, Ordering::SeqCst);
    let mut served = 0;
    while let Ok(permit) = audit.reserve(&draft("ordinary")) {
        if permit.record(OK, ()).is_err() {
            break;
        }
        served += 1;
    }
    assert!(served > 100, "what was got ahead is used first: {served}");
}

async fn revoke(audit: &Arc<Audit>) -> Result<(), Unavailable> {
    let permit = audit.reserve_urgent(&draft("auth/token/revoke"))?;
    permit.record_synced(OK, ()).await.map(|done| done.release())
}

#[tokio::test]
async fn what_takes_access_away_is_recorded_on_a_full_disk_until_the_reserve_is_used_up() {
    let log = Fixture::new(1 << 20);
    log.disk.sets_aside.store(true, Ordering::SeqCst);
    let audit = log.open();
    fill(&log, &audit);
    let before = log.entries().len();
    let mut revoked = 0;
    while revoke(&audit).await.is_ok() {
        revoked += 1;
        assert!(audit.reserve(&draft("ordinary")).is_err(), "the reserve is not for all");
    }
    assert!(revoked > 1_000, "{revoked} entries fit into the reserve");
    let entries = log.entries();
    // A line of the log's own may be short enough for what an ordinary entry had no room in.
    let (ours, own): (Vec<_>, Vec<_>) =
        entries[before..].iter().partition(|e| e["type"] == "request");
    assert_eq!(ours.len(), revoked);
    assert!(ours.iter().all(|e| e["path"] == "auth/token/revoke"));
    assert!(own.iter().all(|e| e["type"] == "recovery"));

    log.disk.full.store(false, Ordering::SeqCst);
    wait_until("the log works again", || audit.status().down.is_none());
    revoke(&audit).await.unwrap();
    write(&audit, "after").await;
    // With room, the reserve is there again.
    fill(&log, &audit);
    revoke(&audit).await.unwrap();
    assert_eq!(verify(log.path(), None, None, &mut |_| ()).unwrap().exit_code(), 2);
}

#[tokio::test]
async fn a_log_is_taken_up_on_a_full_disk_and_records_what_takes_access_away() {
    let log = Fixture::new(1 << 20);
    log.disk.sets_aside.store(true, Ordering::SeqCst);
    let audit = log.open();
    fill(&log, &audit);
    drop(audit);
    let audit = log.open();
    // The entry of the start may have found room that ordinary ones use, or not.
    assert!(audit.reserve(&draft("ordinary")).and_then(|p| p.record(OK, ())).is_err());
    revoke(&audit).await.unwrap();
    let entries = log.entries();
    let last: Vec<_> = entries[entries.len() - 2..].iter().map(|e| e["type"].as_str()).collect();
    assert_eq!(last, [Some("start"), Some("request")]);
}

#[test]
fn part_of_a_line_that_can_not_be_cut_off_at_once_is_cut_off_first() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let permit = audit.reserve(&draft("a")).unwrap();
    log.disk.fits.store(40, Ordering::SeqCst);
    log.disk.cut_fails.store(true, Ordering::SeqCst);
    log.disk.full.store(true, Ordering::SeqCst);
    assert!(permit.record(OK, ()).is_err());
    log.disk.full.store(false, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(250));
    assert!(audit.reserve(&draft("b")).is_err(), "no line may follow half a line");
    log.disk.cut_fails.store(false, Ordering::SeqCst);
    wait_until("the log works again", || audit.status().down.is_none());
    assert_eq!(log.entries().len(), 3);
}

#[test]
fn entries_beyond_the_backlog_are_counted() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let permits: Vec<_> = (0..crate::limits::AUDIT_BACKLOG_MAX + 5)
        .map(|_| audit.reserve(&draft("a")).unwrap())
        .collect();
    log.disk.full.store(true, Ordering::SeqCst);
    for permit in permits {
        assert!(permit.record(OK, ()).is_err());
    }
    log.disk.full.store(false, Ordering::SeqCst);
    wait_until("the log works again", || audit.status().down.is_none());
    let entries = log.entries();
    assert_eq!(entries.len(), 2 + crate::limits::AUDIT_BACKLOG_MAX);
    let detail = entries[1]["detail"].as_str().unwrap();
    assert!(detail.contains("not in the log: 5"), "{detail}");
}

#[tokio::test]
async fn a_failed_sync_withholds_the_answer_and_leaves_the_segment() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    write(&audit, "a").await;
    let permit = audit.reserve(&draft("b")).unwrap();
    log.disk.sync_fails.store(true, Ordering::SeqCst);
    let refusal = permit.record_synced(OK, ()).await.unwrap_err();
    assert!(refusal.reason.contains("sync failed"), "{refusal}");
    assert!(audit.reserve(&draft("c")).is_err());
    log.disk.sync_fails.store(false, Ordering::SeqCst);
    wait_until("the log works again", || audit.status().down.is_none());
    write(&audit, "d").await;
    assert_eq!(crate::audit::segment::list(log.path()).unwrap(), [0, 3]);
    let verdict = verify(log.path(), None, None, &mut |_| ()).unwrap();
    assert!(matches!(verdict, Verdict::TailUnproven(_)), "{verdict}");
}

#[test]
fn a_deleted_replaced_cut_or_extended_file_is_noticed_and_told() {
    type Harm = fn(&std::path::Path);
    let harms: [(&str, Harm); 4] = [
        ("deleted", |p| std::fs::remove_file(p).unwrap()),
        ("replaced", |p| {
            let text = std::fs::read(p).unwrap();
            std::fs::remove_file(p).unwrap();
            std::fs::write(p, text).unwrap();
        }),
        ("cut", |p| std::fs::File::options().write(true).open(p).unwrap().set_len(10).unwrap()),
        ("written to by another", |p| {
            let text = std::fs::read(p).unwrap();
            std::fs::write(p, [text, b"x\n".to_vec()].concat()).unwrap();
        }),
    ];
    for (name, harm) in harms {
        let log = Fixture::new(1 << 20);
        let audit = log.open();
        read(&audit, "a");
        harm(&log.path().join("00000000000000000000.jsonl"));
        log.clock.advance(Duration::from_secs(1));
        let new = log.path().join("00000000000000000002.jsonl");
        wait_until("there is a new segment", || new.exists() && audit.status().down.is_none());
        read(&audit, "b");
        let text = std::fs::read_to_string(&new).unwrap();
        assert!(text.lines().next().unwrap().contains(name), "{name}: {text}");
        assert_eq!(text.lines().count(), 2);
    }
}

#[test]
fn a_deletion_under_the_process_shows_in_the_verdict() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    read(&audit, "a");
    std::fs::remove_file(log.path().join("00000000000000000000.jsonl")).unwrap();
    log.clock.advance(Duration::from_secs(1));
    let new = log.path().join("00000000000000000002.jsonl");
    wait_until("there is a new segment", || new.exists() && audit.status().down.is_none());
    let verdict = verify(log.path(), None, None, &mut |_| ()).unwrap();
    let Verdict::Tampered { finding, .. } = verdict else { panic!("{verdict}") };
    assert_eq!(finding.reason, Reason::Beginning { from: 0, to: 1 });
    // And the log can be taken up again.
    drop(audit);
    read(&log.open(), "b");
}
