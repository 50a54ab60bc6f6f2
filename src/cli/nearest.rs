//! Names like the one that was asked for and is not there.

/// Suggestions that are shown.
const SHOWN_MAX: usize = 3;
/// How alike two names must be, from 0 to 1.
const ALIKE_MIN: f64 = 0.8;

/// The names most like `wanted`, best first.
pub fn nearest<'n>(wanted: &str, names: &'n [String]) -> Vec<&'n str> {
    let wanted = wanted.to_lowercase();
    let likeness = |name: &str| {
        let name = name.trim_end_matches('/').to_lowercase();
        // One slip in a short name is much of it.
        let slip = wanted.len() > 1 && strsim::damerau_levenshtein(&wanted, &name) == 1;
        strsim::jaro_winkler(&wanted, &name).max(if slip { ALIKE_MIN } else { 0.0 })
    };
    let mut alike: Vec<(f64, &str)> = names
        .iter()
        .map(|name| (likeness(name), name.as_str()))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    alike.into_iter().take(SHOWN_MAX).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found_and_strangers_are_not() {
        let names = ["database", "Database2", "web/", "queue"].map(str::to_owned);
        assert_eq!(nearest("databse", &names), ["database", "Database2"]);
        assert_eq!(nearest("qeue", &names), ["queue"]);
        assert_eq!(nearest("webb", &names), ["web/"]);
        assert_eq!(nearest("bd", &["db".to_owned()]), ["db"]);
        assert!(nearest("zzz", &names).is_empty());
    }
}
