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
/// Events a tail holds for its reader; one that falls further behind gets `Resync`.
pub const TAIL_EVENTS_MAX: usize = 1_024;
/// Recent events kept for tails that start from an older revision.
pub const TAIL_KEPT_EVENTS_MAX: usize = 1_024;
/// Keys and notes of those events together, bytes.
pub const TAIL_KEPT_BYTES_MAX: usize = 1 << 20;
/// Changes from before a start that readers can still have, until the first change after it.
pub const TAIL_PAST_EVENTS_MAX: usize = 10_000;
/// Their size, bytes.
pub const TAIL_PAST_BYTES_MAX: usize = 8 << 20;
/// Commits that wait for the embedded store's commit thread; one more is told to retry.
pub const COMMIT_QUEUE_MAX: usize = 1_024;
/// Commits that share one sync.
pub const COMMIT_GROUP_MAX: usize = 256;
/// Bytes of commits that share one sync (a single larger commit still goes, alone).
pub const COMMIT_GROUP_BYTES_MAX: usize = 2 << 20;
/// Most recent commits whose retry is answered with the first outcome.
pub const COMMIT_IDS_KEPT: usize = 10_000;
/// Reads of the embedded store that may touch its disk at the same time.
pub const DISK_READS_MAX: usize = 4;
/// Room that the embedded store's journal sets aside for commits that take access away, bytes.
pub const JOURNAL_RESERVE_BYTES: u64 = 8 << 20;
/// Room that is given to the store's index when it is opened on a full disk, bytes.
pub const INDEX_RESERVE_BYTES: u64 = 8 << 20;
/// How often room that was used up is looked for again.
pub const RESERVE_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Room that the open audit segment keeps for entries about access taken away, bytes.
pub const AUDIT_RESERVE_BYTES: u64 = 1 << 20;
/// Room that it gets ahead of what is written to it, bytes.
pub const AUDIT_AHEAD_BYTES: u64 = 256 << 10;
/// How often the audit log is told what the listener turned away, where there is something to tell.
pub const SHED_ENTRY_INTERVAL: Duration = Duration::from_secs(1);
/// Plaintext of one secret version, bytes of JSON.
pub const SECRET_BYTES_MAX: usize = 512 << 10;

/// Tries of a commit whose outcome is unknown, all with the same id.
pub const COMMIT_TRIES_MAX: u32 = 5;
/// Wait before the second of those tries; it doubles for each further one.
pub const COMMIT_RETRY_DELAY: Duration = Duration::from_millis(20);
/// Wait before the store's tail is opened again after it broke.
pub const TAIL_RETRY_DELAY: Duration = Duration::from_millis(200);
/// Changes that a follower inside this process may fall behind before it must reload.
pub const CHANGES_QUEUE_MAX: usize = 1_024;
/// Own commits whose echo in the tail is awaited; more than that are treated as others'.
pub const COMMIT_ECHOES_MAX: usize = 10_000;

/// Canonical request path, bytes.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Segments of a path.
pub const PATH_SEGMENTS_MAX: usize = 32;
/// Of a mount's path, so that there is room for what lies below it.
pub const MOUNT_SEGMENTS_MAX: usize = 16;
/// One segment of a path, bytes.
pub const SEGMENT_BYTES_MAX: usize = 512;
/// Children of one directory.
pub const DIRECTORY_CHILDREN_MAX: usize = 100_000;

