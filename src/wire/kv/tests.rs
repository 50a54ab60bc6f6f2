//! KV shapes against texts recorded from `bao` 2.7.2.

use super::*;
use crate::wire::envelope::Envelope;
use crate::wire::json::Body;

const CREATED: Timestamp = Timestamp(1_795_366_475_412_388_923);

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

#[test]
fn reads_splice_the_payload_verbatim() {
    let metadata = VersionMetadata::new(1, CREATED, None, false, &map(&[]));
    let envelope = Envelope::new("id").data(read_data(Some(r#"{"n":1e2,"b":1}"#), &metadata));
    assert_eq!(
        envelope.to_text(),
        "{\"request_id\":\"id\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\
         \"data\":{\"data\":{\"n\":1e2,\"b\":1},\"metadata\":{\"created_time\":\"2026-11-22T16:54:35.412388923Z\",\
         \"custom_metadata\":null,\"deletion_time\":\"\",\"destroyed\":false,\"version\":1}},\
         \"wrap_info\":null,\"warnings\":null,\"auth\":null}\n"
    );
}

#[test]
fn deleted_versions_tell_their_times() {
    let metadata = VersionMetadata::new(
        4,
        CREATED,
        Some(Timestamp(1_795_366_475_734_799_424)),
        false,
        &map(&[("a", "<")]),
    );
    assert_eq!(
        read_data(None, &metadata).as_str(),
        "{\"data\":null,\"metadata\":{\"created_time\":\"2026-11-22T16:54:35.412388923Z\",\
         \"custom_metadata\":{\"a\":\"\\u003c\"},\"deletion_time\":\"2026-11-22T16:54:35.734799424Z\",\
         \"destroyed\":false,\"version\":4}}"
    );
    let shown = subkeys_data(Some("{\"k\":null}"), &metadata);
    assert!(shown.as_str().starts_with("{\"metadata\":{\"created_time\""));
    assert!(shown.as_str().ends_with("},\"subkeys\":{\"k\":null}}"));
}

#[test]
fn metadata_and_configuration_have_the_recorded_shape() {
    let versions = [2u64, 10]
        .map(|v| (v.to_string(), VersionTimes::new(CREATED, None, false)))
        .into_iter()
        .collect();
    let metadata = Metadata {
        cas_required: true,
        created_time: CREATED.rfc3339(),
        current_metadata_version: 4,
        current_version: 10,
        custom_metadata: None,
        delete_version_after: format_seconds(60),
        max_versions: 3,
        metadata_cas_required: false,
        oldest_version: 0,
        updated_time: CREATED.rfc3339(),
        versions,
    };
    let time = "2026-11-22T16:54:35.412388923Z";
    let version =
        format!("{{\"created_time\":\"{time}\",\"deletion_time\":\"\",\"destroyed\":false}}");
    assert_eq!(
        text(&metadata),
        format!(
            "{{\"cas_required\":true,\"created_time\":\"{time}\",\"current_metadata_version\":4,\
             \"current_version\":10,\"custom_metadata\":null,\"delete_version_after\":\"1m0s\",\
             \"max_versions\":3,\"metadata_cas_required\":false,\"oldest_version\":0,\
             \"updated_time\":\"{time}\",\"versions\":{{\"10\":{version},\"2\":{version}}}}}"
        )
    );
    assert_eq!(
        text(&ConfigData::new(5, false, false, 5_400)),
        r#"{"cas_required":false,"delete_version_after":"1h30m0s","max_versions":5,"metadata_cas_required":false}"#
    );
}

#[test]
fn write_requests_are_read_and_refused_as_recorded() {
    let read = |text: &str| {
        let body = Body::json(text.as_bytes()).unwrap();
        WriteRequest::of(&body).map(|w| (w.data.to_owned(), w.cas)).map_err(|e| e.to_string())
    };
    assert_eq!(
        read(r#"{"data":{"a":1},"options":{"cas":"2"}}"#),
        Ok((r#"{"a":1}"#.into(), Some(2)))
    );
    assert_eq!(read(r#"{"data":null}"#), Ok(("null".into(), None)));
    assert_eq!(read(r#"{"data":{},"options":{"cas":null}}"#), Ok(("{}".into(), Some(0))));
    assert_eq!(read(r#"{"data":{},"options":{"cas":-1}}"#), Ok(("{}".into(), Some(-1))));
    for (text, error) in [
        (r#"{"k":"v2"}"#, "no data provided"),
        ("", "no data provided"),
        (r#"{"data":{},"options":{"cas":"x"}}"#, "error parsing check-and-set parameter"),
        (r#"{"data":{},"options":{"cas":1.5}}"#, "error parsing check-and-set parameter"),
        (
            r#"{"data":{},"options":"x"}"#,
            "error converting input for field \"options\": '' expected type 'map[string]interface {}', got unconvertible type 'string'",
        ),
        (
            r#"{"data":"str"}"#,
            "error converting input for field \"data\": '' expected type 'map[string]interface {}', got unconvertible type 'string'",
        ),
    ] {
        assert_eq!(read(text), Err(error.to_owned()), "{text}");
    }
}

#[test]
fn versions_must_be_named() {
    let named = |text: &str, of| {
        versions(&Body::json(text.as_bytes()).unwrap(), of).map_err(|e| e.to_string())
    };
    assert_eq!(named(r#"{"versions":["1",2]}"#, VersionsOf::Delete), Ok(vec![1, 2]));
    assert_eq!(named(r#"{"versions":"1,2"}"#, VersionsOf::Undelete), Ok(vec![1, 2]));
    let none = |of| named(r#"{"versions":[]}"#, of).unwrap_err();
    assert_eq!(none(VersionsOf::Delete), "No version number provided");
    assert_eq!(none(VersionsOf::Undelete), "No version number provided");
    assert_eq!(none(VersionsOf::Destroy), "no version number provided");
}

#[test]
fn a_write_of_metadata_tells_null_from_absent() {
    let body = |text: &str| Body::json(text.as_bytes()).unwrap();
    let b =
        body(r#"{"custom_metadata":{"a":null,"e":"f"},"max_versions":null,"metadata_cas":"3"}"#);
    let patch = MetadataRequest::patch(&b).unwrap();
    let merge = patch.custom_metadata_patch.unwrap();
    assert_eq!(
        merge.into_iter().collect::<Vec<_>>(),
        [("a".into(), None), ("e".into(), Some("f".into()))]
    );
    assert_eq!((patch.max_versions, patch.metadata_cas), (Some(0), Some(3)));
    assert_eq!(patch.cas_required, None);
    let emptied = MetadataRequest::patch(&body(r#"{"custom_metadata":null}"#)).unwrap();
    assert_eq!(emptied.custom_metadata, Some(BTreeMap::new()));

    let put = MetadataRequest::put(&body(
        r#"{"max_versions":"3","cas_required":"1","delete_version_after":60,"custom_metadata":null}"#,
    ))
    .unwrap();
    assert_eq!((put.max_versions, put.cas_required), (Some(3), Some(true)));
    assert_eq!(
        (put.delete_version_after_seconds, put.custom_metadata),
        (Some(60), Some(BTreeMap::new()))
    );
    assert_eq!(
        MetadataRequest::put(&body(r#"{"delete_version_after":"-5s"}"#)).unwrap_err().to_string(),
        "error converting input for field \"delete_version_after\": cannot provide negative value '-5'"
    );
    let config = ConfigRequest::of(&body(r#"{"delete_version_after":"-1s"}"#)).unwrap();
    assert_eq!(config.delete_version_after_seconds, Some(-1));
}
