//! Bodies, forms and queries as named fields, read as every request reads them.

use super::json::Body;
use super::kv::{ConfigRequest, MetadataRequest, VersionsOf, WriteRequest, versions};
use crate::json::{Limits, parse};

/// The first byte chooses the form.
pub(crate) fn body(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let body = match kind % 4 {
        0 => Body::read(Some("application/json"), data),
        1 => Body::read(Some("application/x-www-form-urlencoded"), data),
        2 => Body::read(None, data),
        _ => match std::str::from_utf8(data) {
            Ok(query) => Body::query(Some(query)),
            Err(_) => return,
        },
    };
    let Ok(body) = body else { return };
    fields(&body);
    getters(&body);
    kv(&body);
}

fn fields(body: &Body) {
    let mut names: Vec<&str> = body.names().collect();
    for name in &names {
        let raw = body.raw(name).expect("a name has a field");
        let value = parse(raw.as_bytes(), Limits::STORED).expect("a field is JSON");
        assert_eq!(*value.to_text(), *raw, "a field is not canonical");
    }
    let (count, parameters) = (names.len(), body.parameters());
    assert_eq!(parameters.len(), count, "a field escapes the rules about parameters");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is there twice");
    let whole = body.to_object();
    let value = parse(whole.as_bytes(), Limits::STORED).expect("the whole is JSON");
    assert_eq!(*value.to_text(), *whole, "the whole is not canonical");
    assert!(body.warnings(&[], &[]).iter().all(|w| w.len() < 20_000), "a warning without bound");
}

fn getters(body: &Body) {
    for name in body.names() {
        let string = body.string(name).ok().flatten();
        let _ = (body.secret(name), body.object(name), body.nested(name));
        let _ = (body.seconds(name), body.signed_seconds(name), body.switch(name));
        let _ = (body.string_map(name), body.string_map_patch(name), body.boolean(name));
        if let Ok(Some(list)) = body.strings(name) {
            assert!(list.iter().all(|s| !s.is_empty() && s.trim() == s), "an untidy item");
        }
        if let (Ok(Some(number)), Some(text)) = (body.int(name), string) {
            let same = text.is_empty() || text.parse() == Ok(number);
            assert!(same, "a number that its text does not say");
        }
        let _ = body.ints(name);
    }
}

fn kv(body: &Body) {
    if let Ok(write) = WriteRequest::of(body) {
        assert!(write.data == "null" || write.data.starts_with('{'), "data is an object or null");
        let options = body.nested("options").expect("it was read before");
        if options.has("cas") {
            assert!(write.cas.is_some(), "check-and-set was asked for and is lost");
        }
    }
    for of in [VersionsOf::Delete, VersionsOf::Undelete, VersionsOf::Destroy] {
        assert!(versions(body, of) != Ok(Vec::new()), "no version is named, and it is no error");
    }
    let _ = (MetadataRequest::put(body), MetadataRequest::patch(body), ConfigRequest::of(body));
}
