//! Tests of this module.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::identity::approle::DigestKey;
use crate::identity::{TokenParameters, TokenParametersUpdate};
use crate::limits::{LOCKOUT_COUNTS_MAX, LOCKOUT_SLOTS};
use crate::sensitive::SecretText;

const NOW: Timestamp = Timestamp(1_795_335_111_365_462_325);
const MINUTE: Duration = Duration::from_secs(60);

fn text(secret: &str) -> SecretText {
    SecretText::new(secret.into())
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn user(update: UserUpdate) -> User {
    let password = Some(PasswordHash::nobody());
    User::create(&name("Bob"), NOW, UserUpdate { password, ..update }).unwrap()
}

fn policies(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|n| (*n).to_owned()).collect())
}

fn guessed(name: &str) -> Guessed {
    Guessed { name: name.into(), within: false }
}

#[test]
fn p18_names_hold_nothing_that_structures_a_path_or_a_policy() {
    for good in ["bob", "_b", "b.o-b", "BOB", " bob ", "bob@example.org", "\u{e9}t\u{e9}", "7"] {
        assert!(UserName::parse(good).is_ok(), "{good:?}");
    }
    let long = "x".repeat(crate::limits::USER_NAME_BYTES_MAX + 1);
    for bad in [
        "",
        " ",
        "-b",
        "b-",
        ".b",
        "b.",
        "a..b",
        "a b",
        "a/b",
        "a*",
        "a+b",
        "a,b",
        "a\u{0}",
        "{{b}}",
        "a\nb",
        "@b",
        "a%b",
        "a?b",
        "a#b",
        "a:b",
        "\u{202e}bob",
        "\u{ff0e}\u{ff0e}",
        &long,
    ] {
        assert_eq!(UserName::parse(bad), Err(UserpassError::UserName), "{bad:?}");
    }
}

#[test]
fn a_password_is_known_again_and_no_other_is() {
    let hash = PasswordHash::new(&text("correct horse"), [1; 16]).unwrap();
    assert_eq!(hash.verify(&text("correct horse")), Ok(true));
    for wrong in ["Correct horse", "correct horse ", "correct hors", "x"] {
        assert_eq!(hash.verify(&text(wrong)), Ok(false), "{wrong}");
    }
    assert_eq!(PasswordHash::nobody().verify(&text("correct horse")), Ok(false));
    assert!(!format!("{hash:?}").contains("salt"));
    let bytes = postcard::to_stdvec(&hash).unwrap();
    assert_eq!(postcard::from_bytes::<PasswordHash>(&bytes).unwrap(), hash);
    assert!(!bytes.windows(7).any(|w| w == b"correct"));
}

#[test]
fn the_hash_is_argon2id_as_rfc_9106_has_it() {
    // What the reference implementation makes of it: -id -k 19456 -t 2 -p 1.
    let hash = PasswordHash::new(&text("password"), *b"0123456789abcdef").unwrap();
    let bytes = postcard::to_stdvec(&hash).unwrap();
    assert_eq!(hex::encode(&bytes[bytes.len() - 32..]), GOLDEN);
}

const GOLDEN: &str = "d2ab07b39ef7f8b806227cd86fbb11aa5393066a98e17eacacd126eb26e9276d";

#[test]
fn passwords_have_a_least_and_a_greatest_length() {
    let max = crate::limits::PASSWORD_BYTES_MAX;
    assert_eq!(check_length(&text("")), Err(UserpassError::NoPassword));
    assert_eq!(check_length(&text("x")), Ok(()));
    assert_eq!(check_length(&text(&"x".repeat(max))), Ok(()));
    assert_eq!(check_length(&text(&"x".repeat(max + 1))), Err(UserpassError::PasswordLength));
}

#[test]
fn old_names_show_after_a_write_that_used_them() {
    let old = user(UserUpdate {
        policies: policies(&["P2", "p1"]),
        ttl: Some(MINUTE),
        ..UserUpdate::default()
    });
    assert_eq!(old.parameters.policies, ["p1", "p2"]);
    assert!(old.legacy.policies && old.legacy.ttl && !old.legacy.max_ttl);
    let parameters = TokenParametersUpdate { policies: policies(&["p3"]), ..Default::default() };
    let new = old.updated(UserUpdate { parameters: parameters.clone(), ..Default::default() });
    let new = new.unwrap();
    assert_eq!(new.parameters.policies, ["p3"]);
    assert!(!new.legacy.policies && new.legacy.ttl);
    let both = UserUpdate { parameters, policies: policies(&["p4"]), ..Default::default() };
    assert_eq!(old.updated(both).unwrap().parameters.policies, ["p3"]);
    assert_eq!(new.password, old.password);
}

