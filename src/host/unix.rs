//! Datagrams over Unix-domain sockets: between processes of one machine.
//!
//! The sockets of a swarm are files in one folder, and an [`Address`] is the name of such a file: 1
//! to [`Address::MAX`] bytes without a slash or a zero, and neither `.` nor `..`. Whoever may write
//! to a socket's file may send to it, and whoever may write to the folder may give names in it: it
//! should be a folder of its own, of this user's or of a group's.
//!
//! A name is given under a lock of the folder (`flock`), so that two processes which find the file of
//! a dead one do not both take it over.

use core::alloc::Layout;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, bind};

use super::inbox::Inbox;
use super::wait::Deadline;
use crate::comm::framing::MAX_FRAME;
use crate::error::{Error, Result};
use crate::mem::{Carver, Piece};
use crate::port::{Address, Allocator, Transport};

/// The most bytes that the path of a socket has; with some systems a few less.
const MAX_PATH: usize = 107;
/// How long others may keep the folder locked. They need less than a millisecond.
const LOCK_WAIT: Duration = Duration::from_millis(500);

type SocketPath = heapless::Vec<u8, MAX_PATH>;

/// Where a [`UnixDatagram`] listens, and how much it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixDatagramConfig<'a> {
    /// The folder that all sockets which reach each other are in. It is there already. Its path,
    /// without links, and the name behind it have at most 107 bytes (with some systems 103).
    pub folder: &'a Path,
    /// The name in the folder, from [`unix_address`].
    pub name: Address,
    /// Bytes of the longest datagram to send and to take, from 1 to
    /// [`MAX_FRAME`]. The system may have a lower limit.
    pub max_datagram: usize,
    /// Who may send to it: the permissions of the socket's file, at most 0o777. Others than the
    /// owner need the right to write.
    pub mode: u32,
}

impl<'a> UnixDatagramConfig<'a> {
    /// Datagrams of at most 2,048 bytes, from processes of the same user.
    pub fn new(folder: &'a Path, name: Address) -> UnixDatagramConfig<'a> {
        UnixDatagramConfig { folder, name, max_datagram: 2048, mode: 0o600 }
    }
}

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixDatagramCounts {
    /// Datagrams received that were longer than `max_datagram`.
    pub oversize: u64,
    /// Datagrams received from a socket that has no name in the folder: nobody could answer.
    pub foreign: u64,
    /// Datagrams sent to a name at which nobody listens.
    pub lost: u64,
}

/// The address of the socket with this name in the folder. [`Error::HostAddress`] if it can be
/// none: empty, longer than [`Address::MAX`] bytes, with a slash or a zero, `.` or `..`.
pub fn unix_address(name: impl AsRef<OsStr>) -> Result<Address> {
    let address = Address::new(name.as_ref().as_bytes()).map_err(|_| Error::HostAddress)?;
    check_name(address.bytes()).map(|()| address)
}

fn check_name(name: &[u8]) -> Result<()> {
    match name {
        b"" | b"." | b".." => Err(Error::HostAddress),
        name if name.contains(&b'/') || name.contains(&0) => Err(Error::HostAddress),
        _ => Ok(()),
    }
}

/// A Unix-domain datagram socket. Its file is removed when it is dropped.
pub struct UnixDatagram<'m> {
    bound: Bound,
    /// The folder, without links, so that all in it see the same path.
    folder: SocketPath,
    name: Address,
    inbox: Inbox<'m>,
    /// Datagrams sent to a name at which nobody listens.
    lost: u64,
    _piece: Piece<'m>,
}

/// Refuses what is out of range.
fn carve<'m>(config: &UnixDatagramConfig<'_>, carver: &mut Carver<'m>) -> Result<Inbox<'m>> {
    if !(1..=MAX_FRAME).contains(&config.max_datagram) || config.mode & !0o777 != 0 {
        return Err(Error::Invalid);
    }
    Inbox::carve(config.max_datagram, carver)
}

impl<'m> UnixDatagram<'m> {
    /// The memory that it takes. [`Error::Invalid`] for settings out of range.
    pub fn footprint(config: &UnixDatagramConfig<'_>) -> Result<Layout> {
        Carver::layout_of(|carver| carve(config, carver))
    }

    /// Opens a socket. The file of a process that is gone is taken over.
    ///
    /// [`Error::Invalid`] for settings out of range, [`Error::HostAddress`] if the name is none, or
    /// too long behind the folder's path; [`Error::HostFile`] if there is something else than a
    /// socket under the name; [`Error::HostIo`] if another process listens there, or the system
    /// refuses; [`Error::HostTimeout`] if somebody keeps the folder locked.
    pub fn new(
        config: &UnixDatagramConfig<'_>,
        memory: impl Allocator<'m>,
    ) -> Result<UnixDatagram<'m>> {
        UnixDatagram::in_piece(config, memory.allocate(UnixDatagram::footprint(config)?)?)
    }

    pub(crate) fn in_piece(
        config: &UnixDatagramConfig<'_>,
        mut piece: Piece<'m>,
    ) -> Result<UnixDatagram<'m>> {
        let inbox = carve(config, &mut piece.carver(UnixDatagram::footprint(config)?)?)?;
        check_name(config.name.bytes())?;
        let folder = fs::canonicalize(config.folder).map_err(|_| Error::HostIo)?;
        let folder = SocketPath::from_slice(folder.as_os_str().as_bytes());
        let folder = folder.map_err(|_| Error::HostAddress)?;
        let _lock = lock(path(&folder))?;
        let bound = Bound::new(path_of(&folder, &config.name)?, config.mode)?;
        Ok(UnixDatagram { bound, folder, name: config.name, inbox, lost: 0, _piece: piece })
    }

    /// Its name.
    pub fn local(&self) -> Address {
        self.name
    }

    /// The socket, to wait for what can be read.
    pub(super) fn readable(&self) -> Result<OwnedFd> {
        self.bound.socket.try_clone().map(OwnedFd::from).map_err(|_| Error::HostIo)
    }

    /// What was dropped.
    pub fn counts(&self) -> UnixDatagramCounts {
        let Inbox { oversize, foreign, .. } = self.inbox;
        UnixDatagramCounts { oversize, foreign, lost: self.lost }
    }

    /// As [`Transport::receive`], but waits so long for a datagram.
    pub fn receive_within(
        &mut self,
        buf: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<(usize, Address)>> {
        let folder = &self.folder;
        let from = |socket: &net::UnixDatagram, buf: &mut [u8]| {
            socket.recv_from(buf).map(|(len, from)| (len, name_in(folder, &from)))
        };
        self.inbox.receive(&self.bound.socket, from, buf, timeout)
    }
}

