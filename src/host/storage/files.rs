//! Files in one folder, and what can be done with them.

use std::boxed::Box;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use crate::error::{Error, Result};

/// Makes files durable on any thread: [`Files::sync_later`].
pub type SyncLater = Box<dyn FnOnce() -> Result<()> + Send>;

/// What a [`Storage`](super::Storage) or a [`RaftStorage`](crate::host::RaftStorage) asks of the
/// place where its files are. Names are letters, digits, dashes and dots. Every error is
/// [`Error::HostIo`], or [`Error::HostFull`] where there is no room, and leaves open whether any
/// of it was done.
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

    /// Bytes of a file; 0 if there is no such file.
    fn len(&mut self, name: &str) -> Result<u64> {
        let (mut len, mut piece) = (0, vec![0; 1 << 16]);
        loop {
            match self.read(name, len, &mut piece)? {
                0 => return Ok(len),
                more => len += more as u64,
            }
        }
    }

    /// What [`sync`](Files::sync) would do now with this file, for another thread. More may be
    /// written to the file before it is done.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where that is not possible.
    fn sync_later(&mut self, name: &str) -> Result<SyncLater> {
        let _ = name;
        Err(Error::Unsupported)
    }

    /// Nothing is written to this file for now.
    fn close(&mut self, name: &str) {
        let _ = name;
    }
}

/// The file that says that the folder is in use.
const LOCK: &str = "lock";

/// A folder of the file system that one process has at a time. Its owner alone can read
/// and write the files.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Files that are written to: an error of writing is told once, to whoever has the file
    /// open, so they stay open until they are durable.
    writing: Vec<(String, File)>,
    /// The file that was read last.
    reading: Option<(String, File)>,
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
        let lock = writable().open(path.join(LOCK)).map_err(refused)?;
        let path = path.to_path_buf();
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path, writing: Vec::new(), reading: None, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Busy),
            Err(fs::TryLockError::Error(_)) => Err(Error::HostIo),
        }
    }

    /// The file, open for writing.
    fn file(&mut self, name: &str) -> Result<&mut File> {
        let at = match self.writing.iter().position(|(open, _)| open == name) {
            Some(at) => at,
            None => {
                let file = writable().open(self.path.join(name)).map_err(refused)?;
                self.writing.push((name.to_string(), file));
                self.writing.len() - 1
            }
        };
        self.writing.get_mut(at).map(|(_, file)| file).ok_or(Error::HostIo)
    }

    /// Its name is about to be another file's.
    fn forget(&mut self, name: &str) {
        self.close(name);
        self.reading = self.reading.take().filter(|(open, _)| open != name);
    }

    /// The file, open for reading, if there is one.
    fn readable(&mut self, name: &str) -> Result<Option<&mut File>> {
        if self.reading.as_ref().is_none_or(|(open, _)| open != name) {
            let file = match File::open(self.path.join(name)) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                file => file.map_err(|_| Error::HostIo)?,
            };
            self.reading = Some((name.to_string(), file));
        }
        Ok(self.reading.as_mut().map(|(_, file)| file))
    }
}

/// What the system says.
fn refused(error: io::Error) -> Error {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let full = matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
    if full { Error::HostFull } else { Error::HostIo }
}

fn writable() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(refused)
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
        let Some(file) = self.readable(name)? else { return Ok(0) };
        let mut len = 0;
        while len < bytes.len() {
            match file.read_at(bytes.get_mut(len..).unwrap_or_default(), at + len as u64) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Error::HostIo),
            }
        }
        Ok(len)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.file(name)?.write_all(bytes).map_err(refused)
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<()> {
        self.file(name)?.set_len(len).map_err(refused)
    }

    fn sync(&mut self, name: &str) -> Result<()> {
        self.file(name)?.sync_data().map_err(refused)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.path.join(from), self.path.join(to)).map_err(refused)
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        self.forget(name);
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::HostIo),
            _ => Ok(()),
        }
    }

    fn sync_names(&mut self) -> Result<()> {
        sync_folder(&self.path)
    }

    fn len(&mut self, name: &str) -> Result<u64> {
        match fs::metadata(self.path.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            found => found.map(|found| found.len()).map_err(|_| Error::HostIo),
        }
    }

    fn sync_later(&mut self, name: &str) -> Result<SyncLater> {
        let file = self.file(name)?.try_clone().map_err(|_| Error::HostIo)?;
        Ok(Box::new(move || file.sync_data().map_err(refused)))
    }

    fn close(&mut self, name: &str) {
        self.writing.retain(|(open, _)| open != name);
    }
}
