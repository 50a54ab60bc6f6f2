//! Tokens that are not what they seem, and lives that do not end.

use serde_json::json;

use super::{mint, send, stands};
use crate::harness::Server;

const YEAR_SECONDS: u64 = 365 * 24 * 60 * 60;

#[test]
fn p03_root_is_attached_by_no_field_in_any_spelling() {
    let server = Server::start();
    server.policy(
        "admin",
        "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"sudo\"] }",
    );
    server.role("app", json!({}));
    server.user("bob", json!({"password": "pw"}));
    let admin = server.token(&["admin"]);
    for spelling in
        ["root", "ROOT", "Root", " root ", "\troot\n", "\u{a0}rOOt\u{2003}", "a,root", "root,"]
    {
        for policies in [json!([spelling]), json!(spelling), json!(["default", spelling])] {
            for path in ["auth/token/create", "auth/token/create-orphan"] {
                let answer = server.post(path, &admin, json!({"policies": policies}));
                assert_eq!(answer.status, 400, "{path} {policies} {answer:?}");
            }
            for field in ["token_policies", "policies"] {
                for path in [
                    "auth/approle/role/app",
                    "auth/userpass/users/bob",
                    "auth/userpass/users/bob/policies",
                ] {
                    let answer = server.post(path, &server.root_token(), json!({field: policies}));
                    assert_eq!(answer.status, 400, "{path} {field} {policies} {answer:?}");
                }
            }
            for (path, field) in [
                ("identity/entity", "policies"),
                ("identity/entity/name/any", "policies"),
                ("identity/group", "policies"),
                ("identity/group/name/any", "policies"),
                ("auth/token/roles/any", "allowed_policies"),
                ("auth/token/roles/any", "allowed_policies_glob"),
            ] {
                let answer = server.post(path, &server.root_token(), json!({field: policies}));
                assert_eq!(answer.status, 400, "{path} {field} {policies} {answer:?}");
            }
            for (field, body) in [("policies", "policies"), ("token-policies", "token_policies")] {
                let path = format!("auth/approle/role/app/{field}");
                let answer = server.post(&path, &admin, json!({body: policies}));
                assert_eq!(answer.status, 400, "{field} {policies} {answer:?}");
            }
        }
    }
    // Nor can its text be written.
    for spelling in ["root", "ROOT", "%20root", "root%20", "rOOt/"] {
        for prefix in ["sys/policies/acl", "sys/policy"] {
            let body = json!({"policy": "path \"*\" { capabilities = [\"read\"] }"});
            let answer = server.post(&format!("{prefix}/{spelling}"), &admin, body);
            assert_eq!(answer.status, 400, "{prefix}/{spelling} {answer:?}");
            let answer = send(&server, "DELETE", &format!("{prefix}/{spelling}"), Some(&admin));
            assert_eq!(answer.status, 400, "{prefix}/{spelling} {answer:?}");
        }
    }
}

/// Renewing needs the lease itself, or the right to renew others'; and a limit to an address holds.
#[test]
fn p07_renewal_needs_what_made_the_lease() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, secret_id) = server.role("app", json!({"token_ttl": "5m"}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let auth = server.login("auth/approle/login", proof).ok()["auth"].clone();
    let other = server.token(&["default"]);
    let by_accessor = json!({"accessor": auth["accessor"]});
    assert_eq!(server.post("auth/token/renew-accessor", &other, by_accessor.clone()).status, 403);
    let by_token = json!({"token": auth["client_token"]});
    assert_eq!(server.post("auth/token/renew", &other, by_token.clone()).status, 403);
    // Ended leases are not revived by anybody.
    server.post("auth/token/revoke", &root, by_token.clone());
    for (path, body) in [("renew", by_token), ("renew-accessor", by_accessor)] {
        let answer = server.post(&format!("auth/token/{path}"), &root, body);
        assert_eq!(answer.status, 400, "{path} {answer:?}");
    }
    let token = auth["client_token"].as_str().unwrap();
    assert_eq!(server.post("auth/token/renew-self", token, json!({})).status, 403);
}

#[test]
fn p09_a_changed_token_is_no_token() {
    let server = Server::start();
    let elsewhere = Server::start();
    let token = server.token(&["default"]);
    assert!(stands(&server, &token));
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("no JWS: {} parts", parts.len()) };
    let header = |json: &str| data_encoding(json.as_bytes());
    let mut forged = vec![
        // Another vault's, of the same name and shape.
        elsewhere.token(&["default"]),
        elsewhere.root_token(),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{head}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{token}."),
        format!("{token}="),
        format!("{head}.{body}.{signature}.{signature}"),
        format!("{head}.{body}.{}", &signature[..signature.len() - 2]),
        format!("{head}.{body}.{}", "A".repeat(86)),
        token.to_lowercase(),
        format!("hvs.{token}"),
        format!("Bearer {token}"),
        "A".repeat(9_000),
    ];
    for algorithm in ["none", "None", "NONE", "HS256", "RS256", "ES384", "EdDSA", ""] {
        for head in [
            format!("{{\"alg\":\"{algorithm}\",\"typ\":\"lease+jwt\"}}"),
            format!("{{\"alg\":\"{algorithm}\"}}"),
        ] {
            for signature in ["", signature] {
                forged.push(format!("{}.{body}.{signature}", header(&head)));
            }
        }
    }
    // One character changed, anywhere in it.
    for at in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(changed).unwrap());
    }
    for token in &forged {
        let answer = server.get("auth/token/lookup-self", Some(token));
        answer.refused(403, &["permission denied"]);
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let answer = server.request("GET", "auth/token/lookup-self", None, &headers, None);
        answer.refused(403, &["permission denied"]);
        let body = json!({"token": token});
        let looked = server.post("auth/token/lookup", &server.root_token(), body);
        assert_eq!(looked.status, 403, "{token} {looked:?}");
    }
    assert!(stands(&server, &token));
}

