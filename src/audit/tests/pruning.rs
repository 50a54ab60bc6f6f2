//! Retention: what is removed, what is said about it first, and that the rest is as good as before.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::support::{Fixture, SoftKey, wait_until, write};
use crate::audit::prove::{self, ProofError, Proved, Subject};
use crate::audit::verify::{Anchor, Reason, Verdict, VerifyError, verify};
use crate::audit::{Audit, Declared, PublicKeys, Receiver, Retention, pruned, segment};
use crate::config::{Sink, SinkTo};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AGE: Retention = Retention { age: Some(Duration::from_secs(90 * 24 * 60 * 60)), bytes: None };

/// A log of several segments with a checkpoint after each entry, which goes on.
async fn log(retention: Retention) -> (Fixture, Arc<Audit>, Arc<SoftKey>) {
    let log = Fixture { retention, ..Fixture::new(2_000) };
    let audit = log.open();
    let key = SoftKey::new(7);
    audit.attach_signer(key.signer()).unwrap();
    grow(&audit, 12).await;
    (log, audit, key)
}

async fn grow(audit: &Arc<Audit>, entries: u64) {
    for i in 0..entries {
        write(audit, &format!("secret/data/{i}")).await;
        audit.checkpoint().await.unwrap();
    }
}

fn verdict(dir: &Path) -> Verdict {
    verify(dir, None, None, &mut |_| ()).unwrap()
}

fn second_opinion(dir: &Path) -> i32 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_audit.py");
    let output = Command::new("python3").arg(script).arg(dir).output().unwrap();
    output.status.code().unwrap()
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

/// Lets the time come at which old segments go, and waits until they have gone.
fn age(log: &Fixture, by: Duration) -> u64 {
    let before = segment::list(log.path()).unwrap()[0];
    log.clock.advance(by);
    let mut below = before;
    wait_until("old segments are gone", || {
        below = pruned::claimed(log.path()).unwrap().map_or(0, |pruned| pruned.below());
        below > before && segment::list(log.path()).unwrap()[0] == below
    });
    below
}

/// The newest checkpoint of a log.
fn newest_note(dir: &Path) -> String {
    let first = segment::list_suffix(dir, segment::Suffix::Checkpoints).unwrap().pop().unwrap();
    let path = segment::path_of(dir, first, segment::Suffix::Checkpoints);
    let text = fs::read_to_string(path).unwrap();
    let parts: Vec<&str> = text.split("\n\n").collect();
    let (text, signature) = (parts[parts.len() - 2], parts[parts.len() - 1]);
    format!("{text}\n\n{}\n", signature.trim_end())
}

#[tokio::test]
async fn old_segments_go_and_the_rest_verifies_proves_and_goes_on() {
    let (log, audit, _key) = log(AGE).await;
    let whole = copied(log.path());
    let old = Anchor::new(newest_note(log.path()));
    log.clock.advance(60 * DAY);
    grow(&audit, 8).await;
    assert_eq!(segment::list(log.path()).unwrap()[0], 0, "nothing is older than 90 days yet");
    let below = age(&log, 40 * DAY);
    grow(&audit, 3).await;
    let newer = Anchor::new(newest_note(log.path()));
    audit.close().await;
    drop(audit);

    let found = verdict(log.path());
    assert_eq!(found.exit_code(), 0, "{found}");
    assert_eq!(found.summary().pruned_below(), below);
    assert!(found.to_string().contains(&format!("pruned: entries below {below}")), "{found}");
    assert_eq!(second_opinion(log.path()), 0);
    assert!(verify(log.path(), None, Some(&newer), &mut |_| ()).unwrap().summary().anchored);

    // Proofs of what is there still, by checkpoints from before and after.
    let keys = PublicKeys::read(&log.path().join("audit.pub")).unwrap();
    for index in below..found.summary().entries {
        let proof = prove::entry(log.path(), &Subject::Entry(index), None).unwrap();
        let shown = prove::check(&proof, &keys, None).unwrap();
        assert!(matches!(shown, Proved::Entry { index: i, .. } if i == index));
    }
    let gone = prove::entry(log.path(), &Subject::Entry(below - 1), None);
    assert!(matches!(gone, Err(ProofError::Pruned(_))), "{gone:?}");
    let growth = prove::growth(log.path(), &old, None);
    // 13 entries: what the older checkpoint stands on is gone, or is a node of the statement.
    match growth {
        Ok(text) => assert!(prove::check(&text, &keys, Some(&old)).is_ok()),
        Err(error) => assert!(matches!(error, ProofError::Pruned(_)), "{error}"),
    }
    let text = prove::growth(log.path(), &newer, None).unwrap();
    assert!(matches!(prove::check(&text, &keys, Some(&newer)), Ok(Proved::Growth { .. })));

    // Taken up again, it goes on.
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    grow(&audit, 2).await;
    audit.close().await;
    drop(audit);
    assert_eq!(verdict(log.path()).exit_code(), 0);

    // What was kept elsewhere from before covers what can't be compared any more, or fits.
    match verify(log.path(), None, Some(&old), &mut |_| ()) {
        Ok(verdict) => assert_eq!(verdict.exit_code(), 0),
        Err(error) => assert!(matches!(error, VerifyError::Anchor(_)), "{error}"),
    }
    assert_eq!(verdict(whole.path()).exit_code(), 0, "an old copy verifies by itself");
}

