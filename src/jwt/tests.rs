//! Tests of this module. Signatures are made in software here, with the published key of
//! RFC 7515 appendix A.3.

mod accessor;

use std::time::Duration;

use proptest::prelude::*;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::keys::{decode, encode};
use super::*;

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const KID: &str = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";

/// A lease of the golden claims under the key above, made once and kept: what was issued stays
/// valid under later versions of this code.
const GOLDEN: &str = include_str!("tests/golden.jwt");

const ISSUED: u64 = 1_795_334_850;

fn bytes(text: &str) -> Vec<u8> {
    decode(text).unwrap()
}

fn point() -> PublicPoint {
    point_of(X, Y)
}

fn point_of(x: &str, y: &str) -> PublicPoint {
    [&[4][..], &bytes(x), &bytes(y)].concat().try_into().unwrap()
}

fn keys() -> KeySet {
    KeySet::new([point()]).unwrap()
}

fn expect() -> Expect {
    Expect {
        issuer: "https://vault.example".into(),
        audience: "cluster-1".into(),
        incarnation: Incarnation([7; 16]),
    }
}

fn claims() -> Claims {
    let end = Timestamp::from_unix_seconds(ISSUED + 3600);
    Claims {
        iss: "https://vault.example".into(),
        aud: "cluster-1".into(),
        sub: "entity-1".into(),
        jti: Accessor::new(end, [0xab; 16]),
        iat: ISSUED,
        nbf: ISSUED - 60,
        exp: ISSUED + 3600,
        ns: String::new(),
        pol: vec!["default".into(), "p1".into()],
        scp: vec![Narrowing {
            paths: vec!["secret/data/app/*".into()],
            ops: vec!["read".into()],
            cidrs: vec!["10.0.0.0/8".parse().unwrap()],
        }],
        mth: "mount-1".into(),
        role: "app".into(),
        pth: "auth/approle/login".into(),
        inc: Incarnation([7; 16]),
        rev: 42,
        anc: vec![Accessor::new(end, [0xcd; 16])],
        lin: Lineage { pol: vec!["p2".into()], pth: vec!["auth/userpass/login/bob".into()] },
        cnf: Some(Confirmation { certificate: [9; 32] }),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

#[expect(clippy::disallowed_methods, reason = "the nonce of a test signature")]
fn sign_text(input: &str) -> String {
    let rng = ring::rand::SystemRandom::new();
    let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = EcdsaKeyPair::from_private_key_and_public_key(alg, &bytes(D), &point(), &rng);
    let signature = key.unwrap().sign(&rng, input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature.as_ref()))
}

fn sign(claims: &Claims) -> String {
    sign_text(&SigningInput::new(KID, claims).unwrap().0)
}

/// A token with exactly these parts and a true signature over them.
fn forge(header: &str, payload: &str) -> String {
    sign_text(&format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes())))
}

fn accept(token: &str, now: Timestamp) -> Result<Claims, JwtError> {
    Unverified::parse(token)?.verify(&keys(), &expect(), now)
}

fn refused(token: &str) -> JwtError {
    accept(token, at(ISSUED)).unwrap_err()
}

#[test]
fn a_signed_lease_verifies_and_yields_its_claims() {
    assert_eq!(accept(&sign(&claims()), at(ISSUED)), Ok(claims()));
}

#[test]
fn what_is_signed_is_the_signing_input_of_the_token() {
    let input = SigningInput::new(KID, &claims()).unwrap();
    let token = sign(&claims());
    let (text, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(input.message(), text.as_bytes());
    let raw: [u8; 64] = bytes(signature).try_into().unwrap();
    assert_eq!(input.finish(&raw), token);
}

#[test]
fn the_golden_lease_still_verifies() {
    assert_eq!(accept(GOLDEN.trim_end(), at(ISSUED)), Ok(claims()));
}

#[test]
fn header_and_payload_are_encoded_as_they_were() {
    let (golden, _) = GOLDEN.rsplit_once('.').unwrap();
    assert_eq!(SigningInput::new(KID, &claims()).unwrap().0, golden);
}

#[test]
fn the_example_of_rfc_7515_a_3_verifies_under_the_installed_provider() {
    let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let keys = keys();
    let key = keys.decoding_key(KID).unwrap();
    let verify = |message: &str| {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::ES256).unwrap()
    };
    assert!(verify(message));
    assert!(!verify(&format!("{message}A")));
}

