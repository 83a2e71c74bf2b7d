//! What carries datagrams: addresses, and the caller's hooks.

use core::ffi::c_void;

use super::status::{NSW_AGAIN, NSW_ERR_BUFFER_TOO_SMALL, NSW_OK, nsw_status};
use super::structs::{self, Versioned};
use crate::error::{Error, Result};
use crate::port::{Address, Transport};

/// The most bytes that an address has.
pub const NSW_ADDRESS_MAX: usize = 32;

const _: () = assert!(NSW_ADDRESS_MAX == Address::MAX);

/// Where a datagram goes to or came from: bytes that mean something to the
/// transport that they belong to, and to nobody else. NSW_ADDRESS_INIT before it
/// is filled. Two are the same place if `len` and `bytes` are equal; the library
/// sets the bytes behind `len` to 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_address {
    /// sizeof(nsw_address); NSW_ADDRESS_INIT sets it.
    pub size: u32,
    /// How many bytes, from 0 to NSW_ADDRESS_MAX.
    pub len: u32,
    /// The bytes.
    pub bytes: [u8; 32],
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_address {
    const LEAST: usize = size_of::<nsw_address>();
}

impl nsw_address {
    /// As C has it.
    pub(super) fn of(address: &Address) -> nsw_address {
        let size = size_of::<nsw_address>() as u32;
        nsw_address { size, len: address.bytes().len() as u32, bytes: *address.padded() }
    }

    pub(super) fn get(&self) -> Result<Address> {
        let len = usize::try_from(self.len).map_err(|_| Error::Length)?;
        Address::of_padded(self.bytes, len)
    }
}

/// Carries datagrams: they arrive whole or not at all, perhaps twice, in any
/// order. NSW_TRANSPORT_INIT, then both hooks. The functions that end in
/// _transport fill one from a socket.
///
/// Hooks do not wait. They are called on the thread of the object that they were
/// given to, and may not call back into it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nsw_transport {
    /// sizeof(nsw_transport); NSW_TRANSPORT_INIT sets it.
    pub size: u32,
    /// Handed to the hooks as it is.
    pub ctx: *mut c_void,
    /// Sends a datagram: NSW_OK, or NSW_ERR_CAPACITY if there is no room for it
    /// now (try again later), NSW_ERR_COMM_TOO_LONG if it is longer than the
    /// transport carries, NSW_ERR_HOST_ADDRESS if the address is not one of this
    /// transport, or another error. Required.
    pub send: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            to: *const nsw_address,
            datagram: *const u8,
            datagram_len: usize,
        ) -> nsw_status,
    >,
    /// Takes the next datagram that has arrived: writes at most `cap` bytes to
    /// `buf`, the length to `*len` and where it came from to `*from`, whose `size`
    /// is set. NSW_OK, or NSW_AGAIN if there is none now,
    /// NSW_ERR_BUFFER_TOO_SMALL if it does not fit (`*len` is what is needed, and
    /// it waits), or another error. Required.
    pub receive: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            from: *mut nsw_address,
            buf: *mut u8,
            cap: usize,
            len: *mut usize,
        ) -> nsw_status,
    >,
    /// Throws the datagram away that did not fit; NSW_OK also if there is none. NULL: it cannot,
    /// and who is sent one that is too long is stuck until there is more room.
    pub skip: Option<unsafe extern "C" fn(ctx: *mut c_void) -> nsw_status>,
}

// SAFETY: as the trait asks.
unsafe impl Versioned for nsw_transport {
    const LEAST: usize = core::mem::offset_of!(nsw_transport, skip);
}

/// The caller's hooks as the core knows transports.
pub struct CTransport {
    ctx: *mut c_void,
    send: unsafe extern "C" fn(*mut c_void, *const nsw_address, *const u8, usize) -> nsw_status,
    receive: unsafe extern "C" fn(
        *mut c_void,
        *mut nsw_address,
        *mut u8,
        usize,
        *mut usize,
    ) -> nsw_status,
    skip: Option<unsafe extern "C" fn(*mut c_void) -> nsw_status>,
    waiting: Option<usize>,
}

