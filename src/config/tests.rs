//! Tests of the configuration: strictness, lines, suggestions, the shipped examples.

use super::*;

const MINIMAL: &str = "[storage]\ndirectory = \"data\"\n\n[hsm]\nmodule = \"/lib/m.so\"\n\
                       token_label = \"t\"\npin_file = \"pin\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/strongroom/strongroom.toml"), text)
}

/// The error of MINIMAL with `more` put before it (`more` may open sections of its own).
fn refusal(more: &str) -> String {
    match parse(&format!("{more}\n{MINIMAL}")) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn four_settings_are_enough_and_paths_resolve_against_the_file() {
    let config = parse(MINIMAL).unwrap();
    let directory = PathBuf::from("/etc/strongroom/data");
    let mut expected =
        Config::new(directory, "/lib/m.so".into(), "t".into(), "/etc/strongroom/pin".into());
    expected.cluster_name = "strongroom".into();
    assert_eq!(config, expected);
}

#[test]
fn a_misspelt_key_is_named_with_its_line_section_and_the_right_spelling() {
    let text = refusal("\n[listener]\nadress = \"127.0.0.1:1\"");
    assert_eq!(
        text,
        "/etc/strongroom/strongroom.toml: unknown key \"adress\" at line 3 in [listener]; \
         did you mean \"address\"?"
    );
    assert!(
        refusal("[lisener]")
            .contains("unknown section [lisener] at line 1; did you mean [listener]?")
    );
    assert!(refusal("max_ttl = \"1h\"").contains("it belongs into [lease]"));
    assert!(refusal("[kv]\nzzz = 1").contains("there are \"max_versions\""));
}

#[test]
fn a_misspelt_required_key_is_called_unknown_and_not_missing() {
    let text = MINIMAL.replace("pin_file", "pinfile");
    let error = parse(&text).unwrap_err().to_string();
    assert!(
        error.contains("unknown key \"pinfile\" at line 7 in [hsm]; did you mean \"pin_file\"?"),
        "{error}"
    );
}

#[test]
fn wrong_types_name_the_line_and_what_is_wanted() {
    assert!(
        refusal("[audit]\nstrict = \"yes\"")
            .ends_with("audit.strict at line 2 must be true or false, not string")
    );
    assert!(
        refusal("[lease]\nmax_ttl = 3600")
            .contains("must be a duration such as \"15m\", not integer")
    );
    assert!(refusal("kv = 1").contains("kv at line 1 must be a section"));
    assert!(refusal("cluster_name = ").contains("line 1 is not TOML"));
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    for (text, wanted) in [
        ("[kv]\nmax_versions = 0", "kv.max_versions at line 2 must be between 1 and 1000"),
        ("[kv]\nmax_versions = -1", "must be between"),
        ("[lease]\ndefault_ttl = \"15\"", "number with a unit"),
        ("[lease]\ndefault_ttl = \"0s\"", "longer than zero"),
        ("[lease]\nmax_ttl = \"400d\"", "must not be longer than 365d"),
        ("[lease]\ndefault_ttl = \"48h\"", "2d is longer than max_ttl (1d)"),
        ("[seal]\nmode = \"shamir\"", "must be \"auto\""),
        ("[log]\nlevel = \"loud\"", "\"error\" or \"warn\""),
        ("[listener]\naddress = \"localhost\"", "IP address and a port"),
        ("[listener]\naddress = \"0.0.0.0:8200\"", "plain text; give tls_cert and tls_key"),
        ("[listener]\ntls = \"on\"", "must be \"auto\" or \"off\""),
        ("[listener]\ntls_cert = \"c\"", "tls_cert at line 2 has no tls_key"),
        ("[listener]\ntls_key = \"k\"", "tls_key at line 2 has no tls_cert"),
        ("[listener]\ntls_client_auth = \"require\"", "has no tls_cert"),
        ("[listener]\ntls = \"off\"\ntls_cert = \"c\"\ntls_key = \"k\"", "remove one of them"),
        (
            "[listener]\ntls_cert = \"c\"\ntls_key = \"k\"\ntls_client_auth = \"require\"",
            "needs tls_client_ca",
        ),
        ("[listener]\ntls_cert = \"c\"\ntls_key = \"k\"\ntls_client_ca = \"a\"", "is not used"),
        ("[listener]\nheader_timeout = \"0s\"", "longer than zero"),
        ("[listener]\nconnections_max = 0", "must be between 1 and 65536"),
        ("[admin]\nsocket = \"/run/x.sock\"", "inside storage.directory"),
        ("[admin]\nsocket = \"data/../x.sock\"", "inside storage.directory"),
        ("[admin]\nsocket = \"data\"", "inside storage.directory"),
        ("[audit]\nretention = \"0s\"", "leave it out to keep everything"),
        ("cluster_name = \" \"", "printable text"),
        ("[audit]\nsink = 1", "audit.sink at line 2 must be a list of sections"),
        ("[audit]\nsink = [1]", "audit.sink at line 2 must be a list of sections"),
        ("[[audit.sink]]\nrequird = true", "\"requird\" at line 2 in [[audit.sink]]; did you mean"),
        ("[[audit.sink]]\ntype = \"stdout\"", "audit.sink[1].name is missing"),
        ("[[audit.sink]]\nname = \"a\"", "audit.sink[1].type is missing"),
        ("[[audit.sink]]\nname = \"A\"\ntype = \"stdout\"", "small letters"),
        ("[[audit.sink]]\nname = \"file\"\ntype = \"stdout\"", "choose another name"),
        ("[[audit.sink]]\nname = \"a\"\ntype = \"kafka\"", "must be \"file\" or \"stdout\""),
        ("[[audit.sink]]\nname = \"a\"\ntype = \"file\"", "audit.sink[1].path is missing"),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"stdout\"\npath = \"p\"",
            "audit.sink[1].path at line 4 is no setting of a sink of type \"stdout\"",
        ),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"socket\"\naddress = \"tcp:localhost:1\"",
            "with an IP address",
        ),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"syslog\"\naddress = \"udp:127.0.0.1:514\"",
            "audit.sink[1].address at line 4 must be \"unix-datagram:/PATH\"",
        ),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"syslog\"\naddress = \"tcp:127.0.0.1:514\"\n\
             facility = \"kern\"",
            "audit.sink[1].facility at line 5 must be \"user\"",
        ),
        ("[[audit.sink]]\nname = \"a\"\ntype = \"http\"\nurl = \"http://h/x\"", "must be https://"),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"http\"\nurl = \"https://h\"\nallow = [\"x\"]",
            "audit.sink[1].allow at line 5 must be a list of networks",
        ),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"http\"\nurl = \"https://h\"\nclient_key = \"k\"",
            "without the other",
        ),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"stdout\"\ndeadline = \"1ms\"",
            "must be at least 100ms",
        ),
        (
            "[[audit.sink]]\nname = \"a\"\ntype = \"stdout\"\n\
             [[audit.sink]]\nname = \"a\"\ntype = \"stdout\"",
            "audit.sink[2].name at line 5 is the name of another sink",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(wanted), "{text:?}: {refusal}");
    }
}