/// The name of a socket in a folder.
fn name_in(folder: &[u8], socket: &net::SocketAddr) -> Option<Address> {
    let path = socket.as_pathname()?.as_os_str().as_bytes();
    let name = path.strip_prefix(folder)?.strip_prefix(b"/")?;
    unix_address(OsStr::from_bytes(name)).ok()
}

impl Transport for UnixDatagram<'_> {
    /// As of any transport. A datagram to a name at which nobody listens is lost, and counted.
    /// [`Error::Capacity`] if the receiver takes none now, or too much of ours waits at slow ones.
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        check_name(to.bytes())?;
        let to = path_of(&self.folder, to)?;
        if !self.inbox.fits(datagram.len()) {
            return Err(Error::CommTooLong);
        }
        let Err(error) = self.bound.socket.send_to(datagram, path(&to)) else { return Ok(()) };
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::CONNREFUSED | Errno::CONNRESET) => {
                self.lost += 1;
                Ok(())
            }
            Some(Errno::WOULDBLOCK | Errno::NOBUFS) => Err(Error::Capacity),
            Some(Errno::MSGSIZE) => Err(Error::CommTooLong),
            // A socket of streams; a path that this system has no room for.
            Some(Errno::PROTOTYPE) | None => Err(Error::HostAddress),
            _ => Err(Error::HostIo),
        }
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        self.receive_within(buf, Duration::ZERO)
    }

    fn waiting(&self) -> Option<usize> {
        self.inbox.waiting()
    }

    fn skip(&mut self) -> Result<()> {
        self.inbox.skip();
        Ok(())
    }
}

/// A socket and its file.
struct Bound {
    socket: net::UnixDatagram,
    path: SocketPath,
    /// Device and number of the file.
    file: (u64, u64),
}

impl Bound {
    /// Only while the folder is locked: who begins to listen looks dead for a moment.
    fn new(to: SocketPath, mode: u32) -> Result<Bound> {
        let socket = net::UnixDatagram::unbound().map_err(|_| Error::HostIo)?;
        socket.set_nonblocking(true).map_err(|_| Error::HostIo)?;
        // Linux makes the file with the socket's own permissions, so that it never has others. Other
        // systems refuse.
        let _ = fchmod(&socket, Mode::from_bits_truncate(mode as _));
        let address = SocketAddrUnix::new(path(&to)).map_err(|_| Error::HostAddress)?;
        match bind(&socket, &address) {
            Err(Errno::ADDRINUSE) => {
                remove_dead(path(&to))?;
                bind(&socket, &address).map_err(|_| Error::HostIo)?;
            }
            made => made.map_err(|_| Error::HostIo)?,
        }
        let about = fs::symlink_metadata(path(&to)).map_err(|_| Error::HostIo)?;
        let bound = Bound { socket, path: to, file: (about.dev(), about.ino()) };
        if about.mode() & 0o777 != mode {
            fs::set_permissions(path(&bound.path), Permissions::from_mode(mode))
                .map_err(|_| Error::HostIo)?;
        }
        Ok(bound)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Somebody may have put another one in its place.
        let path = path(&self.path);
        if fs::symlink_metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == self.file) {
            // Left behind, it would be taken over.
            let _ = fs::remove_file(path);
        }
    }
}

/// Locks a folder until the file is dropped.
fn lock(folder: &Path) -> Result<File> {
    let file = File::open(folder).map_err(|_| Error::HostIo)?;
    let deadline = Deadline::after(LOCK_WAIT);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if deadline.is_over() => return Err(Error::HostTimeout),
            Err(TryLockError::WouldBlock) => {
                Deadline::after(Duration::from_millis(1)).wait(&mut [])?;
            }
            Err(TryLockError::Error(_)) => return Err(Error::HostIo),
        }
    }
}

/// Removes the file of a socket at which nobody listens.
fn remove_dead(path: &Path) -> Result<()> {
    let about = fs::symlink_metadata(path).map_err(|_| Error::HostIo)?;
    if !about.file_type().is_socket() {
        return Err(Error::HostFile);
    }
    let probe = net::UnixDatagram::unbound().map_err(|_| Error::HostIo)?;
    match probe.connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|_| Error::HostIo)
        }
        // Somebody listens, or we may not know.
        _ => Err(Error::HostIo),
    }
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// The path of a name in a folder. [`Error::HostAddress`] if it is too long.
fn path_of(folder: &[u8], name: &Address) -> Result<SocketPath> {
    let mut path = SocketPath::new();
    for part in [folder, b"/", name.bytes()] {
        path.extend_from_slice(part).map_err(|_| Error::HostAddress)?;
    }
    Ok(path)
}
