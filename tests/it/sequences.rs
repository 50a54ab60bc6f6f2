//! What clients written in Go say in their order, and what they look at in the answers: External Secrets
//! Operator, consul-template, Terraform's provider. They cannot be run here, so their exchanges
//! are: as Go's client sends them (PUT for every write, LIST as a query).

use serde_json::{Value, json};

use crate::harness::{Response, Server};

/// One client with its token, if it has one.
struct Go<'s> {
    server: &'s Server,
    token: Option<String>,
}

impl<'s> Go<'s> {
    fn new(server: &'s Server, token: Option<&str>) -> Self {
        Self { server, token: token.map(str::to_owned) }
    }

    fn send(&self, method: &str, path: &str, body: Option<&str>) -> Response {
        let headers = [("X-Vault-Request", "true")];
        self.server.request(method, path, self.token.as_deref(), &headers, body)
    }

    fn read(&self, path: &str) -> Response {
        self.send("GET", path, None)
    }

    fn write(&self, path: &str, body: Value) -> Response {
        self.send("PUT", path, Some(&body.to_string()))
    }

    /// A write that is answered without a body.
    fn put(&self, path: &str, body: Value) {
        let answer = self.write(path, body);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}: {answer:?}");
    }

    fn delete(&self, path: &str) {
        let answer = self.send("DELETE", path, None);
        assert_eq!(answer.status, 204, "{path}: {answer:?}");
    }

    /// The client takes the token of what it logs in with, or creates.
    fn take(&mut self, path: &str, body: Value) -> Value {
        let auth = self.write(path, body).ok()["auth"].clone();
        self.token = Some(text(&auth["client_token"]).to_owned());
        auth
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no whole number: {value}"))
}

const OPERATOR: &str = r#"
path "secret/data/*" { capabilities = ["create", "read", "update", "delete"] }
path "secret/metadata/*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;

#[test]
fn external_secrets_logs_in_gets_finds_and_pushes() {
    let server = Server::start();
    let root = Go::new(&server, Some(&server.root_token()));
    root.write("secret/data/team/a", json!({"data": {"k": "v", "n": 12345678901234567_u64}})).ok();
    root.write("secret/data/team/deep/b", json!({"data": {"k": "w"}})).ok();
    root.put("secret/metadata/team/a", json!({"custom_metadata": {"owner": "me"}}));
    server.policy("operator", OPERATOR);
    let settings = json!({"token_policies": ["operator"], "token_ttl": "10m"});
    let (role_id, secret_id) = server.role("operator", settings);

    let mut client = Go::new(&server, None);
    client.take("auth/approle/login", json!({"role_id": role_id, "secret_id": secret_id}));
    // It logs in again for whatever it finds wrong here.
    let own = client.read("auth/token/lookup-self").ok()["data"].clone();
    assert_eq!(own["type"], "service");
    assert!(number(&own["ttl"]) > 60);
    assert!(text(&own["expire_time"]).ends_with('Z'));

    let got = client.read("secret/data/team/a").ok()["data"].clone();
    assert_eq!(got["data"], json!({"k": "v", "n": 12345678901234567_u64}));
    let got = client.read("secret/data/team/a?version=1").ok()["data"].clone();
    assert_eq!(number(&got["metadata"]["version"]), 1);
    assert_eq!(client.read("secret/data/team/none").status, 404);

    let mut found = Vec::new();
    let mut folders = vec!["team/".to_owned()];
    while let Some(folder) = folders.pop() {
        let listed = client.read(&format!("secret/metadata/{folder}?list=true")).ok();
        for key in listed["data"]["keys"].as_array().unwrap() {
            let path = format!("{folder}{}", text(key));
            if path.ends_with('/') { folders.push(path) } else { found.push(path) }
        }
    }
    assert_eq!(found, ["team/a", "team/deep/b"]);
    let metadata = client.read("secret/metadata/team/a").ok();
    assert_eq!(metadata["data"]["custom_metadata"], json!({"owner": "me"}));

    // A push: nothing there, its mark, the value; again with what it found as check-and-set.
    assert_eq!(client.read("secret/metadata/pushed").status, 404);
    let mark = json!({"custom_metadata": {"managed-by": "external-secrets"}});
    client.put("secret/metadata/pushed", mark.clone());
    for version in 0..2 {
        let metadata = client.read("secret/metadata/pushed").ok()["data"].clone();
        assert_eq!(metadata["custom_metadata"], mark["custom_metadata"]);
        assert_eq!(number(&metadata["current_version"]), version);
        let body = json!({"data": {"k": version}, "options": {"cas": version}});
        let made = client.write("secret/data/pushed", body).ok();
        assert_eq!(number(&made["data"]["version"]), version + 1);
    }
    let stale = client.write("secret/data/pushed", json!({"data": {}, "options": {"cas": 1}}));
    stale.refused(400, &["check-and-set parameter did not match the current version"]);
    client.delete("secret/data/pushed");
    let deleted = client.read("secret/data/pushed");
    assert_eq!((deleted.status, &deleted.json()["data"]["data"]), (404, &Value::Null));
    client.delete("secret/metadata/pushed");
    assert_eq!(client.read("secret/metadata/pushed").status, 404);

    client.put("auth/token/revoke-self", Value::Null);
    assert_eq!(client.read("auth/token/lookup-self").status, 403);
}

