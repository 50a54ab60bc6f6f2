//! The files of a log's directory: their names, their modes, and the few operations that a log
//! needs of them. What stands in them is known elsewhere.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// Writing, cutting and syncing a segment. A trait so that tests can fill the disk.
pub(super) trait Medium: Send + Sync {
    /// One write(2); may write less.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize>;
    /// Blocks for what lies between `from` and `to`, without changing the file's size;
    /// `Unsupported` where the file system can't.
    fn allocate(&self, file: &File, from: u64, to: u64) -> io::Result<()>;
    /// Gives blocks beyond `len` back, too.
    fn cut(&self, file: &File, len: u64) -> io::Result<()>;
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The operating system's files.
pub(super) struct Disk;

impl Medium for Disk {
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut file, bytes)
    }

    fn allocate(&self, file: &File, from: u64, to: u64) -> io::Result<()> {
        let done =
            rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, to.saturating_sub(from));
        match done {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            other => Ok(other?),
        }
    }

    fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Writes all of `bytes` in as few calls as the system allows.
pub(super) fn write_all(medium: &dyn Medium, file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match medium.write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The kinds of file, by suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// The entries.
    Entries,
    /// Signed notes over the tree.
    Checkpoints,
    /// The tree's right edge before the segment's first entry.
    Frontier,
    /// What was cut off when the segment was taken up again.
    Torn,
}

impl Suffix {
    fn text(self) -> &'static str {
        match self {
            Suffix::Entries => ".jsonl",
            Suffix::Checkpoints => ".checkpoints",
            Suffix::Frontier => ".frontier",
            Suffix::Torn => ".torn",
        }
    }
}

/// `<first seq, 20 digits>.<suffix>`: names sort as the numbers do.
pub(super) fn path_of(dir: &Path, first_seq: u64, suffix: Suffix) -> PathBuf {
    dir.join(format!("{first_seq:020}{}", suffix.text()))
}

/// The first numbers of all segments (by file name), in order.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    list_suffix(dir, Suffix::Entries)
}

/// The same of another kind of file.
pub(super) fn list_suffix(dir: &Path, suffix: Suffix) -> io::Result<Vec<u64>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(stem) = name.to_str().and_then(|n| n.strip_suffix(suffix.text())) else {
            continue;
        };
        if stem.len() == 20
            && stem.bytes().all(|b| b.is_ascii_digit())
            && let Ok(first_seq) = stem.parse()
        {
            out.push(first_seq);
        }
    }
    out.sort_unstable();
    Ok(out)
}

/// Makes the directory if need be, 0700 whatever the umask is.
pub(super) fn prepare_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if fs::metadata(dir)?.permissions().mode() & 0o7777 != 0o700 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// A file that must not be there yet, for appending, 0600 whatever the umask is.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    owned(OpenOptions::new().read(true).append(true).create_new(true), path)
}

/// A file for appending, made if it is not there, 0600.
pub(super) fn open_append(path: &Path) -> io::Result<File> {
    owned(OpenOptions::new().read(true).append(true).create(true), path)
}

fn owned(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let file = options.mode(0o600).custom_flags(no_follow).open(path)?;
    if file.metadata()?.permissions().mode() & 0o7777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Replaces a small file as a whole: a reader sees the old or the new one.
pub(super) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let file = create_new(&new)?;
    write_all(&Disk, &file, contents)?;
    file.sync_data()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(dir) => sync_dir(dir),
        None => Ok(()),
    }
}

/// Gives a file that should not be there another name, under which nothing is read.
pub(super) fn move_aside(path: &Path) -> io::Result<()> {
    if !path.try_exists()? {
        return Ok(());
    }
    let mut n = 0_u64;
    loop {
        let aside = path.with_extension(format!("aside-{n}"));
        if !aside.try_exists()? {
            return fs::rename(path, aside);
        }
        n += 1;
    }
}

/// Makes names durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
