//! The document that shows a service's first minute does what it says.

use std::process::Command;

use crate::harness::{Server, finish, root};

#[test]
fn the_first_minute_of_a_service_goes_as_documented() {
    let server = Server::start();
    let mut script = Command::new("bash");
    script.arg(root().join("docs/first-minute.sh"));
    script.env("STRONGROOM", env!("CARGO_BIN_EXE_strongroom"));
    let out = finish(server.client(&mut script, &server.root_token())).ok();
    assert!(
        out.ends_with("the service got what it may, and nothing after it was revoked\n"),
        "{out}"
    );
}
