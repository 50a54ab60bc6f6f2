//! `strongroom dev`: makes a SoftHSM token and a configuration in one directory, then becomes
//! `server` by exec: same process id, no child.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{AppError, files};
use crate::cli::DevArgs;
use crate::clock::Clock;
use crate::config::{ClientAuth, Config, LogLevel, Tls};
use crate::hsm::{pin, softhsm};
use crate::random::Random;
use crate::sensitive::SecretText;
use crate::tls;

const TOKEN_LABEL: &str = "strongroom-dev";

/// Where distributions put SoftHSM's module.
const MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// Names another PKCS#11 module than the usual places of SoftHSM (tests put a failing one between).
const MODULE_VARIABLE: &str = "STRONGROOM_DEV_MODULE";

/// Comes back only with an error.
pub fn run(args: &DevArgs) -> Result<(), AppError> {
    if !args.listen.ip().is_loopback() {
        return Err(AppError::new(format!(
            "dev listens on loopback only, not on {}; use `strongroom server`",
            args.listen
        )));
    }
    let failed = |what: &str, path: &Path, e: std::io::Error| {
        AppError::new(format!("cannot {what} {}: {e}", path.display()))
    };
    files::private_directory(&args.data).map_err(|e| failed("create", &args.data, e))?;
    let directory = args.data.canonicalize().map_err(|e| failed("find", &args.data, e))?;
    let softhsm = directory.join("softhsm");
    files::private_directory(&softhsm).map_err(|e| failed("create", &softhsm, e))?;
    let path = directory.join("strongroom.toml");
    let storage = directory.join("data");
    if !path.exists() && !storage.exists() {
        // The configuration is written once the token is whole, and keys are made after that. So
        // what is here is half a token of a first start that was killed: SoftHSM can't finish it.
        softhsm::discard_tokens(&softhsm).map_err(|e| failed("empty", &softhsm, e))?;
    }
    let conf = softhsm::ensure_config(&softhsm).map_err(|e| failed("write to", &softhsm, e))?;

    // SoftHSM reads its configuration's place from the environment it was started with.
    if std::env::var_os(softhsm::CONFIG_VARIABLE).as_deref() != Some(conf.as_os_str()) {
        return Err(become_self(std::env::args_os().skip(1).collect(), &conf));
    }

    let module = module()?;
    let pin_file = directory.join("pin");
    let so_pin_file = directory.join("so-pin");
    let pin = secret(&pin_file).map_err(|e| failed("write", &pin_file, e))?;
    let so_pin = secret(&so_pin_file).map_err(|e| failed("write", &so_pin_file, e))?;
    softhsm::ensure_token(&module, TOKEN_LABEL, &so_pin, &pin)
        .map_err(|fault| AppError::new(fault.to_string()))?;

    let mut config = Config::new(storage, module, TOKEN_LABEL.to_owned(), pin_file);
    config.listener.address = args.listen;
    config.audit.directory = directory.join("audit");
    config.hsm.dev = true;
    config.log.level = LogLevel::Info;
    if args.tls {
        let place = directory.join("tls");
        files::private_directory(&place).map_err(|e| failed("create", &place, e))?;
        tls::ensure(&place, args.listen.ip(), &Clock::system(), files::replace_private)
            .map_err(|e| AppError::new(e.to_string()))?;
        config.listener.tls = Some(Tls {
            cert: place.join(tls::CERTIFICATE),
            key: place.join(tls::KEY),
            client_auth: ClientAuth::Off,
            client_ca: None,
        });
    }
    files::replace_private(&path, config.to_toml().as_bytes())
        .map_err(|e| failed("write", &path, e))?;
    let token_file = std::path::absolute(match &args.root_token_file {
        Some(file) => file.clone(),
        None => directory.join("root-token"),
    })
    .map_err(|e| failed("find", &directory, e))?;
    let server: Vec<OsString> = vec![
        "server".into(),
        "--config".into(),
        path.into(),
        "--dev-root-token-file".into(),
        token_file.into(),
    ];
    Err(become_self(server, &conf))
}

fn become_self(args: Vec<OsString>, softhsm_conf: &Path) -> AppError {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(e) => return AppError::new(format!("cannot find this program again: {e}")),
    };
    let error = Command::new(program).args(args).env(softhsm::CONFIG_VARIABLE, softhsm_conf).exec();
    AppError::new(format!("cannot start the server: {error}"))
}

fn module() -> Result<PathBuf, AppError> {
    if let Some(given) = std::env::var_os(MODULE_VARIABLE) {
        return Ok(PathBuf::from(given));
    }
    MODULES.iter().map(PathBuf::from).find(|p| p.exists()).ok_or_else(|| {
        AppError::new("SoftHSM is not installed; on Debian: apt-get install softhsm2")
    })
}

/// The PIN in `path`, made at random the first time.
fn secret(path: &Path) -> std::io::Result<SecretText> {
    if !path.exists() {
        let random = Random::system().secret(16);
        files::replace_private(path, hex::encode(random.expose()).as_bytes())?;
    }
    pin::read(path).map_err(|fault| std::io::Error::other(fault.to_string()))
}
