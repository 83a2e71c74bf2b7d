//! Addresses of sockets: an [`Address`] of 7 bytes (4, the IPv4 address, the
//! port) or 23 (6, the IPv6 address, the port, the scope), port and scope
//! little-endian.

use core::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use crate::error::{Error, Result};
use crate::port::Address;

/// The most bytes that an address has as text.
const MAX_TEXT: usize = 64;

/// The address of a socket. An IPv4 address mapped into IPv6 becomes the IPv4
/// address, so that one place has one address.
pub fn to_address(socket: SocketAddr) -> Address {
    let port = socket.port().to_le_bytes();
    let made = match (socket.ip().to_canonical(), socket) {
        (IpAddr::V4(ip), _) => {
            let [a, b, c, d] = ip.octets();
            Address::new(&[4, a, b, c, d, port[0], port[1]])
        }
        (IpAddr::V6(ip), socket) => {
            let scope = match socket {
                SocketAddr::V6(socket) => socket.scope_id(),
                SocketAddr::V4(_) => 0,
            };
            let mut bytes = [0; 23];
            bytes[0] = 6;
            bytes[1..17].copy_from_slice(&ip.octets());
            bytes[17..19].copy_from_slice(&port);
            bytes[19..].copy_from_slice(&scope.to_le_bytes());
            Address::new(&bytes)
        }
    };
    // Both fit.
    made.unwrap_or_default()
}

/// The socket that an address means. [`Error::HostAddress`] if it is none of a
/// socket.
pub fn socket_address(address: &Address) -> Result<SocketAddr> {
    match address.bytes() {
        &[4, a, b, c, d, low, high] => {
            Ok(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_le_bytes([low, high])))
        }
        [6, rest @ ..] => {
            let (ip, rest) = rest.split_first_chunk::<16>().ok_or(Error::HostAddress)?;
            let &[low, high, s0, s1, s2, s3] = rest else { return Err(Error::HostAddress) };
            let (port, scope) = (u16::from_le_bytes([low, high]), [s0, s1, s2, s3]);
            let scope = u32::from_le_bytes(scope);
            Ok(SocketAddrV6::new(Ipv6Addr::from(*ip), port, 0, scope).into())
        }
        _ => Err(Error::HostAddress),
    }
}

/// An address from text: `127.0.0.1:4000`, `[::1]:4000`, `[fe80::1%2]:4000`, or a
/// name and a port, which the system looks up: that may take long, and the first
/// answer is taken. [`Error::HostAddress`] if it is none, or not found.
pub fn parse_address(text: &str) -> Result<Address> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(to_address(socket));
    }
    let mut found = text.to_socket_addrs().map_err(|_| Error::HostAddress)?;
    found.next().map(to_address).ok_or(Error::HostAddress)
}

/// An address as text that [`parse_address`] reads. [`Error::HostAddress`] if it
/// is none of a socket.
pub fn show_address(address: &Address) -> Result<heapless::String<MAX_TEXT>> {
    let mut text = heapless::String::new();
    write!(text, "{}", socket_address(address)?).map_err(|_| Error::HostAddress)?;
    Ok(text)
}
