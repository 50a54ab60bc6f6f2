//! Which documents are password policies, what their passwords are like, and how others are refused.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::generate::unbiased;
use super::*;
use crate::random::Random;

fn parse(text: &str) -> PasswordPolicy {
    PasswordPolicy::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refusal(text: &str) -> String {
    match PasswordPolicy::parse(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted: {text}"),
    }
}

fn password(policy: &PasswordPolicy) -> String {
    policy.generate(&Random::system()).expect("some fit").expose().to_owned()
}

/// Length and rules in HCL.
fn hcl(length: i64, rules: &[(&str, usize)]) -> String {
    let rules = rules.iter().map(|(characters, min)| {
        format!("rule \"charset\" {{\n  charset = {characters:?}\n  min-chars = {min}\n}}\n")
    });
    format!("length = {length}\n{}", rules.collect::<String>())
}

#[test]
fn hcl_and_json_say_the_same() {
    for text in [
        "length = 8\nrule \"charset\" { charset = \"ab\" min-chars = 2 }\nrule \"charset\" { charset = \"bc\" }",
        r#"{"length": 8, "rule": [{"charset": {"charset": "ab", "min-chars": 2}}, {"charset": {"charset": "bc"}}]}"#,
        r#"{"length": 8, "rule": {"charset": [{"charset": "ab", "min-chars": 2}, {"charset": "bc"}]}}"#,
        r#"{"rule": {"charset": {"charset": "ab", "min-chars": 2}}, "rule": {"charset": {"charset": "bc"}}, "length": 8}"#,
        "length = 8 rule \"charset\" { charset = \"aab\" min-chars = 2 } rule charset { charset = \"cb\" min-chars = 0 }",
    ] {
        let policy = parse(text);
        assert_eq!((policy.length, &policy.alphabet[..]), (8, &['a', 'b', 'c'][..]), "{text}");
        assert_eq!((&policy.minima[..], &policy.rules_of[..]), (&[2, 0][..], &[1, 3, 2][..]));
    }
}

#[test]
fn what_is_no_policy_is_refused_with_its_place() {
    let long = "a".repeat(PASSWORD_POLICY_BYTES_MAX + 1);
    let many = hcl(20, &[("ab", 0); PASSWORD_RULES_MAX + 1]);
    for (text, says) in [
        ("", "2 errors occurred:\n\t* length must be > 0\n\t* no charset specified\n\n"),
        ("length = 20", "1 error occurred:\n\t* no charset specified\n\n"),
        ("length = 20\nrule \"charset\" {", "unable to decode: At 2:18: object expected closing"),
        (&hcl(0, &[("ab", 0)]), "length must be > 0"),
        (&hcl(-1, &[("ab", 0)]), "length must be > 0"),
        (&hcl(3, &[("ab", 0)]), "passwords must be between 4 and 100 characters"),
        (&hcl(101, &[("ab", 0)]), "passwords must be between 4 and 100 characters"),
        (&hcl(20, &[("", 0)]), "no charset specified"),
        (&hcl(20, &[("a\u{7}b", 0)]), "unable to decode: At 3:"),
        ("length = 20 rule \"charset\" { charset = \"a\u{200b}b\" }", "non-printable"),
        (&hcl(20, &[("ab", 20), ("cd", 1)]), "require at least 21 characters but 20 is specified"),
        (
            "length = 20.0\nrule \"charset\" { charset = \"ab\" }",
            "At 1:1: length: expected a whole number",
        ),
        ("length = \"20\"", "At 1:1: length: expected a whole number, got a string"),
        ("length = 20\nlength = 30", "At 2:1: key \"length\" is given twice"),
        ("length = 20\nlenght = 30", "At 2:1: unknown key \"lenght\"; write length or rule"),
        ("length = 20\nrule \"frob\" {}", "At 2:1: unrecognized rule type frob"),
        ("length = 20\nrule = \"x\"", "At 2:1: expected a block"),
        ("length = 20\nrule { charset = \"ab\" }", "At 2:8: expected a block"),
        ("length = 20\nrule \"charset\" \"x\" {}", "At 2:1: expected a block"),
        ("rule \"charset\" {\n charset = 7\n}", "At 2:2: charset: expected a string, got a number"),
        (
            "rule \"charset\" {\n min_chars = 7\n}",
            "At 2:2: unknown key \"min_chars\"; write charset or",
        ),
        ("rule \"charset\" {\n min-chars = -7\n}", "At 2:2: min-chars is less than 0"),
        ("rule \"charset\" {\n min-chars = \"7\"\n}", "At 2:2: min-chars: expected a whole number"),
        (
            "rule \"charset\" {\n charset = \"a\"\n charset = \"b\"\n}",
            "At 3:2: key \"charset\" is given twice",
        ),
        (&long, "longer than"),
        (&many, "more than 32 rules"),
    ] {
        let said = refusal(text);
        assert!(said.contains(says), "{text}\n{said}");
    }
}

#[test]
fn rules_that_hardly_any_password_fits_are_refused() {
    let random = Random::system();
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let check = |rules: &[(&str, usize)]| parse(&hcl(20, rules)).check(&random);
    assert_eq!(check(&[(letters, 0), ("0", 15)]), Err(PasswordPolicyError::HardlyAny));
    assert_eq!(check(&[(letters, 20), ("0", 0)]), Ok(()));
    // Each character is asked for: one in thousands fits.
    let tight = [("0123456789", 5), (letters, 2), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2), ("!#%", 1)];
    let policy = parse(&hcl(10, &tight));
    assert_eq!(policy.check(&random), Ok(()));
    let made = password(&policy);
    assert_eq!(made.chars().filter(char::is_ascii_digit).count(), 5, "{made}");
}

