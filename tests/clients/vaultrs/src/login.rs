//! AppRole and userpass: administered, logged in by.

use vaultrs::api::auth::approle::requests::{GenerateNewSecretIDRequest, SetAppRoleRequest};
use vaultrs::api::auth::userpass::requests::CreateUserRequest;
use vaultrs::auth::approle::{self, role};
use vaultrs::auth::userpass::{self, user};
use vaultrs::client::{Client as _, VaultClient};
use vaultrs::sys::auth;

use crate::{client, refused};

pub async fn run(root: &VaultClient) {
    auth::enable(root, "machines", "approle", None).await.unwrap();
    roles(root).await;
    secret_ids(root).await;
    machine(root).await;
    role::delete(root, "machines", "app").await.unwrap();
    assert_eq!(refused(role::read(root, "machines", "app").await), 404);
    approle::tidy(root, "machines").await.unwrap();
    auth::disable(root, "machines").await.unwrap();

    auth::enable(root, "people", "userpass", None).await.unwrap();
    users(root).await;
    auth::disable(root, "people").await.unwrap();
}

async fn roles(root: &VaultClient) {
    let mut asked = SetAppRoleRequest::builder();
    let asked = asked
        .token_ttl("10m")
        .token_policies(vec!["default".to_owned()])
        .secret_id_num_uses(5u64)
        .secret_id_ttl("1h");
    role::set(root, "machines", "app", Some(asked)).await.unwrap();
    let read = role::read(root, "machines", "app").await.unwrap();
    assert_eq!((read.token_ttl, read.secret_id_num_uses, read.secret_id_ttl), (600, 5, 3600));
    assert_eq!((read.bind_secret_id, read.token_policies), (true, vec!["default".to_owned()]));
    assert_eq!(role::list(root, "machines").await.unwrap().keys, ["app"]);
    assert!(!role::read_id(root, "machines", "app").await.unwrap().role_id.is_empty());
    role::update_id(root, "machines", "app", "chosen").await.unwrap();
    assert_eq!(role::read_id(root, "machines", "app").await.unwrap().role_id, "chosen");
}

async fn secret_ids(root: &VaultClient) {
    use role::secret;
    let mut asked = GenerateNewSecretIDRequest::builder();
    let asked = asked.metadata("{ \"tag\": \"production\" }");
    let made = secret::generate(root, "machines", "app", Some(asked)).await.unwrap();
    assert_eq!(made.secret_id_ttl, 3600);
    let read = secret::read(root, "machines", "app", &made.secret_id).await.unwrap();
    assert_eq!(read.metadata.unwrap()["tag"], "production");
    assert_eq!(read.secret_id_accessor, made.secret_id_accessor);
    let accessor = made.secret_id_accessor.as_str();
    let read = secret::read_accessor(root, "machines", "app", accessor).await.unwrap();
    assert_eq!((read.secret_id_num_uses, read.secret_id_ttl), (5, 3600));
    assert_eq!(secret::list(root, "machines", "app").await.unwrap().keys, [accessor]);
    secret::delete_accessor(root, "machines", "app", accessor).await.unwrap();
    assert_eq!(refused(approle::login(root, "machines", "chosen", &made.secret_id).await), 400);
    let own = secret::custom(root, "machines", "app", "of-our-own", None).await.unwrap();
    assert_eq!(own.secret_id, "of-our-own");
    secret::delete(root, "machines", "app", "of-our-own").await.unwrap();
}

async fn machine(root: &VaultClient) {
    let made = role::secret::generate(root, "machines", "app", None).await.unwrap();
    let nobody = client("");
    let lease = approle::login(&nobody, "machines", "chosen", &made.secret_id).await.unwrap();
    assert_eq!((lease.lease_duration, lease.policies), (600, vec!["default".to_owned()]));
    assert_eq!(lease.metadata.unwrap()["role_name"], "app");
    assert!(!lease.entity_id.is_empty());
    let found = client(&lease.client_token).lookup().await.unwrap();
    assert_eq!((found.path.as_str(), found.entity_id), ("auth/machines/login", lease.entity_id));
}

async fn users(root: &VaultClient) {
    let mut asked = CreateUserRequest::builder();
    let asked = asked.token_ttl("10m").token_policies(vec!["default".to_owned()]);
    user::set(root, "people", "ann", "first password", Some(asked)).await.unwrap();
    let read = user::read(root, "people", "ann").await.unwrap();
    assert_eq!((read.token_ttl, read.token_policies), (600, vec!["default".to_owned()]));
    assert_eq!(user::list(root, "people").await.unwrap().keys, ["ann"]);
    let nobody = client("");
    let lease = userpass::login(&nobody, "people", "ann", "first password").await.unwrap();
    assert_eq!(lease.metadata.unwrap()["username"], "ann");
    user::update_password(root, "people", "ann", "second password").await.unwrap();
    assert_eq!(refused(userpass::login(&nobody, "people", "ann", "first password").await), 400);
    user::update_policies(root, "people", "ann", "default,other").await.unwrap();
    let lease = userpass::login(&nobody, "people", "ann", "second password").await.unwrap();
    assert_eq!(lease.policies, ["default", "other"]);
    user::delete(root, "people", "ann").await.unwrap();
    assert_eq!(refused(user::read(root, "people", "ann").await), 404);
}