impl CTransport {
    /// [`Error::Null`] unless both hooks are there.
    ///
    /// # Safety
    /// `table` is NULL or a hook table whose hooks do as documented; what its
    /// `ctx` points to outlives the result.
    pub unsafe fn new(table: *const nsw_transport) -> Result<CTransport> {
        // SAFETY: the caller's word.
        let table = unsafe { structs::read(table) }?;
        let send = table.send.ok_or(Error::Null)?;
        let receive = table.receive.ok_or(Error::Null)?;
        Ok(CTransport { ctx: table.ctx, send, receive, skip: table.skip, waiting: None })
    }
}

/// What a hook answered, if it is an error.
fn refused(status: nsw_status) -> Error {
    Error::from_code(status).unwrap_or(Error::Hook)
}

impl Transport for CTransport {
    fn send(&mut self, to: &Address, datagram: &[u8]) -> Result<()> {
        let to = nsw_address::of(to);
        // SAFETY: the hook's own documentation.
        match unsafe { (self.send)(self.ctx, &to, datagram.as_ptr(), datagram.len()) } {
            NSW_OK => Ok(()),
            status => Err(refused(status)),
        }
    }

    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<(usize, Address)>> {
        let mut from = nsw_address::of(&Address::default());
        let mut len = 0;
        self.waiting = None;
        let (place, cap) = (buf.as_mut_ptr(), buf.len());
        // SAFETY: the hook's own documentation.
        match unsafe { (self.receive)(self.ctx, &mut from, place, cap, &mut len) } {
            NSW_OK if len <= cap => Ok(Some((len, from.get().map_err(|_| Error::Hook)?))),
            NSW_AGAIN => Ok(None),
            NSW_ERR_BUFFER_TOO_SMALL if len > cap => {
                self.waiting = Some(len);
                Err(Error::BufferTooSmall)
            }
            NSW_ERR_BUFFER_TOO_SMALL => Err(Error::Hook),
            status => Err(refused(status)),
        }
    }

    fn waiting(&self) -> Option<usize> {
        self.waiting
    }