#[test]
fn numbers_are_drawn_without_bias() {
    for bound in [1, 2, 3, 10, 94, 255, 256, 257, 16_384, 40_000, 65_536] {
        let mut counts = vec![0_u32; bound];
        for drawn in 0..=u16::MAX {
            if let Some(number) = unbiased(drawn, bound) {
                counts[number] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count == counts[0] && *count > 0), "{bound}");
    }
}

/// Of the passwords that fit none is left out, and none is favoured: the one with two `a` is as
/// likely as those with one. (Of 14,000 draws each of 7 has 2,000, with a deviation of 41.)
#[test]
fn each_password_that_fits_is_as_likely_as_any_other() {
    let policy = PasswordPolicy {
        length: 3,
        alphabet: vec!['a', 'b'],
        rules_of: vec![1, 0],
        minima: vec![1],
    };
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..14_000 {
        *seen.entry(password(&policy)).or_default() += 1;
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert!(seen.values().all(|count| (1_600..2_400).contains(count)), "{seen:?}");
}

#[test]
fn characters_that_nobody_can_type_in_are_no_part_of_a_password() {
    for good in "azAZ09 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~éßж語€".chars() {
        assert!(is_printable(good), "{good:?}");
    }
    for bad in "\0\t\n\r\u{7f}\u{a0}\u{ad}\u{200b}\u{200d}\u{2028}\u{2003}\u{feff}\u{e000}".chars()
    {
        assert!(!is_printable(bad), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn passwords_keep_to_their_rules(
        length in PASSWORD_GENERATED_MIN..=PASSWORD_GENERATED_MAX,
        charsets in prop::collection::vec(("[a-zé0-9!]{1,12}", 0_usize..3), 1..4),
    ) {
        let rules: Vec<(&str, usize)> = charsets.iter().map(|(c, m)| (c.as_str(), *m)).collect();
        let Ok(policy) = PasswordPolicy::parse(&hcl(length.try_into().unwrap(), &rules)) else {
            prop_assert!(rules.iter().map(|(_, min)| min).sum::<usize>() > length);
            return Ok(());
        };
        let made = password(&policy);
        prop_assert_eq!(made.chars().count(), length);
        let all: BTreeSet<char> = rules.iter().flat_map(|(c, _)| c.chars()).collect();
        prop_assert!(made.chars().all(|c| all.contains(&c)));
        for (characters, min) in rules {
            prop_assert!(made.chars().filter(|c| characters.contains(*c)).count() >= min);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", hcl in "(length|rule|charset|min-chars|[ =\"{}\\n0-9a]){0,40}") {
        let _ = PasswordPolicy::parse(&text);
        let _ = PasswordPolicy::parse(&hcl);
    }
}
