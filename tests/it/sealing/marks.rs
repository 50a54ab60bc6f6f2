//! Texts that occur nowhere else, and the search for them below a directory: as they are, in
//! UTF-16, in hex, in base64, and escaped as in URLs and JSON.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// What a scenario used: values are secret even to the audit log, names are its business.
#[derive(Default)]
pub struct Marks {
    values: Vec<String>,
    names: Vec<String>,
}

impl Marks {
    /// A new value that shows what it is for.
    pub fn value(&mut self, what: &str) -> String {
        let mark = format!("v{}q7z{what}", self.values.len());
        self.values.push(mark.clone());
        mark
    }

    pub fn name(&mut self, what: &str) -> String {
        let mark = format!("n{}q7z{what}", self.names.len());
        self.names.push(mark.clone());
        mark
    }

    pub fn given_value(&mut self, value: &str) {
        self.values.push(value.to_owned());
    }

    pub fn given_name(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    /// A token's payload and signature; its header is the same for all.
    pub fn token(&mut self, token: &str) {
        let parts = token.split('.').skip(1).map(|part| part[..40].to_owned());
        self.values.extend(parts);
    }

    pub fn values(&self) -> Vec<String> {
        self.values.clone()
    }

    pub fn all(&self) -> Vec<String> {
        [&self.values[..], &self.names[..]].concat()
    }
}

/// "mark (form) in file" for every mark found in a file below `directory` or in a file's name.
pub fn found_below(
    directory: &Path,
    marks: &[String],
    skip: &dyn Fn(&Path) -> bool,
) -> Vec<String> {
    let needles: Vec<(String, Vec<u8>)> = marks.iter().flat_map(|mark| forms(mark)).collect();
    let mut by_start: HashMap<[u8; 4], Vec<&(String, Vec<u8>)>> = HashMap::new();
    for needle in &needles {
        let start = [needle.1[0], needle.1[1], needle.1[2], needle.1[3]];
        by_start.entry(start).or_default().push(needle);
    }
    let mut found = Vec::new();
    let mut files = 0;
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        if skip(&path) {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        found.extend(marks.iter().filter(|m| name.contains(*m)).map(|m| format!("{m} is a name")));
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() {
            files += 1;
            let mut bytes = fs::read(&path).unwrap();
            // Journals are allocated ahead, with zeros.
            bytes.truncate(bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1));
            for at in 0..bytes.len().saturating_sub(3) {
                let start = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
                for (what, needle) in by_start.get(&start).into_iter().flatten() {
                    if bytes[at..].starts_with(needle) {
                        found.push(format!("{what} in {}", path.display()));
                    }
                }
            }
        }
    }
    assert!(files > 0, "{} has no file to search", directory.display());
    found
}

fn forms(mark: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = mark.as_bytes();
    let utf16 = |pair: fn(u16) -> [u8; 2]| mark.encode_utf16().flat_map(pair).collect::<Vec<u8>>();
    let mut forms = vec![
        (mark.to_owned(), bytes.to_vec()),
        (format!("{mark} (UTF-16 LE)"), utf16(u16::to_le_bytes)),
        (format!("{mark} (UTF-16 BE)"), utf16(u16::to_be_bytes)),
        (format!("{mark} (hex)"), hex::encode(bytes).into_bytes()),
        (format!("{mark} (HEX)"), hex::encode_upper(bytes).into_bytes()),
        (format!("{mark} (percent)"), spelt(bytes, |b| format!("%{b:02X}"))),
        (format!("{mark} (percent, small)"), spelt(bytes, |b| format!("%{b:02x}"))),
        (format!("{mark} (JSON)"), spelt(bytes, |b| format!("\\u{b:04x}"))),
    ];
    // What of it doesn't depend on its neighbours, at each of the three places in a triple.
    for shift in 0..3 {
        let padded = [&vec![0; shift][..], bytes].concat();
        let whole = padded.len() / 3 * 3;
        let text = base64(&padded[..whole]);
        let own = if shift == 0 { &text[..] } else { &text[4..] };
        forms.push((format!("{mark} (base64)"), own.as_bytes().to_vec()));
        let url = own.replace('+', "-").replace('/', "_");
        forms.push((format!("{mark} (base64url)"), url.into_bytes()));
    }
    forms
}

fn spelt(bytes: &[u8], spell: fn(u8) -> String) -> Vec<u8> {
    bytes.iter().map(|b| spell(*b)).collect::<String>().into_bytes()
}

/// Of whole triples.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for triple in bytes.chunks_exact(3) {
        let bits = u32::from_be_bytes([0, triple[0], triple[1], triple[2]]);
        for shift in [18, 12, 6, 0] {
            out.push(char::from(ALPHABET[(bits >> shift & 63) as usize]));
        }
    }
    out
}

#[test]
fn the_search_finds_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let mark = "v0q7zvalue".to_owned();
    let file = directory.path().join("file");
    for (what, bytes) in [
        ("raw", b"..v0q7zvalue..".to_vec()),
        ("UTF-16", "..v0q7zvalue..".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("hex", hex::encode("..v0q7zvalue..").into_bytes()),
        ("percent", b"..%76%30%71%37%7A%76%61%6C%75%65..".to_vec()),
        ("JSON", br"\u0076\u0030\u0071\u0037\u007a\u0076\u0061\u006c\u0075\u0065".to_vec()),
        // printf '.v0q7zvalue..' | base64, and with one and two characters more before it.
        ("base64, second place", b"LnYwcTd6dmFsdWUuLg==".to_vec()),
        ("base64, third place", b"Li52MHE3enZhbHVlLi4=".to_vec()),
        ("base64, first place", b"Li4udjBxN3p2YWx1ZS4u".to_vec()),
    ] {
        fs::write(&file, bytes).unwrap();
        assert!(
            !found_below(directory.path(), std::slice::from_ref(&mark), &|_| false).is_empty(),
            "{what}"
        );
    }
    fs::write(&file, b"v0q7zvalu_").unwrap();
    assert!(found_below(directory.path(), std::slice::from_ref(&mark), &|_| false).is_empty());
    fs::write(directory.path().join(&mark), b"").unwrap();
    assert!(
        !found_below(directory.path(), std::slice::from_ref(&mark), &|_| false).is_empty(),
        "a file's name"
    );
}
