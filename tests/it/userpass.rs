//! Userpass: people log in with a name and a password.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::harness::{Response, Server};

const WRONG: &[&str] = &["invalid username or password"];
const LOCKED: &[&str] = &["permission denied"];

/// A server with userpass at its usual place, and its root token.
fn server() -> (Server, String) {
    let server = Server::start();
    let root = server.root_token();
    let enabled = server.post("sys/auth/userpass", &root, json!({"type": "userpass"}));
    assert_eq!(enabled.status, 204, "{enabled:?}");
    (server, root)
}

/// Creates a user or changes one.
fn write(server: &Server, root: &str, name: &str, fields: Value) -> Response {
    server.post(&format!("auth/userpass/users/{name}"), root, fields)
}

fn login(server: &Server, name: &str, password: &str) -> Response {
    server.login(&format!("auth/userpass/login/{name}"), json!({"password": password}))
}

fn token(answer: &Response) -> String {
    answer.ok()["auth"]["client_token"].as_str().unwrap().to_owned()
}

fn accessor(server: &Server, root: &str) -> String {
    server.get("sys/auth/userpass", Some(root)).ok()["accessor"].as_str().unwrap().to_owned()
}

/// What a stranger sees, but for what differs in every answer.
fn seen(answer: &Response) -> (u16, String, Vec<(String, String)>) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date" && name != "x-vault-index");
    (answer.status, answer.body.clone(), headers)
}

#[test]
fn a_person_logs_in_and_gets_what_the_user_has() {
    let (server, root) = server();
    server.policy("team", "path \"secret/data/team\" { capabilities = [\"read\"] }");
    let fields = json!({"password": "pw", "token_policies": ["team"], "token_ttl": "5m"});
    assert_eq!(write(&server, &root, "Bob", fields).status, 204);
    let auth = login(&server, "bob", "pw").ok()["auth"].clone();
    assert_eq!(auth["policies"], json!(["default", "team"]));
    assert_eq!(auth["metadata"], json!({"username": "bob"}));
    assert_eq!(auth["lease_duration"], 300);
    let bob = auth["client_token"].as_str().unwrap();
    assert_eq!(server.get("secret/data/team", Some(bob)).status, 404);
    assert_eq!(server.get("secret/data/other", Some(bob)).status, 403);
    // P2: every spelling is the same user, entity and creation path.
    for spelling in ["BOB", "%20bob%20", "%EF%BC%A2ob"] {
        let again = token(&login(&server, spelling, "pw"));
        let lookup = server.get("auth/token/lookup-self", Some(&again)).ok()["data"].clone();
        assert_eq!(lookup["entity_id"], auth["entity_id"]);
        assert_eq!(lookup["path"], "auth/userpass/login/bob");
        assert_eq!(lookup["display_name"], "userpass-bob");
    }
    let keys = server.list("auth/userpass/users", &root).ok()["data"]["keys"].clone();
    assert_eq!(keys, json!(["bob"]));
    // No answer, log line or entry has a password or its hash.
    assert!(!server.get("auth/userpass/users/bob", Some(&root)).body.contains("password"));
    // P2, P17: a deny for the name holds in every spelling.
    server.policy(
        "most",
        "path \"auth/userpass/users/*\" { capabilities = [\"read\", \"update\", \"create\"] }\n\
         path \"auth/userpass/users/bob\" { capabilities = [\"deny\"] }",
    );
    let most = server.token(&["most"]);
    for spelling in ["bob", "BOB", "%20Bob", "%EF%BC%A2ob"] {
        let path = format!("auth/userpass/users/{spelling}");
        server
            .get(&path, Some(&most))
            .refused(403, &["1 error occurred:\n\t* permission denied\n\n"]);
        assert_eq!(server.post(&path, &most, json!({"password": "x"})).status, 403);
    }
}

#[test]
fn p01_p11_failed_logins_look_alike_whoever_they_are_about() {
    let (server, root) = server();
    write(&server, &root, "bob", json!({"password": "pw"}));
    write(&server, &root, "far", json!({"password": "pw", "token_bound_cidrs": "10.0.0.0/8"}));
    let leases = || server.list("auth/token/accessors", &root).ok()["data"]["keys"].clone();
    let before = leases();
    // Up to the lock and beyond, answer by answer: a user, none, and one who must come from
    // elsewhere, with a right and a wrong password.
    let tries = |name: &str, password: &str| -> Vec<_> {
        (0..7).map(|_| seen(&login(&server, name, password))).collect()
    };
    let nobody = tries("nobody", "pw");
    assert_eq!(nobody.iter().map(|s| s.0).collect::<Vec<_>>(), [400, 400, 400, 400, 400, 403, 403]);
    assert_eq!(tries("bob", "wrong"), nobody);
    assert_eq!(tries("far", "pw"), nobody);
    assert_eq!(seen(&login(&server, "BOB", "pw")), nobody[6], "locked, in any spelling");
    assert_eq!(leases(), before);
    for name in ["bob", "nobody2"] {
        let empty = server.login(&format!("auth/userpass/login/{name}"), json!({}));
        empty.refused(400, &["missing password"]);
        let long = login(&server, name, &"x".repeat(1_025));
        long.refused(400, &["password is longer than 1024 bytes; choose a shorter one"]);
    }
}

