//! `bao agent` and `bao proxy`, unmodified, as they run beside a service: they log in with a wrapped
//! secret id, hand their token on, render templates, renew, and answer for the server.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::{Response, Server, exchange, venv};

/// Killed when the test is over, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already; either way it is reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const POLICY: &str = r#"path "secret/*" { capabilities = ["read", "list"] }
path "one/*" { capabilities = ["read"] }
path "auth/token/create" { capabilities = ["update"] }"#;

/// A server with what the agents read, and a role whose tokens must be renewed within seconds.
fn furnished() -> Server {
    let server = Server::start_tls();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"p": "first"}})).ok();
    let kv1 = json!({"type": "kv", "options": {"version": "1"}});
    assert_eq!(server.post("sys/mounts/one", &root, kv1).status, 204);
    assert_eq!(server.post("one/app", &root, json!({"p": "plain"})).status, 204);
    server.policy("agent", POLICY);
    server.role("agent", json!({"token_policies": ["agent"], "token_ttl": "6s"}));
    server
}

/// Starts `bao KIND` with auto-auth by a wrapped secret id, a plain sink and a wrapped one, and
/// `more` configuration.
fn start(server: &Server, kind: &str, more: &str) -> Running {
    let root = server.root_token();
    let role = "auth/approle/role/agent";
    let role_id = server.bao(&root, &["read", "-field=role_id", &format!("{role}/role-id")]).ok();
    let path = format!("{role}/secret-id");
    let wrapped = ["write", "-wrap-ttl=5m", "-field=wrapping_token", "-f", &path];
    fs::write(server.file("role-id"), role_id).unwrap();
    fs::write(server.file("secret-id"), server.bao(&root, &wrapped).ok()).unwrap();
    let directory = server.file("");
    let directory = directory.display().to_string();
    let directory = directory.trim_end_matches('/');
    let config = format!(
        r#"vault {{
  address = "{address}"
  ca_cert = "{authority}"
}}
auto_auth {{
  method "approle" {{
    config = {{
      role_id_file_path = "{directory}/role-id"
      secret_id_file_path = "{directory}/secret-id"
      secret_id_response_wrapping_path = "{path}"
    }}
  }}
  sink "file" {{ config = {{ path = "{directory}/sink" }} }}
  sink "file" {{
    wrap_ttl = "5m"
    config = {{ path = "{directory}/wrapped-sink" }}
  }}
}}
{more}"#,
        address = server.address(),
        authority = server.authority().display(),
    );
    let file = server.file("config.hcl");
    fs::write(&file, config.replace("DIRECTORY", directory)).unwrap();
    let mut command = Command::new(venv("bao-server"));
    command.arg(kind).arg("-config").arg(&file).stdout(Stdio::null());
    command.stderr(fs::File::create(server.file("agent.log")).unwrap());
    Running(server.client(&mut command, "").spawn().unwrap())
}

/// Waits until `found` finds something.
fn until<T>(server: &Server, what: &str, found: impl Fn() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = fs::read_to_string(server.file("agent.log")).unwrap_or_default();
    panic!("{what}: not within a minute\n{log}");
}

fn read(server: &Server, name: &str) -> Option<String> {
    fs::read_to_string(server.file(name)).ok().filter(|text| !text.is_empty())
}

#[test]
fn the_agent_hands_tokens_on_renders_both_versions_and_renews() {
    let server = furnished();
    let root = server.root_token();
    let agent = start(
        &server,
        "agent",
        r#"template_config { static_secret_render_interval = "1s" }
template {
  contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.p }}{{ end }} {{ with secret \"one/app\" }}{{ .Data.p }}{{ end }}{{ range secrets \"secret/metadata/\" }} {{ . }}{{ end }}"
  destination = "DIRECTORY/rendered"
}"#,
    );
    until(&server, "rendered", || {
        read(&server, "rendered").filter(|text| text == "first plain app")
    });
    let token = until(&server, "a token", || read(&server, "sink"));
    let sunk = until(&server, "a wrapped token", || read(&server, "wrapped-sink"));
    let sunk: serde_json::Value = serde_json::from_str(&sunk).unwrap();
    let unwrapped = server.bao("", &["unwrap", "-field=token", sunk["token"].as_str().unwrap()]);
    assert_eq!(unwrapped.ok().trim(), token);
    // What changes is rendered anew; the token lives on past its first end, renewed.
    server.post("secret/data/app", &root, json!({"data": {"p": "second"}})).ok();
    until(&server, "rendered anew", || {
        read(&server, "rendered").filter(|text| text.starts_with("second "))
    });
    let lookup = || server.get("auth/token/lookup-self", Some(&token)).ok()["data"].clone();
    until(&server, "renewed", || {
        let shown = lookup();
        (shown["last_renewal_time"].as_u64()? >= shown["creation_time"].as_u64()? + 6).then_some(())
    });
    drop(agent);
}

#[test]
fn the_proxy_answers_with_its_own_token_and_forgets_what_is_revoked() {
    let server = furnished();
    // Free a moment ago; should another take it meanwhile, the proxy ends and the test says so.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let proxy = start(
        &server,
        "proxy",
        &format!(
            "cache {{}}\napi_proxy {{ use_auto_auth_token = true }}\nlistener \"tcp\" {{\n  \
             address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}"
        ),
    );
    until(&server, "a token", || read(&server, "sink"));
    let address = format!("http://127.0.0.1:{port}");
    let ask = |method: &str, path: &str, body: Option<&str>| -> std::io::Result<Response> {
        exchange(&address, method, &format!("/v1/{path}"), &[], body)
    };
    let secret = until(&server, "an answer", || ask("GET", "secret/data/app", None).ok()).ok();
    assert_eq!(secret["data"]["data"]["p"], "first");
    assert_eq!(ask("GET", "one/app", None).unwrap().ok()["data"]["p"], "plain");
    assert_eq!(ask("GET", "sys/auth", None).unwrap().status, 403);
    assert_eq!(ask("LIST", "secret/metadata", None).unwrap().ok()["data"]["keys"], json!(["app"]));

    // The same question gives the same lease, until that is revoked through the proxy.
    let create = || {
        let made = ask("POST", "auth/token/create", Some("{\"ttl\": \"5m\"}")).unwrap().ok();
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let first = create();
    assert_eq!(create(), first);
    let headers = [("X-Vault-Token", first.as_str())];
    let revoked = exchange(&address, "POST", "/v1/auth/token/revoke-self", &headers, None).unwrap();
    assert_eq!(revoked.status, 204);
    assert_eq!(server.get("auth/token/lookup-self", Some(&first)).status, 403);
    until(&server, "a new lease", || (create() != first).then_some(()));
    drop(proxy);
}
