//! The server against its own OpenAPI document: schemathesis makes requests of it and holds every
//! answer against it.

use std::process::Command;

use crate::harness::{Server, finish, venv};

/// What fits none of the checks, each with its reason.
const LEFT_OUT: &str = concat!(
    "^/sys/(",
    // Shuts the server, or ends every lease with the test's own.
    "seal|step-down|leases/revoke-.*|revoke-prefix/.*",
    // Limits or refuses the test's own requests.
    "|quotas/.*|config/cors",
    // Ends after an hour.
    "|monitor",
    // Its statuses are the caller's to choose.
    "|health",
    // Takes away what the other paths need.
    "|remount|mounts/.*|auth/.*|loggers.*",
    ")$",
    // Ends the test's own token.
    "|^/auth/token/revoke-self$",
    // Not below /v1/.
    "|^/.well-known/",
);

/// Not among them: `negative_data_rejection` and `unsupported_method` (the dialect ignores fields
/// it does not know, takes `"5"` for 5, and tells an unknown verb only to those who may ask).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";

#[test]
fn schemathesis_finds_nothing() {
    let server = Server::start_dev();
    let root = server.root_token();
    for (path, kind) in
        [("auth/approle", "approle"), ("auth/userpass", "userpass"), ("mounts/old", "kv-v1")]
    {
        server.post(&format!("sys/{path}"), &root, serde_json::json!({ "type": kind }));
    }
    run(&server, Some(&root), CHECKS, &["--phases", "coverage,fuzzing"]);
    // Strangers, on what the whole document has: whoever is not known is refused.
    run(&server, None, "not_a_server_error,status_code_conformance", &["--phases", "fuzzing"]);
    assert_eq!(server.get("sys/health", None).status, 200);
    let log = server.log();
    assert!(!log.contains("panicked at"), "{log}");
}

fn run(server: &Server, token: Option<&str>, checks: &str, more: &[&str]) {
    let document = server.file("openapi.json");
    let text = server.get("sys/internal/specs/openapi", Some(&server.root_token())).body;
    std::fs::write(&document, text).unwrap();
    let mut command = Command::new(venv("schemathesis"));
    command.arg("run").arg(&document).args(["--url", &format!("{}/v1", server.address())]);
    command.args(["--checks", checks, "--exclude-path-regex", LEFT_OUT]);
    command.args(["--seed", "7", "--generation-deterministic", "--max-examples", "3"]);
    // One worker: Python 3.11 counts the depth of its parser for all threads together, and stumbles
    // when two of them parse at once ("AST constructor recursion depth mismatch").
    command.args(["--max-time", "40", "--workers", "1", "--no-color", "--continue-on-failure"]);
    command.args(["--request-timeout", "30"]).args(more);
    if let Some(token) = token {
        command.args(["-H", &format!("X-Vault-Token: {token}")]);
    }
    // It keeps what it learned where it runs.
    command.current_dir(server.data());
    let run = finish(&mut command);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
}
