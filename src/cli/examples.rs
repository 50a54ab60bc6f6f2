//! An example for every command, shown in its --help and in docs/CLI.md. Tests hold that every command
//! has one and that every line parses.

use clap::Command;

/// Command, and lines as they are typed; the program's name is left out.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("server", &["server --config /etc/strongroom/strongroom.toml"]),
    ("dev", &["dev", "dev --listen 127.0.0.1:0 --data /tmp/vault"]),
    ("hsm doctor", &["hsm doctor --config strongroom.toml"]),
    ("hsm list", &["hsm list --config strongroom.toml"]),
    (
        "audit verify",
        &["audit verify /var/lib/strongroom/audit --key audit.pub --anchor kept.json"],
    ),
    (
        "audit prove",
        &["audit prove /var/lib/strongroom/audit 8143", "audit prove audit --since kept.json"],
    ),
    ("audit check", &["audit check proof.json --key audit.pub"]),
    (
        "audit query",
        &["audit query audit --path 'secret/data/team/*' --operation read --since 2026-11-22"],
    ),
    ("audit tail", &["audit tail audit -n 20 --follow"]),
    ("audit sinks", &["audit sinks"]),
    ("audit enable", &["audit enable collector"]),
    ("audit disable", &["audit disable collector"]),
    (
        "login",
        &[
            "login",
            "login --method userpass bob",
            "login --method approle role_id=@role-id secret_id=@secret-id",
            "login --method approle --no-store --field token role_id=@role-id secret_id=-",
        ],
    ),
    (
        "kv get",
        &[
            "kv get secret/team/app",
            "kv get --field password secret/team/app",
            "kv get --version 2 --format json secret/team/app",
        ],
    ),
    (
        "kv put",
        &[
            "kv put secret/team/app user=app 'password=?'",
            "kv put secret/team/app password=- key=@server.key",
            "kv put --cas 3 secret/team/app @secret.json",
        ],
    ),
    ("kv patch", &["kv patch secret/team/app password=@new-password"]),
    ("kv list", &["kv list secret/team"]),
    ("kv delete", &["kv delete secret/team/app", "kv delete --versions 2,3 secret/team/app"]),
    ("kv undelete", &["kv undelete --versions 2 secret/team/app"]),
    ("kv destroy", &["kv destroy --versions 1,2 secret/team/app"]),
    ("kv rollback", &["kv rollback --version 2 secret/team/app"]),
    ("kv diff", &["kv diff secret/team/app", "kv diff --from 3 --to 5 --values secret/team/app"]),
    ("kv enable-versioning", &["kv enable-versioning kv"]),
    ("kv metadata get", &["kv metadata get secret/team/app"]),
    (
        "kv metadata put",
        &["kv metadata put --max-versions 20 --custom-metadata owner=team secret/team/app"],
    ),
    (
        "kv metadata patch",
        &["kv metadata patch --custom-metadata owner=ops --remove-custom-metadata old secret/a"],
    ),
    ("kv metadata delete", &["kv metadata delete secret/team/app"]),
    ("lease lookup", &["lease lookup auth/approle/login/ACCESSOR"]),
    ("lease renew", &["lease renew --increment 1h auth/approle/login/ACCESSOR"]),
    ("lease revoke", &["lease revoke auth/approle/login/ACCESSOR"]),
    ("lease revoke-prefix", &["lease revoke-prefix auth/approle"]),
    (
        "token create",
        &[
            "token create --policy team --ttl 1h --field token",
            "token create --role ci --display-name build",
        ],
    ),
    ("token lookup", &["token lookup", "token lookup --accessor ACCESSOR"]),
    ("token renew", &["token renew --increment 1h", "token renew @token-file"]),
    ("token revoke", &["token revoke --self", "token revoke --accessor ACCESSOR"]),
    (
        "token capabilities",
        &["token capabilities secret/data/team/app", "token capabilities --token - sys/mounts"],
    ),
    ("token role list", &["token role list"]),
    ("token role read", &["token role read ci"]),
    ("token role write", &["token role write ci allowed_policies=build token_period=1h"]),
    ("token role delete", &["token role delete ci"]),
    ("policy write", &["policy write team team.hcl", "policy write team -"]),
    ("policy read", &["policy read team"]),
    ("policy list", &["policy list"]),
    ("policy delete", &["policy delete team"]),
    ("wrap", &["wrap --wrap-ttl 5m password=@password.txt"]),
    ("unwrap", &["unwrap -", "unwrap --lookup -"]),
    ("policy explain", &["policy explain secret/data/app --operation read"]),
    ("policy fmt", &["policy fmt team.hcl", "policy fmt --check team.hcl"]),
    ("userpass list", &["userpass list"]),
    ("userpass read", &["userpass read bob"]),
    ("userpass write", &["userpass write --ask bob token_policies=team token_ttl=8h"]),
    ("userpass password", &["userpass password bob", "userpass password bob --revoke-leases"]),
    ("userpass delete", &["userpass delete bob"]),
    ("approle role list", &["approle role list"]),
    ("approle role read", &["approle role read shop"]),
    (
        "approle role write",
        &["approle role write shop token_policies=shop token_ttl=20m secret_id_num_uses=1"],
    ),
    ("approle role delete", &["approle role delete shop"]),
    (
        "approle role-id",
        &["approle role-id shop --field role_id", "approle role-id shop --set shop-1"],
    ),
    (
        "approle secret-id create",
        &["approle secret-id create shop --ttl 24h --num-uses 1 --field secret_id"],
    ),
    ("approle secret-id list", &["approle secret-id list shop"]),
    ("approle secret-id lookup", &["approle secret-id lookup shop --accessor ACCESSOR"]),
    ("approle secret-id destroy", &["approle secret-id destroy shop @secret-id"]),
    ("mount list", &["mount list"]),
    ("mount enable", &["mount enable kv-v2 --path team --description 'Secrets of the team'"]),
    ("mount disable", &["mount disable team"]),
    ("mount tune", &["mount tune team", "mount tune team --max-lease-ttl 12h"]),
    ("mount move", &["mount move team crew"]),
    ("auth list", &["auth list"]),
    ("auth enable", &["auth enable approle", "auth enable userpass --path people"]),
    ("auth disable", &["auth disable people"]),
    ("auth tune", &["auth tune approle --default-lease-ttl 30m"]),
    ("entity list", &["entity list", "entity list --by-id"]),
    ("entity read", &["entity read bob"]),
    ("entity write", &["entity write bob policies=team --metadata team=shop"]),
    ("entity delete", &["entity delete bob"]),
    ("group list", &["group list"]),
    ("group read", &["group read ops"]),
    ("group write", &["group write ops policies=operate member_entity_ids=ID1,ID2"]),
    ("group delete", &["group delete ops"]),
    ("operator init", &["operator init --socket admin.sock --root-token-file root-token"]),
    ("operator status", &["operator status", "operator status --socket admin.sock"]),
    ("operator seal", &["operator seal"]),
    ("operator unseal", &["operator unseal --socket admin.sock"]),
    ("read", &["read sys/mounts", "read --format raw sys/health"]),
    ("write", &["write auth/approle/role/shop token_ttl=20m", "write --force sys/seal"]),
    ("patch", &["patch secret/metadata/team/app max_versions=5"]),
    ("list", &["list auth/token/accessors"]),
    ("delete", &["delete sys/policies/acl/team"]),
    ("completion", &["completion bash", "completion zsh"]),
    ("status", &["status"]),
];

