//! KV of both versions, in all the verbs that vaultrs has.

use std::collections::HashMap;

use vaultrs::api::kv2::requests::{
    SetConfigurationRequest, SetSecretMetadataRequest, SetSecretRequestOptions,
};
use vaultrs::client::VaultClient;
use vaultrs::sys::mount;
use vaultrs::{kv1, kv2};

use crate::refused;

type Values = HashMap<String, String>;

fn values(value: &str) -> Values {
    HashMap::from([("k".to_owned(), value.to_owned())])
}

pub async fn run(root: &VaultClient) {
    version_1(root).await;
    mount::enable(root, "two", "kv-v2", None).await.unwrap();
    written_and_read(root).await;
    deleted_and_brought_back(root).await;
    settings(root).await;
    mount::disable(root, "two").await.unwrap();
    escaped(root).await;
}

async fn version_1(root: &VaultClient) {
    mount::enable(root, "one", "kv", None).await.unwrap();
    kv1::set(root, "one", "a/b", &HashMap::from([("k", "v"), ("l", "w")])).await.unwrap();
    let read: Values = kv1::get(root, "one", "a/b").await.unwrap();
    assert_eq!((read["k"].as_str(), read["l"].as_str()), ("v", "w"));
    let raw = kv1::get_raw(root, "one", "a/b").await.unwrap();
    assert!(!raw.request_id.is_empty() && raw.lease_duration > 0);
    assert_eq!(kv1::list(root, "one", "a").await.unwrap().data.keys, ["b"]);
    kv1::delete(root, "one", "a/b").await.unwrap();
    assert_eq!(refused(kv1::get_raw(root, "one", "a/b").await), 404);
    mount::disable(root, "one").await.unwrap();
}

async fn written_and_read(root: &VaultClient) {
    assert_eq!(kv2::set(root, "two", "a/b", &values("v1")).await.unwrap().version, 1);
    let second = SetSecretRequestOptions { cas: 1 };
    let made = kv2::set_with_options(root, "two", "a/b", &values("v2"), second).await.unwrap();
    assert_eq!((made.version, made.destroyed, made.deletion_time.as_str()), (2, false, ""));
    let stale = SetSecretRequestOptions { cas: 1 };
    let lost = kv2::set_with_options(root, "two", "a/b", &values("no"), stale).await;
    assert_eq!(refused(lost), 400);
    assert_eq!(kv2::read::<Values>(root, "two", "a/b").await.unwrap(), values("v2"));
    assert_eq!(kv2::read_version::<Values>(root, "two", "a/b", 1).await.unwrap(), values("v1"));
    assert_eq!(kv2::list(root, "two", "").await.unwrap(), ["a/"]);
    assert_eq!(kv2::list(root, "two", "a").await.unwrap(), ["b"]);
}

async fn deleted_and_brought_back(root: &VaultClient) {
    let read = async || kv2::read::<Values>(root, "two", "a/b").await;
    kv2::delete_latest(root, "two", "a/b").await.unwrap();
    assert!(read().await.is_err());
    kv2::undelete_versions(root, "two", "a/b", vec![2]).await.unwrap();
    assert_eq!(read().await.unwrap(), values("v2"));
    kv2::delete_versions(root, "two", "a/b", vec![1, 2]).await.unwrap();
    assert!(read().await.is_err());
    kv2::undelete_versions(root, "two", "a/b", vec![1, 2]).await.unwrap();
    kv2::destroy_versions(root, "two", "a/b", vec![1]).await.unwrap();
    let metadata = kv2::read_metadata(root, "two", "a/b").await.unwrap();
    assert!(metadata.versions["1"].destroyed && !metadata.versions["2"].destroyed);
    assert_eq!((metadata.current_version, metadata.oldest_version), (2, 0));
}

async fn settings(root: &VaultClient) {
    let mut asked = SetSecretMetadataRequest::builder();
    let owner = HashMap::from([("owner".to_owned(), "me".to_owned())]);
    let asked = asked.max_versions(3u64).delete_version_after("1h").custom_metadata(owner);
    kv2::set_metadata(root, "two", "a/b", Some(asked)).await.unwrap();
    let metadata = kv2::read_metadata(root, "two", "a/b").await.unwrap();
    assert_eq!(metadata.custom_metadata.unwrap()["owner"], "me");
    assert_eq!((metadata.max_versions, metadata.delete_version_after.as_str()), (3, "1h0m0s"));
    kv2::delete_metadata(root, "two", "a/b").await.unwrap();
    assert_eq!(refused(kv2::read_metadata(root, "two", "a/b").await), 404);
    assert_eq!(refused(kv2::list(root, "two", "a").await), 404);

    let mut asked = SetConfigurationRequest::builder();
    let asked = asked.max_versions(7u64).cas_required(true).delete_version_after("768h");
    kv2::config::set(root, "two", Some(asked)).await.unwrap();
    let read = kv2::config::read(root, "two").await.unwrap();
    assert_eq!((read.max_versions, read.cas_required), (7, true));
    assert_eq!(read.delete_version_after, "768h0m0s");
    assert_eq!(refused(kv2::set(root, "two", "a", &values("v")).await), 400);
}

/// Blanks travel escaped, in mounts and in names.
async fn escaped(root: &VaultClient) {
    let (path, name) = ("path/to/secret engine", "some secret/with a blank");
    mount::enable(root, path, "kv-v2", None).await.unwrap();
    kv2::set(root, path, name, &values("v")).await.unwrap();
    assert_eq!(kv2::list(root, path, "some secret/").await.unwrap(), ["with a blank"]);
    assert_eq!(kv2::read::<Values>(root, path, name).await.unwrap(), values("v"));
    mount::disable(root, path).await.unwrap();
}
