//! Every kind of tampering is found, placed and named; a second verifier in another language
//! agrees each time.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use super::*;
use crate::audit::note;
use crate::audit::tests::support::{Fixture, SoftKey, write};

/// Three segments and more, closed in order, with a checkpoint after every `every`-th entry. To
/// ask for one after each entry, granted or not, sees to it that the audit thread has rotated.
async fn log(every: u64) -> Fixture {
    let log = Fixture::new(2_000);
    let audit = log.open();
    let key = SoftKey::new(7);
    audit.attach_signer(key.signer()).unwrap();
    for i in 0..20 {
        write(&audit, &format!("secret/data/app-{i}")).await;
        key.away.store(i % every != 0, Ordering::SeqCst);
        assert_eq!(audit.checkpoint().await.is_ok(), i % every == 0);
    }
    key.away.store(false, Ordering::SeqCst);
    audit.close().await;
    log
}

fn check(dir: &Path) -> Verdict {
    verify(dir, None, None, &mut |_| ()).unwrap()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let firsts = segment::list(dir).unwrap();
    firsts.into_iter().map(|first| path_of(dir, first, Suffix::Entries)).collect()
}

fn edit(path: &Path, f: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    f(&mut lines);
    fs::write(path, lines.concat()).unwrap();
}

fn second_opinion(dir: &Path) -> i32 {
    second_opinion_of(&[dir.as_os_str()])
}

fn second_opinion_of(args: &[&OsStr]) -> i32 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_audit.py");
    let output = Command::new("python3").arg(script).args(args).output().unwrap();
    let code = output.status.code().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    code
}

/// What is done to the log, and the verdict's first line (`%0` to `%2` stand for the names of the
/// first three segments).
type Case = (&'static str, fn(&Path), &'static str);