/// Base64url without padding (RFC 4648, section 5).
fn data_encoding(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * i)) as usize & 63]));
        }
    }
    out
}

#[test]
fn p12_no_ttl_comes_to_never() {
    let server = Server::start();
    let root = server.root_token();
    let absurd = [
        json!("0"),
        json!(0),
        json!("1ns"),
        json!("9999999999999h"),
        json!("292277026596y"),
        json!(u64::MAX),
        json!(i64::MAX),
        json!("18446744073709551616"),
        json!("1e300"),
        json!(1e300),
        json!("-1h"),
        json!(-1),
        json!("Inf"),
        json!("NaN"),
        json!("never"),
        json!("9223372036s"),
        json!("106751d"),
    ];
    let fields = ["ttl", "explicit_max_ttl", "period", "lease"];
    for value in &absurd {
        for field in fields {
            let body = json!({"policies": ["default"], field: value});
            let answer = server.post("auth/token/create", &root, body);
            if answer.status == 400 {
                continue;
            }
            let auth = answer.ok()["auth"].clone();
            let token = auth["client_token"].as_str().unwrap();
            lives_within_a_year(&server, token, &format!("{field}={value}"));
            for increment in &absurd {
                let body = json!({"increment": increment});
                let renewed = server.post("auth/token/renew-self", token, body);
                assert!(matches!(renewed.status, 200 | 400), "{increment} {renewed:?}");
            }
            lives_within_a_year(&server, token, &format!("{field}={value}, renewed"));
        }
        for field in ["token_ttl", "token_max_ttl", "token_period", "token_explicit_max_ttl"] {
            let body = json!({ field: value });
            let (path, proof) = ("auth/approle/login", server.role("fresh", json!({})));
            let set = server.post("auth/approle/role/fresh", &root, body);
            assert!(matches!(set.status, 204 | 400), "{field}={value} {set:?}");
            let body = json!({"role_id": proof.0, "secret_id": proof.1});
            let auth = server.login(path, body).ok()["auth"].clone();
            let token = auth["client_token"].as_str().unwrap();
            lives_within_a_year(&server, token, &format!("{field}={value}"));
            assert_eq!(server.delete("auth/approle/role/fresh", &root).status, 204);
        }
        for field in ["default_lease_ttl", "max_lease_ttl"] {
            let set = server.post("sys/auth/token/tune", &root, json!({ field: value }));
            assert!(matches!(set.status, 204 | 400), "{field}={value} {set:?}");
            let token = mint(&server, "auth/token/create", &root, json!({"policies": ["x"]}));
            lives_within_a_year(&server, &token, &format!("{field}={value}"));
            let back = json!({"default_lease_ttl": "system", "max_lease_ttl": "system"});
            assert_eq!(server.post("sys/auth/token/tune", &root, back).status, 204);
        }
    }
    lives_within_a_year(&server, &root, "root");
}

fn lives_within_a_year(server: &Server, token: &str, what: &str) {
    let body = json!({ "token": token });
    let answer = server.post("auth/token/lookup", &server.root_token(), body);
    // One of a nanosecond is over before it can be looked at.
    if answer.status == 403 {
        return;
    }
    let data = answer.ok()["data"].clone();
    let ttl = data["ttl"].as_u64().unwrap();
    assert!((1..=YEAR_SECONDS).contains(&ttl), "{what}: {data}");
    let end = data["expire_time"].as_str().unwrap_or_else(|| panic!("{what}: no end: {data}"));
    assert!(end < "2100", "{what}: {end}");
    let body = token.split('.').nth(1).unwrap();
    assert!(body.len() > 100, "{what}");
}

#[test]
fn p20_a_policy_that_goes_or_changes_is_gone_for_the_next_request() {
    let server = Server::start();
    let root = server.root_token();
    server.post("secret/data/x", &root, json!({"data": {}})).ok();
    let allow = "path \"secret/data/x\" { capabilities = [\"read\"] }";
    server.policy("p", allow);
    let token = server.token(&["p"]);
    let read = || server.get("secret/data/x", Some(&token)).status;
    for _ in 0..20 {
        assert_eq!(read(), 200);
        server.policy("p", "path \"secret/data/x\" { capabilities = [\"deny\"] }");
        assert_eq!(read(), 403);
        server.policy("p", allow);
        assert_eq!(read(), 200);
        assert_eq!(server.delete("sys/policies/acl/p", &root).status, 204);
        assert_eq!(read(), 403);
        server.policy("p", allow);
    }
}
