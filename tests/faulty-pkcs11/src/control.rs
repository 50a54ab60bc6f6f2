//! The control file: reading it when it changes, and what its rules make of a call.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use cryptoki_sys::{CK_FLAGS, CK_RV, CKR_GENERAL_ERROR};

use crate::{codes, special};

#[derive(Clone, Debug)]
enum Action {
    Fail { code: CK_RV, after: u64, times: u64 },
    Delay(Duration),
    Hang,
}

#[derive(Clone, Debug)]
struct Rule {
    site: String,
    action: Action,
    calls: u64,
}

/// What the file says now.
#[derive(Clone, Debug, Default)]
pub struct Control {
    rules: Vec<Rule>,
    pub garble: bool,
    pub zero_random: bool,
    pub no_gcm: bool,
    pub hsm_writes_iv: bool,
    pub hsm_appends_iv: bool,
    pub token_flags: CK_FLAGS,
}

type Stamp = (u64, Option<SystemTime>);

static CURRENT: Mutex<Option<(Stamp, Control)>> = Mutex::new(None);

fn current() -> MutexGuard<'static, Option<(Stamp, Control)>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The switches, for functions that do something of their own.
pub fn switches() -> Control {
    current().as_ref().map(|(_, control)| control.clone()).unwrap_or_default()
}

/// Applies the rules for a call of `site`: `Err` is what the call must return.
pub fn consult(site: &str) -> Result<(), CK_RV> {
    log(site);
    refresh();
    let mut verdict = Ok(());
    let mut delay = Duration::ZERO;
    let mut hangs = false;
    if let Some((_, control)) = current().as_mut() {
        for rule in control.rules.iter_mut().filter(|r| r.site == "*" || r.site == site) {
            rule.calls += 1;
            match rule.action {
                Action::Fail { code, after, times } => {
                    if verdict.is_ok() && rule.calls > after && rule.calls - after <= times {
                        verdict = Err(code);
                    }
                }
                Action::Delay(by) => delay += by,
                Action::Hang => hangs = true,
            }
        }
    }
    std::thread::sleep(delay);
    while hangs {
        std::thread::sleep(Duration::from_millis(5));
        refresh();
        hangs = current().as_ref().is_some_and(|(_, control)| {
            control
                .rules
                .iter()
                .any(|r| matches!(r.action, Action::Hang) && (r.site == "*" || r.site == site))
        });
    }
    verdict
}

fn refresh() {
    let Some(path) = std::env::var_os("FAULTY_PKCS11_CONTROL") else { return };
    let stamp = match std::fs::metadata(&path) {
        Ok(metadata) => (metadata.len(), metadata.modified().ok()),
        Err(_) => (0, None),
    };
    let mut once = Vec::new();
    {
        let mut current = current();
        if current.as_ref().is_some_and(|(known, _)| *known == stamp) {
            return;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        *current = Some((stamp, parse(&text, &mut once)));
    }
    for event in once {
        special::happen(event);
    }
}

/// What gets lost once, when the file is read.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    Sessions,
    AllSessions,
    Login,
}

/// A line that can't be read fails every call: a typo must not let a test pass.
fn parse(text: &str, once: &mut Vec<Event>) -> Control {
    let mut control = Control::default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() && parse_line(line, &mut control, once).is_none() {
            eprintln!("faulty-pkcs11: can't read the rule {line:?}");
            let action = Action::Fail { code: CKR_GENERAL_ERROR, after: 0, times: u64::MAX };
            control.rules.push(Rule { site: "*".into(), action, calls: 0 });
        }
    }
    control
}

fn parse_line(line: &str, control: &mut Control, once: &mut Vec<Event>) -> Option<()> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["lose-sessions"] => once.push(Event::Sessions),
        ["lose-all-sessions"] => once.push(Event::AllSessions),
        ["lose-login"] => once.push(Event::Login),
        ["no-gcm"] => control.no_gcm = true,
        ["hsm-writes-iv"] => control.hsm_writes_iv = true,
        ["hsm-appends-iv"] => control.hsm_appends_iv = true,
        ["C_Sign", "garble"] => control.garble = true,
        ["C_GenerateRandom", "zero"] => control.zero_random = true,
        ["token-flags", bits] => {
            control.token_flags |=
                CK_FLAGS::from_str_radix(bits.trim_start_matches("0x"), 16).ok()?;
        }
        [site, action @ ..] => {
            let action = parse_action(action)?;
            control.rules.push(Rule { site: (*site).to_owned(), action, calls: 0 });
        }
        [] => return None,
    }
    Some(())
}

fn parse_action(words: &[&str]) -> Option<Action> {
    Some(match words {
        ["hang"] => Action::Hang,
        ["delay", milliseconds] => Action::Delay(Duration::from_millis(milliseconds.parse().ok()?)),
        ["fail", code, options @ ..] => {
            let (mut after, mut times) = (0, u64::MAX);
            for option in options.chunks(2) {
                match option {
                    ["after", n] => after = n.parse().ok()?,
                    ["times", n] => times = n.parse().ok()?,
                    _ => return None,
                }
            }
            Action::Fail { code: codes::parse(code)?, after, times }
        }
        _ => return None,
    })
}

fn log(site: &str) {
    static LOG: OnceLock<Option<Mutex<std::fs::File>>> = OnceLock::new();
    let file = LOG.get_or_init(|| {
        let path = std::env::var_os("FAULTY_PKCS11_LOG")?;
        std::fs::File::options().create(true).append(true).open(path).ok().map(Mutex::new)
    });
    if let Some(file) = file {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A test that misses a line fails by itself.
        let _ = file.write_all(format!("{site}\n").as_bytes());
    }
}