/// Request body, bytes (a secret of 512 KiB with JSON escapes and envelope).
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// The same for requests without a good lease: logins are small, and everybody may send them.
pub const PUBLIC_BODY_BYTES_MAX: usize = 64 << 10;
/// Bodies of requests under way together, bytes: what anybody may send …
pub const BODIES_BYTES_MAX: usize = 32 << 20;
/// … and what those with a lease may send beside that, when it is used up.
pub const LEASED_BODIES_BYTES_MAX: usize = 96 << 20;
/// Fields of a form or a query string.
pub const FORM_FIELDS_MAX: usize = 1_000;
/// Nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 64;
/// Keys and strings in one JSON body.
pub const JSON_STRINGS_MAX: usize = 10_000;
/// Values of every kind in one JSON text (bounds the memory of its tree; any secret within
/// `SECRET_BYTES_MAX` has fewer).
pub const JSON_VALUES_MAX: usize = 300_000;
/// A presented lease, bytes.
pub const LEASE_BYTES_MAX: usize = 8 << 10;
/// Policies attached to one lease or role.
pub const POLICIES_MAX: usize = 64;
/// One policy document, bytes.
pub const POLICY_BYTES_MAX: usize = 128 << 10;
/// One document with the rules of generated passwords, bytes (so its alphabet has fewer characters).
pub const PASSWORD_POLICY_BYTES_MAX: usize = 16 << 10;
/// Rules in it.
pub const PASSWORD_RULES_MAX: usize = 32;
/// Characters of a generated password.
pub const PASSWORD_GENERATED_MIN: usize = 4;
pub const PASSWORD_GENERATED_MAX: usize = 100;
/// Passwords that are generated, and rules that are tried out, at the same time.
pub const PASSWORD_GENERATORS_MAX: usize = 4;
/// Candidates that are drawn for one password that fits its rules …
pub const PASSWORD_CANDIDATES_MAX: usize = 100_000;
/// … of which so many must fit before such rules are accepted: then one that fits is always found.
pub const PASSWORD_FITS_MIN: usize = 20;
/// A name of a policy, role, mount or user, bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// A user's name in its canonical form, bytes.
pub const USER_NAME_BYTES_MAX: usize = 128;
/// A password, bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Memory of one password hash (Argon2id), KiB.
pub const PASSWORD_HASH_MEMORY_KIB: u32 = 19 * 1_024;
/// Passes of one password hash over its memory.
pub const PASSWORD_HASH_PASSES: u32 = 2;
/// Passwords hashed at the same time: half the processors, at least one, at most this.
pub const PASSWORD_HASHES_MAX: usize = 8;
/// Logins by password that are under way or wait for their turn; more are told to retry.
pub const PASSWORD_LOGINS_MAX: usize = 128;
/// The same for one name; they are taken one after the other.
pub const PASSWORD_LOGINS_PER_NAME_MAX: usize = 32;
/// Wrong passwords that lock a name out.
pub const LOCKOUT_THRESHOLD: u32 = 5;
/// How long a name stays locked out.
pub const LOCKOUT_DURATION: Duration = Duration::from_secs(15 * 60);
/// A lock, or the memory of a count, that a mount may be set to.
pub const LOCKOUT_DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// After so long without a wrong password, counting begins anew.
pub const LOCKOUT_COUNTER_RESET: Duration = Duration::from_secs(15 * 60);
/// Records of wrong passwords in one mount.
pub const LOCKOUT_SLOTS: u32 = 1_024;
/// Names counted in one such record.
pub const LOCKOUT_COUNTS_MAX: usize = 16;
/// Options of a mount.
pub const MOUNT_OPTIONS_MAX: usize = 16;
/// Items of one list among a mount's settings.
pub const MOUNT_LIST_MAX: usize = 32;
/// Name or value of an option, and an item of such a list, bytes.
pub const MOUNT_TEXT_BYTES_MAX: usize = 128;
/// Moves of mounts that are remembered.
pub const MOVES_KEPT: usize = 32;
/// Names that one recursive listing answers; more are asked for with `limit` and `after`.
pub const SCAN_NAMES_MAX: usize = 100_000;
/// Ancestors that a lease carries; deeper lineage is refused.
pub const LEASE_ANCESTORS_MAX: usize = 8;
/// Metadata pairs of a lease or secret.
pub const METADATA_PAIRS_MAX: usize = 64;
/// Key of a metadata pair, bytes.
pub const METADATA_KEY_BYTES_MAX: usize = 128;
/// Value of a metadata pair, bytes.
pub const METADATA_VALUE_BYTES_MAX: usize = 512;

/// Aliases of one entity, each at a mount of its own.
pub const ENTITY_ALIASES_MAX: usize = 16;
/// Entities merged into one (deleting it removes what is left of them, in the same commit).
pub const ENTITY_MERGED_MAX: usize = 16;
/// Entities named in one batch deletion or merge.
pub const ENTITY_BATCH_MAX: usize = 1_000;
/// Groups; all of them are resident.
pub const GROUPS_MAX: usize = 10_000;
/// Entities that one group lists.
pub const GROUP_ENTITIES_MAX: usize = 10_000;
/// Groups that one group lists.
pub const GROUP_GROUPS_MAX: usize = 1_000;

