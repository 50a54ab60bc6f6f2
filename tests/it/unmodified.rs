//! Clients of other languages, unmodified, each with a program of its own under `tests/clients`:
//! node-vault in JavaScript.

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

fn installed(path: &Path) {
    assert!(path.exists(), "{path:?} is missing; `make test-deps` installs what the tests need");
}

fn run(server: &Server, command: &mut Command) {
    let command = server.client(command, "");
    command.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token());
    finish(command).ok();
}