#[test]
fn consul_template_asks_which_version_a_mount_is_reads_and_renews() {
    let server = Server::start();
    let root = Go::new(&server, Some(&server.root_token()));
    root.put("sys/mounts/one", json!({"type": "kv", "options": {"version": "1"}}));
    root.write("secret/data/app", json!({"data": {"p": "two"}})).ok();
    root.put("one/app", json!({"p": "one"}));
    server.policy(
        "template",
        "path \"secret/data/app\" { capabilities = [\"read\"] }\npath \"one/app\" { capabilities = [\"read\"] }",
    );
    let asked = json!({"policies": ["template"], "ttl": "1h", "renewable": true});
    let token = root.write("auth/token/create", asked).ok()["auth"]["client_token"].clone();
    let client = Go::new(&server, Some(text(&token)));

    // The version is a text; who may do nothing under a mount is told 403, not 404 («old server»).
    for (path, mount, version) in [("secret/app", "secret/", "2"), ("one/app", "one/", "1")] {
        let found = client.read(&format!("sys/internal/ui/mounts/{path}")).ok()["data"].clone();
        assert_eq!((&found["path"], &found["type"]), (&json!(mount), &json!("kv")));
        assert_eq!(found["options"]["version"], version);
        assert_eq!(found["wrap_info"], Value::Null);
    }
    assert_eq!(client.read("sys/internal/ui/mounts/nowhere/app").status, 403);

    let read = client.read("secret/data/app").ok();
    assert_eq!(read["data"]["data"]["p"], "two");
    // Neither is a lease: it comes back for it by itself, after five minutes or the time told.
    assert_eq!((&read["lease_id"], &read["renewable"]), (&json!(""), &json!(false)));
    assert_eq!(number(&read["lease_duration"]), 0);
    let read = client.read("one/app").ok();
    assert_eq!((&read["data"]["p"], &read["lease_id"]), (&json!("one"), &json!("")));
    assert!(number(&read["lease_duration"]) > 0);

    let own = client.read("auth/token/lookup-self").ok()["data"].clone();
    assert!(own["renewable"].as_bool().unwrap() && number(&own["ttl"]) > 0);
    for _ in 0..3 {
        let renewed = client.write("auth/token/renew-self", json!({"increment": 0})).ok();
        let auth = &renewed["auth"];
        assert_eq!((&auth["renewable"], &auth["client_token"]), (&json!(true), &token));
        // Below its grace, a fifth of the time, it would give up.
        assert!(number(&auth["lease_duration"]) > 60);
    }

    // A token that arrives wrapped.
    let headers = [("X-Vault-Wrap-TTL", "60s")];
    let body = json!({"policies": ["template"]}).to_string();
    let path = "auth/token/create";
    let wrapped = server.request("PUT", path, root.token.as_deref(), &headers, Some(&body)).ok();
    let holder = Go::new(&server, Some(text(&wrapped["wrap_info"]["token"])));
    let unwrapped = holder.write("sys/wrapping/unwrap", Value::Null).ok();
    let client = Go::new(&server, Some(text(&unwrapped["auth"]["client_token"])));
    assert_eq!(client.read("secret/data/app").status, 200);
}

