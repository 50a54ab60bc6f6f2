//! Envelopes against texts recorded from `bao` 2.7.2 (ids and tokens replaced).

use std::collections::BTreeMap;

use super::*;
use crate::wire::token::Lookup;

const TAIL: &str = r#""wrap_info":null,"warnings":null,"auth":null}"#;

#[test]
fn an_empty_envelope_has_every_member_in_order_and_a_newline() {
    assert_eq!(
        Envelope::new("id").to_text(),
        format!(
            "{{\"request_id\":\"id\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\
             \"data\":null,{TAIL}\n"
        )
    );
}

#[test]
fn leases_and_warnings_stand_at_the_top() {
    let text = Envelope::new("id")
        .lease("database/creds/app/x", true, 300)
        .warn(["a <b>".to_owned(), "c".to_owned()])
        .to_text();
    assert_eq!(
        text,
        "{\"request_id\":\"id\",\"lease_id\":\"database/creds/app/x\",\"renewable\":true,\
         \"lease_duration\":300,\"data\":null,\"wrap_info\":null,\
         \"warnings\":[\"a \\u003cb\\u003e\",\"c\"],\"auth\":null}\n"
    );
}

#[test]
fn an_approle_login_reads_as_recorded() {
    let auth = Auth {
        client_token: "t".into(),
        accessor: "a".into(),
        policies: vec!["default".into(), "p1".into()],
        token_policies: vec!["default".into(), "p1".into()],
        metadata: Some(BTreeMap::from([
            ("role_name".into(), "app".into()),
            ("k".into(), "v".into()),
        ])),
        lease_duration: 600,
        renewable: true,
        entity_id: "e".into(),
        token_type: "service".into(),
        orphan: true,
        ..Auth::default()
    };
    assert_eq!(
        Envelope::new("id").auth(auth).to_text(),
        "{\"request_id\":\"id\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\
         \"data\":null,\"wrap_info\":null,\"warnings\":null,\"auth\":{\"client_token\":\"t\",\
         \"accessor\":\"a\",\"policies\":[\"default\",\"p1\"],\
         \"token_policies\":[\"default\",\"p1\"],\"metadata\":{\"k\":\"v\",\"role_name\":\"app\"},\
         \"lease_duration\":600,\"renewable\":true,\"entity_id\":\"e\",\"token_type\":\"service\",\
         \"orphan\":true,\"mfa_requirement\":null,\"num_uses\":0}}\n"
    );
}

#[test]
fn a_lookup_reads_as_recorded() {
    let lookup = Lookup {
        accessor: "a".into(),
        creation_time: 1_795_367_322,
        creation_ttl: 3_600,
        display_name: "token".into(),
        expire_time: Some("2026-11-22T18:08:42.041108923Z".into()),
        explicit_max_ttl: 18_000,
        id: "t".into(),
        issue_time: Some("2026-11-22T17:08:42.017676854Z".into()),
        last_renewal: Some("2026-11-22T17:08:42.041109004Z".into()),
        last_renewal_time: Some(1_795_367_322),
        num_uses: 3,
        path: "auth/token/create".into(),
        period: Some(3_600),
        policies: vec!["default".into(), "p1".into()],
        renewable: Some(true),
        ttl: 3_600,
        kind: "service".into(),
        ..Lookup::default()
    };
    let recorded = r#"{"accessor":"a","creation_time":1795367322,"creation_ttl":3600,"display_name":"token","entity_id":"","expire_time":"2026-11-22T18:08:42.041108923Z","explicit_max_ttl":18000,"id":"t","issue_time":"2026-11-22T17:08:42.017676854Z","last_renewal":"2026-11-22T17:08:42.041109004Z","last_renewal_time":1795367322,"meta":null,"num_uses":3,"orphan":false,"path":"auth/token/create","period":3600,"policies":["default","p1"],"renewable":true,"ttl":3600,"type":"service"}"#;
    assert_eq!(text(&lookup), recorded);
    let root = Lookup { kind: "service".into(), expire_time: None, ..Lookup::default() };
    let shown = text(&root);
    assert!(shown.contains("\"expire_time\":null") && !shown.contains("renewable"));
    assert!(!shown.contains("issue_time") && !shown.contains("period"));
    assert!(serde_json::from_str::<Lookup>(recorded).unwrap() == lookup);
}

