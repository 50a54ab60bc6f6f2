//! Clients of other languages, unmodified, each with a program of its own under `tests/clients`:
//! node-vault in JavaScript, vaultrs in Rust.

use std::path::Path;
use std::process::Command;

use crate::harness::{Server, finish, root};

#[test]
fn node_vault_does_its_work() {
    let directory = root().join("tests/clients/node");
    installed(&directory.join("node_modules/node-vault"));
    let server = Server::start_dev();
    let mut command = Command::new("node");
    command.arg(directory.join("client.mjs"));
    run(&server, &mut command);
}

#[test]
fn vaultrs_does_its_work() {
    run(&Server::start_dev(), &mut vaultrs());
}

#[test]
fn vaultrs_does_its_work_over_tls() {
    run(&Server::start_tls(), &mut vaultrs());
}

/// Built by `make test`, or here: it is a package of its own, which the product does not need.
fn vaultrs() -> Command {
    let target = Path::new(env!("CARGO_BIN_EXE_strongroom")).ancestors().nth(2).unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "-p", "vaultrs-client", "--target-dir"])
        .arg(target)
        .current_dir(root())
        .status()
        .unwrap();
    assert!(built.success());
    Command::new(target.join("debug/vaultrs-client"))
}

fn installed(path: &Path) {
    assert!(path.exists(), "{path:?} is missing; `make test-deps` installs what the tests need");
}

fn run(server: &Server, command: &mut Command) {
    let command = server.client(command, "");
    command.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token());
    if server.address().starts_with("https:") {
        command.env("VAULT_CACERT", server.authority());
    }
    finish(command).ok();
}
