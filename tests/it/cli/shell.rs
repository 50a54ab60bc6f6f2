//! The command line as a shell sees it: formats, environment, completion, help, colours.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Run, Server, finish};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.stdin(Stdio::null());
    command
}

fn with(server: &Server, token: &str, variables: &[(&str, &str)], args: &[&str]) -> Run {
    let mut command = program();
    server.client(command.args(args), token);
    command.envs(variables.iter().copied());
    finish(&mut command)
}

#[test]
fn answers_come_in_the_format_that_was_asked_for() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.strongroom(&root, args);
    let secret = r#"{"n":9007199254740993,"s":"yes","l":["a",{"b":null}]}"#;
    server.strongroom_with(&root, &["kv", "put", "secret/x", "-"], secret).ok();
    let get = |format: &str| run(&["kv", "get", "--format", format, "secret/x"]).ok();
    let yaml = get("yaml");
    let block = "  data:\n    l:\n      - a\n      - b: null\n    \"n\": 9007199254740993\n    s: \"yes\"\n";
    assert!(yaml.contains(block), "{yaml}");
    assert!(get("json").contains("\"n\": 9007199254740993"));
    assert!(get("raw").contains(r#""n":9007199254740993"#));
    let table = get("table");
    assert!(table.contains("n      9007199254740993") && !table.contains('\u{1b}'), "{table}");
    assert_eq!(run(&["kv", "list", "--format", "yaml", "secret"]).ok(), "- x\n");
    let both = run(&["kv", "get", "--format", "json", "--field", "s", "secret/x"]);
    assert_eq!(both.code, Some(1));
    assert_eq!(run(&["kv", "get", "--field", "none", "secret/x"]).code, Some(1));
    let wide = "w".repeat(500);
    server.strongroom_with(&root, &["kv", "put", "secret/wide", "v=-"], &wide).ok();
    assert!(run(&["kv", "get", "secret/wide"]).ok().contains(&wide), "a pipe gets all of it");
}

#[test]
fn our_variables_win_over_the_older_names_and_flags_over_all() {
    let server = Server::start();
    let root = server.root_token();
    let nowhere = "http://127.0.0.1:1";
    let status = ["operator", "status", "--field", "sealed"];
    // The harness sets BAO_ADDR and BAO_TOKEN.
    let run = |variables: &[(&str, &str)], args: &[&str]| with(&server, &root, variables, args);
    assert_eq!(run(&[("VAULT_ADDR", nowhere)], &status).ok(), "false");
    assert_eq!(run(&[("STRONGROOM_ADDR", "")], &status).ok(), "false");
    assert_eq!(run(&[("STRONGROOM_ADDR", nowhere)], &status).code, Some(2));
    let flagged = [&status[..], &["--address", server.address()]].concat();
    assert_eq!(run(&[("STRONGROOM_ADDR", nowhere)], &flagged).ok(), "false");
    let lookup = ["token", "lookup"];
    assert_eq!(run(&[("STRONGROOM_TOKEN", "wrong")], &lookup).code, Some(2));
    assert_eq!(run(&[("VAULT_TOKEN", "wrong")], &lookup).code, Some(0));
    let json = run(&[("BAO_FORMAT", "json"), ("VAULT_FORMAT", "table")], &lookup).ok();
    assert!(serde_json::from_str::<Value>(&json).is_ok(), "{json}");
    assert_eq!(run(&[("STRONGROOM_FORMAT", "nice")], &lookup).code, Some(1));
    assert_eq!(run(&[("STRONGROOM_CLIENT_TIMEOUT", "soon")], &lookup).code, Some(1));
    assert_eq!(run(&[("STRONGROOM_NAMESPACE", "elsewhere")], &lookup).code, Some(2));
}

#[test]
fn completion_knows_the_servers_names_and_nothing_else() {
    let server = Server::start();
    let root = server.root_token();
    for path in ["secret/team/app", "secret/team/api", "secret/tools", "secret/team/$(touch pwned)"]
    {
        server.strongroom(&root, &["kv", "put", path, "key=marked-value"]).ok();
    }
    server.policy("team-policy", "path \"x\" { capabilities = [\"read\"] }");
    let complete = |token: &str, variables: &[(&str, &str)], words: &[&str]| {
        let last = words.last().unwrap();
        let script = format!(
            "source <({program} completion bash); COMP_WORDS=(strongroom {words}); \
             COMP_CWORD={index}; _clap_complete_strongroom strongroom '{last}' x; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            program = env!("CARGO_BIN_EXE_strongroom"),
            words = words.join(" "),
            index = words.len(),
        );
        let mut bash = Command::new("bash");
        server.client(bash.args(["-c", &script]), token);
        bash.envs(variables.iter().copied());
        let run = finish(&mut bash);
        assert_eq!(run.stderr, "", "completion is silent");
        let mut names: Vec<String> = run.stdout.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(complete(&root, &[], &["kv", "get", "secret/te"]), ["secret/team/"]);
    let below = complete(&root, &[], &["kv", "get", "secret/team/"]);
    assert_eq!(below, ["secret/team/api", "secret/team/app"], "and no name that a shell would run");
    assert_eq!(complete(&root, &[], &["kv", "get", "sec"]), ["secret/"]);
    assert_eq!(complete(&root, &[], &["policy", "read", "team"]), ["team-policy"]);
    assert_eq!(
        complete(&root, &[], &["read", "sys/policies/acl/te"]),
        ["sys/policies/acl/team-policy"]
    );
    assert_eq!(complete(&root, &[], &["opera"]), ["operator"]);
    assert_eq!(complete("", &[], &["kv", "get", "secret/te"]), [""]);
    assert_eq!(complete("wrong", &[], &["kv", "get", "secret/te"]), [""]);
    let gone = [("STRONGROOM_ADDR", "http://127.0.0.1:1")];
    assert_eq!(complete(&root, &gone, &["kv", "get", "secret/te"]), [""]);
    for shell in ["zsh", "fish"] {
        let script = finish(program().args(["completion", shell])).ok();
        assert!(script.contains("_STRONGROOM_COMPLETE"), "{script}");
    }
}

#[test]
fn help_explains_codes_and_variables_and_a_slip_gets_a_suggestion() {
    for args in [["help", "exit-codes"], ["exit-codes", "--help"]] {
        let text = finish(program().args(args)).ok();
        assert!(text.starts_with("Exit codes\n") && text.contains("audit verify"), "{text}");
    }
    let environment = finish(program().args(["help", "environment"])).ok();
    assert!(environment.contains("CLIENT_TIMEOUT"), "{environment}");
    let example = finish(program().args(["kv", "get", "-h"])).ok();
    assert!(example.contains("Examples:\n  strongroom kv get secret/team/app"), "{example}");
    let slip = finish(program().args(["polcy", "list"]));
    assert_eq!(slip.code, Some(1));
    assert!(slip.stderr.contains("similar subcommand exists: 'policy'"), "{}", slip.stderr);
}

#[test]
fn on_a_terminal_secrets_are_asked_for_without_echo_and_heads_stand_out() {
    let server = Server::start();
    let root = server.root_token();
    let program = env!("CARGO_BIN_EXE_strongroom");
    let on_terminal = |typed: &str, args: &[&str]| {
        server.python("terminal.py", &[&[typed, program], args].concat()).ok().replace('\r', "")
    };
    let put = ["kv", "put", "secret/tty", "password=?", "user=app"];
    let shown = on_terminal("marked-value", &put);
    assert!(shown.contains("will not be shown") && !shown.contains("marked-value"), "{shown}");
    let get = ["kv", "get", "--field", "password", "secret/tty"];
    assert_eq!(server.strongroom(&root, &get).ok(), "marked-value");
    assert_eq!(on_terminal("", &get), "marked-value\n", "the prompt comes after a line break");
    assert!(on_terminal("", &["kv", "list", "secret"]).contains("\u{1b}[1mKeys\u{1b}[0m"));
    let visible = on_terminal("", &["kv", "put", "secret/tty", "password=marked-value"]);
    assert!(visible.contains("Warning:") && !visible.contains("marked-value"), "{visible}");
}

#[test]
fn errors_say_what_to_do_next() {
    let server = Server::start();
    let root = server.root_token();
    let stderr = |token: &str, args: &[&str]| {
        let run = server.strongroom(token, args);
        assert_eq!(run.code, Some(2), "{run:?}");
        run.stderr
    };
    let nobody = ["operator", "status", "--address", "http://127.0.0.1:1"];
    assert!(stderr("", &nobody).contains("nothing listens there"));
    let no_socket = ["operator", "status", "--address", "unix:///nowhere/admin.sock"];
    assert!(stderr("", &no_socket).contains("no such socket"));
    let token = server.token(&["default"]);
    let denied = stderr(&token, &["read", "secret/data/x"]);
    assert!(denied.contains("token capabilities secret/data/x"), "{denied}");
    server.strongroom(&root, &["operator", "seal"]).ok();
    let sealed = stderr(&root, &["read", "secret/data/x"]);
    assert!(sealed.contains("operator unseal --socket"), "{sealed}");
    let state = server.strongroom("", &["status"]);
    assert_eq!(state.code, Some(2), "a sealed vault: {}", state.stdout);
}