#[test]
fn a_wrapped_answer_tells_nothing_else() {
    let wrap = WrapInfo {
        token: "w".into(),
        accessor: "a".into(),
        ttl: 60,
        creation_time: "2026-11-22T08:12:53.875536129Z".into(),
        creation_path: "kv1/a".into(),
        wrapped_accessor: None,
    };
    let secret = Envelope::new("id")
        .lease("l", true, 9)
        .shape("marker")
        .auth(Auth { client_token: "marker".into(), ..Auth::default() })
        .wrapped(wrap.clone());
    let recorded = "{\"request_id\":\"\",\"lease_id\":\"\",\"renewable\":false,\
        \"lease_duration\":0,\"data\":null,\"wrap_info\":{\"token\":\"w\",\"accessor\":\"a\",\
        \"ttl\":60,\"creation_time\":\"2026-11-22T08:12:53.875536129Z\",\
        \"creation_path\":\"kv1/a\"},\"warnings\":null,\"auth\":null}\n";
    assert_eq!(secret.to_text(), recorded);
    assert_eq!(secret.to_text_injected(), recorded);
    let with = WrapInfo { wrapped_accessor: Some("x".into()), ..wrap };
    assert!(text(&with).ends_with("\"creation_path\":\"kv1/a\",\"wrapped_accessor\":\"x\"}"));
}

#[test]
fn injected_data_stands_at_the_top_and_shadows_nothing() {
    let data = BTreeMap::from([("keys", vec!["<a>"]), ("policies", vec!["b"])]);
    assert_eq!(
        Envelope::new("id").shape(&data).to_text_injected(),
        format!(
            "{{\"keys\":[\"\\u003ca\\u003e\"],\"policies\":[\"b\"],\"request_id\":\"id\",\
             \"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\
             \"data\":{{\"keys\":[\"\\u003ca\\u003e\"],\"policies\":[\"b\"]}},{TAIL}\n"
        )
    );
    // A path named like a member of the envelope must not give the member twice.
    let data = BTreeMap::from([("auth", vec!["root"]), ("x", vec!["root"])]);
    let shown = Envelope::new("id").shape(&data).to_text_injected();
    assert!(shown.starts_with("{\"x\":[\"root\"],\"request_id\""));
    assert_eq!(shown.matches("\"auth\":").count(), 2, "one in data, one of the envelope");
    assert_eq!(
        Envelope::new("id").to_text_injected(),
        Envelope::new("id").to_text(),
        "nothing to inject"
    );
}

#[test]
fn errors_read_as_recorded() {
    assert_eq!(errors_text::<&str>(&[]), "{\"errors\":[]}\n");
    assert_eq!(
        errors_text(&[multi_error(&["permission denied"])]),
        "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}\n"
    );
    assert_eq!(multi_error(&["a", "b"]), "2 errors occurred:\n\t* a\n\t* b\n\n");
}

#[test]
fn a_client_reads_what_the_server_writes() {
    let sent = Envelope::new("id")
        .data(Data::from_canonical(r#"{"n":12345678901234567890123}"#.into()))
        .auth(Auth { client_token: "t".into(), num_uses: 5, ..Auth::default() });
    let received: Received = serde_json::from_str(&sent.to_text()).unwrap();
    assert_eq!(received.request_id, "id");
    assert_eq!(received.data.unwrap().get(), r#"{"n":12345678901234567890123}"#);
    assert!(received.auth.unwrap() == sent.auth.unwrap());
    let refused: Received = serde_json::from_str(&errors_text(&["no"])).unwrap();
    assert_eq!(refused.errors, ["no"]);
}

#[test]
fn debug_output_never_shows_a_secret() {
    let envelope = Envelope::new("id")
        .shape("marker")
        .auth(Auth { client_token: "marker".into(), ..Auth::default() })
        .wrapped(WrapInfo { token: "marker".into(), ..WrapInfo::default() });
    assert!(!format!("{envelope:?}").contains("marker"));
    let lookup = Lookup { id: "marker".into(), ..Lookup::default() };
    assert!(!format!("{lookup:?}").contains("marker"));
    let made =
        crate::wire::approle::SecretIdMade { secret_id: "marker".into(), ..Default::default() };
    assert!(!format!("{made:?}").contains("marker"));
    let init = crate::wire::sys::InitAnswer {
        keys: vec!["marker".into()],
        keys_base64: vec!["marker".into()],
        root_token: "marker".into(),
    };
    assert!(!format!("{init:?}").contains("marker"));
}
