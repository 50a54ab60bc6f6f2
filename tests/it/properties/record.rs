//! What is kept of a request, and what never is.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::routes::{self, VERBS};
use super::{entries, files, text};
use crate::harness::{Server, connect};

/// Every answer has one entry; an answer that names its request has the one of that name.
#[test]
fn p31_p51_every_request_has_exactly_one_entry_that_says_who_and_what_came_of_it() {
    let server = Server::start();
    let root = server.root_token();
    server.role("app", json!({}));
    server.user("bob", json!({"password": "pw"}));
    server.policy("p", "path \"secret/data/a\" { capabilities = [\"read\"] }");
    let token = server.token(&["p", "default"]);
    let own = server.get("auth/token/lookup-self", Some(&token)).ok();
    let accessor = text(&own["data"]["accessor"]);
    let mut log = Log { server: &server, seen: requests(&server).len() };
    for route in routes::all() {
        // The routes that end the run, or a caller.
        let endless = route.path == "sys/monitor";
        if route.path == "sys/seal" || route.path.contains("revoke") || endless {
            continue;
        }
        for verb in VERBS {
            for caller in [None, Some("hvs.none"), Some(token.as_str()), Some(root.as_str())] {
                super::send(&server, verb, &route.path, caller);
            }
        }
        for entry in log.more(4 * VERBS.len(), &route.path) {
            assert_eq!(entry["path"], route.path, "{entry}");
            assert_eq!(entry["client"], "127.0.0.1", "{entry}");
        }
    }
    for (verb, path) in [
        ("GET", "secret//data/a"),
        ("GET", "secret/data/%00"),
        ("GET", "secret/data/a%2Fb"),
        ("OPTIONS", "secret/data/a"),
        ("HEAD", "secret/data/a"),
        ("TRACE", "secret/data/a"),
        ("GET", "secret/data/a?list=maybe"),
        ("GET", "nowhere/x"),
        ("GET", ""),
        ("GET", "sys"),
        ("GET", "../health"),
    ] {
        let answer = server.request(verb, path, Some(&root), &[], None);
        assert!((400..500).contains(&answer.status), "{verb} {path} {answer:?}");
        log.one_more(&format!("{verb} {path}"));
    }
    let bodies = [("{", 400), ("[]", 400), ("\u{0}", 400)];
    for (body, status) in bodies {
        let answer = server.request("POST", "secret/data/a", Some(&root), &[], Some(body));
        assert_eq!(answer.status, status, "{body}");
        log.one_more(body);
    }
    let large = "x".repeat(5 << 20);
    // The server may close before all of it was sent: the entry is there either way.
    let _ = server.try_request("POST", "secret/data/a", Some(&root), &[], Some(&large));
    log.one_more("too large");
    // Health is counted, not recorded.
    server.get("sys/health", None);
    server.get("sys/seal-status", None);
    log.one_more("health has no entry");

    // Who, and what came of it. (Above, root removed the role.)
    let (role_id, secret_id) = server.role("app", json!({"token_policies": ["default"]}));
    log.seen = requests(&server).len();
    server.get("secret/data/b", Some(&token));
    let denied = log.one_more("denied");
    assert_eq!(
        (&denied["decision"], &denied["code"]),
        (&json!("deny"), &json!("denied")),
        "{denied}"
    );
    assert_eq!(denied["accessor"], accessor, "{denied}");
    server.get("secret/data/a", Some(&token));
    let missing = log.one_more("missing");
    assert_eq!((&missing["decision"], &missing["code"]), (&json!("allow"), &json!("not_found")));
    let proof = json!({"role_id": role_id, "secret_id": "wrong"});
    server.login("auth/approle/login", proof);
    let failed = log.one_more("a failed login");
    assert_eq!(failed["code"], "invalid", "{failed}");
    assert!(failed.get("accessor").is_none_or(|a| a == ""), "{failed}");
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let auth = server.login("auth/approle/login", proof).ok()["auth"].clone();
    let done = log.one_more("a login");
    assert_eq!((&done["code"], &done["accessor"]), (&json!("ok"), &auth["accessor"]), "{done}");
    // And no entry is another one's: every request id stands once.
    let mut ids: Vec<String> = requests(&server).iter().map(|e| text(&e["request_id"])).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

/// The entries of requests, without the log's own.
fn requests(server: &Server) -> Vec<Value> {
    let is_request = |e: &Value| matches!(e["type"].as_str(), Some("request" | "auth" | "custody"));
    entries(server).into_iter().filter(is_request).collect()
}

struct Log<'s> {
    server: &'s Server,
    seen: usize,
}

