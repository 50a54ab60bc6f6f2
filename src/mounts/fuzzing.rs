//! Request paths, mount paths and policy names: one spelling each, and the router's is the
//! policies'.

use super::{EngineKind, Mount, MountPath, Table};
use crate::access::PolicyName;
use crate::clock::Timestamp;
use crate::path::RequestPath;

pub(crate) fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\0').unwrap_or((&text, "secret"));
    request(first, second);
    mount(second);
    policy_name(first);
}

fn request(raw: &str, mount: &str) {
    let Ok(path) = RequestPath::parse(raw) else { return };
    let text = path.as_str();
    assert!(path.segments().all(|s| !matches!(s, "" | "." | "..")), "a relative segment");
    assert!(!text.chars().any(char::is_control), "a control character");
    let again = RequestPath::from_decoded(text).expect("canonical text is a path");
    assert_eq!(again.as_str(), text);
    assert_eq!(RequestPath::parse(&encoded(text)), Ok(again), "decoded more or less than once");
    if let Some(rest) = path.strip_mount(mount) {
        let mount = mount.strip_suffix('/').unwrap_or(mount);
        let whole = if rest.is_empty() { mount.to_owned() } else { format!("{mount}/{rest}") };
        assert_eq!(whole, text, "mount and rest are not the path");
    }
}

fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'/' => "/".to_owned(),
        _ => format!("%{b:02x}"),
    };
    text.bytes().map(byte).collect()
}

/// A mount can be reached, by one path only, and answers nothing but what is below it.
fn mount(text: &str) {
    let Ok(mount) = MountPath::parse(text) else { return };
    assert_eq!(MountPath::parse(mount.as_str()), Ok(mount.clone()), "two spellings");
    let below = RequestPath::parse(&format!("{}x", mount.as_str()));
    let below = below.expect("a mount that no request reaches");
    let mut table = Table::default();
    let added = table.add(Mount::new([1; 16], mount.as_str(), EngineKind::Kv2, Timestamp(0)));
    if added.is_ok() {
        assert_eq!(table.resolve(below.as_str()).expect("it is mounted there").rest, "x");
        assert_eq!(below.strip_mount(mount.as_str()), Some("x"));
        let beside = format!("{}y/x", mount.as_str().trim_end_matches('/'));
        assert!(table.resolve(&beside).is_none(), "a mount answers beside itself");
    } else {
        assert!(mount.is_reserved(), "an empty table takes any mount");
    }
}

fn policy_name(text: &str) {
    let Ok(name) = PolicyName::canonical(text) else { return };
    assert_eq!(PolicyName::canonical(name.as_str()), Ok(name.clone()), "two spellings");
    let attachable = PolicyName::attachable(text).is_ok();
    assert_eq!(attachable, !name.as_str().eq_ignore_ascii_case("root"), "root, spelled otherwise");
    for each in PolicyName::each(&[text]).flatten() {
        assert!(!each.as_str().contains(','), "one name that reads as two");
    }
}