/// What is done to a log, and what is told.
type Harm<'a> = (&'static str, &'a dyn Fn(&Path), &'static str);

#[tokio::test]
async fn a_pruned_log_without_its_statement_or_with_another_one_is_tampered_with() {
    let (log, audit, _key) = log(AGE).await;
    let below = age(&log, 91 * DAY);
    let first = copied(log.path());
    grow(&audit, 12).await;
    let further = age(&log, 91 * DAY);
    assert!(further > below);
    audit.close().await;
    drop(audit);
    assert_eq!(verdict(log.path()).exit_code(), 0);

    let harms: [Harm<'_>; 4] = [
        (
            "no statement",
            &|dir| fs::remove_file(dir.join(pruned::STATEMENT)).unwrap(),
            "no signed statement says that they were pruned",
        ),
        (
            "an older statement",
            &|dir| {
                fs::copy(first.path().join(pruned::STATEMENT), dir.join(pruned::STATEMENT))
                    .unwrap();
            },
            "no signed statement says that they were pruned",
        ),
        (
            "a changed statement",
            &|dir| {
                let path = dir.join(pruned::STATEMENT);
                let text = fs::read_to_string(&path).unwrap();
                let (from, to) = (format!("below {further} "), format!("below {} ", further + 1));
                fs::write(&path, text.replacen(&from, &to, 1)).unwrap();
            },
            "audit.pruned line 1: bad checkpoint signature",
        ),
        (
            "a checkpoint in place of the statement",
            &|dir| fs::write(dir.join(pruned::STATEMENT), newest_note(dir)).unwrap(),
            "audit.pruned line 1: unreadable checkpoint",
        ),
    ];
    for (name, harm, told) in harms {
        let dir = copied(log.path());
        harm(dir.path());
        let found = verdict(dir.path());
        assert_eq!(found.exit_code(), 1, "{name}: {found}");
        assert!(found.to_string().contains(told), "{name}: {found}");
        assert_eq!(second_opinion(dir.path()), 1, "{name}");
    }

    // The first kept line stands on the statement.
    let dir = copied(log.path());
    let path = segment::path_of(dir.path(), further, segment::Suffix::Entries);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("secret/data", "secret/date", 1)).unwrap();
    let Verdict::Tampered { finding, .. } = verdict(dir.path()) else { panic!("not found") };
    assert_eq!((finding.line, finding.seq, finding.reason), (1, further, Reason::Altered));
}

#[tokio::test]
async fn a_crash_between_statement_and_removal_is_taken_up_again() {
    let (log, audit, _key) = log(AGE).await;
    let whole = copied(log.path());
    age(&log, 91 * DAY);
    drop(audit);
    // What a crash leaves: the statement is there, and so is everything.
    for entry in fs::read_dir(whole.path()).unwrap() {
        let path = entry.unwrap().path();
        let target = log.path().join(path.file_name().unwrap());
        if !target.exists() {
            fs::copy(&path, &target).unwrap();
        }
    }
    let found = verdict(log.path());
    assert_eq!(found.exit_code(), 0, "{found}");
    assert!(found.to_string().contains("pruned segments are there still"), "{found}");
    assert_eq!(second_opinion(log.path()), 0);
    let below = found.summary().pruned_below();
    let audit = log.open();
    wait_until("the rest is gone", || segment::list(log.path()).unwrap()[0] == below);
    drop(audit);
    assert!(verdict(log.path()).summary().pruned.as_ref().is_some_and(|p| p.left == 0));
}

