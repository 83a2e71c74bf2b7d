//! What the links of a chain allow together, and whether each stays inside.

use core::fmt;

use super::MAX_RESOURCE;
use super::format::{Chain, Link};
use crate::error::{Error, Result};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// With what: its whole name. It must begin with the capability's resource
    /// prefix, byte for byte; so let prefixes end in a separator.
    pub resource: &'a [u8],
    /// What, a bit for each operation; all must be allowed. At least one.
    pub operations: u32,
}

/// What a chain allows: all of its links together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The operations, a bit each.
    pub operations: u32,
    /// From when on it is valid, in seconds since 1970-01-01 UTC.
    pub not_before: Option<u64>,
    /// From when on it is no longer valid, likewise.
    pub expiry: Option<u64>,
    /// The last epoch in which it is valid.
    pub epoch: Option<u64>,
    /// How many more links may follow.
    pub depth: u8,
    resource: [u8; MAX_RESOURCE],
    resource_len: u8,
}

impl Default for Bounds {
    /// Nothing.
    fn default() -> Self {
        Bounds {
            operations: 0,
            not_before: None,
            expiry: None,
            epoch: None,
            depth: 0,
            resource: [0; MAX_RESOURCE],
            resource_len: 0,
        }
    }
}

impl Bounds {
    fn of_first(link: &Link<'_>) -> Result<Bounds> {
        let bounds = Bounds {
            operations: link.operations,
            not_before: link.not_before,
            expiry: link.expiry,
            epoch: link.epoch,
            depth: link.depth,
            ..Bounds::default()
        };
        bounds.with_resource(link.extension)
    }

    fn extend(&mut self, extension: &[u8]) -> Result<()> {
        let at = usize::from(self.resource_len);
        let end = at + extension.len();
        self.resource.get_mut(at..end).ok_or(Error::CommFormat)?.copy_from_slice(extension);
        self.resource_len = end as u8;
        Ok(())
    }

    /// The bounds with one more link.
    ///
    /// [`Error::CommDepth`] if none may follow, [`Error::CommWidened`] if it
    /// allows what these do not.
    pub(super) fn narrowed(&self, link: &Link<'_>) -> Result<Bounds> {
        let Bounds { operations, not_before, expiry, epoch, depth, .. } = *self;
        if depth == 0 {
            return Err(Error::CommDepth);
        }
        let beyond = |value: Option<u64>, end: Option<u64>| {
            value.zip(end).is_some_and(|(value, end)| value > end)
        };
        let mut narrow = Bounds {
            operations: link.operations,
            not_before: link.not_before.or(not_before),
            expiry: link.expiry.or(expiry),
            epoch: link.epoch.or(epoch),
            depth: link.depth,
            ..*self
        };
        let window = narrow.not_before.zip(narrow.expiry);
        if link.depth >= depth
            || link.operations & !operations != 0
            || beyond(not_before, link.not_before)
            || beyond(link.expiry, expiry)
            || beyond(link.epoch, epoch)
            || window.is_some_and(|(from, to)| from >= to)
        {
            return Err(Error::CommWidened);
        }
        narrow.extend(link.extension)?;
        Ok(narrow)
    }

    /// These bounds with another resource prefix, of at most [`MAX_RESOURCE`]
    /// bytes.
    pub(crate) fn with_resource(mut self, resource: &[u8]) -> Result<Bounds> {
        self.resource_len = 0;
        self.extend(resource)?;
        Ok(self)
    }

    /// The resource prefix.
    pub fn resource(&self) -> &[u8] {
        self.resource.get(..usize::from(self.resource_len)).unwrap_or(&[])
    }

    /// Whether this may be done at all.
    ///
    /// [`Error::CommDenied`] if not, [`Error::Invalid`] for no operation.
    pub fn cover(&self, ask: &Ask<'_>) -> Result<()> {
        if ask.operations == 0 {
            return Err(Error::Invalid);
        }
        let inside = ask.resource.starts_with(self.resource());
        if inside && ask.operations & !self.operations == 0 {
            Ok(())
        } else {
            Err(Error::CommDenied)
        }
    }

    /// Whether the capability is valid at this time (seconds since 1970-01-01
    /// UTC) and in this epoch, as far as they are known.
    ///
    /// [`Error::CommExpired`] if not.
    pub fn valid(&self, now: Option<u64>, epoch: Option<u64>) -> Result<()> {
        let early = now.zip(self.not_before).is_some_and(|(now, from)| now < from);
        let late = now.zip(self.expiry).is_some_and(|(now, end)| now >= end);
        let ended = epoch.zip(self.epoch).is_some_and(|(now, last)| now > last);
        if early || late || ended { Err(Error::CommExpired) } else { Ok(()) }
    }
}

impl fmt::Debug for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounds")
            .field("resource", &self.resource().escape_ascii())
            .field("operations", &self.operations)
            .field("not_before", &self.not_before)
            .field("expiry", &self.expiry)
            .field("epoch", &self.epoch)
            .field("depth", &self.depth)
            .finish()
    }
}

impl Chain<'_> {
    /// What the chain allows, if it is authentic.
    ///
    /// [`Error::CommDepth`] if it has more links than one of them allows,
    /// [`Error::CommWidened`] if one allows more than the one before it.
    pub fn bounds(&self) -> Result<Bounds> {
        let mut links = self.links();
        let first = links.next().ok_or(Error::CommFormat)?;
        links.try_fold(Bounds::of_first(&first)?, |bounds, link| bounds.narrowed(&link))
    }
}
