//! Bound CIDRs: lists of networks of which any may hold the client.

use ipnet::IpNet;

/// The list that admits exactly what both admit; `None` when that is nobody.
pub fn intersect(a: &[IpNet], b: &[IpNet]) -> Option<Vec<IpNet>> {
    if a.is_empty() {
        return Some(b.to_vec());
    }
    if b.is_empty() {
        return Some(a.to_vec());
    }
    let mut both: Vec<IpNet> = Vec::new();
    for x in a {
        for y in b {
            // Networks are nested or disjoint.
            let smaller = match (x.contains(y), y.contains(x)) {
                (true, _) => y,
                (_, true) => x,
                _ => continue,
            };
            if !both.contains(smaller) {
                both.push(*smaller);
            }
        }
    }
    if both.is_empty() { None } else { Some(both) }
}