#[test]
fn p49_a_lock_survives_kill_9_and_an_operator_lifts_it() {
    let (mut server, root) = server();
    write(&server, &root, "bob", json!({"password": "pw"}));
    for _ in 0..4 {
        login(&server, "bob", "wrong").refused(400, WRONG);
    }
    server.kill9();
    server.restart();
    // The fifth, with those from before.
    login(&server, "Bob", "wrong").refused(400, WRONG);
    server.kill9();
    server.restart();
    login(&server, "bob", "pw").refused(403, LOCKED);
    let accessor = accessor(&server, &root);
    let locked = server.get("sys/locked-users", Some(&root)).ok()["data"].clone();
    let at = json!({"mount_accessor": accessor, "counts": 1, "alias_identifiers": ["bob"]});
    assert_eq!(locked["total"], 1);
    assert_eq!(locked["by_namespace"][0]["mount_accessors"], json!([at]));
    let unlock = format!("sys/locked-users/{accessor}/unlock/BOB");
    let nobody = server.token(&["default"]);
    assert_eq!(server.post(&unlock, &nobody, json!({})).status, 403);
    assert_eq!(server.post(&unlock, &root, json!({})).status, 204);
    assert_eq!(server.get("sys/locked-users", Some(&root)).ok()["data"]["total"], 0);
    login(&server, "bob", "pw").ok();
    // A right password forgets the wrong ones before it.
    for _ in 0..3 {
        for _ in 0..4 {
            login(&server, "bob", "wrong").refused(400, WRONG);
        }
        login(&server, "bob", "pw").ok();
    }
}