/// Versions that a secret keeps when nothing else is configured.
pub const KV_VERSIONS_DEFAULT: u32 = 10;
/// Versions that a secret may be configured to keep (its head stays within a commit).
pub const KV_VERSIONS_MAX: u32 = 1_000;
/// Deletions, undeletions and the like that a head remembers of one version; older ones give way.
pub const KV_VERSION_EVENTS_MAX: usize = 16;
/// Version numbers named in one delete, undelete or destroy, and version records that one change
/// removes: what a commit holds beside head, names and guards.
pub const KV_VERSIONS_CHANGED_MAX: usize = 90;

/// Everything in the cubbyhole of one lease, names included, bytes.
pub const CUBBYHOLE_BYTES_MAX: usize = 512 << 10;
/// Entries in the cubbyhole of one lease.
pub const CUBBYHOLE_ENTRIES_MAX: usize = 1_000;
/// An answer that can be wrapped, bytes (a secret of the largest size, with room; sealed and padded
/// it fits a commit).
pub const WRAPPED_ANSWER_BYTES_MAX: usize = 768 << 10;
/// The shortest life of a wrapping token.
pub const WRAP_TTL_MIN: Duration = Duration::from_secs(1);
/// The longest life of a wrapping token: 32 days, the longest that leases of Vault live by default.
pub const WRAP_TTL_MAX: Duration = Duration::from_secs(32 * 24 * 60 * 60);

/// Life of a lease when neither role nor mount says otherwise.
pub const LEASE_TTL_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// Renewable up to this when neither role nor mount says otherwise.
pub const LEASE_TTL_MAX_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// No arithmetic leads past this.
pub const LEASE_HARD_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Names that one LIST of leases or accessors answers.
pub const LEASES_LISTED_MAX: usize = 100_000;
/// Rows of leases that one LIST looks at.
pub const LEASES_SCANNED_MAX: usize = 1_000_000;

/// One audit entry, bytes.
pub const AUDIT_ENTRY_BYTES_MAX: usize = 16 << 10;

