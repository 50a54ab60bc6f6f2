//! Every rule that fits a request, best first, for those who ask why. Not here: which one decides.

use super::super::trie::Pattern;
use super::{Acl, Capabilities, Operation, Request, Spelling};

/// One rule of one policy that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub policy: &'a str,
    /// The path as written, templates filled.
    pub path: &'a str,
    /// Of the policy's document, from 1.
    pub line: usize,
    pub capabilities: Capabilities,
    /// The request is decided by the rules for this path.
    pub decides: bool,
}

/// All rules for one path together.
pub struct InForce<'a> {
    pub path: &'a str,
    pub capabilities: Capabilities,
    /// They look at more than path and operation.
    pub has_limits: bool,
}

impl Acl {
    /// Rules for one path stand together, in the order of the set; more exact paths come first.
    /// The path that decides comes before the others.
    pub fn candidates(&self, request: &Request<'_>) -> Vec<Candidate<'_>> {
        let path = request.path.strip_suffix('/').unwrap_or(request.path);
        let is_directory = matches!(request.operation, Operation::List | Operation::Scan);
        let deciding = self.decide(request).rule.map(|rule| rule.path);
        let mut fitting: Vec<(Pattern, usize)> = Vec::new();
        for (index, grant) in self.grants.iter().enumerate() {
            let pattern = Pattern::parse(&grant.path);
            let fits = match &pattern {
                Pattern::Exact(text) => {
                    text == path || (is_directory && text.strip_suffix('/') == Some(path))
                }
                Pattern::Wild(wild) => {
                    wild.matches(path, false) || (is_directory && wild.matches(path, true))
                }
            };
            if fits {
                fitting.push((pattern, index));
            }
        }
        fitting.sort_by(|(a, i), (b, j)| {
            let decides = |index: &usize| Some(self.grants[*index].path.as_str()) == deciding;
            let exact = |p: &Pattern| matches!(p, Pattern::Exact(_));
            (decides(j).cmp(&decides(i))).then(exact(b).cmp(&exact(a))).then_with(|| match (a, b) {
                (Pattern::Wild(a), Pattern::Wild(b)) => b.priority(a),
                _ => i.cmp(j),
            })
        });
        fitting
            .into_iter()
            .flat_map(|(_, index)| {
                let grant = &self.grants[index];
                grant.sources.iter().map(move |source| Candidate {
                    policy: source.policy.as_str(),
                    path: &grant.path,
                    line: source.line,
                    capabilities: source.capabilities,
                    decides: Some(grant.path.as_str()) == deciding,
                })
            })
            .collect()
    }

    /// The rules that decide about `path` as a record and as a directory.
    pub(in super::super) fn in_force(&self, path: &str) -> [Option<InForce<'_>>; 2] {
        [Spelling::Record, Spelling::Directory].map(|spelling| {
            self.grant_for(path, spelling).map(|grant| InForce {
                path: &grant.path,
                capabilities: grant.capabilities,
                has_limits: grant.limits.is_some(),
            })
        })
    }
}
