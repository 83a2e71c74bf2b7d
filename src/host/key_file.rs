//! A node's secret in a file that its owner alone can read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::comm::crypto::Secret;
use crate::error::{Error, Result};

/// What a key file begins with; then 64 hexadecimal digits and a line end.
const HEADER: &[u8] = b"neural-swarm identity v1\n";
const LENGTH: usize = HEADER.len() + 65;

/// Writes the seed of an identity to a new file that its owner alone can read or
/// write (mode 0600), and makes it durable.
///
/// [`Error::HostFile`] if there is such a file already: a key is never
/// overwritten. [`Error::HostIo`] if the system refuses; then no file is left.
pub fn save_key(path: &Path, seed: &Secret) -> Result<()> {
    let mut text = Zeroizing::new([0; LENGTH]);
    let (header, rest) = text.split_at_mut(HEADER.len());
    header.copy_from_slice(HEADER);
    for (pair, byte) in rest.chunks_exact_mut(2).zip(seed.bytes()) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 0xf);
    }
    if let Some(last) = rest.last_mut() {
        *last = b'\n';
    }
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = open.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::HostFile,
        _ => Error::HostIo,
    })?;
    let written = file.write_all(&*text).and_then(|()| file.sync_all());
    let written = written.and_then(|()| {
        // The name, too, has to be there after a crash.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
    });
    written.map_err(|_| {
        // Nobody has seen it yet; if even this fails, there is no more to do.
        let _ = fs::remove_file(path);
        Error::HostIo
    })
}

/// Reads the seed of an identity.
///
/// [`Error::HostIo`] if the file cannot be read, [`Error::HostPermissions`] if
/// others than its owner, this user, can read or write it, [`Error::HostFile`] if
/// it holds something else.
pub fn load_key(path: &Path) -> Result<Secret> {
    let mut file = File::open(path).map_err(|_| Error::HostIo)?;
    let about = file.metadata().map_err(|_| Error::HostIo)?;
    if !about.is_file() {
        return Err(Error::HostFile);
    }
    // Of the file that is open, not of a name that may change.
    let me = File::open("/proc/self").and_then(|me| me.metadata()).map(|me| me.uid());
    let owner = me.map_or(true, |me| about.uid() == me || me == 0);
    if about.mode() & 0o077 != 0 || !owner {
        return Err(Error::HostPermissions);
    }
    let mut text = Zeroizing::new([0; LENGTH + 1]);
    let mut len = 0;
    while let Some(rest) = text.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|_| Error::HostIo)? {
            0 => break,
            more => len += more,
        }
    }
    let digits = text.get(..len).and_then(|text| text.strip_prefix(HEADER));
    let digits = digits.and_then(|text| text.strip_suffix(b"\n")).filter(|text| text.len() == 64);
    let digits = digits.ok_or(Error::HostFile)?;
    let mut seed = Zeroizing::new([0; 32]);
    for (byte, pair) in seed.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return Err(Error::HostFile) };
        *byte = value(high)? << 4 | value(low)?;
    }
    Ok(Secret::new(*seed))
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

fn value(digit: u8) -> Result<u8> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(Error::HostFile),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = std::format!("neural-swarm-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).unwrap();
            Folder(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn keys_come_back_and_are_not_overwritten() {
        let folder = Folder::new("keys");
        let path = folder.0.join("node.key");
        let seed = Secret::new(core::array::from_fn(|i| i as u8 * 7 + 3));
        save_key(&path, &seed).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load_key(&path), Ok(seed.clone()));
        assert_eq!(save_key(&path, &Secret::new([0; 32])), Err(Error::HostFile));
        assert_eq!(load_key(&path), Ok(seed.clone()));
        assert_eq!(save_key(&folder.0.join("no/such"), &seed), Err(Error::HostIo));
        assert_eq!(load_key(&folder.0.join("none")), Err(Error::HostIo));
        assert_eq!(load_key(&folder.0), Err(Error::HostFile));
    }

    #[test]
    fn files_that_others_can_read_or_that_are_damaged_are_refused() {
        let folder = Folder::new("damaged-keys");
        let path = folder.0.join("node.key");
        save_key(&path, &Secret::new([9; 32])).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(load_key(&path), Err(Error::HostPermissions), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let good = fs::read(&path).unwrap();
        for len in 0..good.len() {
            fs::write(&path, &good[..len]).unwrap();
            assert_eq!(load_key(&path), Err(Error::HostFile), "{len}");
        }
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] = b'G';
            fs::write(&path, &bad).unwrap();
            assert_eq!(load_key(&path), Err(Error::HostFile), "{i}");
        }
        fs::write(&path, [&good[..], b"\n"].concat()).unwrap();
        assert_eq!(load_key(&path), Err(Error::HostFile));
    }
}
