//! Policies and requests close to them, from a seed: few names, so that rules meet.

const NAMES: [&str; 6] = ["a", "b", "ab", "a+", "x-1", "a.b"];
const CAPABILITIES: [&str; 9] =
    ["create", "read", "update", "delete", "list", "patch", "scan", "sudo", "deny"];

/// SplitMix64: tests need repetition, not secrecy.
pub struct Generator(u64);

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// One to four different numbers below `bound`.
    pub fn distinct(&mut self, bound: usize) -> Vec<usize> {
        let mut chosen: Vec<usize> = (0..=self.below(4)).map(|_| self.below(bound)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    /// One to eight rules, without limits.
    pub fn policy(&mut self) -> String {
        (0..=self.below(8))
            .map(|_| {
                let (path, slash) = (self.rule_path(), if self.chance(5) { "/" } else { "" });
                format!("path \"{slash}{path}\" {{ {} }}\n", self.rights())
            })
            .collect()
    }

    pub fn rights(&mut self) -> String {
        if self.chance(8) {
            let word = self.pick(&["read", "write", "sudo", "deny"]);
            return format!("policy = \"{word}\"");
        }
        let mut list: Vec<&str> = Vec::new();
        for _ in 0..self.below(5) {
            list.push(self.pick(&CAPABILITIES));
        }
        format!("capabilities = {list:?}")
    }

    /// Up to five segments with wildcards, ending in a name, a slash, a star or part of a name
    /// and a star.
    fn rule_path(&mut self) -> String {
        let mut segments: Vec<&str> = (0..=self.below(4))
            .map(|_| if self.chance(25) { "+" } else { self.pick(&NAMES) })
            .collect();
        match self.below(8) {
            0 | 1 => segments.push("*"),
            2 => segments.push(""),
            3 => segments.push("a*"),
            4 => segments.push("x-*"),
            _ => {}
        }
        let mut path = segments.join("/");
        if self.chance(6) && !path.ends_with(['+', '*']) {
            path.push('*');
        }
        if self.chance(1) {
            path = self.pick(&["*", "", "+", "a+b/c", "a*b", "+/+"]).to_owned();
        }
        path
    }

    /// Canonical paths near the rules of a set, some with a slash at the end; each once.
    pub fn paths(&mut self, set: &[&str], count: usize) -> Vec<String> {
        let rules: Vec<&str> =
            set.iter().flat_map(|t| t.lines()).filter_map(|l| l.split('"').nth(1)).collect();
        let mut paths = std::collections::BTreeSet::new();
        for _ in 0..count * 40 {
            if paths.len() == count {
                break;
            }
            let rule = self.pick(&rules);
            let mut path = self.near(rule);
            if self.chance(20) {
                path.push('/');
            }
            if is_canonical(&path) {
                paths.insert(path);
            }
        }
        paths.into_iter().collect()
    }

    /// A path that the rule may match, or misses by little.
    fn near(&mut self, rule: &str) -> String {
        let mut segments: Vec<String> = Vec::new();
        for segment in rule.trim_start_matches('/').split('/') {
            match segment.strip_suffix('*') {
                Some(start) => {
                    segments.push(format!("{start}{}", self.pick(&["", "a", "b", "+", "1"])));
                    if self.chance(30) {
                        segments.push(self.pick(&NAMES).to_owned());
                    }
                }
                None if segment == "+" => segments.push(self.pick(&NAMES).to_owned()),
                None => segments.push(segment.to_owned()),
            }
        }
        for _ in 0..self.below(3) {
            let at = self.below(segments.len());
            match self.below(5) {
                0 => segments[at] = self.pick(&NAMES).to_owned(),
                1 => segments.push(self.pick(&NAMES).to_owned()),
                2 if segments.len() > 1 => drop(segments.remove(at)),
                3 => segments[at].push('b'),
                _ => {
                    let shorter = segments[at].len().saturating_sub(1);
                    segments[at].truncate(shorter);
                }
            }
        }
        segments.join("/")
    }
}

fn is_canonical(path: &str) -> bool {
    let body = path.strip_suffix('/').unwrap_or(path);
    !body.is_empty() && body.split('/').all(|s| !s.is_empty() && s != "." && s != "..")
}