impl Log<'_> {
    /// The entries since the last look, which are so many.
    fn more(&mut self, number: usize, what: &str) -> Vec<Value> {
        let all = requests(self.server);
        assert_eq!(all.len(), self.seen + number, "{what}");
        let more = all[self.seen..].to_vec();
        self.seen = all.len();
        more
    }

    fn one_more(&mut self, what: &str) -> Value {
        self.more(1, what).remove(0)
    }
}

/// Values that are nobody's business, one for each place they are sent in.
struct Marks {
    sent: Vec<String>,
}

impl Marks {
    fn fresh(&mut self) -> String {
        // Long enough to be found in base64 whatever stands before it.
        let mark = format!("MARKED-{:04}-q7Zx0vKw9LmT3bRf", self.sent.len());
        self.sent.push(mark.clone());
        mark
    }

    /// Every form in which the marks may be written down: what is common to all of them.
    fn forms() -> Vec<Vec<u8>> {
        let core = b"q7Zx0vKw9LmT3bRf";
        let hex: String = core.iter().map(|b| format!("{b:02x}")).collect();
        let bytes = core.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let mut forms = vec![core.to_vec(), core.iter().rev().copied().collect()];
        forms.push(core.to_ascii_lowercase());
        forms.extend([hex.to_uppercase().into_bytes(), hex.into_bytes(), bytes.into_bytes()]);
        // In base64 a text looks in three ways, by where it begins; the middle digits are its own.
        for skip in 0..3 {
            let padded = [&b"\0\0"[..skip], core].concat();
            let digits = base64(&padded);
            let own = &digits[4..20];
            forms.push(own.as_bytes().to_vec());
            forms.push(own.replace('+', "-").replace('/', "_").into_bytes());
        }
        let each = |spell: fn(u8) -> String| core.iter().map(|b| spell(*b)).collect::<String>();
        for spelt in [
            // UTF-16 of ASCII is ASCII with zeros; the first or last of them may belong to others.
            each(|b| format!("{}\0", char::from(b))).trim_end_matches('\0').to_owned(),
            each(|b| format!("%{b:02X}")),
            each(|b| format!("%{b:02x}")),
            each(|b| format!("\\u{b:04x}")),
            each(|b| format!("\\x{b:02x}")),
        ] {
            forms.push(spelt.into_bytes());
        }
        forms
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks_exact(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b));
        (0..4).for_each(|i| out.push(char::from(DIGITS[(word >> (18 - 6 * i)) as usize & 63])));
    }
    out
}

#[test]
fn marks_are_found_in_every_form() {
    let mark = Marks { sent: Vec::new() }.fresh();
    let utf16 = |pair: fn(u16) -> [u8; 2]| mark.encode_utf16().flat_map(pair).collect::<Vec<u8>>();
    let spelt = |spell: fn(u8) -> String| mark.bytes().map(spell).collect::<String>().into_bytes();
    let padded = |n: usize| base64(&[&b"abc"[..n], mark.as_bytes(), b"xyz"].concat()).into_bytes();
    let found = |bytes: Vec<u8>| {
        std::panic::catch_unwind(|| assert_unmarked("a test", &[b"..", &bytes[..], b".."].concat()))
            .is_err()
    };
    for (form, bytes) in [
        ("plain", mark.clone().into_bytes()),
        ("UTF-16 LE", utf16(u16::to_le_bytes)),
        ("UTF-16 BE", utf16(u16::to_be_bytes)),
        ("percent", spelt(|b| format!("%{b:02X}"))),
        ("JSON", spelt(|b| format!("\\u{b:04x}"))),
        ("hex", spelt(|b| format!("{b:02x}"))),
        ("Debug of bytes", format!("{:?}", mark.as_bytes()).into_bytes()),
        ("base64, first place", padded(0)),
        ("base64, second place", padded(1)),
        ("base64, third place", padded(2)),
    ] {
        assert!(found(bytes), "{form}");
    }
    assert!(!found(b"MARKED-0000-q7Zx0vKw9LmT3bR_".to_vec()));
}

fn assert_unmarked(place: &str, bytes: &[u8]) {
    // The forms are ASCII, which this leaves as it is; searching texts is fast.
    let text = String::from_utf8_lossy(bytes);
    for form in Marks::forms() {
        let form = String::from_utf8(form).unwrap();
        if let Some(at) = text.find(&form) {
            let around: String = text[..at].chars().rev().take(200).collect();
            panic!("{form} in {place} after …{}", around.chars().rev().collect::<String>());
        }
    }
}