const CASES: &[Case] = &[
    (
        "change a byte",
        |dir| edit(&segments(dir)[1], |l| l[2] = l[2].replacen("app-", "apq-", 1)),
        "%1 line 3 (entry @1+2): altered line",
    ),
    (
        "change a byte of the last line of a segment",
        |dir| {
            edit(&segments(dir)[0], |l| {
                let last = l.len() - 1;
                l[last] = l[last].replacen("app-", "apq-", 1);
            });
        },
        "%0 line $0 (entry @1-1): altered line",
    ),
    (
        "change a number",
        |dir| edit(&segments(dir)[1], |l| l[2] = l[2].replacen("\"seq\":", "\"seq\":9", 1)),
        "%1 line 3 (entry @1+2): altered line",
    ),
    (
        "change a predecessor's digest",
        |dir| {
            edit(&segments(dir)[1], |l| {
                l[2] = l[2].replacen("\"prev\":\"", "\"prev\":\"00000000", 1);
                let at = l[2].find("\",\"time").unwrap();
                l[2].replace_range(at - 8..at, "");
            });
        },
        "%1 line 3 (entry @1+2): altered line",
    ),
    (
        "make a line unreadable",
        |dir| edit(&segments(dir)[1], |l| l[2] = "{}\n".into()),
        "%1 line 3 (entry @1+2): altered line",
    ),
    (
        "delete a line",
        |dir| edit(&segments(dir)[1], |l| drop(l.remove(1))),
        "%1 line 2 (entry @1+1): missing entries @1+1 to @1+1",
    ),
    (
        "delete the first line of all",
        |dir| edit(&segments(dir)[0], |l| drop(l.remove(0))),
        "%0 line 1 (entry 0): missing entries 0 to 0",
    ),
    (
        "delete the last line of a segment",
        |dir| edit(&segments(dir)[0], |l| drop(l.pop())),
        "%1 line 1 (entry @1-1): missing entries @1-1 to @1-1",
    ),
    (
        "insert a forged line with the number of the next",
        |dir| {
            edit(&segments(dir)[1], |l| {
                let forged = l[2].replacen("app-", "forged-", 1);
                l.insert(2, forged);
            });
        },
        "%1 line 3 (entry @1+2): inserted line",
    ),
    (
        "insert a forged line with a far number",
        |dir| {
            edit(&segments(dir)[1], |l| {
                let forged = l[2].replacen("\"seq\":", "\"seq\":9", 1);
                l.insert(2, forged);
            });
        },
        "%1 line 3 (entry @1+2): inserted line",
    ),
    (
        "reorder two lines",
        |dir| edit(&segments(dir)[1], |l| l.swap(1, 2)),
        "%1 line 2 (entry @1+1): reordered: the entry expected here stands in %1 line 3",
    ),
    (
        "duplicate a line",
        |dir| {
            edit(&segments(dir)[1], |l| {
                let copy = l[1].clone();
                l.insert(2, copy);
            });
        },
        "%1 line 3 (entry @1+2): duplicate of %1 line 2",
    ),
    (
        "duplicate a line far away",
        |dir| {
            let copy = fs::read_to_string(&segments(dir)[0]).unwrap();
            let copy = copy.split_inclusive('\n').nth(1).unwrap().to_owned();
            edit(&segments(dir)[1], |l| l.insert(2, copy));
        },
        "%1 line 3 (entry @1+2): duplicate of %0 line 2",
    ),
    (
        "swap two segments",
        |dir| {
            let s = segments(dir);
            fs::rename(&s[0], dir.join("x")).unwrap();
            fs::rename(&s[1], &s[0]).unwrap();
            fs::rename(dir.join("x"), &s[1]).unwrap();
        },
        "%0 line 1 (entry 0): segment under a wrong name: its first entry is @1",
    ),
    (
        "delete a segment",
        |dir| fs::remove_file(&segments(dir)[1]).unwrap(),
        "%2 line 1 (entry @1): missing entries @1 to @2-1",
    ),
    (
        "delete the first segment",
        |dir| fs::remove_file(&segments(dir)[0]).unwrap(),
        "%1 line 1 (entry 0): missing entries 0 to @1-1 at the log's beginning",
    ),
    (
        "delete the first segment with all that stands beside it",
        |dir| {
            let first = segments(dir).remove(0);
            for suffix in ["jsonl", "checkpoints", "frontier"] {
                let _absent = fs::remove_file(first.with_extension(suffix));
            }
        },
        "%1 line 1 (entry 0): missing entries 0 to @1-1 at the log's beginning",
    ),
    (
        "put an old copy in the place of a segment",
        |dir| edit(&segments(dir)[1], |l| l.truncate(2)),
        "%2 line 1 (entry @1+2): missing entries @1+2 to @2-1",
    ),
    (
        "put an old copy in the place of the last segment",
        |dir| edit(&segments(dir).pop().unwrap(), |l| l.truncate(1)),
        "%L line 1 (entry @L+1): cut tail: a checkpoint covers 22 entries, the log ends after @L+1",
    ),
    (
        "delete a file of checkpoints",
        |dir| fs::remove_file(segments(dir)[0].with_extension("checkpoints")).unwrap(),
        "%c1 line 1: the checkpoint of ",
    ),
    (
        "empty a file of checkpoints",
        |dir| {
            let files = checkpoint_files(dir);
            fs::write(&files[files.len() - 2], "").unwrap();
        },
        "%cL line 1: the checkpoint of ",
    ),
    (
        "cut the tail in a line",
        |dir| {
            let last = segments(dir).pop().unwrap();
            let len = fs::metadata(&last).unwrap().len();
            fs::File::options().write(true).open(last).unwrap().set_len(len - 5).unwrap();
        },
        "%L line $L-1 (entry 21): cut tail: a checkpoint covers 22 entries, the log ends after 21",
    ),
    (
        "cut the tail at a line",
        |dir| edit(&segments(dir).pop().unwrap(), |l| drop(l.pop())),
        "%L line $L-1 (entry 21): cut tail: a checkpoint covers 22 entries, the log ends after 21",
    ),
    (
        "change the last line of all",
        |dir| {
            edit(&segments(dir).pop().unwrap(), |l| {
                let last = l.last_mut().unwrap();
                *last = last.replacen("closed", "opened", 1);
            });
        },
        "%L line $L (entry 21): root mismatch",
    ),
    (
        "rewrite a line and the chain after it",
        |dir| {
            let mut head = Head { seq: 0, prev: GENESIS };
            for path in segments(dir) {
                edit(&path, |lines| {
                    for line in lines {
                        let at = line.find("\"prev\":\"").unwrap() + 8;
                        line.replace_range(at..at + 64, &hex::encode(head.prev));
                        if head.seq == 1 {
                            *line = line.replacen("app-", "apq-", 1);
                        }
                        let prev = line_hash(line.trim_end().as_bytes());
                        head = Head { seq: head.seq + 1, prev };
                    }
                });
            }
        },
        "%0 line 2 (entry 1): root mismatch",
    ),
    (
        "change a checkpoint's text",
        |dir| {
            edit(&segments(dir)[0].with_extension("checkpoints"), |l| {
                l[1] = "1\n".into();
            });
        },
        "%0c line 1: bad checkpoint signature",
    ),
    (
        "change a checkpoint's signature",
        |dir| {
            edit(&segments(dir)[0].with_extension("checkpoints"), |l| {
                let at = l[9].len() - 12;
                let other = if l[9].as_bytes()[at] == b'A' { "B" } else { "A" };
                l[9].replace_range(at..=at, other);
            });
        },
        "%0c line 1: bad checkpoint signature",
    ),
    (
        "forge a checkpoint with another key",
        |dir| {
            let path = segments(dir)[0].with_extension("checkpoints");
            let key = SoftKey::new(8);
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split_inclusive("\n\n").next().unwrap().trim_end();
            let text = format!("{text}\n");
            let signature = key.sign_now(text.as_bytes());
            let name = "strongroom.audit/c0ffee";
            let forged = note::signed(&text, name, &key.public_point(), &signature);
            fs::write(path, forged).unwrap();
        },
        "%0c line 1: checkpoint not signed by a trusted key",
    ),
];