#[test]
fn a_socket_path_that_the_kernel_would_cut_is_refused_at_start() {
    let long = MINIMAL.replace("\"data\"", &format!("\"/{}\"", "d".repeat(120)));
    assert!(parse(&long).unwrap_err().to_string().contains("shorter storage.directory"));
}

#[test]
fn what_is_missing_is_named() {
    let error = parse("[storage]\ndirectory = \"d\"\n").unwrap_err().to_string();
    assert!(error.contains("hsm.module is missing"), "{error}");
}

#[test]
fn a_written_configuration_reads_back_equal() {
    let mut config = Config::new("/d\"q\\".into(), "/m.so".into(), "label é".into(), "/pin".into());
    config.cluster_name = "eu \"west\"".into();
    config.hsm.dev = true;
    config.audit.retention = Some(Duration::from_secs(90 * 24 * 60 * 60));
    config.audit.retention_mb = Some(10_240);
    config.hsm.max_offline = Duration::from_secs(61);
    config.log = Log { level: LogLevel::Trace, format: LogFormat::Json };
    assert_eq!(parse(&config.to_toml()).unwrap(), config);
}

#[test]
fn sinks_read_back_equal_in_their_order_and_are_one_difference() {
    let text = "[[audit.sink]]\nname = \"b\"\ntype = \"file\"\npath = \"copy\"\nrequired = true\n\
                deadline = \"5s\"\n[[audit.sink]]\nname = \"a\"\ntype = \"stdout\"\n\
                [[audit.sink]]\nname = \"c\"\ntype = \"socket\"\naddress = \"unix:/run/x\"\n\
                [[audit.sink]]\nname = \"d\"\ntype = \"http\"\nurl = \"https://h:1/x\"\n\
                ca_file = \"ca\"\nallow = [\"10.0.0.0/8\", \"::1/128\"]\n\
                [[audit.sink]]\nname = \"e\"\ntype = \"syslog\"\naddress = \"unix-datagram:/dev/log\"\n\
                [[audit.sink]]\nname = \"f\"\ntype = \"syslog\"\naddress = \"tcp:[::1]:514\"\n\
                facility = \"local7\"\n";
    let config = parse(&format!("{MINIMAL}{text}")).unwrap();
    let [copy, out, socket, http, local, remote] = &config.audit.sinks[..] else {
        panic!("{config:?}")
    };
    let [SinkTo::Syslog(local), SinkTo::Syslog(remote)] = [&local.to, &remote.to] else {
        panic!("{local:?} {remote:?}")
    };
    assert_eq!(local.to, SyslogTo::Unix("/dev/log".into()));
    assert_eq!((local.facility.number(), remote.facility.number()), (10, 23));
    let SinkTo::Http(http) = &http.to else { panic!("{http:?}") };
    assert_eq!((http.port, http.allow.len()), (1, 2));
    assert_eq!(http.ca_file, Some("/etc/strongroom/ca".into()));
    assert_eq!(copy.to, SinkTo::File("/etc/strongroom/copy".into()));
    assert!(copy.required && copy.deadline == Duration::from_secs(5));
    assert!(!out.required && out.deadline == limits::AUDIT_SINK_DEADLINE_DEFAULT);
    assert_eq!(socket.to, SinkTo::Socket(SocketTo::Unix("/run/x".into())));
    assert_eq!(parse(&config.to_toml()).unwrap(), config);
    assert_eq!(config.differences(&parse(MINIMAL).unwrap()), ["audit.sink"]);
}