/// Secrets are sent in every field of every route, right and wrong; nothing that stays or is said
/// to others holds one of them, at the most talkative log level.
#[test]
fn p32_p33_no_log_no_entry_no_error_and_no_file_shows_a_secret() {
    let mut server = Server::start();
    server.restart_tracing();
    let root = server.root_token();
    let mut marks = Marks { sent: Vec::new() };
    let (role_id, _) = server.role("app", json!({}));
    server.user("bob", json!({"password": "pw"}));
    let custom = marks.fresh();
    let made =
        server.post("auth/approle/role/app/custom-secret-id", &root, json!({"secret_id": custom}));
    assert_eq!(made.status, 200, "{made:?}");
    let login = json!({"role_id": role_id, "secret_id": custom});
    let token = text(&server.login("auth/approle/login", login).ok()["auth"]["client_token"]);
    let secret =
        json!({"data": {"k": marks.fresh(), marks.fresh(): {"n": [marks.fresh(), 1, true]}}});
    server.post("secret/data/app", &root, secret).ok();
    server.patch("secret/data/app", &root, json!({"data": {"other": marks.fresh()}})).ok();
    server.get("secret/data/app", Some(&root)).ok();

    said_to_others(&server, &root, &mut marks);
    let fields = [
        "secret_id",
        "token",
        "data",
        "options",
        "policies",
        "ttl",
        "num_uses",
        "metadata",
        "meta",
        "id",
        "role_id",
        "cidr_list",
        "token_bound_cidrs",
        "token_type",
        "bind_secret_id",
        "versions",
        "type",
        "config",
        "max_versions",
        "delete_version_after",
        "custom_metadata",
        "paths",
        "policy",
        "rules",
        "lease_id",
        "accessor",
        "secret_id_accessor",
        "increment",
        "display_name",
        "period",
        "renewable",
        "entity_alias",
        "everything",
        "key",
        "shares",
        "password",
        "description",
        "default_lease_ttl",
    ];
    let mut errors = String::new();
    for route in routes::all() {
        if route.path == "sys/seal" {
            continue;
        }
        for shape in 0..5 {
            // Fields whose names are unknown, and those that a route takes, as text, list, object.
            let value = |marks: &mut Marks| match shape {
                0 => json!(marks.fresh()),
                1 => json!([marks.fresh()]),
                2 => json!({"a": marks.fresh(), marks.fresh(): 1}),
                3 => json!({"cas": marks.fresh(), "version": [marks.fresh()]}),
                _ => json!([[marks.fresh()], {"b": marks.fresh()}]),
            };
            let body: serde_json::Map<String, Value> =
                fields.iter().map(|f| ((*f).to_owned(), value(&mut marks))).collect();
            let body = plain(body);
            let body = Value::Object(body).to_string();
            for (verb, kind) in
                [("POST", "application/json"), ("PATCH", "application/merge-patch+json")]
            {
                for caller in [None, Some(root.as_str()), Some(marks.fresh().as_str())] {
                    let headers = [("Content-Type", kind)];
                    let answer = server.request(verb, &route.path, caller, &headers, Some(&body));
                    if answer.status >= 400 {
                        errors.push_str(&format!("{verb} {}: {}\n", route.path, answer.body));
                    }
                }
            }
        }
        // Cut off in the middle, as a form, in headers and in the query.
        let (a, b) = (marks.fresh(), marks.fresh());
        for (kind, body) in [
            ("application/json", format!("{{\"secret_id\": \"{a}\", \"token\": {b}")),
            ("application/json", format!("{a}{b}")),
            ("application/x-www-form-urlencoded", format!("secret_id={a}&token={b}&x=%zz")),
            (a.as_str(), b.clone()),
        ] {
            let headers = [("Content-Type", kind), ("Authorization", b.as_str()), ("Cookie", &a)];
            let answer = server.request("POST", &route.path, None, &headers, Some(&body));
            errors.push_str(&answer.body);
        }
        let query = format!("{}?version={a}&list={b}&token={a}&x=%zz", route.path);
        errors.push_str(&server.get(&query, Some(&root)).body);
    }
    assert!(marks.sent.len() > 5_000, "{}", marks.sent.len());
    assert_unmarked("an error", errors.as_bytes());
    let log = server.log();
    assert!(log.contains("DEBUG") || log.contains("TRACE"), "the log is silent: {log}");
    assert_unmarked("the log", log.as_bytes());
    // Tokens too, and the root lease outside of the file it is in.
    let tokens = [token.as_str(), root.as_str()].map(|t| t.rsplit('.').next().unwrap());
    server.kill9();
    let mut looked = 0;
    for file in files(server.data().parent().unwrap()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let place = file.display().to_string();
        assert_unmarked(&place, &bytes);
        looked += 1;
        if file.file_name().is_some_and(|n| n == "root-token") {
            continue;
        }
        for token in tokens {
            let found = String::from_utf8_lossy(&bytes).contains(token);
            assert!(!found, "a token in {place}");
        }
    }
    assert!(looked > 5, "{looked}");
}

