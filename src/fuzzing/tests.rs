//! Replays the seeds of `fuzz/seeds`, and what little is changed in them, through their targets.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("targets")), known);
    assert_eq!(names(&folder("seeds")), known);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &known {
        assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{name} is no [[bin]]");
    }
}

#[test]
fn what_the_seeds_hold_keeps_every_property() {
    for (name, target) in TARGETS {
        let mut seeds = 0;
        for entry in fs::read_dir(folder("seeds").join(name)).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            seeds += 1;
            target(&seed);
            for step in 0..16 {
                let at = seed.len() * step / 16;
                target(&seed[..at]);
                let mut twin = seed.clone();
                if let Some(byte) = twin.get_mut(at) {
                    *byte ^= 1 << (step % 8);
                }
                target(&twin);
            }
        }
        assert!(seeds >= 2, "{name} has {seeds} seeds");
    }
}