#[test]
fn p03_a_user_never_holds_root_and_needs_a_password() {
    for update in [
        UserUpdate { policies: policies(&[" ROOT "]), ..Default::default() },
        UserUpdate {
            parameters: TokenParametersUpdate {
                policies: policies(&["a,Root"]),
                ..Default::default()
            },
            ..Default::default()
        },
    ] {
        assert!(user(UserUpdate::default()).updated(update).is_err());
    }
    let none = User::create(&name("bob"), NOW, UserUpdate::default());
    assert_eq!(none, Err(UserpassError::NoPassword));
}

#[test]
fn p01_from_outside_of_its_networks_a_user_is_nobody() {
    let nets = Some(vec!["10.0.0.0/8".parse().unwrap()]);
    let bound = user(UserUpdate { bound_cidrs: nets, ..Default::default() });
    let (inside, outside) = (Some([10, 0, 0, 1].into()), Some([192, 0, 2, 1].into()));
    let bob = name("bob");
    let seen = Suspect::new(&bob, Some(&bound), outside);
    let nobody = Suspect::new(&bob, None, outside);
    assert!(seen.known.is_none());
    assert_eq!((seen.hash(), &seen.guessed), (nobody.hash(), &nobody.guessed));
    let known = Suspect::new(&bob, Some(&bound), inside);
    assert!(known.known.is_some() && known.guessed.within);
    // Of a user who is bound to no network, guesses count as those of an unknown name do.
    let free = Suspect::new(&bob, Some(&user(UserUpdate::default())), outside).guessed;
    assert_eq!(free, nobody.guessed);
}

#[test]
fn a_right_password_grants_what_the_user_has() {
    let update = UserUpdate { policies: policies(&["p1"]), ..Default::default() };
    let who = principal(&user(update), "team/people/", None);
    assert_eq!((who.alias.as_str(), who.role.as_str()), ("bob", "bob"));
    assert_eq!(who.display_name, "team-people-bob");
    assert_eq!(who.metadata, [("username".to_owned(), "bob".to_owned())].into());
    let expected = TokenParameters { policies: vec!["p1".into()], ..Default::default() };
    assert_eq!(who.parameters, expected);
}

#[test]
fn p07_renewal_needs_the_same_user_with_the_same_policies() {
    let bob = user(UserUpdate { policies: policies(&["p1", "p2"]), ..Default::default() });
    let own = ["default".to_owned(), "p2".into(), "p1".into()];
    assert_eq!(renewable(Some(&bob), NOW, Some(&own)), None);
    assert!(renewable(None, NOW, Some(&own)).is_some());
    // Another user of the same name, made since.
    assert!(renewable(Some(&bob), Timestamp(NOW.0 - 1), Some(&own)).is_some());
    assert!(renewable(Some(&bob), NOW, Some(&own[1..2])).is_some());
    // A child has a part of them.
    assert_eq!(renewable(Some(&bob), NOW, None), None);
    assert!(renewable(None, NOW, None).is_some());
}

#[test]
fn a_name_is_locked_by_the_last_wrong_guess_and_comes_back_by_itself() {
    let rules = Lockout::default();
    let bob = guessed("bob");
    let mut slot = LockoutSlot::default();
    for n in 1..=rules.threshold {
        assert!(!slot.is_locked(&bob, NOW));
        slot = slot.failed(&bob, &rules, NOW + MINUTE * (n - 1));
    }
    let last = NOW + MINUTE * (rules.threshold - 1);
    assert!(slot.is_locked(&bob, last) && !slot.is_locked(&guessed("carol"), last));
    assert!(!slot.is_locked(&Guessed { within: true, ..bob.clone() }, last));
    assert_eq!(slot.locked(last).collect::<Vec<_>>(), ["bob"]);
    // Guesses meanwhile don't prolong it, and afterwards all begins anew.
    let late = last + rules.duration - Duration::from_nanos(1);
    slot = slot.failed(&bob, &rules, late);
    assert!(slot.is_locked(&bob, late));
    let end = last + rules.duration;
    assert!(!slot.is_locked(&bob, end));
    assert!(!slot.failed(&bob, &rules, end).is_locked(&bob, end));
    assert_eq!(slot.unlocked("bob").map(|s| s.is_empty()), Some(true));
}

