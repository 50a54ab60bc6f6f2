//! Every limit has a number, and it stands here.

use std::time::Duration;

/// Guards in one commit; the port's limit, the same on every store engine.
pub const COMMIT_GUARDS_MAX: usize = 100;
/// Puts and deletes together in one commit.
pub const COMMIT_WRITES_MAX: usize = 100;
/// Keys, values and note of one commit together, bytes.
pub const COMMIT_BYTES_MAX: usize = 1 << 20;
/// Keys of one `get`.
pub const GET_KEYS_MAX: usize = 128;
/// Entries of one `scan` page.
pub const SCAN_PAGE_MAX: usize = 1_000;
/// Plaintext of one secret version, bytes of JSON.
pub const SECRET_BYTES_MAX: usize = 512 << 10;

/// Canonical request path, bytes.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Segments of a path.
pub const PATH_SEGMENTS_MAX: usize = 32;
/// One segment of a path, bytes.
pub const SEGMENT_BYTES_MAX: usize = 512;
/// Children of one directory.
pub const DIRECTORY_CHILDREN_MAX: usize = 100_000;

/// Request body, bytes (a secret of 512 KiB with JSON escapes and envelope).
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// Nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 64;
/// Keys and strings in one JSON body.
pub const JSON_STRINGS_MAX: usize = 10_000;
/// A presented lease, bytes.
pub const LEASE_BYTES_MAX: usize = 8 << 10;
/// Policies attached to one lease or role.
pub const POLICIES_MAX: usize = 64;
/// One policy document, bytes.
pub const POLICY_BYTES_MAX: usize = 128 << 10;
/// A name of a policy, role, mount or user, bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Ancestors that a lease carries; deeper lineage is refused.
pub const LEASE_ANCESTORS_MAX: usize = 8;
/// Metadata pairs of a lease or secret.
pub const METADATA_PAIRS_MAX: usize = 64;
/// Key of a metadata pair, bytes.
pub const METADATA_KEY_BYTES_MAX: usize = 128;
/// Value of a metadata pair, bytes.
pub const METADATA_VALUE_BYTES_MAX: usize = 512;

/// Versions that a secret keeps when nothing else is configured.
pub const KV_VERSIONS_DEFAULT: u32 = 10;
/// Versions that a secret may be configured to keep (its head stays within a commit).
pub const KV_VERSIONS_MAX: u32 = 1_000;

/// Life of a lease when neither role nor mount says otherwise.
pub const LEASE_TTL_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// Renewable up to this when neither role nor mount says otherwise.
pub const LEASE_TTL_MAX_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// No arithmetic leads past this.
pub const LEASE_HARD_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One audit entry, bytes.
pub const AUDIT_ENTRY_BYTES_MAX: usize = 16 << 10;
