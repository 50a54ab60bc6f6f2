//! Every section and key that exists. The reader refuses what is not here, and a test holds the
//! commented example against it.

/// Keys outside any section.
pub(super) const TOP: &[&str] = &["cluster_name"];

/// Section name, keys.
pub(super) const SECTIONS: &[(&str, &[&str])] = &[
    (
        "listener",
        &[
            "address",
            "url",
            "ca_file",
            "client_cert",
            "client_key",
            "allow",
            "tls",
            "tls_cert",
            "tls_key",
            "tls_client_auth",
            "tls_client_ca",
            "connections_max",
            "connections_per_address_max",
            "requests_max",
            "handshake_timeout",
            "header_timeout",
            "body_timeout",
            "write_timeout",
            "idle_timeout",
        ],
    ),
    ("storage", &["directory", "cache_mb"]),
    ("hsm", &["module", "token_label", "pin_file", "workers", "max_offline", "dev"]),
    ("audit", &["directory", "rotate_mb", "strict", "retention", "retention_mb"]),
    ("seal", &["mode"]),
    ("lease", &["default_ttl", "max_ttl"]),
    ("kv", &["max_versions"]),
    ("log", &["level", "format"]),
    ("metrics", &["public"]),
    ("admin", &["socket"]),
];

/// Lists of tables inside a section: section, name, keys of each.
pub(super) const LISTS: &[(&str, &str, &[&str])] = &[(
    "audit",
    "sink",
    &[
        "name",
        "type",
        "description",
        "path",
        "address",
        "facility",
        "url",
        "ca_file",
        "client_cert",
        "client_key",
        "allow",
        "required",
        "deadline",
    ],
)];

/// The known word nearest to `given`, if it is near enough to be what was meant.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::jaro_winkler(given, k), k))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// The names of all sections.
pub(super) fn section_names() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(name, _)| *name)
}