#[test]
fn terraform_works_under_a_child_token_and_sees_no_drift() {
    let server = Server::start();
    // The gate: three numbers, or the provider panics; from 1.11 on it uses all that it has.
    let version = Go::new(&server, None).read("sys/seal-status").ok()["version"].clone();
    let numbers: Vec<u64> = text(&version).split('.').map(|n| n.parse().unwrap()).collect();
    assert!(numbers.len() == 3 && (numbers[0], numbers[1]) >= (1, 11), "{version}");

    let mut client = Go::new(&server, Some(&server.root_token()));
    assert_eq!(client.read("auth/token/lookup-self").status, 200);
    let child = client.take(
        "auth/token/create",
        json!({"display_name": "terraform", "ttl": "1200s", "explicit_max_ttl": "1200s",
            "renewable": false}),
    );
    assert_eq!((number(&child["lease_duration"]), &child["renewable"]), (1200, &json!(false)));
    let own = client.read("auth/token/lookup-self").ok()["data"].clone();
    assert_eq!((&own["display_name"], &own["orphan"]), (&json!("token-terraform"), &json!(false)));

    mounts(&client);
    policy(&client);
    roles(&client);
    secrets(&client);
    client.put("auth/token/revoke-self", Value::Null);
    assert_eq!(client.read("auth/token/lookup-self").status, 403);
}

/// `vault_mount`, `vault_auth_backend`: every field is read back as it was written, else each plan changes it.
fn mounts(client: &Go) {
    let config = json!({"default_lease_ttl": "3600s", "max_lease_ttl": "86400s",
        "audit_non_hmac_request_keys": ["a"], "audit_non_hmac_response_keys": ["b"],
        "listing_visibility": "unauth", "passthrough_request_headers": ["X-One"],
        "allowed_response_headers": ["X-Two"], "force_no_cache": false});
    client.put(
        "sys/mounts/team/kv",
        json!({"type": "kv", "description": "of a team", "local": false, "seal_wrap": false,
            "external_entropy_access": false, "options": {"version": "2"}, "config": config}),
    );
    let read = client.read("sys/mounts/team/kv").ok()["data"].clone();
    assert_eq!((&read["type"], &read["description"]), (&json!("kv"), &json!("of a team")));
    assert_eq!(read["options"], json!({"version": "2"}));
    for flag in ["local", "seal_wrap", "external_entropy_access"] {
        assert_eq!(read[flag], false, "{flag}");
    }
    assert!(text(&read["accessor"]).starts_with("kv_"));
    for (field, written) in config.as_object().unwrap() {
        let expected = match field.as_str() {
            "default_lease_ttl" => json!(3600),
            "max_lease_ttl" => json!(86400),
            _ => written.clone(),
        };
        assert_eq!(read["config"][field], expected, "{field}");
    }
    client.put(
        "sys/mounts/team/kv/tune",
        json!({"default_lease_ttl": "7200s", "max_lease_ttl": "86400s", "description": "new",
            "listing_visibility": "hidden", "options": {"version": "2"}}),
    );
    let read = client.read("sys/mounts/team/kv").ok()["data"].clone();
    assert_eq!(
        (&read["description"], number(&read["config"]["default_lease_ttl"])),
        (&json!("new"), 7200)
    );
    assert_eq!(read["config"]["audit_non_hmac_request_keys"], json!(["a"]));

    client.put("sys/auth/machines", json!({"type": "approle", "description": "machines"}));
    let tune = json!({"default_lease_ttl": "600s", "max_lease_ttl": "1200s",
        "token_type": "default-service"});
    client.put("sys/auth/machines/tune", tune);
    let read = client.read("sys/mounts/auth/machines/tune").ok()["data"].clone();
    assert_eq!((number(&read["default_lease_ttl"]), number(&read["max_lease_ttl"])), (600, 1200));
    assert_eq!(read["token_type"], "default-service");
    let read = client.read("sys/auth/machines").ok()["data"].clone();
    assert_eq!((&read["type"], &read["description"]), (&json!("approle"), &json!("machines")));
}