    fn skip(&mut self) -> Result<()> {
        let skip = self.skip.ok_or(Error::Unsupported)?;
        // SAFETY: the hook's own documentation.
        match unsafe { skip(self.ctx) } {
            NSW_OK => {
                self.waiting = None;
                Ok(())
            }
            status => Err(refused(status)),
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// What the hooks are to answer, and what they were given.
    #[derive(Default)]
    struct Script {
        status: nsw_status,
        len: usize,
        from_len: u32,
        sent: Vec<u8>,
    }

    unsafe extern "C" fn send(
        ctx: *mut c_void,
        to: *const nsw_address,
        datagram: *const u8,
        datagram_len: usize,
    ) -> nsw_status {
        // SAFETY: as documented.
        let (script, to, datagram) = unsafe {
            let datagram = core::slice::from_raw_parts(datagram, datagram_len);
            (&mut *ctx.cast::<Script>(), &*to, datagram)
        };
        script.sent = [&to.bytes[..to.len as usize], datagram].concat();
        script.status
    }

    unsafe extern "C" fn receive(
        ctx: *mut c_void,
        from: *mut nsw_address,
        buf: *mut u8,
        cap: usize,
        len: *mut usize,
    ) -> nsw_status {
        // SAFETY: as documented.
        unsafe {
            let script = &*ctx.cast::<Script>();
            assert_eq!((*from).size as usize, size_of::<nsw_address>());
            (*from).len = script.from_len;
            (*from).bytes[0] = 9;
            buf.write_bytes(7, script.len.min(cap));
            len.write(script.len);
            script.status
        }
    }

    fn transport(script: &mut Script) -> CTransport {
        let table = nsw_transport {
            size: size_of::<nsw_transport>() as u32,
            ctx: core::ptr::from_mut(script).cast(),
            send: Some(send),
            receive: Some(receive),
            skip: None,
        };
        // SAFETY: a hook table, whose script outlives the test's calls.
        unsafe { CTransport::new(&table) }.unwrap()
    }

    #[test]
    fn hooks_carry_datagrams() {
        let mut script = Script { len: 3, from_len: 1, ..Script::default() };
        let mut transport = transport(&mut script);
        assert_eq!(transport.send(&Address::new(&[1, 2]).unwrap(), &[3, 4, 5]), Ok(()));
        let mut buf = [0; 4];
        let from = Address::new(&[9]).unwrap();
        assert_eq!(transport.receive(&mut buf), Ok(Some((3, from))));
        assert_eq!((buf, script.sent), ([7, 7, 7, 0], Vec::from([1, 2, 3, 4, 5])));
    }

    #[test]
    fn what_hooks_refuse_is_told_and_what_they_do_wrong_is_an_error() {
        let mut buf = [0; 4];
        for (status, len, from_len, sent, received) in [
            (NSW_AGAIN, 0, 0, Err(Error::Hook), Ok(None)),
            (Error::Capacity.code(), 0, 0, Err(Error::Capacity), Err(Error::Capacity)),
            (Error::HostIo.code(), 0, 0, Err(Error::HostIo), Err(Error::HostIo)),
            (-9999, 0, 0, Err(Error::Hook), Err(Error::Hook)),
            (7, 0, 0, Err(Error::Hook), Err(Error::Hook)),
            (NSW_OK, 5, 0, Ok(()), Err(Error::Hook)),
            (NSW_OK, 4, 33, Ok(()), Err(Error::Hook)),
            (NSW_OK, 4, u32::MAX, Ok(()), Err(Error::Hook)),
            (NSW_ERR_BUFFER_TOO_SMALL, 4, 0, Err(Error::BufferTooSmall), Err(Error::Hook)),
        ] {
            let mut script = Script { status, len, from_len, ..Script::default() };
            let mut transport = transport(&mut script);
            assert_eq!(transport.send(&Address::default(), &[1]), sent, "{status}");
            assert_eq!(transport.receive(&mut buf), received, "{status} {len} {from_len}");
            assert_eq!(transport.waiting(), None);
        }
        let mut script = Script { status: NSW_ERR_BUFFER_TOO_SMALL, len: 5, ..Script::default() };
        let mut transport = transport(&mut script);
        assert_eq!(transport.receive(&mut buf), Err(Error::BufferTooSmall));
        assert_eq!(transport.waiting(), Some(5));
        // Without a hook for it, it stays.
        assert_eq!(transport.skip(), Err(Error::Unsupported));
        assert_eq!(transport.waiting(), Some(5));
    }

    #[test]
    fn what_did_not_fit_is_thrown_away_by_a_hook() {
        unsafe extern "C" fn skip(ctx: *mut c_void) -> nsw_status {
            // SAFETY: the script of the test.
            let script = unsafe { &mut *ctx.cast::<Script>() };
            script.len = 1;
            script.from_len as nsw_status
        }
        let mut script = Script { status: NSW_ERR_BUFFER_TOO_SMALL, len: 5, ..Script::default() };
        let mut transport = transport(&mut script);
        transport.skip = Some(skip);
        assert_eq!(transport.receive(&mut [0; 4]), Err(Error::BufferTooSmall));
        assert_eq!((transport.skip(), transport.waiting()), (Ok(()), None));
        assert_eq!(script.len, 1);
        // One that fails says so.
        script.from_len = 7;
        assert_eq!(transport.skip(), Err(Error::Hook));
    }

    #[test]
    fn a_table_without_a_hook_is_none() {
        let whole = nsw_transport {
            size: size_of::<nsw_transport>() as u32,
            ctx: core::ptr::null_mut(),
            send: Some(send),
            receive: Some(receive),
            skip: None,
        };
        for (table, error) in [
            (nsw_transport { send: None, ..whole }, Error::Null),
            (nsw_transport { receive: None, ..whole }, Error::Null),
            (nsw_transport { size: 8, ..whole }, Error::StructSize),
        ] {
            // SAFETY: a hook table.
            assert_eq!(unsafe { CTransport::new(&table) }.err(), Some(error));
        }
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { CTransport::new(core::ptr::null()) }.err(), Some(Error::Null));
    }
}