#[test]
fn a_count_is_forgotten_after_a_while_and_by_a_right_password() {
    let rules = Lockout { threshold: 2, ..Lockout::default() };
    let bob = guessed("bob");
    let once = LockoutSlot::default().failed(&bob, &rules, NOW);
    let later = NOW + rules.counter_reset;
    assert!(!once.failed(&bob, &rules, later).is_locked(&bob, later));
    let sooner = NOW + (rules.counter_reset - Duration::from_nanos(1));
    assert!(once.failed(&bob, &rules, sooner).is_locked(&bob, sooner));
    let both = once.failed(&guessed("carol"), &rules, NOW);
    let left = both.succeeded(&bob).unwrap();
    assert_eq!(left.succeeded(&bob), None);
    assert!(left.failed(&guessed("carol"), &rules, NOW).is_locked(&guessed("carol"), NOW));
}

#[test]
fn a_full_slot_forgets_counts_before_locks_and_never_grows() {
    let rules = Lockout { threshold: 2, ..Lockout::default() };
    let bob = guessed("bob");
    let mut slot = LockoutSlot::default().failed(&bob, &rules, NOW).failed(&bob, &rules, NOW);
    for n in 0..100 {
        let now = NOW + MINUTE.mul_f64(f64::from(n) / 100.0);
        slot = slot.failed(&guessed(&format!("u{n}")), &rules, now);
        assert!(slot.is_locked(&bob, now), "{n}");
    }
    let long = "x".repeat(crate::limits::USER_NAME_BYTES_MAX);
    for n in 0..100 {
        let other = guessed(&format!("{}{n}", &long[3..]));
        slot = slot.failed(&other, &rules, NOW).failed(&other, &rules, NOW);
    }
    let bytes = postcard::to_stdvec(&slot).unwrap().len();
    assert!(bytes < LOCKOUT_COUNTS_MAX * 200, "{bytes}");
}

#[test]
fn slots_depend_on_the_key_and_are_pinned() {
    let (one, other) = (DigestKey::new([1; 32]), DigestKey::new([2; 32]));
    let names: Vec<String> = (0..64).map(|n| format!("u{n}")).collect();
    let of = |key| names.iter().map(|n| slot_of(key, n)).collect::<Vec<_>>();
    assert!(of(&one) != of(&other) && of(&one).iter().all(|slot| *slot < LOCKOUT_SLOTS));
    // Counts are found by it: it may never change.
    assert_eq!(slot_of(&one, "bob"), 63);
}

#[test]
fn records_survive_their_sealed_form() {
    let bob = user(UserUpdate { policies: policies(&["p1"]), ..Default::default() });
    let bytes = postcard::to_stdvec(&bob).unwrap();
    assert_eq!(postcard::from_bytes::<User>(&bytes).unwrap(), bob);
}

proptest! {
    #[test]
    fn p02_every_spelling_that_parses_is_one_canonical_name(text in "\\PC{0,8}") {
        if let Ok(name) = UserName::parse(&text) {
            prop_assert_eq!(UserName::parse(name.as_str()), Ok(name.clone()));
            let upper = UserName::parse(&name.as_str().to_uppercase());
            prop_assert_eq!(upper, Ok(name));
        }
    }

    /// However guesses of many names are interleaved, no name that shares the slot with fewer
    /// than fit gets more than the threshold before it is locked.
    #[test]
    fn guesses_before_a_lock_are_never_more_than_the_threshold(
        guesses in proptest::collection::vec((0..LOCKOUT_COUNTS_MAX, 0..1_000_u64), 0..200)
    ) {
        let rules = Lockout::default();
        let mut slot = LockoutSlot::default();
        let mut taken = [0_u32; LOCKOUT_COUNTS_MAX];
        for (who, millis) in guesses {
            let now = NOW + Duration::from_millis(millis);
            let of = guessed(&format!("u{who}"));
            if !slot.is_locked(&of, now) {
                taken[who] += 1;
                slot = slot.failed(&of, &rules, now);
            }
        }
        prop_assert!(taken.iter().all(|n| *n <= rules.threshold), "{:?}", taken);
    }
}
