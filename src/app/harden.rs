//! What the process takes from itself before it touches a secret, and what it refuses to run on.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};

use super::AppError;
use crate::config::Config;
use crate::limits;

/// For every server. Called before other threads exist: some of it is a thread's own and inherited.
pub fn always() {
    // Everything this process makes is for its owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Core dumps hold keys.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps can't be turned off; do it for the whole machine");
    }
    // Nothing that this process could start gains rights it has not.
    if let Err(error) = rustix::thread::set_no_new_privs(true) {
        tracing::warn!(%error, "new privileges can't be ruled out");
    }
}

/// For servers that hold real secrets (a debugger may look into `dev`).
pub fn strictly() {
    // Neither ptrace nor /proc/PID/mem by the same user, and no dump whatever the limit says.
    if let Err(error) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other processes of this user can read this one's memory");
    }
    if getrlimit(Resource::Memlock).current.is_none() {
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        if let Err(error) = mlockall(all) {
            tracing::warn!(%error, "memory can't be kept out of swap; turn swap off");
        }
    } else {
        // Locking up to a limit would make allocations fail once it is reached.
        tracing::info!(
            "memory may be swapped: set LimitMEMLOCK=infinity (ulimit -l), or turn swap off"
        );
    }
    if rustix::process::geteuid().is_root() {
        tracing::warn!("running as root: give the server a user of its own");
    }
}

/// As many file descriptors as connections need, where the operating system grants them.
pub fn descriptors(connections_max: u32) {
    let wanted = u64::from(connections_max) + limits::DESCRIPTORS_RESERVED;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < wanted) else { return };
    let granted = maximum.map_or(wanted, |maximum| maximum.min(wanted)).max(current);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(granted), maximum });
    if raised.is_err() || granted < wanted {
        tracing::warn!(
            wanted,
            granted = if raised.is_ok() { granted } else { current },
            "fewer file descriptors than listener.connections_max needs; raise LimitNOFILE \
             (ulimit -n), or lower it"
        );
    }
}

/// Whether others could have chosen what this server does, or have read what it keeps.
pub fn check_places(file: &Path, config: &Config) -> Result<(), AppError> {
    if let Some(mode) = mode(file).filter(|mode| mode & 0o022 != 0) {
        return Err(AppError::new(format!(
            "{} can be changed by others (mode {mode:o}), who could have it load their code; \
             look at what it says, then do: chmod go-w {0}",
            file.display()
        )));
    }
    for directory in [&config.storage.directory, &config.audit.directory] {
        if let Some(mode) = mode(directory).filter(|mode| mode & 0o077 != 0) {
            return Err(AppError::new(format!(
                "{0} is open to others (mode {mode:o}); find out who made it so, then do: \
                 chmod 700 {0}",
                directory.display()
            )));
        }
        if let Ok(metadata) = std::fs::metadata(directory)
            && metadata.uid() != rustix::process::geteuid().as_raw()
            && !rustix::process::geteuid().is_root()
        {
            return Err(AppError::new(format!(
                "{} belongs to another user; start the server as its owner, or do: chown",
                directory.display()
            )));
        }
    }
    Ok(())
}

/// `None` where there is nothing yet: it is made with the right mode.
fn mode(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
}
