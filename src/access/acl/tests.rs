//! Decisions by table, against recorded answers of a Vault-compatible server, and by property.

mod properties;
mod recorded;
mod table;

use super::*;

/// A set of one policy per text, named `p0`, `p1`, …
fn acl(texts: &[&str]) -> Acl {
    acl_for(texts, &TemplateValues::none(), Timestamp(0))
}

fn acl_for(texts: &[&str], values: &TemplateValues, now: Timestamp) -> Acl {
    let policies: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let name = PolicyName::canonical(&format!("p{n}")).unwrap();
            Arc::new(Policy::parse(name, text).unwrap_or_else(|e| panic!("{text}: {e}")))
        })
        .collect();
    Acl::compile(&policies, values, now)
}

fn decide<'a>(acl: &'a Acl, operation: Operation, path: &str) -> Decision<'a> {
    acl.decide(&Request { operation, path, parameters: None, wrap_ttl: None })
}
