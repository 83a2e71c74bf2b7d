//! Files in one folder, and what can be done with them.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;

use crate::error::{Error, Result};

/// What a [`Storage`](super::Storage) asks of the place where its files are. Names are
/// letters, digits, dashes and dots. Every error is [`Error::HostIo`] but where something
/// else is said, and leaves open whether any of it was done.
pub trait Files {
    /// The names of all files.
    fn names(&mut self) -> Result<Vec<String>>;

    /// Reads from a place of a file on; how many bytes there were, 0 at its end or if there
    /// is no such file.
    fn read(&mut self, name: &str, at: u64, bytes: &mut [u8]) -> Result<usize>;

    /// Writes at the end of a file, a new one if there is none.
    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Cuts a file off.
    fn truncate(&mut self, name: &str, len: u64) -> Result<()>;

    /// Makes what is in a file durable.
    fn sync(&mut self, name: &str) -> Result<()>;

    /// Gives a file another name, in place of a file that has it.
    fn rename(&mut self, from: &str, to: &str) -> Result<()>;

    /// Removes a file, if there is one.
    fn remove(&mut self, name: &str) -> Result<()>;

    /// Makes durable which files there are, and their names.
    fn sync_names(&mut self) -> Result<()>;
}

/// The file that says that the folder is in use.
const LOCK: &str = "lock";

/// A folder of the file system that one process has at a time. Its owner alone can read
/// and write the files.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The file that was written to last.
    last: Option<(String, File)>,
    /// Locked until it is closed.
    _lock: File,
}

impl Folder {
    /// The folder with this name, a new one if there is none; the folder around it is there.
    ///
    /// # Errors
    /// [`Error::Busy`] if it is in use, by this process or another one; [`Error::HostIo`] if
    /// the system refuses.
    pub fn open(path: &Path) -> Result<Folder> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {
                let around = path.parent().filter(|around| !around.as_os_str().is_empty());
                sync_folder(around.unwrap_or(Path::new(".")))?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(_) => return Err(Error::HostIo),
        }
        let lock = writable().open(path.join(LOCK)).map_err(|_| Error::HostIo)?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path: path.to_path_buf(), last: None, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Busy),
            Err(fs::TryLockError::Error(_)) => Err(Error::HostIo),
        }
    }

    /// The file, open for writing.
    fn file(&mut self, name: &str) -> Result<&mut File> {
        if self.last.as_ref().is_none_or(|(last, _)| last != name) {
            let file = writable().open(self.path.join(name)).map_err(|_| Error::HostIo)?;
            self.last = Some((name.to_string(), file));
        }
        self.last.as_mut().map(|(_, file)| file).ok_or(Error::HostIo)
    }

    /// Its names are about to change.
    fn close(&mut self, name: &str) {
        self.last = self.last.take().filter(|(last, _)| last != name);
    }
}

fn writable() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|_| Error::HostIo)
}

impl Files for Folder {
    fn names(&mut self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|_| Error::HostIo)? {
            let entry = entry.map_err(|_| Error::HostIo)?;
            // What has another kind of name is not ours.
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&mut self, name: &str, at: u64, bytes: &mut [u8]) -> Result<usize> {
        let file = match File::open(self.path.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            file => file.map_err(|_| Error::HostIo)?,
        };
        let mut len = 0;
        while len < bytes.len() {
            match file.read_at(&mut bytes[len..], at + len as u64) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Error::HostIo),
            }
        }
        Ok(len)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.file(name)?.write_all(bytes).map_err(|_| Error::HostIo)
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<()> {
        self.file(name)?.set_len(len).map_err(|_| Error::HostIo)
    }

    fn sync(&mut self, name: &str) -> Result<()> {
        self.file(name)?.sync_data().map_err(|_| Error::HostIo)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.close(from);
        self.close(to);
        fs::rename(self.path.join(from), self.path.join(to)).map_err(|_| Error::HostIo)
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        self.close(name);
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::HostIo),
            _ => Ok(()),
        }
    }

    fn sync_names(&mut self) -> Result<()> {
        sync_folder(&self.path)
    }
}
