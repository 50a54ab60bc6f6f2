//! vaultrs, unmodified, against the server named in `VAULT_ADDR` with the root token in
//! `VAULT_TOKEN`: a function a theme, which fails by panicking. `VAULT_CACERT` names what a TLS server
//! is trusted by.

mod identity;
mod kv;
mod login;
mod system;
mod token;

use std::env::var;

use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nobody was before us");
    let root = client(&var("VAULT_TOKEN").expect("VAULT_TOKEN"));
    system::run(&root).await;
    kv::run(&root).await;
    token::run(&root).await;
    login::run(&root).await;
    identity::run(&root).await;
}

/// A client with this token; the rest comes from the environment.
fn client(token: &str) -> VaultClient {
    let mut settings = VaultClientSettingsBuilder::default();
    settings.token(token);
    VaultClient::new(settings.build().expect("settings")).expect("a client")
}

/// The status and the errors of a refusal.
fn refusal<T>(result: Result<T, ClientError>) -> (u16, Vec<String>) {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(ClientError::APIError { code, errors }) => (code, errors),
        Err(other) => panic!("not an error of the API: {other:?}"),
    }
}

fn refused<T>(result: Result<T, ClientError>) -> u16 {
    refusal(result).0
}