/// Open client connections, where nothing else is configured.
pub const CONNECTIONS_DEFAULT: u32 = 8_192;
/// The same from one client address (of IPv6 one /64).
pub const CONNECTIONS_PER_ADDRESS_DEFAULT: u32 = 1_024;
/// Connections that may be configured.
pub const CONNECTIONS_MAX: u32 = 65_536;
/// Connections of the admin socket; more wait.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// Connections past the limit that are told so at the same time; more are closed without a word.
pub const REFUSED_CONNECTIONS_MAX: usize = 64;
/// Time and bytes for telling one of them.
pub const REFUSAL_DEADLINE: Duration = Duration::from_secs(1);
pub const REFUSAL_READ_MAX: usize = 64 << 10;
/// Requests that are worked on at the same time, where nothing else is configured; one more is told
/// to come again.
pub const REQUESTS_DEFAULT: u32 = 1_024;
/// Requests at the same time that may be configured.
pub const REQUESTS_MAX: u32 = 65_536;
/// From a connection to the end of its TLS handshake.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// From the first byte of a request to the end of its headers.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// From the end of the headers to the end of the body.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// For each `WRITE_STEP` of an answer that the client does not take.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(30);
pub const WRITE_STEP: usize = 64 << 10;
/// A connection without a request (keep-alive).
pub const IDLE_DEADLINE: Duration = Duration::from_secs(60);
/// Each of these deadlines may be configured up to this.
pub const DEADLINE_MAX: Duration = Duration::from_secs(60 * 60);
/// At stop, for a connection without a request to take its goodbye.
pub const GOODBYE: Duration = Duration::from_millis(200);
/// Between two log lines about connections that can't be accepted.
pub const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(10);
/// How often files of certificates are looked at.
pub const TLS_WATCH_INTERVAL: Duration = Duration::from_secs(5);
/// A file of certificates or with a key, bytes.
pub const PEM_BYTES_MAX: u64 = 4 << 20;
/// Certificates in the listener's chain.
pub const CERTIFICATE_CHAIN_MAX: usize = 10;
/// The log warns of a certificate that ends within this …
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// … and health of one that ends within this.
pub const CERTIFICATE_DEGRADED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Between two log lines about a certificate that ends soon.
pub const CERTIFICATE_LOG_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// File descriptors beside those of connections: store, audit log, HSM's module.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// Header lines of one request.
pub const HEADERS_MAX: usize = 64;
/// Header bytes of one request (a lease of 8 KiB twice over, with room).
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// How often a node that lags behind a client's index looks again.
pub const INDEX_WAIT_STEP: Duration = Duration::from_millis(20);
/// Steps before the node says that it lags behind.
pub const INDEX_WAIT_STEPS: u32 = 100;
/// What a stopping server grants to requests under way.
pub const DRAIN: Duration = Duration::from_secs(10);
/// A configuration file, bytes.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Name of the cluster, bytes (it goes into every lease).
pub const CLUSTER_NAME_BYTES_MAX: usize = 64;
/// Label of a token: PKCS#11 v2.40, CK_TOKEN_INFO pads it to 32 bytes.
pub const TOKEN_LABEL_BYTES_MAX: usize = 32;
/// `sun_path` of a Unix socket on Linux, without its closing NUL, bytes.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// The longest that warm data keys may serve while the HSM is away.
pub const HSM_OFFLINE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The command line waits this long for a connection.
pub const CLIENT_CONNECT_MAX: Duration = Duration::from_secs(5);
/// The command line waits this long for a whole answer.
pub const CLIENT_CALL_MAX: Duration = Duration::from_secs(60);
/// Completion in a shell waits this long for each answer.
pub const CLIENT_COMPLETION_MAX: Duration = Duration::from_millis(700);
/// An answer that the command line reads, bytes (a LIST of a full directory).
pub const CLIENT_ANSWER_BYTES_MAX: usize = 64 << 20;
/// Threads of the HSM, each with a session of its own; half sign, half unwrap.
pub const HSM_WORKERS_DEFAULT: usize = 4;
/// Threads of the HSM that may be configured.
pub const HSM_WORKERS_MAX: usize = 64;
/// Jobs waiting in one queue of the HSM (signing, or unwrapping with everything else).
pub const HSM_QUEUE_MAX: usize = 256;
/// From asking the HSM until the caller has an answer.
pub const HSM_DEADLINE_DEFAULT: Duration = Duration::from_secs(5);
/// The same for making and destroying keys, which real HSMs do slowly.
pub const HSM_KEY_DEADLINE: Duration = Duration::from_secs(30);
/// A call into the module that lasts longer counts as hung and opens the breaker.
pub const HSM_WEDGED_AFTER: Duration = Duration::from_secs(10);
/// Between probes while the breaker is open.
pub const HSM_PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// The longest wait between two attempts to initialise the module anew.
pub const HSM_REINITIALISE_INTERVAL_MAX: Duration = Duration::from_secs(2);
/// An HSM idle for so long is asked to open a known wrap.
pub const HSM_IDLE_CHECK: Duration = Duration::from_secs(5);
/// Waiting for all threads to leave the module before it is finalised.
pub const HSM_QUIESCE_MAX: Duration = Duration::from_secs(2);
/// Plaintext of one wrap, bytes.
pub const HSM_WRAP_BYTES_MAX: usize = 4 << 10;
/// Bytes of one C_GenerateRandom.
pub const HSM_RANDOM_BYTES_MAX: usize = 1 << 10;
/// The path of an audit entry in its JSON form, bytes; a longer one is replaced by its digest.
pub const AUDIT_PATH_BYTES_MAX: usize = 11 << 10;
/// Any other text of an audit entry in its JSON form, bytes; a longer one is replaced.
pub const AUDIT_TEXT_BYTES_MAX: usize = 512;
/// A name of the program's own (operation, code) in an audit entry, bytes.
pub const AUDIT_CODE_BYTES_MAX: usize = 64;
/// The smallest audit segment that may be configured, bytes.
pub const AUDIT_SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// An audit segment when nothing else is configured, bytes.
pub const AUDIT_SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;
/// Entries that wait in memory while the audit file can't take them (the requests in flight when
/// it failed; new ones are refused).
pub const AUDIT_BACKLOG_MAX: usize = 1_024;
/// An audit line is synced within this.
pub const AUDIT_SYNC_INTERVAL: Duration = Duration::from_millis(200);
/// A sync that takes longer counts as a failed sink.
pub const AUDIT_SYNC_DEADLINE: Duration = Duration::from_secs(5);
/// At least one checkpoint in this time while entries are written.
pub const AUDIT_CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// At least one checkpoint in this time while nothing happens.
pub const AUDIT_CHECKPOINT_IDLE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// A checkpoint's signature that takes longer is given up (and tried again).
pub const AUDIT_SIGN_DEADLINE: Duration = Duration::from_secs(10);
/// The longest retention of the audit log that can be configured; without one it is for ever.
pub const AUDIT_RETENTION_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
/// How often old audit segments are looked for, where retention is bounded.
pub const AUDIT_RETENTION_INTERVAL: Duration = Duration::from_secs(60);
/// Sinks of the audit log beside its segments.
pub const AUDIT_SINKS_MAX: usize = 16;
/// The name of a sink, bytes.
pub const AUDIT_SINK_NAME_BYTES_MAX: usize = 32;
/// The description of a sink, bytes.
pub const AUDIT_SINK_DESCRIPTION_BYTES_MAX: usize = 256;
/// How long an answer waits for a required sink, and one attempt of any sink may take.
pub const AUDIT_SINK_DEADLINE_DEFAULT: Duration = Duration::from_secs(2);
pub const AUDIT_SINK_DEADLINE_MIN: Duration = Duration::from_millis(100);
pub const AUDIT_SINK_DEADLINE_MAX: Duration = Duration::from_secs(30);
/// Bytes of lines that a sink gets at a time.
pub const AUDIT_SINK_BATCH_BYTES: usize = 256 << 10;
/// Of the answer to a batch, bytes; what is longer counts as a failure.
pub const AUDIT_SINK_ANSWER_BYTES_MAX: usize = 64 << 10;
/// What is sent again when a stream is lost, bytes: more than sockets hold that nobody has read.
pub const AUDIT_SINK_REWIND_BYTES: u64 = 4 << 20;
/// What went longer ago than this over a connection that stands counts as read.
pub const AUDIT_SINK_REWIND_AGE: Duration = Duration::from_secs(30);
/// A sink looks for news, and after its receiver, this often.
pub const AUDIT_SINK_TICK: Duration = Duration::from_millis(250);
/// How long a sink that failed waits before it tries again.
pub const AUDIT_SINK_RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// A sink's place in the log is written down at most this often.
pub const AUDIT_SINK_CURSOR_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end of the process waits for sinks that are still at work.
pub const AUDIT_SINK_STOP_DEADLINE: Duration = Duration::from_secs(2);
/// The audit file is compared with what was written to it this often.
pub const AUDIT_WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// A PIN file, bytes.
pub const PIN_FILE_BYTES_MAX: u64 = 4 << 10;
/// Objects that `hsm doctor` and `hsm list` show.
pub const HSM_LISTED_OBJECTS_MAX: usize = 1_000;
/// Operators who watch the log at the same time.
pub const MONITORS_MAX: usize = 4;
/// Lines that wait for one who watches; a slower one loses the oldest.
pub const MONITOR_LINES_MAX: usize = 1_024;
/// Watching ends after this; who wants more asks again.
pub const MONITOR_MAX: Duration = Duration::from_secs(60 * 60);
/// How often it is asked whether the lease of one who watches still stands.
pub const MONITOR_RECHECK: Duration = Duration::from_secs(2);
/// Requests under way that are listed.
pub const FLIGHTS_LISTED_MAX: usize = 1_000;
/// Random bytes of one answer, one more.
pub const TOOLS_RANDOM_BYTES_END: i64 = 128 << 10;
/// The same where the HSM gives them.
pub const TOOLS_HSM_RANDOM_BYTES_MAX: usize = 4 << 10;
/// Origins that browsers may come from.
pub const CORS_ORIGINS_MAX: usize = 100;
/// Headers that browsers may send besides the usual ones.
pub const CORS_HEADERS_MAX: usize = 50;
/// One of either, bytes.
pub const CORS_TEXT_BYTES_MAX: usize = 255;
/// Rate limits.
pub const QUOTAS_MAX: usize = 500;
/// Rate limits that follow a mount to its new path: one commit.
pub const QUOTAS_MOVED_MAX: usize = 64;
/// Clients of rate limits that are remembered; beyond, those seen least begin anew.
pub const QUOTA_CLIENTS_MAX: usize = 65_536;
/// Requests in one interval that a rate limit may allow.
pub const QUOTA_RATE_MAX: f64 = 1e9;
/// Interval and block interval of a rate limit.
pub const QUOTA_INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Paths that no rate limit counts.
pub const QUOTA_EXEMPT_MAX: usize = 100;
