//! Which limit a path falls under, and what it leaves to whom.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn rule(name: &str, path: &str, rate: f64, interval_seconds: u64) -> Rule {
    let (name, path) = (name.to_owned(), path.to_owned());
    Rule { name, path, rate, interval_seconds, block_interval_seconds: 0 }
}

fn at(millis: u64) -> BootTime {
    BootTime(0) + Duration::from_secs(1_000) + Duration::from_millis(millis)
}

const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

fn limiter(rules: &[Rule]) -> Limiter {
    let limiter = Limiter::new(str::to_lowercase);
    limiter.set(rules.to_vec());
    limiter
}

fn allowed(limiter: &Limiter, path: &str, client: IpAddr, millis: u64) -> bool {
    limiter.check(path, client, at(millis)).is_none_or(|v| v.allowed)
}

#[test]
fn the_most_exact_limit_counts() {
    let limiter = limiter(&[
        rule("all", "", 1.0, 1),
        rule("mount", "secret/", 2.0, 1),
        rule("beginning", "secret/data/a*", 3.0, 1),
        rule("longer", "secret/data/ab*", 4.0, 1),
        rule("exact", "secret/data/abc", 5.0, 1),
    ]);
    let limit = |path: &str| limiter.check(path, ONE, at(0)).map(|v| v.limit);
    assert_eq!(limit("sys/mounts"), Some(1));
    assert_eq!(limit("secret"), Some(2));
    assert_eq!(limit("secret/data/z"), Some(2));
    assert_eq!(limit("secretive"), Some(1));
    assert_eq!(limit("secret/data/ax"), Some(3));
    assert_eq!(limit("secret/data/abx"), Some(4));
    assert_eq!(limit("secret/data/ABC"), Some(5), "another case is no way around");
}

#[test]
fn p25_each_client_has_its_own_requests_and_they_come_back() {
    let limiter = limiter(&[rule("q", "secret/", 2.0, 10)]);
    let go = |client, millis| allowed(&limiter, "secret/data/x", client, millis);
    assert!(go(ONE, 0) && go(ONE, 0) && !go(ONE, 0));
    assert!(go(TWO, 0), "another client");
    assert!(!go(ONE, 4_999) && go(ONE, 5_000) && !go(ONE, 5_001));
    assert!(allowed(&limiter, "kv/data/x", ONE, 0), "no limit is about it");
}

#[test]
fn refusals_say_when_to_come_back() {
    let limiter = limiter(&[rule("q", "", 1.0, 60)]);
    let first = limiter.check("a", ONE, at(0)).unwrap();
    assert_eq!(first, Verdict { allowed: true, limit: 1, remaining: 0, reset_seconds: 60 });
    let second = limiter.check("a", ONE, at(500)).unwrap();
    assert_eq!(second, Verdict { allowed: false, limit: 1, remaining: 0, reset_seconds: 60 });
}

#[test]
fn a_block_lasts_its_time_and_is_not_made_longer() {
    let mut blocking = rule("q", "", 1.0, 1);
    blocking.block_interval_seconds = 10;
    let limiter = limiter(&[blocking]);
    let go = |millis| allowed(&limiter, "a", ONE, millis);
    assert!(go(0) && !go(100) && !go(5_000) && !go(10_099) && go(10_100));
}

#[test]
fn a_network_of_ipv6_is_one_client() {
    let limiter = limiter(&[rule("q", "", 1.0, 60)]);
    let of = |text: &str| text.parse::<IpAddr>().unwrap();
    assert!(allowed(&limiter, "a", of("2001:db8::1"), 0));
    assert!(!allowed(&limiter, "a", of("2001:db8::ffff:2"), 0));
    assert!(allowed(&limiter, "a", of("2001:db8:0:1::1"), 0));
    assert!(allowed(&limiter, "a", ONE, 0) && !allowed(&limiter, "a", of("::ffff:10.0.0.1"), 0));
}

#[test]
fn a_rule_that_stays_keeps_its_counts_and_a_changed_one_begins_anew() {
    let limiter = limiter(&[rule("q", "", 1.0, 60)]);
    assert!(allowed(&limiter, "a", ONE, 0) && !allowed(&limiter, "a", ONE, 0));
    limiter.set(vec![rule("q", "", 1.0, 60), rule("other", "x/", 1.0, 1)]);
    assert!(!allowed(&limiter, "a", ONE, 0));
    limiter.set(vec![rule("q", "", 2.0, 60)]);
    assert!(allowed(&limiter, "a", ONE, 0));
}

#[test]
fn nonsense_is_refused() {
    let good = rule("q", "secret/", 1.0, 1);
    assert_eq!(good.check(), Ok(()));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e10] {
        assert_eq!(Rule { rate, ..good.clone() }.check(), Err(RuleError::Rate), "{rate}");
    }
    for name in ["", "a/b", "a\n"] {
        assert_eq!(Rule { name: name.into(), ..good.clone() }.check(), Err(RuleError::Name));
    }
    assert_eq!(Rule { path: "a*b".into(), ..good.clone() }.check(), Err(RuleError::Path));
    let interval_seconds = 100_000;
    assert!(matches!(Rule { interval_seconds, ..good }.check(), Err(RuleError::Interval { .. })));
}

proptest! {
    /// Whatever comes when: in no window of one interval are more than twice the rate answered,
    /// and nobody who keeps to the pace is refused.
    #[test]
    fn no_more_than_the_burst_and_the_pace(
        rate in 1_u64..20, waits in prop::collection::vec(0_u64..2_000, 1..200),
    ) {
        let limiter = limiter(&[rule("q", "", rate as f64, 1)]);
        let (mut now, mut passed) = (0, Vec::new());
        for wait in waits {
            now += wait;
            if allowed(&limiter, "a", ONE, now) {
                passed.push(now);
            }
        }
        for (i, first) in passed.iter().enumerate() {
            let within = passed[i..].iter().take_while(|t| **t < first + 1_000).count() as u64;
            prop_assert!(within <= 2 * rate, "{within} in a second at {rate}");
        }
    }
}
