//! An entry says what its fields say and nothing else.

use proptest::prelude::*;

use super::*;
use crate::limits::AUDIT_ENTRY_BYTES_MAX;

const NOBODY: Who<'static> = Who { entity: "", accessor: "", role: "", display: "", client: None };

fn line(draft: &Draft<'_>, outcome: &Outcome) -> String {
    let mut out = Vec::new();
    encode_head(&mut out, u64::MAX, &[0xab; 32], TimeText::default().print(Timestamp(1)));
    encode_request(&mut out, draft);
    encode_who(&mut out, &draft.who);
    encode_outcome(&mut out, outcome, draft.version, Duration::MAX);
    encode_withheld(&mut out);
    out.push(b'}');
    String::from_utf8(out).unwrap()
}

#[test]
fn the_line_is_the_golden_one() {
    let mut out = Vec::new();
    let draft = Draft {
        kind: Kind::Request,
        request_id: "r-1",
        operation: "read",
        path: "secret/data/app/db",
        version: None,
        mount: "secret/",
        mount_accessor: "kv_f82cee77",
        decision: Decision::Allow,
        rule: "app: secret/data/app/*",
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
        started: BootTime(0),
        wrapping: "",
        who: Who {
            entity: "e-1",
            accessor: "a-1",
            role: "app",
            display: "approle-app",
            client: "2001:db8::7".parse().ok(),
        },
    };
    let at = Timestamp(1_795_335_111_065_462_999);
    encode_head(&mut out, 41, &[0x0f; 32], TimeText::default().print(at));
    encode_request(&mut out, &draft);
    encode_who(&mut out, &draft.who);
    let outcome =
        Outcome { version: Some(3), hsm_calls: 1, revision: 88, ..Outcome::new(200, "ok") };
    encode_outcome(&mut out, &outcome, None, Duration::from_micros(317));
    out.push(b'}');
    assert_eq!(
        String::from_utf8(out).unwrap(),
        concat!(
            r#"{"v":1,"seq":41,"prev":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"#,
            r#"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","time":"2026-11-22T08:11:51.065462Z","#,
            r#""type":"request","request_id":"r-1","operation":"read","#,
            r#""path":"secret/data/app/db","mount":"secret/","mount_accessor":"kv_f82cee77","decision":"allow","#,
            r#""rule":"app: secret/data/app/*","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""entity":"e-1","accessor":"a-1","role":"app","display":"approle-app","#,
            r#""client":"2001:db8::7","version":3,"status":200,"code":"ok","duration_us":317,"#,
            r#""hsm_calls":1,"revision":88}"#
        )
    );
}

#[test]
fn times_have_six_digits_and_share_the_second() {
    let mut time = TimeText::default();
    assert_eq!(time.print(Timestamp(0)), "1970-01-01T00:00:00.000000Z");
    assert_eq!(time.print(Timestamp(999_999_999)), "1970-01-01T00:00:00.999999Z");
    assert_eq!(time.print(Timestamp(1_000_001_000)), "1970-01-01T00:00:01.000001Z");
    assert_eq!(time.print(Timestamp(999)), "1970-01-01T00:00:00.000000Z");
}

#[test]
fn the_longest_entry_fits() {
    let long = |n: usize| "x".repeat(n);
    let text = long(crate::limits::AUDIT_TEXT_BYTES_MAX - 2);
    let path = long(crate::limits::AUDIT_PATH_BYTES_MAX - 2);
    let code: &'static str = long(crate::limits::AUDIT_CODE_BYTES_MAX - 2).leak();
    let draft = Draft {
        kind: Kind::Recovered,
        request_id: &text,
        operation: code,
        path: &path,
        version: None,
        mount: &text,
        mount_accessor: code,
        decision: Decision::Unauthenticated,
        rule: &text,
        trace_id: &text,
        started: BootTime(0),
        wrapping: code,
        who: Who {
            entity: &text,
            accessor: &text,
            role: &text,
            display: &text,
            client: "2001:db8:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa".parse().ok(),
        },
    };
    let outcome = Outcome {
        status: u16::MAX,
        code,
        version: Some(u64::MAX),
        hsm_calls: u32::MAX,
        revision: u64::MAX,
    };
    let line = line(&draft, &outcome);
    assert!(line.len() < AUDIT_ENTRY_BYTES_MAX, "{}", line.len());
    assert!(!line.contains("sha256"), "every field is as long as it may be");
}

const ALLOWED: [&str; 26] = [
    "v",
    "seq",
    "prev",
    "time",
    "type",
    "request_id",
    "operation",
    "path",
    "mount",
    "mount_accessor",
    "decision",
    "rule",
    "trace_id",
    "entity",
    "accessor",
    "role",
    "display",
    "client",
    "version",
    "status",
    "code",
    "duration_us",
    "hsm_calls",
    "revision",
    "answer",
    "detail",
];

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\"\\\\,:{}\\[\\]\u{0}-\u{1f}\u{2028}\u{2029}\u{202e}a-z/]{0,3000}",
        Just("\",\"data\":\"x".to_owned()),
        Just("}\n{\"v\":1,\"seq\":0".to_owned()),
        (0_usize..6_000).prop_map(|n| "\u{1f512}".repeat(n)),
    ]
}

proptest! {
    #[test]
    fn whatever_a_caller_sends_stays_in_its_field_on_one_bounded_line(
        texts in prop::collection::vec(hostile(), 9)
    ) {
        let draft = Draft {
            kind: Kind::Request,
            request_id: &texts[0],
            operation: "read",
            path: &texts[1],
            version: Some(1),
            mount: &texts[2],
            mount_accessor: "",
            decision: Decision::Deny,
            rule: &texts[3],
            trace_id: &texts[4],
            started: BootTime(0),
            wrapping: "",
            who: Who {
                entity: &texts[5],
                accessor: &texts[6],
                role: &texts[7],
                display: &texts[8],
                client: None,
            },
        };
        let line = line(&draft, &Outcome::new(403, "denied"));
        prop_assert!(line.len() < AUDIT_ENTRY_BYTES_MAX);
        prop_assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let object = value.as_object().unwrap();
        // No name twice: as many fields as a parser keeps.
        let names = object.keys().filter(|k| !ALLOWED.contains(&k.as_str())).count();
        prop_assert_eq!(names, 0);
        prop_assert_eq!(object["operation"].as_str(), Some("read"));
        prop_assert_eq!(object["code"].as_str(), Some("denied"));
        let fields = [
            "request_id", "path", "mount", "rule", "trace_id", "entity", "accessor", "role",
            "display",
        ];
        for (name, text) in fields.into_iter().zip(&texts) {
            match object.get(name) {
                None => prop_assert!(text.is_empty()),
                Some(serde_json::Value::String(s)) => prop_assert_eq!(s, text),
                Some(replaced) => prop_assert_eq!(
                    replaced["bytes"].as_u64(), Some(text.len() as u64)
                ),
            }
        }
    }

    #[test]
    fn a_body_without_a_caller_names_none(path in hostile()) {
        let draft = Draft { who: NOBODY, ..crate::audit::tests::support::draft(&path) };
        let line = line(&draft, &Outcome::new(0, "aborted"));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        for name in ["entity", "accessor", "role", "display", "client", "status"] {
            prop_assert!(value.get(name).is_none());
        }
    }
}
