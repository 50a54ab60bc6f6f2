//! Properties of bodies and fields. Error texts are those of `bao` 2.7.2.

use proptest::prelude::*;

use super::*;

fn body(text: &str) -> Body {
    Body::json(text.as_bytes()).unwrap()
}

fn refused(text: &str) -> String {
    Body::json(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn nothing_blank_and_null_are_no_fields() {
    for text in ["", "  \n", "null", "{}"] {
        assert!(body(text).is_empty());
    }
}

#[test]
fn refusals_read_as_people_know_them() {
    for (text, error) in [
        (
            "{bad",
            "failed to decode JSON input: invalid character 'b' looking for beginning of value",
        ),
        (
            "[1]",
            "failed to decode JSON input: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (
            "5",
            "failed to decode JSON input: json: cannot unmarshal number into Go value of type map[string]interface {}",
        ),
    ] {
        assert_eq!(refused(text), error);
    }
    let many: String = (0..5_001).map(|i| format!("\"k{i}\":\"v\",")).collect();
    assert_eq!(
        refused(&format!("{{{many}\"z\":1}}")),
        "refused JSON input due to high complexity: exceeded maximum number of strings (10000)"
    );
    let large = vec![b' '; crate::limits::BODY_BYTES_MAX + 1];
    assert_eq!(Body::json(&large).unwrap_err(), BodyError::TooLarge);
}

#[test]
fn the_last_of_duplicate_fields_wins() {
    assert_eq!(body(r#"{"data":{"a":1,"a":2},"data":{"b":3}}"#).raw("data"), Some(r#"{"b":3}"#));
}

#[test]
fn forms_join_repeated_names_and_keep_strings() {
    let form = Body::read(
        Some("application/x-www-form-urlencoded; charset=utf-8"),
        b"a=1&b=two+%C3%A9%22&a=3&c",
    )
    .unwrap();
    assert_eq!(form.to_object().as_str(), "{\"a\":\"1,3\",\"b\":\"two é\\\"\",\"c\":\"\"}");
    let json = Body::read(Some("application/x-www-form-urlencoded"), b" {\"a\":1}").unwrap();
    assert_eq!(json.int("a"), Ok(Some(1)));
    assert!(Body::read(None, b"a=1").is_err());
    for bad in [&b"a=%zz"[..], b"a=%f", b"a=%ff", b"%"] {
        assert!(Body::form(bad).is_err());
    }
    let many = "a&".repeat(crate::limits::FORM_FIELDS_MAX + 1);
    assert!(Body::form(many.as_bytes()).is_err());
}

#[test]
fn queries_give_strings_switches_and_numbers() {
    let query = Body::query(Some("version=2&list=true&list=false&scan=&after=a%2Fb")).unwrap();
    assert_eq!(query.int("version"), Ok(Some(2)));
    assert_eq!(query.switch("list"), Ok(true));
    assert_eq!(query.switch("scan"), Ok(false));
    assert_eq!(query.switch("absent"), Ok(false));
    assert_eq!(query.string("after"), Ok(Some("a/b".into())));
    assert!(Body::query(Some("list=yes")).unwrap().switch("list").is_err());
    let error = Body::query(Some("version=abc")).unwrap().int("version").unwrap_err();
    assert_eq!(
        error.validation(),
        "Field validation failed: error converting input for field \"version\": '' cannot parse value as 'int': strconv.ParseInt: invalid syntax"
    );
    assert_eq!(Body::query(Some("version=")).unwrap().int("version"), Ok(Some(0)));
}

#[test]
fn fields_are_coerced_as_in_the_reference_server() {
    let b = body(
        r#"{"i":"2","n":3,"t":true,"one":"1","f":"F","d":"1h30m","s":90,"neg":"-5s","l":"a, b,,c",
            "a":["x","y, z",1],"v":["1",2],"m":{"k":"v","n":1,"b":true},"kv":["a=b=c"],"null":null,"big":99999999999999999999}"#,
    );
    assert_eq!(b.int("i"), Ok(Some(2)));
    assert_eq!(b.int("t"), Ok(Some(1)));
    assert_eq!(b.boolean("one"), Ok(Some(true)));
    assert_eq!(b.boolean("n"), Ok(Some(true)));
    assert_eq!(b.boolean("f"), Ok(Some(false)));
    assert_eq!(b.seconds("d"), Ok(Some(5_400)));
    assert_eq!(b.seconds("s"), Ok(Some(90)));
    assert_eq!(b.signed_seconds("neg"), Ok(Some(-5)));
    assert_eq!(b.string("s"), Ok(Some("90".into())));
    assert_eq!(b.strings("l"), Ok(Some(vec!["a".into(), "b".into(), "c".into()])));
    assert_eq!(b.strings("a"), Ok(Some(vec!["x".into(), "y, z".into(), "1".into()])));
    assert_eq!(b.ints("v"), Ok(Some(vec![1, 2])));
    let pairs = b.string_map("m").unwrap().unwrap();
    assert_eq!(pairs.into_values().collect::<Vec<_>>(), ["1", "v", "1"]);
    assert_eq!(b.string_map("kv").unwrap().unwrap()["a"], "b=c");
    assert_eq!(b.secret("d").unwrap().unwrap().expose(), "1h30m");
    assert_eq!(b.int("null"), Ok(None));
    assert_eq!(b.string("absent"), Ok(None));
    assert!(b.int("big").is_err());
}

#[test]
fn wrong_types_are_named_as_people_know_them() {
    let b = body(
        r#"{"s":"str","n":5,"l":[1],"o":{"a":{"b":1}},"e":[],"z":"yes","v":"a","d":"zz","dt":true}"#,
    );
    let map = "expected type 'map[string]interface {}', got unconvertible type";
    for (error, text) in [
        (b.object("s").unwrap_err(), format!("field \"s\": '' {map} 'string'")),
        (b.object("n").unwrap_err(), format!("field \"n\": '' {map} 'json.Number'")),
        (b.object("l").unwrap_err(), format!("field \"l\": '[0]' {map} 'json.Number'")),
        (
            b.boolean("z").unwrap_err(),
            "field \"z\": '' cannot parse value as 'bool': strconv.ParseBool: invalid syntax".into(),
        ),
        (
            b.ints("v").unwrap_err(),
            "field \"v\": decoding failed due to the following error(s):\n\n'[0]' cannot parse value as 'int': strconv.ParseInt: invalid syntax".into(),
        ),
        (b.seconds("d").unwrap_err(), "field \"d\": time: invalid duration \"zz\"".into()),
        (b.seconds("dt").unwrap_err(), "field \"dt\": could not parse duration from input".into()),
        (
            b.string("o").unwrap_err(),
            "field \"o\": '' expected type 'string', got unconvertible type 'map[string]interface {}'".into(),
        ),
        (
            b.string_map("o").unwrap_err(),
            "field \"o\": '' expected type 'string', got unconvertible type 'map[string]interface {}'".into(),
        ),
    ] {
        assert_eq!(error.to_string(), format!("error converting input for {text}"));
    }
    assert_eq!(b.object("e"), Ok(Some("{}")));
}

#[test]
fn unknown_and_captured_fields_are_warned_about() {
    let b = body(r#"{"data":{},"foo":1,"bar":2,"path":"x"}"#);
    assert_eq!(
        b.warnings(&["data"], &["path"]),
        [
            "Endpoint ignored these unrecognized parameters: [bar foo]",
            "Endpoint replaced the value of these parameters with the values captured from the \
             endpoint's path: [path]",
        ]
    );
    assert!(b.warnings(&["data", "foo", "bar", "path"], &[]).is_empty());
    let many: Vec<String> = (0..40).map(|i| format!("\"{i:0200}\":1")).collect();
    let warning = body(&format!("{{{}}}", many.join(","))).warnings(&[], &[]).remove(0);
    assert!(warning.ends_with(" and 8 more]") && warning.len() < 5_000);
}

#[test]
fn policies_see_every_field() {
    let b = body(r#"{"a":{"b":[1]},"huge":1e999,"deep":[-1e999],"n":null}"#);
    let seen = b.parameters();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen["a"], serde_json::json!({"b": [1]}));
    assert_eq!(seen["huge"], serde_json::json!("1e999"));
}

#[test]
fn debug_output_never_shows_the_contents() {
    let shown = format!("{:?}", body(r#"{"password":"marker"}"#));
    assert!(shown.contains("password") && !shown.contains("marker"));
}

#[test]
fn text_is_escaped_as_go_does() {
    #[derive(serde::Serialize)]
    struct Shape<'a> {
        s: &'a str,
    }
    assert_eq!(
        text(&Shape { s: "<é>&\u{2028}\"\n\u{1}" }),
        r#"{"s":"\u003cé\u003e\u0026\u2028\"\n\u0001"}"#
    );
}

proptest! {
    #[test]
    fn no_bytes_make_a_body_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Body::json(&bytes);
        let _ = Body::form(&bytes);
    }

    #[test]
    fn both_writers_escape_alike(s in "\\PC*|[<>&\u{2028}\u{2029}\u{0}-\u{7f}]*") {
        let mut ours = String::new();
        crate::json::write_string(&mut ours, &s);
        prop_assert_eq!(&text(&s), &ours);
        prop_assert_eq!(serde_json::from_str::<String>(&ours).unwrap(), s);
    }

    #[test]
    fn a_form_gives_back_what_was_encoded(s in "\\PC{0,12}") {
        let encoded: String = s.bytes().map(|b| format!("%{b:02x}")).collect();
        let form = Body::form(format!("k={encoded}").as_bytes()).unwrap();
        prop_assert_eq!(form.string("k").unwrap(), Some(s));
    }
}
