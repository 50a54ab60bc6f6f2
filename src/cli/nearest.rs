//! Names like the one that was asked for and is not there.

/// Suggestions that are shown.
const SHOWN_MAX: usize = 3;
/// How alike two names must be, from 0 to 1.
const ALIKE_MIN: f64 = 0.8;

/// The names most like `wanted`, best first.
pub fn nearest<'n>(wanted: &str, names: &'n [String]) -> Vec<&'n str> {
    let likeness = |name: &str| {
        strsim::jaro_winkler(&wanted.to_lowercase(), &name.trim_end_matches('/').to_lowercase())
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
        assert!(nearest("zzz", &names).is_empty());
    }
}
