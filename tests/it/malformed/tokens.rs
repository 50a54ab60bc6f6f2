//! Tokens that are almost leases.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::Server;

fn coded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

pub fn every_shape(server: &Server) {
    let root = server.root_token();
    let place = root.find("eyJ").expect("a lease is a JWT");
    let (prefix, jwt) = root.split_at(place);
    let parts: Vec<&str> = jwt.split('.').collect();
    let [head, claims, signature] = parts[..] else { panic!("a lease has three parts") };
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = header.clone();
        changed[name] = value;
        format!("{}.{claims}.{signature}", coded(&changed))
    };
    let huge = "A".repeat(30_000);
    let shapes = [
        ("alg none", format!("{}.{claims}.", coded(&json!({"alg": "none", "typ": header["typ"]})))),
        ("alg None", with("alg", json!("None"))),
        ("alg HS256", with("alg", json!("HS256"))),
        ("alg RS256", with("alg", json!("RS256"))),
        ("alg number", with("alg", json!(1))),
        ("crit", with("crit", json!(["exp"]))),
        ("jku", with("jku", json!("http://127.0.0.1:1/keys"))),
        ("jwk", with("jwk", json!({"kty": "oct", "k": "AA"}))),
        ("x5u", with("x5u", json!("http://127.0.0.1:1/chain"))),
        ("wrong kid", with("kid", json!("nobody"))),
        ("path as kid", with("kid", json!("../../../../dev/null"))),
        ("kid number", with("kid", json!(7))),
        ("wrong typ", with("typ", json!("JWT"))),
        ("no typ", with("typ", Value::Null)),
        ("zip", with("zip", json!("DEF"))),
        ("no signature", format!("{head}.{claims}.")),
        ("two parts", format!("{head}.{claims}")),
        ("four parts", format!("{jwt}.{signature}")),
        ("five parts", format!("{jwt}.a.b")),
        ("dots", "..".into()),
        ("cut", jwt[..jwt.len() - 3].into()),
        ("longer", format!("{jwt}AAAA")),
        ("padded", format!("{jwt}==")),
        ("bad base64", format!("{head}.{claims}.!!!!")),
        ("other alphabet", format!("{head}.{claims}.{}", "+/".repeat(32))),
        ("zero signature", format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode([0u8; 64]))),
        ("short signature", format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode([1u8; 3]))),
        ("claims of another", format!("{head}.{}.{signature}", coded(&json!({"sub": "root"})))),
        ("claims no object", format!("{head}.{}.{signature}", coded(&json!([1])))),
        ("head no object", format!("{}.{claims}.{signature}", coded(&json!("x")))),
        ("huge head", format!("{huge}.{claims}.{signature}")),
        ("huge claims", format!("{head}.{huge}.{signature}")),
        ("huge signature", format!("{head}.{claims}.{huge}")),
    ];
    for (what, shape) in &shapes {
        for token in [format!("{prefix}{shape}"), shape.clone()] {
            // A head that is too large may be cut off before it is answered.
            let path = "auth/token/lookup-self";
            let answer = server.try_request("GET", path, Some(&token), &[], None);
            let status = answer.map_or(431, |a| a.status);
            assert!(matches!(status, 403 | 431), "{what}: {status}");
            // As a field of a request that may ask.
            let body = json!({ "token": token });
            for path in ["auth/token/lookup", "auth/token/revoke", "sys/wrapping/unwrap"] {
                let answer = server.post(path, &root, body.clone());
                assert!((200..500).contains(&answer.status), "{what} {path}: {answer:?}");
                assert_ne!(answer.status, 200, "{what} {path}: {answer:?}");
            }
        }
    }
    assert_eq!(server.get("auth/token/lookup-self", Some(&root)).status, 200);
}