/// What shows how the server is doing, and what our own command line says on stderr, while marked
/// values are under way: passwords, cubbyholes, wrapped answers, secret ids.
fn said_to_others(server: &Server, root: &str, marks: &mut Marks) {
    let (right, wrong) = (marks.fresh(), marks.fresh());
    let mut watched = connect(server.address(), Duration::from_secs(20)).unwrap();
    let request = format!(
        "GET /v1/sys/monitor?log_level=trace HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {root}\r\n\r\n"
    );
    watched.write_all(request.as_bytes()).unwrap();
    server.user("marked", json!({"password": right}));
    server.login("auth/userpass/login/marked", json!({"password": right})).ok();
    let mut errors = server.login("auth/userpass/login/marked", json!({"password": wrong})).body;
    let kept = json!({marks.fresh(): marks.fresh()});
    assert_eq!(server.post("cubbyhole/marked", root, kept).status, 204);
    server.get("cubbyhole/marked", Some(root)).ok();
    let wrap = [("X-Vault-Wrap-TTL", "60"), ("Content-Type", "application/json")];
    let body = json!({"secret": marks.fresh()}).to_string();
    let wrapped = server.request("POST", "sys/wrapping/wrap", Some(root), &wrap, Some(&body)).ok();
    let token = text(&wrapped["wrap_info"]["token"]);
    let custom = json!({"secret_id": marks.fresh()}).to_string();
    let path = "auth/approle/role/app/custom-secret-id";
    server.request("POST", path, Some(root), &wrap, Some(&custom)).ok();
    let at = json!({"token": marks.fresh()});
    errors.push_str(&server.post("sys/wrapping/unwrap", root, at).body);
    server.post("sys/wrapping/unwrap", root, json!({"token": token})).ok();
    assert_unmarked("an error", errors.as_bytes());

    for path in ["sys/metrics", "sys/internal/specs/openapi", "sys/in-flight-req", "sys/host-info"]
    {
        let answer = server.get(path, Some(root));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_unmarked(path, answer.body.as_bytes());
    }
    let mark = marks.fresh();
    let pair = format!("k={mark}");
    for (token, args, stdin) in [
        (mark.as_str(), vec!["read", "secret/data/app"], ""),
        (root, vec!["login", "--method", "userpass", "marked", "-"], mark.as_str()),
        (root, vec!["login", "-"], mark.as_str()),
        (root, vec!["write", "sys/wrapping/unwrap", "token=-"], mark.as_str()),
        (root, vec!["write", "secret/data/app", &pair], ""),
        (root, vec!["kv", "put", "--cas", "99", "secret/app", "k=-"], mark.as_str()),
    ] {
        let run = server.strongroom_with(token, &args, stdin);
        assert_ne!(run.code, Some(0), "{args:?} is refused");
        assert!(!run.stderr.is_empty(), "{args:?}");
        assert_unmarked(&format!("stderr of {args:?}"), run.stderr.as_bytes());
    }
    std::fs::remove_file(server.file("stdin")).unwrap();

    // Until it has told of one of those requests.
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains("a token was refused") {
        let n = watched.read(&mut buffer).unwrap();
        assert!(n > 0, "the stream ended: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..n]);
    }
    assert_unmarked("sys/monitor", &seen);
}

/// Fields that are quoted to whoever sent them, because he can't mend them otherwise: texts of
/// policies, kinds, networks. None of them is secret; none is logged.
fn plain(mut body: serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    for field in ["policy", "rules", "type", "token_type", "cidr_list", "token_bound_cidrs"] {
        body.insert(field.into(), json!("unmarked"));
    }
    body
}

/// Under a umask that forbids nothing, what the server makes is its owner's alone.
#[test]
fn p45_files_and_sockets_are_private_whatever_the_umask() {
    let server = Server::start_under(&["sh", "-c", "umask 0; exec \"$0\" \"$@\""]);
    let root = server.root_token();
    server.post("secret/data/x", &root, json!({"data": {"k": "v"}})).ok();
    let found = Command::new("find").arg(server.data()).args(["-printf", "%y %m %p\\n"]).output();
    let found = String::from_utf8(found.unwrap().stdout).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for line in found.lines() {
        let (kind, rest) = line.split_once(' ').unwrap();
        let (mode, path) = rest.split_once(' ').unwrap();
        let mode = u32::from_str_radix(mode, 8).unwrap();
        assert_eq!(mode & 0o077, 0, "{line}");
        assert!(kind == "d" || mode & 0o111 == 0 || kind == "s", "{path} is executable");
        kinds.insert(kind.to_owned());
    }
    assert!(["d", "f", "s"].iter().all(|k| kinds.contains(*k)), "{found}");
    let mode = std::fs::metadata(server.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
