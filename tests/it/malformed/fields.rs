//! Each field of each operation with a value of each wrong kind, as the server's document has
//! them; bodies that are no JSON.

use serde_json::{Map, Value, json};

use crate::harness::Server;

/// What would change the server under the test: shutting it, ending the test's own token, limiting
/// its requests.
const LEFT_OUT: &[&str] = &[
    "/sys/seal",
    "/sys/step-down",
    "/sys/config/cors",
    "/sys/leases/revoke-subject",
    "/auth/token/revoke-self",
    "/sys/quotas/rate-limit/{quota}",
];

/// As JSON texts, for some are no values of ours.
fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "null",
        "true",
        "-1",
        "0",
        "1.5",
        "1e400",
        "-1e400",
        "99999999999999999999",
        "\"\"",
        "\"\\u0000\"",
        "\"-5s\"",
        "\"99999999999h\"",
        "\"1e3\"",
        "\"\u{feff}x\"",
        "\"a,b,,c\"",
        "[]",
        "[null]",
        "[[\"a\"]]",
        "[{}]",
        "[1,\"a\",true]",
        "{}",
        "{\"a\":null}",
        "{\"a\":{\"b\":[]}}",
        "{\"\":\"\"}",
        "\"../..\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"%2F\"",
        "\"::/0\"",
        "\"{{identity}}\"",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push(format!("\"{}\"", "x".repeat(5_000)));
    values.push(format!("[{}\"a\"]", "\"a\",".repeat(500)));
    values
}

const NO_JSON: &[&str] = &[
    "{",
    "}",
    "{\"a\"",
    "{\"a\":}",
    "{\"a\":1}x",
    "{\"a\":1}{\"a\":2}",
    "\u{feff}{}",
    "{\"a\":01}",
    "{\"a\":NaN}",
    "{'a':1}",
    "{\"a\":1,}",
    "{\"a\":\"\n\"}",
    "[]",
    "1",
    "\"x\"",
    "true",
    "nul",
    "{\"a\":\"\\x\"}",
];

pub fn every_type(server: &Server) {
    let root = server.root_token();
    for (path, kind) in
        [("auth/approle", "approle"), ("auth/userpass", "userpass"), ("mounts/old", "kv-v1")]
    {
        let mounted = server.post(&format!("sys/{path}"), &root, json!({ "type": kind }));
        assert!(matches!(mounted.status, 204 | 400), "{mounted:?}");
    }
    let document = server.get("sys/internal/specs/openapi", Some(&root)).ok();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if LEFT_OUT.contains(&path.as_str()) || path.starts_with("/.well-known") {
            continue;
        }
        // A name that is none of those the test needs itself.
        let filled: Vec<&str> = path[1..]
            .split('/')
            .map(|s| if s.starts_with('{') { "m4lformed" } else { s })
            .collect();
        let path = filled.join("/");
        for (method, kind) in
            [("post", "application/json"), ("patch", "application/merge-patch+json")]
        {
            let operation = &item[method];
            if operation.is_null() {
                continue;
            }
            let schema = &operation["requestBody"]["content"][kind]["schema"];
            let send = |body: &str| {
                let method = method.to_uppercase();
                let headers = [("Content-Type", kind)];
                let answer = server.request(&method, &path, Some(&root), &headers, Some(body));
                let ok = (200..500).contains(&answer.status);
                assert!(ok, "{method} {path} {}: {answer:?}", &body[..body.len().min(300)]);
                answer
            };
            for body in turn(NO_JSON, asked, 4) {
                let answer = send(body);
                assert_eq!(answer.status, 400, "{path} {body}: {answer:?}");
            }
            for body in bodies(schema) {
                asked += 1;
                let answer = send(&body);
                if answer.status < 400 {
                    continue;
                }
                let said = answer.json();
                // An unknown accessor is a 404 with its error among the data, as in the dialect.
                let says = said["errors"].is_array() || said["data"]["error"].is_string();
                assert!(says || said["warnings"].is_array(), "{path}: {answer:?}");
            }
        }
    }
    assert!(asked > 2_000, "{asked}");
}

/// One of `of` each, beginning elsewhere for each `at`: together they are all, in bearable time.
fn turn<T>(all: &[T], at: usize, of: usize) -> impl Iterator<Item = &T> {
    all.iter().skip(at % of).step_by(of)
}

/// A body for each field and value, the other fields as they should be.
fn bodies(schema: &Value) -> Vec<String> {
    let none = Map::new();
    let fields = schema["properties"].as_object().unwrap_or(&none);
    let mut out = Vec::new();
    for (at, name) in fields.keys().enumerate() {
        for value in turn(&values(), at, 3) {
            let mut body = Map::new();
            for other in
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
            {
                if other != name {
                    body.insert(other.to_owned(), fitting(&fields[other]));
                }
            }
            let rest = Value::Object(body).to_string();
            let comma = if rest == "{}" { "" } else { "," };
            out.push(format!("{{{}:{value}{comma}{}", json!(name), &rest[1..]));
        }
    }
    out
}

fn fitting(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!(["x"]),
        Some("object") => json!({ "x": "y" }),
        _ => json!("x"),
    }
}
