//! Documents that are no policies, and some that are: recorded mutations, forms cut off anywhere, and what
//! no form has; written as ACL policies, in the older way, and as password policies.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Server, root};

const PATHS: &[&str] =
    &["sys/policies/acl/malformed", "sys/policy/malformed", "sys/policies/password/malformed"];

/// A cut after every so many characters.
const STEP: usize = 9;

fn documents() -> Vec<String> {
    let golden = root().join("tests/golden");
    let recorded = fs::read_to_string(golden.join("policy-documents.jsonl")).unwrap();
    let mut all: Vec<String> = recorded
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|recorded| recorded["capabilities"].is_null())
        .map(|recorded| recorded["text"].as_str().unwrap().to_owned())
        .collect();
    let forms = fs::read_to_string(golden.join("policy-forms.txt")).unwrap();
    for form in forms.split("\n----\n") {
        let ends = form.char_indices().map(|(at, _)| at).step_by(STEP).skip(1);
        all.extend(ends.map(|end| form[..end].to_owned()));
    }
    all.extend(
        [
            "\u{0}",
            "\u{feff}path \"a\" {}",
            "path \"a\" {}\u{0}",
            "path \"\u{202e}\" { capabilities = [\"\u{202e}\"] }",
            "path \"a\" { capabilities = [\"${\"] }",
            "path \"a\" { comment = \"${${${\" }",
            "path \"a\" { comment = <<",
            "path \"a\" { comment = <<\n",
            "path \"a\" { comment = <<E\nE",
            "/*",
            "\"",
            "path \"a\" { pagination_limit = 1e400 }",
            "path \"a\" { pagination_limit = 99999999999999999999 }",
            "path \"a\" { min_wrapping_ttl = \"9e99h\" }",
            "path \"a\" { expiration = 99999999999999999999 }",
            "{\"path\"",
            "{\"path\":{\"a\":{\"capabilities\":[\"read\"]}}",
            "{\"path\":{\"\\ud800\":{}}}",
            "length = 1e400",
            "length = 20 rule \"charset\" { charset = \"a\" min-chars = 99999999999999999999 }",
            "length = 20 rule \"charset\" { charset = \"\\ud800\" }",
        ]
        .map(str::to_owned),
    );
    for (open, close) in [("[", "]"), ("{ a = ", "}"), ("{ a ", "}"), ("(", ")")] {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        all.push(format!("path \"a\" {{ comment = {open}{close} }}"));
        all.push(format!("path \"a\" {{ comment = {open}"));
    }
    all.push(format!("path \"{}\" {{}}", "a".repeat(5_000)));
    all.push(format!("path \"a\" {{}}\n# {}", "x".repeat(200_000)));
    all
}

/// Each is taken or refused with words, at most as the client's fault.
pub fn every_document(server: &Server) {
    let root = server.root_token();
    let documents = documents();
    assert!(documents.len() > 900, "{}", documents.len());
    let mut refused = 0;
    for document in &documents {
        for path in PATHS {
            let answer = server.post(path, &root, json!({ "policy": document }));
            if answer.status == 204 {
                continue;
            }
            refused += 1;
            assert_eq!(answer.status, 400, "{path} {document:.500}\n{answer:?}");
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            let said = body["errors"][0].as_str().unwrap_or_default();
            let known = ["At ", "longer than", "not supplied", "missing policy"];
            let of_passwords = path.contains("password") && said.contains("password");
            let has_words = of_passwords || known.iter().any(|word| said.contains(word));
            assert!(has_words && said.len() < 6_000, "{path} {document:.500}\n{said}");
        }
    }
    assert!(refused > 2 * documents.len(), "{refused} of {}", documents.len());
    // Not even in base64, and as no text.
    for policy in [json!("/w=="), json!("AAAA"), json!("="), json!({}), json!([[]])] {
        for path in PATHS {
            let answer = server.post(path, &root, json!({ "policy": policy }));
            assert_eq!(answer.status, 400, "{path} {policy}\n{answer:?}");
        }
    }
}
