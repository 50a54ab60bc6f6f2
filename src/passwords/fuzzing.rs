//! Any text as a password policy: no panic, and what is accepted gives passwords that keep to it.

use super::PasswordPolicy;
use crate::random::Random;

pub(crate) fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(policy) = PasswordPolicy::parse(&text) else { return };
    // Most that are accepted at all are so at once; what hardly fits costs too much time here.
    let needed: usize = policy.minima.iter().sum();
    if needed * 4 > policy.length {
        return;
    }
    let Some(password) = policy.generate(&Random::system()) else { return };
    let characters: Vec<char> = password.expose().chars().collect();
    assert_eq!(characters.len(), policy.length);
    for (rule, min) in policy.minima.iter().enumerate() {
        let counts = |c: &&char| {
            let at = policy.alphabet.iter().position(|known| known == *c).expect("of the alphabet");
            policy.rules_of[at] >> rule & 1 == 1
        };
        assert!(characters.iter().filter(counts).count() >= *min);
    }
}