/// The commands, each with its examples below its help.
pub fn added(root: Command) -> Command {
    let names: Vec<String> = root.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.into_iter().fold(root, |root, name| {
        root.mut_subcommand(&name, |command| with_examples(command, &name))
    })
}

fn with_examples(command: Command, path: &str) -> Command {
    let command = match lines(path) {
        [] => command,
        lines => command.after_help(
            lines
                .iter()
                .fold("Examples:".to_owned(), |text, line| format!("{text}\n  strongroom {line}")),
        ),
    };
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(&name, |inner| with_examples(inner, &format!("{path} {name}")))
    })
}

/// The examples of a command such as "kv get".
pub fn lines(path: &str) -> &'static [&'static str] {
    EXAMPLES.iter().find(|(name, _)| *name == path).map_or(&[], |(_, lines)| *lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command_line;

    /// Names of all commands that do something.
    fn leaves(command: &Command, path: &str) -> Vec<String> {
        let inner = command.get_subcommands().filter(|c| c.get_name() != "help");
        let inner: Vec<String> =
            inner.flat_map(|c| leaves(c, &format!("{path} {}", c.get_name()))).collect();
        if inner.is_empty() { vec![path.trim().to_owned()] } else { inner }
    }

    /// As a shell takes a line apart, as far as the examples go.
    fn words(line: &str) -> Vec<String> {
        let quoted = line.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        std::iter::once("strongroom".to_owned()).chain(quoted).collect()
    }

    #[test]
    fn every_command_has_an_example_and_every_example_a_command() {
        let topics = ["exit-codes", "environment"];
        let leaves: Vec<String> = leaves(&command_line(), "")
            .into_iter()
            .filter(|name| !topics.contains(&name.as_str()))
            .collect();
        let without: Vec<_> = leaves.iter().filter(|name| lines(name).is_empty()).collect();
        assert!(without.is_empty(), "add lines to EXAMPLES for {without:?}");
        for (name, _) in EXAMPLES {
            assert!(leaves.iter().any(|leaf| leaf == name), "there is no command {name:?}");
        }
    }

    #[test]
    fn every_example_parses_and_shows_its_own_command() {
        for (name, lines) in EXAMPLES {
            for line in *lines {
                assert!(line.starts_with(name), "{name}: {line}");
                if let Err(e) = command_line().try_get_matches_from(words(line)) {
                    panic!("strongroom {line}: {e}");
                }
            }
        }
    }

    #[test]
    fn every_command_in_the_documents_parses() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut documents = vec![root.join("README.md"), root.join("softhsm/README.md")];
        let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(docs.filter(|path| path.extension().is_some_and(|e| e == "md")));
        let mut seen = 0;
        for document in documents {
            let text = std::fs::read_to_string(&document).unwrap();
            for line in text.lines().filter_map(typed) {
                seen += 1;
                if let Err(e) = command_line().try_get_matches_from(words(line)) {
                    panic!("{}: strongroom {line}: {e}", document.display());
                }
            }
        }
        assert!(seen > 50, "{seen} commands were found");
    }

    /// What follows the program's name on a line of a code block, without a remark beside it and
    /// without what the shell does with it.
    fn typed(line: &str) -> Option<&str> {
        let (program, rest) = line.trim_start().split_once(' ')?;
        let here = line.starts_with("    ") || !line.starts_with(' ');
        let found = here && (program == "strongroom" || program.ends_with("/strongroom"));
        let shell = ["   ", " > ", " 2> ", " | ", " & ", " << ", " <<'"];
        let end = shell.iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
        found.then(|| rest[..end].trim())
    }

    #[test]
    fn no_example_shows_a_secret_as_an_argument() {
        for (_, lines) in EXAMPLES {
            for word in lines.iter().flat_map(|line| words(line)) {
                let secret = ["password=", "secret_id=", "token="]
                    .iter()
                    .find_map(|key| word.strip_prefix(key));
                assert!(secret.is_none_or(|value| value.starts_with(['-', '@', '?'])), "{word}");
            }
        }
    }
}
