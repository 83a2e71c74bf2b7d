//! Which library this is.

use core::ffi::{CStr, c_char};

/// Major version of this header.
pub const NSW_VERSION_MAJOR: u32 = 0;
/// Minor version of this header.
pub const NSW_VERSION_MINOR: u32 = 1;
/// Patch version of this header.
pub const NSW_VERSION_PATCH: u32 = 0;
/// The ABI of this header: programs built with it need a library of the same
/// number, which is also in the library's soname.
pub const NSW_ABI_VERSION: u32 = 0;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a version holds a zero byte"),
    };

/// The version of the library that is linked: (major << 16) | (minor << 8) | patch.
///
/// Never fails. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn nsw_version() -> u32 {
    NSW_VERSION_MAJOR << 16 | NSW_VERSION_MINOR << 8 | NSW_VERSION_PATCH
}

/// The version of the library that is linked, as text such as "0.1.0".
///
/// Never fails; the text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn nsw_version_str() -> *const c_char {
    VERSION.as_ptr()
}

/// The ABI number of the library that is linked. It can be used by this
/// program only if it equals NSW_ABI_VERSION.
///
/// Never fails. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn nsw_abi_version() -> u32 {
    NSW_ABI_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_package_have_the_same_version() {
        let v = nsw_version();
        let text = std::format!("{}.{}.{}", v >> 16, v >> 8 & 255, v & 255);
        assert_eq!(text, env!("CARGO_PKG_VERSION"));
        // SAFETY: a static C string.
        assert_eq!(unsafe { CStr::from_ptr(nsw_version_str()) }.to_str(), Ok(&*text));
    }
}