#[test]
fn the_provider_knows_es256_only() {
    let keys = keys();
    let ec = keys.decoding_key(KID).unwrap();
    let hmac = jsonwebtoken::DecodingKey::from_secret(&point());
    for (algorithm, key) in [
        (Algorithm::HS256, &hmac),
        (Algorithm::ES256, &hmac),
        (Algorithm::ES384, ec),
        (Algorithm::RS256, ec),
    ] {
        assert!(jsonwebtoken::crypto::verify("", b"", key, algorithm).is_err());
    }
}

#[test]
fn the_thumbprint_is_that_of_rfc_9449() {
    let point = point_of(
        "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    );
    assert_eq!(thumbprint(&point), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn the_published_key_set_holds_public_members_only() {
    let json = serde_json::to_value(keys().jwks()).unwrap();
    let expected = serde_json::json!({"keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KID, "x": X, "y": Y,
    }]});
    assert_eq!(json, expected);
}

#[test]
fn a_compressed_or_garbled_point_is_no_key() {
    let mut point = point();
    point[0] = 2;
    assert_eq!(KeySet::new([point]).unwrap_err(), JwtError::PublicKey);
    // Off the curve: never verifies anything.
    let mut off = self::point();
    off[64] ^= 1;
    let keys = KeySet::new([off]).unwrap();
    let token = {
        let header = format!(r#"{{"alg":"ES256","kid":"{}","typ":"lease+jwt"}}"#, thumbprint(&off));
        forge(&header, &serde_json::to_string(&claims()).unwrap())
    };
    let outcome = Unverified::parse(&token).unwrap().verify(&keys, &expect(), at(ISSUED));
    assert_eq!(outcome, Err(JwtError::Signature));
}

#[test]
fn p09_other_algorithms_and_types_are_refused_even_under_a_true_signature() {
    let payload = serde_json::to_string(&claims()).unwrap();
    for alg in ["none", "None", "HS256", "RS256", "PS256", "ES384", "ES256K", "EdDSA", "es256", ""]
    {
        let token =
            forge(&format!(r#"{{"alg":"{alg}","kid":"{KID}","typ":"lease+jwt"}}"#), &payload);
        assert_eq!(refused(&token), JwtError::Header, "{alg}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "LEASE+JWT", "application/lease+jwt", ""] {
        let token = forge(&format!(r#"{{"alg":"ES256","kid":"{KID}","typ":"{typ}"}}"#), &payload);
        assert_eq!(refused(&token), JwtError::Header, "{typ}");
    }
}

#[test]
fn p09_an_hmac_under_the_public_key_is_refused() {
    let header = format!(r#"{{"alg":"HS256","kid":"{KID}","typ":"lease+jwt"}}"#);
    let payload = serde_json::to_string(&claims()).unwrap();
    let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &point());
    let tag = ring::hmac::sign(&key, input.as_bytes());
    assert_eq!(refused(&format!("{input}.{}", encode(tag.as_ref()))), JwtError::Header);
}

#[test]
fn p09_header_parameters_beyond_the_three_are_refused() {
    let payload = serde_json::to_string(&claims()).unwrap();
    for extra in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""jku":"https://evil.example/jwks.json""#,
        r#""jwk":{"kty":"EC"}"#,
        r#""x5u":"https://evil.example""#,
        r#""x5c":["AA"]"#,
        r#""x5t":"AA""#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""foo":1"#,
        r#""alg":"ES256""#,
        r#""kid":"other""#,
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"{KID}","typ":"lease+jwt",{extra}}}"#);
        assert_eq!(refused(&forge(&header, &payload)), JwtError::Header, "{extra}");
    }
    for header in [r#"{"alg":"ES256","typ":"lease+jwt"}"#, "{}", "[]", "", "null"] {
        assert_eq!(refused(&forge(header, &payload)), JwtError::Header, "{header}");
    }
}

#[test]
fn p09_the_key_is_found_by_its_exact_id() {
    let payload = serde_json::to_string(&claims()).unwrap();
    for kid in ["", "other", &KID.to_lowercase(), &format!("{KID} "), &KID[1..]] {
        let token =
            forge(&format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"lease+jwt"}}"#), &payload);
        assert_eq!(refused(&token), JwtError::UnknownKey, "{kid}");
    }
    let token = sign(&claims());
    let none = KeySet::new([]).unwrap();
    let outcome = Unverified::parse(&token).unwrap().verify(&none, &expect(), at(ISSUED));
    assert_eq!(outcome, Err(JwtError::UnknownKey));
}

#[test]
fn p09_every_claim_of_the_standard_is_required_and_typed() {
    let header = format!(r#"{{"alg":"ES256","kid":"{KID}","typ":"lease+jwt"}}"#);
    let full = serde_json::to_value(claims()).unwrap();
    for name in ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "ns", "pol", "inc", "rev"] {
        let mut without = full.clone();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(refused(&forge(&header, &without.to_string())), JwtError::Claims, "{name}");
        for wrong in [serde_json::json!(null), serde_json::json!({}), serde_json::json!(-1)] {
            let mut changed = full.clone();
            changed[name] = wrong;
            assert_eq!(refused(&forge(&header, &changed.to_string())), JwtError::Claims, "{name}");
        }
    }
    // A lease is for one vault: lists of audiences or issuers are not ours.
    for name in ["aud", "iss"] {
        let mut list = full.clone();
        list[name] = serde_json::json!([full[name], "another"]);
        assert_eq!(refused(&forge(&header, &list.to_string())), JwtError::Claims, "{name}");
    }
    let mut unknown = full;
    unknown["narrowing-of-the-future"] = serde_json::json!(true);
    assert_eq!(refused(&forge(&header, &unknown.to_string())), JwtError::Claims);
}

#[test]
fn p09_leases_of_other_vaults_and_incarnations_are_refused() {
    for (name, other) in [
        ("iss", Claims { iss: "https://vault.example/".into(), ..claims() }),
        ("aud", Claims { aud: "cluster-2".into(), ..claims() }),
        ("aud", Claims { aud: String::new(), ..claims() }),
    ] {
        assert_eq!(refused(&sign(&other)), JwtError::OtherVault, "{name}");
    }
    let other = Claims { inc: Incarnation([8; 16]), ..claims() };
    assert_eq!(refused(&sign(&other)), JwtError::OtherIncarnation);
}

#[test]
fn p12_a_lease_is_valid_from_nbf_until_just_before_exp_without_leeway() {
    let token = sign(&claims());
    let (nbf, exp) = (at(ISSUED - 60), at(ISSUED + 3600));
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(accept(&token, nbf - nanosecond), Err(JwtError::Immature));
    assert!(accept(&token, nbf).is_ok());
    assert!(accept(&token, exp - nanosecond).is_ok());
    assert_eq!(accept(&token, exp), Err(JwtError::Expired));
    assert_eq!(accept(&token, Timestamp(u64::MAX)), Err(JwtError::Expired));
    assert_eq!(accept(&token, Timestamp(0)), Err(JwtError::Immature));
}

#[test]
fn p12_no_lease_lives_longer_than_the_hard_maximum() {
    let year = LEASE_HARD_MAX.as_secs();
    assert!(accept(&sign(&Claims { exp: ISSUED + year, ..claims() }), at(ISSUED)).is_ok());
    for exp in [ISSUED + year + 1, u64::MAX] {
        assert_eq!(refused(&sign(&Claims { exp, ..claims() })), JwtError::TooLong);
    }
    // Issued after its end: no arithmetic wraps around.
    let claims = Claims { iat: ISSUED + 7200, ..claims() };
    assert_eq!(refused(&sign(&claims)), JwtError::Claims);
}

#[test]
fn oversized_and_malformed_tokens_are_refused_before_anything_else() {
    assert_eq!(refused(&"a".repeat(LEASE_BYTES_MAX + 1)), JwtError::TooLarge);
    let token = sign(&claims());
    let (input, signature) = token.rsplit_once('.').unwrap();
    for text in [
        String::new(),
        ".".into(),
        "..".into(),
        input.into(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}="),
        format!("{token}\n"),
    ] {
        assert!(accept(&text, at(ISSUED)).is_err(), "{text:?}");
    }
    assert_eq!(refused(&format!("{input}.")), JwtError::Signature);
}

#[test]
fn nothing_is_signed_that_verification_would_call_too_large() {
    let fits = |n: usize| {
        let claims = Claims { pol: vec!["p".repeat(n)], ..claims() };
        SigningInput::new(KID, &claims).map(|_| sign(&claims).len())
    };
    let largest = (1..LEASE_BYTES_MAX).rev().find_map(|n| fits(n).ok()).unwrap();
    assert!((LEASE_BYTES_MAX - 2..=LEASE_BYTES_MAX).contains(&largest), "{largest}");
    assert_eq!(fits(LEASE_BYTES_MAX).unwrap_err(), JwtError::TooLarge);
}

#[test]
fn narrowings_all_must_permit() {
    let net = |text: &str| text.parse().unwrap();
    let paths =
        Narrowing { paths: vec!["kv/data/a/*".into(), "kv/x".into()], ..Default::default() };
    let ops = Narrowing { ops: vec!["read".into()], ..Default::default() };
    let cidrs = Narrowing { cidrs: vec![net("10.0.0.0/8")], ..Default::default() };
    let claims = Claims { scp: vec![paths, ops, cidrs], ..claims() };
    let inside = Some("10.1.2.3".parse().unwrap());
    assert!(claims.permits("kv/data/a/b", "read", inside));
    assert!(claims.permits("kv/x", "read", inside));
    assert!(claims.permits("kv/x", "read", Some("::ffff:10.1.2.3".parse().unwrap())));
    assert!(!claims.permits("kv/x/y", "read", inside));
    assert!(!claims.permits("kv/data/b", "read", inside));
    assert!(!claims.permits("kv/x", "update", inside));
    assert!(!claims.permits("kv/x", "read", Some("11.0.0.1".parse().unwrap())));
    assert!(!claims.permits("kv/x", "read", None));
    assert!(Claims { scp: vec![], ..claims }.permits("anything", "update", None));
}

#[test]
fn no_error_and_no_debug_output_shows_the_token() {
    let token = sign(&claims());
    let error = Unverified::parse(&token[..token.len() - 4]).unwrap();
    let error = error.verify(&keys(), &expect(), at(ISSUED)).unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", keys()).contains(&token[..20]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_altered_byte_of_a_token_is_refused(place in any::<prop::sample::Index>(), to in 0x20u8..0x7f) {
        let token = GOLDEN.trim_end();
        let at_byte = place.index(token.len());
        let mut altered = token.as_bytes().to_vec();
        prop_assume!(altered[at_byte] != to);
        altered[at_byte] = to;
        let altered = String::from_utf8(altered).unwrap();
        prop_assert!(accept(&altered, at(ISSUED)).is_err());
    }

    #[test]
    fn any_cut_or_insertion_is_refused(place in any::<prop::sample::Index>(), insert in "[A-Za-z0-9._=-]") {
        let token = GOLDEN.trim_end();
        let place = place.index(token.len());
        let (before, after) = token.split_at(place);
        prop_assert!(accept(before, at(ISSUED)).is_err());
        prop_assert!(accept(&[before, &insert, after].concat(), at(ISSUED)).is_err());
        prop_assert!(accept(&[before, &after[1..]].concat(), at(ISSUED)).is_err());
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,200}") {
        let _ = Unverified::parse(&text);
    }
}
