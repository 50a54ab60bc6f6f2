//! The route table as the server's source has it, with an example path for each pattern.

/// Every method that means something to the dialect.
pub const VERBS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "LIST", "SCAN"];

#[derive(Clone, Debug)]
pub struct Route {
    /// Without `/v1/`, captures filled.
    pub path: String,
    pub public: bool,
    /// As the table names them: `Read`, `Write`.
    pub verbs: Vec<String>,
}

impl Route {
    pub fn has(&self, method: &str) -> bool {
        let verb = match method {
            "GET" => "Read",
            "POST" | "PUT" => "Write",
            "PATCH" => "Patch",
            "DELETE" => "Delete",
            "LIST" => "List",
            _ => "Scan",
        };
        self.verbs.iter().any(|v| v == verb)
    }
}

/// Where a kind of mount stands in these tests, and its table in the server's source.
const TABLES: &[(&str, &str)] = &[
    ("sys", include_str!("../../../src/http/routes/system.rs")),
    ("secret", include_str!("../../../src/http/routes/kv.rs")),
    ("auth/token", include_str!("../../../src/http/routes/token.rs")),
    ("auth/approle", include_str!("../../../src/http/routes/approle.rs")),
    ("auth/userpass", include_str!("../../../src/http/routes/userpass.rs")),
    ("cubbyhole", include_str!("../../../src/http/routes/cubbyhole.rs")),
    ("kv1", include_str!("../../../src/http/routes/kv1.rs")),
    ("identity", include_str!("../../../src/http/routes/identity.rs")),
];

pub fn all() -> Vec<Route> {
    TABLES.iter().flat_map(|(prefix, source)| read(prefix, source)).collect()
}

fn read(prefix: &str, source: &str) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        let public = line.starts_with("public ");
        if !public && !line.starts_with("lease ") {
            continue;
        }
        let mut all = line.to_owned();
        while !all.ends_with('}') {
            all.push_str(lines.next().expect("a route ends"));
            all.truncate(all.trim_end().len());
        }
        let pattern = all.split('"').nth(1).expect("a route has a pattern");
        let verbs = all.split("=>").filter_map(|part| part.split_whitespace().last());
        let verbs = verbs.filter(|v| v.chars().all(char::is_alphabetic)).map(str::to_owned);
        let verbs: Vec<String> = verbs.collect();
        routes.push(Route { path: format!("{prefix}/{}", filled(pattern)), public, verbs });
    }
    routes
}

fn filled(pattern: &str) -> String {
    let segments = pattern.split('/').map(|segment| match segment {
        ":role" => "app",
        ":user" => "bob",
        ":field" => "token-ttl",
        ":id" => "none",
        "*name" => "guarded",
        "*lease" => "auth/token/create/none",
        "*prefix" => "auth/nowhere",
        s if s.starts_with('*') => "some/thing",
        s => s,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn the_table_is_read_whole() {
    let routes = all();
    let tables = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/routes");
    assert_eq!(std::fs::read_dir(tables).unwrap().count(), TABLES.len(), "a table is not read");
    let count = |word: &str| {
        let lines = TABLES.iter().flat_map(|(_, source)| source.lines());
        lines.filter(|l| l.trim().starts_with(word)).count()
    };
    assert_eq!(routes.len(), count("lease \"") + count("public \""));
    assert!(routes.len() > 50, "{}", routes.len());
    assert!(routes.iter().all(|r| !r.verbs.is_empty()), "{routes:?}");
    let create = routes.iter().find(|r| r.path == "secret/data/some/thing").unwrap();
    assert_eq!(create.verbs, ["Read", "Write", "Patch", "Delete"]);
}
