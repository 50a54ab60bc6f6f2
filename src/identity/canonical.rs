//! The one spelling of a name that a person or a machine is known by (P2): lookup, lock-out, alias,
//! entity, group, paths in policies and audit all use it, so that no two of them can disagree about
//! who is meant. Not here: policy names (`access::PolicyName`), and role ids of AppRole, which are
//! compared as they are.

use unicode_normalization::UnicodeNormalization as _;

/// Rounds until a text is its own canonical form; two are enough for every character there is.
const ROUNDS_MAX: usize = 8;

/// `text` trimmed, in Unicode's compatibility composition (NFKC), without case. What looks the
/// same in another width or case of letters is the same: `ＢＯＢ`, `Bob` and ` bob` are `bob`.
pub fn canonical(text: &str) -> String {
    let mut key = folded(text);
    for _ in 0..ROUNDS_MAX {
        let next = folded(&key);
        if next == key {
            break;
        }
        key = next;
    }
    key
}

/// Upper case first: it joins what lower case alone keeps apart (`ß` and `ss`, `ς` and `σ`). Letter
/// by letter, because `str::to_lowercase` looks at the neighbours of a sigma.
fn folded(text: &str) -> String {
    let cased: String =
        text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    let composed: String = cased.nfkc().collect();
    composed.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p02_spellings_of_one_name_have_one_key() {
        for spelling in ["bob", "BOB", " Bob ", "\tbOb\n", "\u{ff22}\u{ff4f}\u{ff22}", "\u{a0}bob"]
        {
            assert_eq!(canonical(spelling), "bob", "{spelling:?}");
        }
        // Composed and decomposed, sharp s, final sigma, Kelvin sign.
        assert_eq!(canonical("E\u{301}TE"), canonical("\u{e9}te"));
        assert_eq!(canonical("stra\u{df}e"), canonical("STRASSE"));
        assert_eq!(canonical("\u{3bf}\u{3c2}"), canonical("\u{39f}\u{3a3}"));
        assert_eq!(canonical("\u{212a}"), "k");
    }

    #[test]
    fn p02_the_key_of_every_character_is_its_own_key() {
        for c in '\0'..=char::MAX {
            let key = canonical(c.encode_utf8(&mut [0; 4]));
            assert_eq!(folded(&key), key, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn p02_a_key_is_its_own_key_and_case_is_none_of_it(text in "\\PC{0,12}") {
            let key = canonical(&text);
            prop_assert_eq!(canonical(&key), key.clone());
            prop_assert_eq!(canonical(&text.to_uppercase()), canonical(&text.to_uppercase().to_lowercase()));
            prop_assert_eq!(canonical(&format!(" {text}\t")), key);
        }
    }
}
