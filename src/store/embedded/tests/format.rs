//! The journal's format: a golden frame, and parsers that survive anything.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::super::{Commit, CommitId, Delete};
use super::super::OpenError;
use super::super::disk::{Directory, Disk};
use super::super::frame::{self, Header, Place};
use super::super::marker::Marker;
use super::super::overlay::PrefixSet;
use super::super::segment::Segment;
use crate::clock::Timestamp;

const PLACE: Place = Place { segment: 1, offset: 4096 };
const HEADER: Header = Header { seq: 7, synced: 6, time: Timestamp(8), previous: [9; 32] };

/// Version 1 of the frame, for ever: a change of these bytes is another version.
const GOLDEN: &str = "\
53524a012a000000eaa3d4eb00000000070000000000000006000000000000000800000000000000\
0909090909090909090909090909090909090909090909090909090909090909\
050505050505050505050505050505050100010001000000\
01000000020000006b0102\
0101000000706e000000000000";

fn golden_commit() -> Commit {
    Commit {
        id: CommitId([5; 16]),
        guards: vec![],
        puts: vec![(Bytes::from_static(b"k"), Bytes::from_static(&[1, 2]))],
        deletes: vec![Delete::Closed(Bytes::from_static(b"p"))],
        note: Bytes::from_static(b"n"),
        urgent: false,
    }
}

#[test]
fn the_frame_of_version_1_has_these_bytes() {
    let mut out = Vec::new();
    frame::encode(&HEADER, &golden_commit(), PLACE, &mut out);
    assert_eq!(out.len(), frame::encoded_len(&golden_commit()));
    assert_eq!(hex::encode(&out), GOLDEN);
}

#[test]
fn a_segment_header_reads_back_as_written() {
    let segment = Segment { first_seq: 42, previous: [3; 32] };
    assert_eq!(segment.name(), "00000000000000000042.journal");
    assert!(Segment::is_name(&segment.name()));
    assert!(!Segment::is_name("00000000000000000042.journal.tmp"));
    assert_eq!(segment.encode().len() as u64, super::super::segment::HEADER_BYTES);
}

/// Found by fuzzing: the arithmetic of seqs overflowed, though every sum held.
#[test]
fn seqs_that_no_store_reaches_are_damage_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Directory::open(dir.path()).unwrap();
    for first_seq in [0, u64::MAX, u64::MAX / 2 + 1] {
        let segment = Segment { first_seq, previous: [0; 32] };
        std::fs::write(dir.path().join(segment.name()), segment.encode()).unwrap();
        let read = Segment::read(&*disk.open(&segment.name()).unwrap(), &segment.name());
        assert!(matches!(read, Err(OpenError::Damaged(_))), "{read:?}");
    }
    for synced in [u64::MAX, 1] {
        let segment = Segment { first_seq: 1, previous: [0; 32] };
        let mut bytes = segment.encode();
        let header = Header { seq: 1, synced, time: Timestamp(8), previous: [0; 32] };
        frame::encode(&header, &golden_commit(), PLACE, &mut bytes);
        std::fs::write(dir.path().join(segment.name()), bytes).unwrap();
        let file = disk.open(&segment.name()).unwrap();
        let scanned = super::super::segment::scan(&*file, &segment, |_, _| Ok(()));
        assert!(matches!(scanned, Err(OpenError::Damaged(_))), "{scanned:?}");
    }
}

#[test]
fn a_marker_that_is_not_understood_asks_for_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let disk = super::super::disk::Directory::open(dir.path()).unwrap();
    assert_eq!(Marker::read(&disk).unwrap(), None);
    for marker in [Marker::Open("boot".into()), Marker::Clean, Marker::Rebuild] {
        marker.write(&disk).unwrap();
        assert_eq!(Marker::read(&disk).unwrap(), Some(marker));
    }
    let unknown: [&[u8]; 5] = [
        b"",
        b"\xff\xfe",
        b"strongroom-index 2\nclean\n",
        b"clean",
        b"strongroom-index 1\nopen \n",
    ];
    for bytes in unknown {
        std::fs::write(dir.path().join("marker"), bytes).unwrap();
        assert_eq!(Marker::read(&disk).unwrap(), Some(Marker::Rebuild));
    }
}

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn any_commit() -> impl Strategy<Value = Commit> {
    let delete = prop_oneof![bytes(20).prop_map(Delete::Key), bytes(20).prop_map(Delete::Closed)];
    let puts = proptest::collection::vec((bytes(20), bytes(200)), 0..5);
    (any::<[u8; 16]>(), puts, proptest::collection::vec(delete, 0..5), bytes(50)).prop_map(
        |(id, puts, deletes, note)| Commit {
            id: CommitId(id),
            guards: vec![],
            puts,
            deletes,
            note,
            urgent: false,
        },
    )
}

proptest! {
    #[test]
    fn a_frame_reads_back_as_written(commit in any_commit()) {
        let mut out = Vec::new();
        let hash = frame::encode(&HEADER, &commit, PLACE, &mut out);
        prop_assert_eq!(out.len(), frame::encoded_len(&commit));
        let frame = frame::parse(&out, PLACE).unwrap();
        prop_assert_eq!(frame.header, HEADER);
        prop_assert_eq!(frame.hash(), hash);
        prop_assert_eq!(frame.id(), commit.id);
        let outline = frame.outline().unwrap();
        for ((key, offset, len), (k, v)) in outline.puts.iter().zip(&commit.puts) {
            prop_assert_eq!(&key[..], &k[..]);
            prop_assert_eq!(&frame.bytes[*offset..offset + len], &v[..]);
        }
        prop_assert_eq!(frame.commit().unwrap(), commit);
    }

    #[test]
    fn a_changed_cut_or_moved_frame_is_none(commit in any_commit(), at: prop::sample::Index, bit in 0..8) {
        let mut out = Vec::new();
        frame::encode(&HEADER, &commit, PLACE, &mut out);
        let len = frame::claimed_len(&out).unwrap();
        prop_assert!(frame::parse(&out[..at.index(len)], PLACE).is_none());
        let elsewhere = [Place { offset: 8192, ..PLACE }, Place { segment: 2, ..PLACE }];
        prop_assert!(elsewhere.iter().all(|place| frame::parse(&out, *place).is_none()));
        out[at.index(len)] ^= 1_u8 << bit;
        prop_assert!(frame::parse(&out, PLACE).is_none());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(frame::parse(&body, PLACE).is_none());
        // With a checksum that holds, so that the body's parser is reached.
        if let Some(forged) = frame::forge(&HEADER, &body, PLACE) {
            let frame = frame::parse(&forged, PLACE).unwrap();
            prop_assert!(frame.commit().is_none() || frame.outline().is_some());
        }
    }

    #[test]
    fn a_prefix_set_covers_what_one_of_its_prefixes_begins(
        prefixes in proptest::collection::vec(proptest::collection::vec(0..3_u8, 1..4), 0..8),
        key in proptest::collection::vec(0..3_u8, 0..6),
    ) {
        let mut set = PrefixSet::default();
        for prefix in &prefixes {
            set.insert(Bytes::from(prefix.clone()));
        }
        let expected = prefixes.iter().any(|prefix| key.starts_with(prefix));
        prop_assert_eq!(set.covers(&key), expected);
    }
}
