//! Ids of entities, aliases and groups: UUIDs, in one spelling only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Sixteen random bytes; as text a UUID in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub [u8; 16]);

/// Not a UUID in its one spelling: nothing has such an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NoId;

const DASHES: [usize; 4] = [8, 13, 18, 23];

impl FromStr for Id {
    type Err = NoId;

    /// Lower case with its dashes: any other spelling would be a second name of the same thing.
    fn from_str(text: &str) -> Result<Self, NoId> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 || DASHES.iter().any(|at| bytes[*at] != b'-') {
            return Err(NoId);
        }
        let mut digits = bytes.iter().enumerate().filter(|(at, _)| !DASHES.contains(at));
        let mut out = [0; 16];
        for byte in &mut out {
            for _ in 0..2 {
                let digit = match digits.next() {
                    Some((_, d @ b'0'..=b'9')) => d - b'0',
                    Some((_, d @ b'a'..=b'f')) => d - b'a' + 10,
                    _ => return Err(NoId),
                };
                *byte = (*byte << 4) | digit;
            }
        }
        Ok(Self(out))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let text = "00010203-0405-4607-8809-0a0b0c0d0e0f";
        let id: Id = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        for other in [
            "",
            "00010203-0405-4607-8809-0A0b0c0d0e0f",
            "000102030405460788090a0b0c0d0e0f",
            " 00010203-0405-4607-8809-0a0b0c0d0e0f",
            "00010203-0405-4607-8809-0a0b0c0d0e0f ",
            "00010203-0405-4607-8809_0a0b0c0d0e0f",
            "00010203-0405-4607-8809-0a0b0c0d0e-f",
            "{0010203-0405-4607-8809-0a0b0c0d0e0}",
        ] {
            assert_eq!(other.parse::<Id>(), Err(NoId), "{other:?}");
        }
    }
}