fn checkpoint_files(dir: &Path) -> Vec<PathBuf> {
    let firsts = segment::list_suffix(dir, Suffix::Checkpoints).unwrap();
    firsts.into_iter().map(|first| path_of(dir, first, Suffix::Checkpoints)).collect()
}

/// Puts the names and numbers of this log into an expectation.
fn filled(template: &str, dir: &Path) -> String {
    let paths = segments(dir);
    let count = |p: &Path| fs::read_to_string(p).unwrap().lines().count();
    let first = |p: &Path| p.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let last = paths.last().unwrap();
    let (f1, f2) = (first(&paths[1]), first(&paths[2]));
    let notes = checkpoint_files(dir);
    let replacements = [
        ("%c1", file_name(&notes[1])),
        ("%cL", file_name(notes.last().unwrap())),
        ("@L+1", (first(last) + 1).to_string()),
        ("%0c", file_name(&paths[0].with_extension("checkpoints"))),
        ("%0", file_name(&paths[0])),
        ("%1", file_name(&paths[1])),
        ("%2", file_name(&paths[2])),
        ("%L", file_name(last)),
        ("$0", count(&paths[0]).to_string()),
        ("$L-1", (count(last) - 1).to_string()),
        ("$L", count(last).to_string()),
        ("@1+1", (f1 + 1).to_string()),
        ("@1+2", (f1 + 2).to_string()),
        ("@1-1", (f1 - 1).to_string()),
        ("@2-1", (f2 - 1).to_string()),
        ("@1", f1.to_string()),
    ];
    replacements.iter().fold(template.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

/// Does it all to a log and compares verdicts, with the second verifier's if `twice`.
fn tamper(log: &Fixture, twice: bool) {
    assert_eq!(check(log.path()).exit_code(), 0);
    for (name, harm, expected) in CASES {
        let dir = copied(log.path());
        let expected = filled(expected, log.path());
        harm(dir.path());
        let verdict = check(dir.path());
        let first = verdict.to_string();
        let first = first.lines().next().unwrap();
        assert_eq!(verdict.exit_code(), 1, "{name}: {first}");
        assert!(first.starts_with(&format!("TAMPERED: {expected}")), "{name}: {first}\n{expected}");
        assert!(!twice || second_opinion(dir.path()) == 1, "{name}");
    }
}

#[tokio::test]
async fn every_kind_of_tampering_is_found_placed_and_named() {
    let log = log(8).await;
    assert_eq!(second_opinion(log.path()), 0);
    tamper(&log, true);
}

#[test]
fn a_log_of_the_first_version_still_verifies() {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/audit-log"));
    let verdict = check(dir);
    assert_eq!(verdict.exit_code(), 0, "{verdict}");
    assert_eq!(second_opinion(dir), 0);
}

#[tokio::test]
async fn a_checkpoint_after_every_entry_changes_no_name() {
    tamper(&log(1).await, false);
}

#[tokio::test]
async fn no_single_changed_byte_goes_unnoticed() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    write(&audit, "secret/data/app").await;
    audit.close().await;
    let path = segments(log.path()).remove(0);
    for path in [path.with_extension("checkpoints"), path] {
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_ne!(check(log.path()).exit_code(), 0, "{} byte {at}", path.display());
        }
        fs::write(&path, &good).unwrap();
    }
}

