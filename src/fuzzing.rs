//! Doors to the parsers, for fuzz targets (`fuzz/`) and for the replay of their seeds in
//! `cargo test`; no release has them. Each target is a function of bytes that panics when a
//! property does not hold. It stands in a file `fuzzing.rs` beside what it looks at.

mod plan;

pub(crate) use plan::Plan;

/// Panics when the bytes show a fault.
pub type Target = fn(&[u8]);

/// All targets by name; `fuzz/targets` has a program for each, `fuzz/seeds` a directory.
pub const TARGETS: &[(&str, Target)] = &[
    ("audit_line", crate::audit::fuzzing::line),
    ("audit_log", crate::audit::fuzzing::log),
    ("audit_note", crate::audit::fuzzing::note),
    ("body", crate::wire::fuzzing::body),
    ("cli_input", crate::cli::fuzzing::input),
    ("config", crate::config::fuzzing::file),
    ("duration", crate::config::fuzzing::duration),
    ("headers", crate::http::fuzzing::headers),
    ("json", crate::json::fuzzing::text),
    ("keys", crate::keyring::fuzzing::keys),
    ("kv", crate::engines::kv::fuzzing::life),
    ("lease", crate::jwt::fuzzing::lease),
    ("merge_patch", crate::engines::kv::fuzzing::merge),
    ("password_policy", crate::passwords::fuzzing::policy),
    ("path", crate::mounts::fuzzing::path),
    ("policy", crate::access::fuzzing::policy),
    ("record", crate::keyring::fuzzing::record),
    ("segment", crate::store::embedded::fuzzing::segment),
    ("snapshot", crate::store::embedded::fuzzing::snapshot),
];

/// Runs one target.
///
/// # Panics
/// When a property does not hold, and for a name that is not in [`TARGETS`].
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("no fuzz target {name:?}"));
    target(data);
}

#[cfg(test)]
mod tests;
