//! The file operations that the journal and its snapshots need, as a port, and the real directory
//! behind it. Tests put a simulated disk here that loses, reorders and refuses. The index (sled)
//! does its own I/O and isn't behind this port.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

/// One directory. Names are plain file names. A created, renamed or removed name is durable only
/// after [`Disk::sync_dir`].
pub(super) trait Disk: Send + Sync + 'static {
    fn list(&self) -> io::Result<Vec<String>>;
    /// A new empty file, mode 0600; a file of this name is replaced.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// An existing file, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    fn sync_dir(&self) -> io::Result<()>;
    /// Bytes that this process may still allocate.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One open file. Writes and sizes are durable only after [`File::sync`].
pub(super) trait File: Send {
    fn len(&self) -> io::Result<u64>;
    /// Fills `out` from `offset` and returns how much there was before the end of the file.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`, or fails having written some of them.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Reserves room up to `len` and extends the file with zeros to it.
    fn allocate(&mut self, len: u64) -> io::Result<()>;
    /// fdatasync: data and size. A failure must not be answered by another try: the kernel may
    /// have dropped the pages and would report success.
    fn sync(&mut self) -> io::Result<()>;
}

/// True for the errors that mean "no room": those leave what was written before intact.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Fills all of `out` or fails with `UnexpectedEof`.
pub(super) fn read_exact_at(file: &dyn File, offset: u64, out: &mut [u8]) -> io::Result<()> {
    if file.read_at(offset, out)? == out.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Writes a small file whole: it has the old content or the new after a crash, never a mixture.
pub(super) fn write_atomically(disk: &dyn Disk, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}{TEMPORARY}");
    let mut file = disk.create(&temporary)?;
    file.write_at(0, content)?;
    file.sync()?;
    disk.rename(&temporary, name)?;
    disk.sync_dir()
}

/// Suffix of a file that isn't complete; recovery removes it.
pub(super) const TEMPORARY: &str = ".tmp";

/// A directory of the machine, mode 0700.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    handle: fs::File,
}

impl Directory {
    /// Opens or creates it, whatever the umask is, and makes its creation durable.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let existed = path.is_dir();
        fs::create_dir_all(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        if !existed && let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::File::open(parent)?.sync_all()?;
        }
        Ok(Self { path: path.to_path_buf(), handle: fs::File::open(path)? })
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path.join(name))?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.handle)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            match self.0.read_at(&mut out[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, len) {
            // A file system without it loses the speed, not the safety.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                if self.len()? < len {
                    self.set_len(len)
                } else {
                    Ok(())
                }
            }
            other => Ok(other?),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.0)?)
    }
}