/// What no signature covers can't be proved to have been there: said, and not called tampering.
#[tokio::test]
async fn a_tail_cut_beyond_the_last_checkpoint_is_unproven_before_and_after() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    audit.checkpoint().await.unwrap();
    audit.detach().await;
    for i in 0..3 {
        write(&audit, &format!("secret/data/{i}")).await;
    }
    drop(audit);
    let segment = segments(log.path()).remove(0);
    let lines: Vec<String> =
        fs::read_to_string(&segment).unwrap().split_inclusive('\n').map(str::to_owned).collect();
    let cut = |text: String| {
        fs::write(&segment, text).unwrap();
        let verdict = check(log.path());
        assert_eq!(second_opinion(log.path()), i32::from(verdict.exit_code()), "{verdict}");
        (verdict.exit_code(), verdict.to_string())
    };
    let (code, text) = cut(lines.concat());
    assert_eq!(code, 2);
    assert!(text.starts_with("tail unproven: 1 of 4 entries"), "{text}");
    let stretch = "unproven: entries 1 to 3, of 2026-11-22T08:11:51.365462Z to 2026-";
    assert!(text.contains(stretch), "{text}");
    assert_eq!(cut(lines[..3].concat()).0, 2);
    let torn = format!("{}{}", lines[..3].concat(), &lines[3][..40]);
    let (code, text) = cut(torn);
    assert_eq!(code, 2);
    assert!(text.contains("part of a line"), "{text}");
    // Cut to what the checkpoint covers it is an older copy of a whole log.
    let (code, text) = cut(lines[..1].concat());
    assert_eq!(code, 0);
    assert!(text.contains("no anchor was given: an older copy"), "{text}");
    assert_eq!(cut(lines[0][..40].to_owned()).0, 1);
}

#[tokio::test]
async fn without_checkpoints_nothing_is_proven() {
    let log = log(8).await;
    for path in segments(log.path()) {
        let _absent = fs::remove_file(path.with_extension("checkpoints"));
    }
    let verdict = check(log.path());
    assert_eq!((verdict.exit_code(), verdict.summary().proven), (2, 0));
    assert_eq!(second_opinion(log.path()), 2);
}

#[tokio::test]
async fn an_old_copy_passes_alone_and_fails_against_an_anchor() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    let key = SoftKey::new(7);
    audit.attach_signer(key.signer()).unwrap();
    audit.checkpoint().await.unwrap();
    let old = copied(log.path());
    write(&audit, "a").await;
    audit.checkpoint().await.unwrap();
    drop(audit);
    let notes = fs::read_to_string(log.path().join("00000000000000000000.checkpoints")).unwrap();
    let at = notes.rfind("strongroom.audit/c0ffee\n2\n").unwrap();
    let anchor = Anchor::new(notes[at..].to_owned());
    let against = |dir: &Path| verify(dir, None, Some(&anchor), &mut |_| ()).unwrap();
    let kept = tempfile::NamedTempFile::new().unwrap();
    fs::write(kept.path(), &notes[at..]).unwrap();
    let opinion = |dir: &Path| {
        second_opinion_of(&[dir.as_os_str(), "--anchor".as_ref(), kept.path().as_os_str()])
    };
    assert_eq!((opinion(old.path()), opinion(log.path())), (1, 0));
    assert_eq!(check(old.path()).exit_code(), 0);
    assert!(check(old.path()).to_string().contains("no anchor"));
    let verdict = against(old.path());
    assert_eq!(verdict.exit_code(), 1);
    assert!(verdict.to_string().contains("the anchor covers 2 entries"), "{verdict}");
    let verdict = against(log.path());
    assert_eq!(verdict.exit_code(), 0);
    assert!(verdict.summary().anchored);
    let forged = Anchor::new(notes[at..].replacen("\n2\n", "\n1\n", 1));
    let error = verify(log.path(), None, Some(&forged), &mut |_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    fs::write(kept.path(), notes[at..].replacen("\n2\n", "\n1\n", 1)).unwrap();
    assert_eq!(opinion(log.path()), 3);
}

#[tokio::test]
async fn what_can_not_be_judged_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    let result = verify(empty.path(), None, None, &mut |_| ());
    assert!(matches!(result, Err(VerifyError::Empty(_))));
    assert_eq!(second_opinion(empty.path()), 3);
    let result = verify(&empty.path().join("absent"), None, None, &mut |_| ());
    assert!(matches!(result, Err(VerifyError::Io { .. })));
    let log = log(8).await;
    fs::remove_file(log.path().join("audit.pub")).unwrap();
    let result = verify(log.path(), None, None, &mut |_| ());
    assert!(matches!(result, Err(VerifyError::NoKey(_))));
    assert_eq!(second_opinion(log.path()), 3);
    let stranger = PublicKeys::new(vec![SoftKey::new(8).public_point()]);
    let verdict = verify(log.path(), Some(stranger), None, &mut |_| ()).unwrap();
    assert!(verdict.to_string().contains("not signed by a trusted key"), "{verdict}");
}
