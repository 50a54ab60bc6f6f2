//! What is malformed, generated from the server's own document and by hand: the answer is a 4xx
//! or a closed connection, never a 5xx, nothing panics, and the server goes on. Configuration files
//! likewise: the program says what is wrong where, and has changed nothing.

mod configurations;
mod fields;
mod policies;
mod sockets;
mod tokens;

use crate::harness::Server;

/// Whether the server is as it was: it answers, and no thread of it panicked.
fn goes_on(server: &Server) {
    let health = server.get("sys/health", None);
    assert_eq!(health.status, 200, "{health:?}");
    let log = server.log();
    assert!(!log.contains("panicked at"), "{log}");
}

#[test]
fn what_is_malformed_is_refused_and_the_server_goes_on() {
    let server = Server::start();
    sockets::every_shape(&server);
    goes_on(&server);
    tokens::every_shape(&server);
    goes_on(&server);
    policies::every_document(&server);
    goes_on(&server);
    fields::every_type(&server);
    goes_on(&server);
}
