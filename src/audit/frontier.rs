//! The file beside a segment that holds the tree's right edge before the segment's first entry: a
//! start reads the last segment only. It proves nothing; the checkpoints do.

use std::fs;
use std::io;
use std::path::Path;

use super::log::Head;
use super::segment::{self, Suffix, path_of};
use super::tree::Frontier;

const FORMAT: &str = "strongroom.audit.frontier/1";

pub(super) fn write(dir: &Path, head: Head, tree: &Frontier) -> io::Result<()> {
    segment::replace(&path_of(dir, head.seq, Suffix::Frontier), print(head, tree).as_bytes())
}

/// `None` if there is none, or none that can be used.
pub(super) fn read(dir: &Path, first_seq: u64) -> Option<(Head, Frontier)> {
    let text = fs::read_to_string(path_of(dir, first_seq, Suffix::Frontier)).ok()?;
    parse(&text).filter(|(head, _)| head.seq == first_seq)
}

/// Format, size, digest of the last line before, then the nodes, one a line.
fn print(head: Head, tree: &Frontier) -> String {
    let mut out = format!("{FORMAT}\n{}\n{}\n", head.seq, hex::encode(head.prev));
    for node in tree.nodes() {
        out.push_str(&hex::encode(node));
        out.push('\n');
    }
    out
}

fn parse(text: &str) -> Option<(Head, Frontier)> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some(FORMAT) {
        return None;
    }
    let seq = lines.next()?.parse().ok()?;
    let mut hash = |line: &str| hex::decode(line).ok()?.try_into().ok();
    let prev = hash(lines.next()?)?;
    let nodes = lines.map(&mut hash).collect::<Option<Vec<_>>>()?;
    Some((Head { seq, prev }, Frontier::from_parts(seq, nodes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frontier_reads_back_and_a_damaged_one_does_not() {
        let mut tree = Frontier::default();
        for i in 0..5 {
            tree.push([i; 32]);
        }
        let head = Head { seq: 5, prev: [9; 32] };
        let text = print(head, &tree);
        assert_eq!(parse(&text), Some((head, tree)));
        assert_eq!(parse(text.trim_end()), None);
        assert_eq!(parse(&text.replacen("/1\n5", "/1\n7", 1)), None);
        assert_eq!(parse(&text.replacen("09", "0", 1)), None);
    }
}