#[test]
fn plain_text_on_every_address_must_be_asked_for_and_differences_are_named() {
    let open = "[listener]\naddress = \"0.0.0.0:1\"\ntls = \"off\"\n";
    let plain = parse(&format!("{open}{MINIMAL}")).unwrap();
    assert!(plain.listener.tls.is_none());
    let encrypted = "[listener]\naddress = \"0.0.0.0:1\"\ntls_cert = \"c\"\ntls_key = \"k\"\n\
                     tls_client_auth = \"request\"\ntls_client_ca = \"a\"\nidle_timeout = \"5s\"\n";
    let encrypted = parse(&format!("{encrypted}{MINIMAL}")).unwrap();
    let tls = encrypted.listener.tls.clone().unwrap();
    assert_eq!(tls.cert, Path::new("/etc/strongroom/c"));
    assert_eq!(tls.client_auth, ClientAuth::Request);
    assert_eq!(parse(&encrypted.to_toml()).unwrap(), encrypted);
    assert!(plain.differences(&plain).is_empty());
    assert_eq!(
        plain.differences(&encrypted),
        ["idle_timeout", "tls", "tls_cert", "tls_client_auth", "tls_client_ca", "tls_key"]
            .map(|key| format!("listener.{key}"))
    );
}

/// Where the shipped examples stand.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

#[test]
fn the_commented_example_loads_and_shows_every_key() {
    let path = examples().join("strongroom.toml");
    Config::load(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let table: toml::Table = text.parse().unwrap();
    for key in schema::TOP {
        assert!(table.contains_key(*key), "{key}");
    }
    for (section, keys) in schema::SECTIONS {
        for key in *keys {
            // What has no default stands there as a comment.
            let shown =
                table[*section].get(key).is_some() || text.contains(&format!("\n# {key} = "));
            assert!(shown, "{section}.{key}");
        }
    }
    for (section, list, keys) in schema::LISTS {
        assert!(text.contains(&format!("\n# [[{section}.{list}]]\n")), "{section}.{list}");
        for key in *keys {
            assert!(text.contains(&format!("\n# {key} = ")), "{section}.{list}.{key}");
        }
    }
}

#[test]
fn the_commented_example_shows_the_defaults() {
    let config = Config::load(&examples().join("strongroom.toml")).unwrap();
    let hsm = config.hsm.clone();
    let expected =
        Config::new(config.storage.directory.clone(), hsm.module, hsm.token_label, hsm.pin_file);
    assert_eq!(config, expected);
}

#[test]
fn the_development_example_loads() {
    assert!(Config::load(&examples().join("dev.toml")).unwrap().hsm.dev);
}
