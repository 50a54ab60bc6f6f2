//! Tokens: created, looked up, renewed, revoked, by themselves, by accessor, by role.

use std::collections::HashMap;

use vaultrs::api::token::requests::{
    CreateRoleTokenRequest, CreateTokenRequest, SetTokenRoleRequest,
};
use vaultrs::client::{Client as _, VaultClient};
use vaultrs::token::{self, role};

use crate::{client, refusal, refused};

pub async fn run(root: &VaultClient) {
    looked_up_and_renewed(root).await;
    revoked(root).await;
    roles(root).await;
    token::tidy(root).await.unwrap();
}

async fn made(root: &VaultClient) -> vaultrs::api::AuthInfo {
    let mut asked = CreateTokenRequest::builder();
    let asked = asked
        .ttl("10m")
        .explicit_max_ttl("1h")
        .renewable(true)
        .policies(vec!["default".to_owned()])
        .meta(HashMap::from([("by".to_owned(), "vaultrs".to_owned())]));
    token::new(root, Some(asked)).await.unwrap()
}

async fn looked_up_and_renewed(root: &VaultClient) {
    let made = made(root).await;
    assert_eq!((made.policies.as_slice(), made.orphan), (["default".to_owned()].as_slice(), false));
    assert_eq!((made.lease_duration, made.renewable), (600, true));
    assert_eq!(made.token_type, "service");
    let found = token::lookup(root, &made.client_token).await.unwrap();
    assert_eq!((&found.id, &found.accessor), (&made.client_token, &made.accessor));
    assert_eq!((found.creation_ttl, found.explicit_max_ttl), (600, 3600));
    assert_eq!(found.meta.unwrap()["by"], "vaultrs");
    let found = token::lookup_accessor(root, &made.accessor).await.unwrap();
    assert_eq!((found.id.as_str(), found.path.as_str()), ("", "auth/token/create"));
    let own = client(&made.client_token);
    assert_eq!(own.lookup().await.unwrap().accessor, made.accessor);

    assert_eq!(own.renew(Some("20m")).await.unwrap().lease_duration, 1200);
    let renewed = token::renew(root, &made.client_token, Some("15m")).await.unwrap();
    assert_eq!(renewed.lease_duration, 900);
    let renewed = token::renew_accessor(root, &made.accessor, Some("5m")).await.unwrap();
    assert_eq!((renewed.accessor, renewed.lease_duration), (made.accessor, 300));
    // The words that vaultrs' own tests look for.
    let (status, errors) = refusal(token::renew_self(root, Some("20m")).await);
    assert_eq!((status, errors), (400, vec!["lease is not renewable".to_owned()]));
}

async fn revoked(root: &VaultClient) {
    let own = client(&made(root).await.client_token);
    own.revoke().await.unwrap();
    assert_eq!(refused(own.lookup().await), 403);
    let gone = made(root).await;
    token::revoke(root, &gone.client_token).await.unwrap();
    assert_eq!(refused(client(&gone.client_token).lookup().await), 403);
    let gone = made(root).await;
    token::revoke_accessor(root, &gone.accessor).await.unwrap();
    assert_eq!(refused(client(&gone.client_token).lookup().await), 403);
    let gone = made(root).await;
    token::revoke_orphan(root, &gone.client_token).await.unwrap();
    assert_eq!(refused(client(&gone.client_token).lookup().await), 403);
    assert!(token::new_orphan(root, None).await.unwrap().orphan);
}

async fn roles(root: &VaultClient) {
    let mut asked = SetTokenRoleRequest::builder();
    let asked = asked.renewable(true).token_explicit_max_ttl("1h").path_suffix("rust");
    role::set(root, "rs", Some(asked)).await.unwrap();
    assert_eq!(role::list(root).await.unwrap().keys, ["rs"]);
    let read = role::read(root, "rs").await.unwrap();
    assert_eq!((read.name.as_str(), read.token_explicit_max_ttl), ("rs", 3600));
    let mut asked = CreateRoleTokenRequest::builder();
    let made = token::new_role(root, "rs", Some(asked.ttl("5m"))).await.unwrap();
    let found = token::lookup(root, &made.client_token).await.unwrap();
    assert_eq!(found.path, "auth/token/create/rs/rust");
    assert_eq!(found.role.as_deref(), Some("rs"));
    role::delete(root, "rs").await.unwrap();
    assert_eq!(refused(role::read(root, "rs").await), 404);
}