/// `vault_policy`: the text comes back to the byte; what is gone is a 404.
fn policy(client: &Go) {
    let rules = "# kept\npath \"team/kv/data/*\" {\n  capabilities = [\"read\"]\n}\n";
    client.put("sys/policies/acl/team", json!({ "policy": rules }));
    let read = client.read("sys/policies/acl/team").ok()["data"].clone();
    assert_eq!((&read["name"], &read["policy"]), (&json!("team"), &json!(rules)));
    client.delete("sys/policies/acl/team");
    assert_eq!(client.read("sys/policies/acl/team").status, 404);
}

/// `vault_approle_auth_backend_role` and `…_role_secret_id`.
fn roles(client: &Go) {
    let role = "auth/machines/role/app";
    let written = json!({"bind_secret_id": true, "secret_id_bound_cidrs": ["127.0.0.0/8"],
        "secret_id_num_uses": 3, "secret_id_ttl": 600, "token_ttl": 300, "token_max_ttl": 600,
        "token_explicit_max_ttl": 0, "token_period": 0, "token_num_uses": 0,
        "token_no_default_policy": false, "token_policies": ["team"], "token_type": "default",
        "token_bound_cidrs": []});
    client.put(role, written.clone());
    let read = client.read(role).ok()["data"].clone();
    for (field, value) in written.as_object().unwrap() {
        assert_eq!(&read[field], value, "{field}");
    }
    client.put(&format!("{role}/role-id"), json!({"role_id": "chosen"}));
    assert_eq!(client.read(&format!("{role}/role-id")).ok()["data"]["role_id"], "chosen");
    let asked = json!({"metadata": "{\"by\":\"terraform\"}", "cidr_list": "127.0.0.1/32"});
    let made = client.write(&format!("{role}/secret-id"), asked).ok()["data"].clone();
    let accessor = json!({"secret_id_accessor": made["secret_id_accessor"]});
    let lookup = format!("{role}/secret-id-accessor/lookup");
    let found = client.write(&lookup, accessor.clone()).ok()["data"].clone();
    assert_eq!(found["metadata"], json!({"by": "terraform"}));
    assert_eq!(found["cidr_list"], json!(["127.0.0.1/32"]));
    client.put(&format!("{role}/secret-id-accessor/destroy"), accessor.clone());
    // It takes 403, 404, and a 404 with these words, for one that is gone.
    assert_eq!(client.write(&lookup, accessor).status, 404);
    client.delete(role);
    assert_eq!(client.read(role).status, 404);
}

/// `vault_kv_secret_v2`, `vault_kv_secret_backend_v2`.
fn secrets(client: &Go) {
    let settings =
        json!({"max_versions": 5, "cas_required": true, "delete_version_after": "3600s"});
    client.put("team/kv/config", settings);
    let read = client.read("team/kv/config").ok()["data"].clone();
    assert_eq!((number(&read["max_versions"]), &read["cas_required"]), (5, &json!(true)));
    assert_eq!(read["delete_version_after"], "1h0m0s");
    let made = client.write("team/kv/data/app", json!({"data": {"k": "v"}, "options": {"cas": 0}}));
    assert_eq!(number(&made.ok()["data"]["version"]), 1);
    let metadata = json!({"max_versions": 4, "delete_version_after": "0s",
        "custom_metadata": {"by": "terraform"}});
    client.put("team/kv/metadata/app", metadata);
    let read = client.read("team/kv/data/app").ok()["data"].clone();
    assert_eq!(read["data"], json!({"k": "v"}));
    assert_eq!(read["metadata"]["custom_metadata"], json!({"by": "terraform"}));
    let read = client.read("team/kv/metadata/app").ok()["data"].clone();
    assert_eq!((number(&read["max_versions"]), number(&read["current_version"])), (4, 1));
    client.delete("team/kv/metadata/app");
    assert_eq!(client.read("team/kv/data/app").status, 404);
    client.delete("sys/mounts/team/kv");
    // Gone is a 400 or a 404 with these words, as each server has it.
    let gone = client.read("sys/mounts/team/kv");
    assert!(gone.body.contains("No secret engine mount at team/kv/"), "{gone:?}");
}
