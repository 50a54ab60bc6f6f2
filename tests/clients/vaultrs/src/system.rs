//! State of the server, mounts, moves, policies, wrapping, random bytes.

use std::collections::HashMap;

use vaultrs::api::ResponseWrapper as _;
use vaultrs::api::sys::requests::{
    EnableEngineDataConfigBuilder, EnableEngineRequest, ListMountsRequest, RandomRequest,
};
use vaultrs::client::{Client as _, VaultClient};
use vaultrs::sys::{self, ServerStatus, auth, mount, policy, remount, tools, wrapping};
use vaultrs::{cubbyhole, kv1};

use crate::{client, refused};

pub async fn run(root: &VaultClient) {
    state(root).await;
    mounts(root).await;
    policies(root).await;
    wrapped(root).await;
    cubbyholes(root).await;
    random(root).await;
}

async fn state(root: &VaultClient) {
    let nobody = client("");
    let health = sys::health(&nobody).await.unwrap();
    assert!(health.initialized && !health.sealed && !health.standby);
    assert!(matches!(nobody.status().await.unwrap(), ServerStatus::OK));
    assert_eq!(refused(sys::start_initialization(root, 1, 1, None).await), 400);
}

async fn mounts(root: &VaultClient) {
    let config = EnableEngineDataConfigBuilder::default()
        .default_lease_ttl("30m")
        .max_lease_ttl("1h")
        .build()
        .unwrap();
    let mut options = EnableEngineRequest::builder();
    let options = options
        .description("of a team")
        .config(config)
        .options(HashMap::from([("version".to_owned(), "1".to_owned())]));
    mount::enable(root, "team", "kv", Some(options)).await.unwrap();
    let made = &mount::list(root).await.unwrap()["team/"];
    assert_eq!((made.mount_type.as_str(), made.description.as_str()), ("kv", "of a team"));
    assert_eq!((made.config.default_lease_ttl, made.config.max_lease_ttl), (1800, 3600));
    assert_eq!(made.options.as_ref().unwrap()["version"], "1");
    let alone = mount::get_configuration_of_a_secret_engine(root, "team").await.unwrap();
    assert_eq!((&alone.accessor, &alone.uuid), (&made.accessor, &made.uuid));
    assert_eq!(refused(mount::enable(root, "team", "kv", None).await), 400);

    kv1::set(root, "team", "a", &HashMap::from([("k", "v")])).await.unwrap();
    let id = remount::remount(root, "team", "moved").await.unwrap().migration_id;
    let status = remount::remount_status(root, &id).await.unwrap().migration_info;
    assert_eq!(status.status, "success");
    assert_eq!((status.source_mount.as_str(), status.target_mount.as_str()), ("team/", "moved/"));
    let read: HashMap<String, String> = kv1::get(root, "moved", "a").await.unwrap();
    assert_eq!(read["k"], "v");
    assert_eq!(refused(kv1::get::<HashMap<String, String>>(root, "team", "a").await), 404);
    mount::disable(root, "moved").await.unwrap();
    assert!(mount::get_configuration_of_a_secret_engine(root, "moved").await.is_err());

    auth::enable(root, "machines", "approle", None).await.unwrap();
    let methods = auth::list(root).await.unwrap();
    assert_eq!(methods["machines/"].mount_type, "approle");
    assert_eq!(methods["token/"].config.token_type, "default-service");
    auth::disable(root, "machines").await.unwrap();
    assert!(!auth::list(root).await.unwrap().contains_key("machines/"));
}

/// By the routes of old.
async fn policies(root: &VaultClient) {
    let rules = "path \"secret/data/mine\" {\n  capabilities = [\"read\"]\n}";
    policy::set(root, "rs", rules).await.unwrap();
    let read = policy::read(root, "rs").await.unwrap();
    assert_eq!((read.name.as_str(), read.rules.as_str()), ("rs", rules));
    assert!(policy::list(root).await.unwrap().policies.contains(&"rs".to_owned()));
    policy::delete(root, "rs").await.unwrap();
    assert_eq!(refused(policy::read(root, "rs").await), 404);
}

async fn wrapped(root: &VaultClient) {
    let request = ListMountsRequest::builder().build().unwrap();
    let answer = request.wrap(root).await.unwrap();
    assert_eq!((answer.info.ttl, answer.info.creation_path.as_str()), (600, "sys/mounts"));
    let found = answer.lookup(root).await.unwrap();
    assert_eq!((found.creation_ttl, found.creation_path.as_str()), (600, "sys/mounts"));
    let mounts = answer.unwrap(root).await.unwrap();
    assert_eq!(mounts["secret/"].mount_type, "kv");
    assert!(answer.lookup(root).await.is_err());
    assert_eq!(refused(answer.unwrap(root).await), 400);

    let request = ListMountsRequest::builder().build().unwrap();
    let answer = request.wrap(root).await.unwrap();
    let holder = client(&answer.info.token);
    let mounts: serde_json::Value = wrapping::unwrap(&holder, None).await.unwrap();
    assert_eq!(mounts["secret/"]["options"]["version"], "2");
}

async fn cubbyholes(root: &VaultClient) {
    let values = HashMap::from([("k", "v")]);
    cubbyhole::set(root, "cubbyhole", "own/thing", &values).await.unwrap();
    let read: HashMap<String, String> =
        cubbyhole::get(root, "cubbyhole", "own/thing").await.unwrap();
    assert_eq!(read["k"], "v");
    assert_eq!(cubbyhole::list(root, "cubbyhole", "own").await.unwrap().data.keys, ["thing"]);
    cubbyhole::delete(root, "cubbyhole", "own/thing").await.unwrap();
    assert_eq!(refused(cubbyhole::get_raw(root, "cubbyhole", "own/thing").await), 404);
}

async fn random(root: &VaultClient) {
    assert!(!tools::random(root, None).await.unwrap().random_bytes.is_empty());
    let mut asked = RandomRequest::builder();
    let asked = asked.bytes(3u64).format("hex").source("platform");
    assert_eq!(tools::random(root, Some(asked)).await.unwrap().random_bytes.len(), 6);
}