#[tokio::test]
async fn nothing_goes_that_somebody_still_reads_or_that_no_checkpoint_covers() {
    let (log, audit, key) = log(AGE).await;
    let segments = segment::list(log.path()).unwrap();
    let cursor = Arc::new(AtomicU64::new(segments[1]));
    let wanted = cursor.clone();
    audit.keep_from(move || wanted.load(Ordering::SeqCst));
    assert_eq!(age(&log, 91 * DAY), segments[1]);
    key.away.store(true, Ordering::SeqCst);
    cursor.store(u64::MAX, Ordering::SeqCst);
    log.clock.advance(DAY);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(segment::list(log.path()).unwrap()[0], segments[1], "nothing without a signature");
    key.away.store(false, Ordering::SeqCst);
    assert!(age(&log, DAY) > segments[1]);
    // The open segment stays, however old it is.
    assert!(segment::list(log.path()).unwrap().contains(segments.last().unwrap()));
}

/// Takes nothing until it is told to.
struct Reluctant(Arc<AtomicBool>);

impl Receiver for Reluctant {
    fn take(&mut self, _: &[u8]) -> Result<(), String> {
        if self.0.load(Ordering::SeqCst) { Ok(()) } else { Err("not yet".into()) }
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn confirms(&self) -> bool {
        true
    }

    fn close(&mut self) {}
}

#[tokio::test]
async fn what_a_required_sink_has_not_got_yet_stays() {
    let (log, audit, key) = log(AGE).await;
    drop(audit);
    let before = segment::list(log.path()).unwrap();
    let takes = Arc::new(AtomicBool::new(false));
    let sink = Sink {
        name: "copy".into(),
        to: SinkTo::Stdout,
        description: String::new(),
        required: true,
        deadline: Duration::from_secs(1),
    };
    let receiver = Box::new(Reluctant(takes.clone()));
    let audit = log.open_with(vec![Declared { sink, receiver }]);
    audit.attach_signer(key.signer()).unwrap();
    log.clock.advance(91 * DAY);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(segment::list(log.path()).unwrap()[..before.len()], before[..]);
    takes.store(true, Ordering::SeqCst);
    wait_until("the sink has it all, and knows so after a restart", || {
        log.clock.advance(Duration::from_secs(61));
        std::thread::sleep(Duration::from_millis(50));
        segment::list(log.path()).unwrap()[0] > before[0]
    });
    drop(audit);
}

#[tokio::test]
async fn a_bound_of_size_is_kept_and_a_frontier_that_was_changed_prunes_nothing() {
    let size = Retention { age: None, bytes: Some(5_000) };
    let (log, audit, _key) = log(size).await;
    for first in segment::list(log.path()).unwrap() {
        let path = segment::path_of(log.path(), first, segment::Suffix::Frontier);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let last = text.trim_end().rfind('\n').unwrap() + 1;
        fs::write(&path, format!("{}{}\n", &text[..last], "ab".repeat(32))).unwrap();
    }
    let before = segment::list(log.path()).unwrap();
    log.clock.advance(Duration::from_secs(61));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(segment::list(log.path()).unwrap(), before, "a signature under a wrong edge");
    // Segments that begin from now on have a good one.
    grow(&audit, 20).await;
    age(&log, Duration::from_secs(61));
    let bytes: u64 = segment::list(log.path())
        .unwrap()
        .into_iter()
        .map(|first| {
            let path = segment::path_of(log.path(), first, segment::Suffix::Entries);
            fs::metadata(path).unwrap().len()
        })
        .sum();
    assert!(bytes <= 5_000, "{bytes} bytes are left");
    assert_eq!(verdict(log.path()).exit_code(), 0);
}