#[test]
fn p52_of_many_wrong_guesses_at_once_no_more_than_the_threshold_are_evaluated() {
    let (server, root) = server();
    write(&server, &root, "bob", json!({"password": "pw"}));
    let gate = Barrier::new(60);
    let guess = |n: usize| {
        gate.wait();
        // Spellings are one name here too.
        login(&server, ["bob", "BOB", "%20bob"][n % 3], "wrong").status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..60).map(|n| scope.spawn(move || guess(n))).collect();
        guesses.into_iter().map(|g| g.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!(count(400), 5, "{statuses:?}");
    // The rest: those after the lock, and those for whom the line was too long.
    assert_eq!(count(403) + count(503), 55, "{statuses:?}");
    assert!(count(403) >= 1);
    login(&server, "bob", "pw").refused(403, LOCKED);
}

#[test]
fn p07_renewal_ends_with_the_user_and_with_the_policies() {
    let (server, root) = server();
    let renew = |token: &str| server.post("auth/token/renew-self", token, json!({}));
    write(&server, &root, "bob", json!({"password": "pw", "token_policies": "p1"}));
    let bob = token(&login(&server, "bob", "pw"));
    assert_eq!(renew(&bob).status, 200);
    server.post("auth/userpass/users/bob/policies", &root, json!({"token_policies": "p2"}));
    renew(&bob).refused(400, &["policies have changed, not renewing; log in anew"]);
    let bob = token(&login(&server, "bob", "pw"));
    assert_eq!(renew(&bob).status, 200);
    assert_eq!(server.delete("auth/userpass/users/BOB", &root).status, 204);
    let gone = &["the user of this lease is gone, not renewing; log in anew"];
    renew(&bob).refused(400, gone);
    // Nor does another user of the same name renew it.
    write(&server, &root, "bob", json!({"password": "pw", "token_policies": "p2"}));
    renew(&bob).refused(400, gone);
    assert_eq!(server.get("auth/token/lookup-self", Some(&bob)).status, 200);
    // A role that is gone renews nothing either.
    let (role_id, secret_id) = server.role("app", json!({}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let app = token(&server.login("auth/approle/login", proof));
    assert_eq!(renew(&app).status, 200);
    server.delete("auth/approle/role/app", &root);
    renew(&app).refused(400, &["the role of this lease is gone, not renewing; log in anew"]);
}

#[test]
fn a_person_changes_his_own_password_and_says_whether_his_leases_end() {
    let (server, root) = server();
    server.policy(
        "own-password",
        "path \"auth/userpass/users/bob/password\" { capabilities = [\"update\"] }",
    );
    write(&server, &root, "bob", json!({"password": "one", "token_policies": "own-password"}));
    write(&server, &root, "carol", json!({"password": "one"}));
    let bob = token(&login(&server, "bob", "one"));
    let change = |user: &str, token: &str, fields: Value| {
        server.post(&format!("auth/userpass/users/{user}/password"), token, fields).status
    };
    assert_eq!(change("bob", &bob, json!({"password": "two"})), 204);
    assert_eq!(change("carol", &bob, json!({"password": "two"})), 403);
    assert_eq!(write(&server, &bob, "bob", json!({"token_policies": "x"})).status, 403);
    login(&server, "bob", "one").refused(400, WRONG);
    let other = token(&login(&server, "bob", "two"));
    assert_eq!(server.get("auth/token/lookup-self", Some(&bob)).status, 200);
    assert_eq!(change("bob", &bob, json!({"password": "three", "revoke_leases": true})), 204);
    for ended in [&bob, &other] {
        assert_eq!(server.get("auth/token/lookup-self", Some(ended)).status, 403);
    }
    let bob = token(&login(&server, "bob", "three"));
    let ended = server.post("auth/userpass/users/Bob/revoke-leases", &root, json!({}));
    assert_eq!(ended.status, 204, "{ended:?}");
    assert_eq!(server.get("auth/token/lookup-self", Some(&bob)).status, 403);
    login(&server, "carol", "one").ok();
}

#[test]
fn p33_no_log_and_no_entry_shows_a_password() {
    let (server, root) = server();
    let (right, wrong) = ("marker-right-4711", "marker-wrong-4711");
    write(&server, &root, "bob", json!({"password": right}));
    login(&server, "bob", right).ok();
    login(&server, "bob", wrong).refused(400, WRONG);
    server.post("auth/userpass/users/bob/password", &root, json!({"password": wrong}));
    let hash = json!({"password_hash": "marker-4711"});
    let refused = write(&server, &root, "bob", hash);
    assert!(refused.status == 400 && !refused.body.contains("4711"), "{refused:?}");
    let mut files = vec![server.data()];
    let mut looked = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else if let Ok(bytes) = std::fs::read(&path) {
            looked += 1;
            assert!(!bytes.windows(4).any(|w| w == b"4711"), "{path:?}");
        }
    }
    assert!(looked > 3 && !server.log().contains("4711"));
}

#[test]
fn our_command_line_bao_and_hvac_handle_users_and_log_in() {
    let (server, root) = server();
    let run = |args: &[&str], stdin: &str| server.strongroom_with(&root, args, stdin);
    let write = ["userpass", "write", "bob", "password=-", "token_policies=p1", "token_ttl=5m"];
    run(&write, "one\n").ok();
    run(&["userpass", "write", "Carol", "--ask"], "two\n").ok();
    assert_eq!(run(&["userpass", "list"], "").ok(), "Keys\n----\nbob\ncarol\n");
    let read = run(&["userpass", "read", "BOB", "--field", "token_ttl"], "").ok();
    assert_eq!(read.trim(), "300");
    run(&["userpass", "password", "bob"], "three\n").ok();
    assert_eq!(run(&["userpass", "password", "bob", "visible"], "").code, Some(1));
    let kept = |args: &[&str], stdin: &str| server.strongroom_with("", args, stdin);
    kept(&["login", "--method", "userpass", "bob"], "three\n").ok();
    let path = kept(&["token", "lookup", "--field", "path"], "").ok();
    assert_eq!(path.trim(), "auth/userpass/login/bob");
    let wrong = kept(&["login", "--method", "userpass", "username=bob"], "marked\n");
    assert!(wrong.code == Some(2) && !format!("{wrong:?}").contains("marked"), "{wrong:?}");
    run(&["userpass", "password", "bob", "--revoke-leases"], "four\n").ok();
    assert_eq!(kept(&["token", "lookup"], "").code, Some(2));
    run(&["userpass", "delete", "carol"], "").ok();
    assert_eq!(run(&["userpass", "read", "carol"], "").code, Some(2));

    let bao = |token: &str, args: &[&str]| server.bao(token, args);
    bao(&root, &["auth", "enable", "-path=people", "userpass"]).ok();
    bao(&root, &["write", "auth/people/users/x", "password=pw", "policies=p1"]).ok();
    assert!(bao(&root, &["list", "auth/people/users"]).ok().contains('x'));
    assert!(
        bao(&root, &["read", "-field=token_policies", "auth/people/users/x"]).ok().contains("p1")
    );
    let login = ["login", "-no-print", "-method=userpass", "-path=people", "username=x"];
    bao("", &[&login[..], &["password=pw"]].concat()).ok();
    assert!(bao("", &["token", "lookup"]).ok().contains("people-x"));
    assert_eq!(bao("", &[&login[..], &["password=no"]].concat()).code, Some(2));
    bao(&root, &["delete", "auth/people/users/x"]).ok();
    server.python("userpass.py", &[]).ok();
}
