//! neural-swarm for C programs without an operating system: the library, and
//! what a final `no_std` artefact must bring along: a panic handler.

#![no_std]

// All of the C ABI; its functions are exported by name.
pub use neural_swarm::ffi::*;

#[cfg(feature = "kernel-test")]
mod kernel_test;
#[cfg(feature = "plan-test")]
mod plan_test;
#[cfg(feature = "raft-size")]
mod raft_size;

use core::ffi::c_char;
use core::panic::PanicInfo;

unsafe extern "C" {
    /// The program's answer to a bug in the library: log, reset. `file` is not
    /// terminated by zero. It should not return.
    fn nsw_port_panic(file: *const c_char, file_len: usize, line: u32);
}

/// Tells where, unless the feature `no-panic-place` says otherwise: then the
/// linker leaves out all names of files. It never formats the message: that
/// alone would bring in much of `core::fmt`.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let place = info.location().filter(|_| cfg!(not(feature = "no-panic-place")));
    let (file, line) = place.map_or(("", 0), |at| (at.file(), at.line()));
    // SAFETY: the pointer and the length are of one string, which is static.
    unsafe { nsw_port_panic(file.as_ptr().cast(), file.len(), line) };
    loop {
        core::hint::spin_loop();
    }
}

/// The `nsw_port_panic` of a program that has none of its own: it stays where
/// it is. Stable Rust has no weak functions, but the assembler has. On a
/// processor or in an object format that is not listed, the program must have one.
#[cfg(any(target_os = "none", target_os = "linux"))]
mod default_panic {
    macro_rules! default_panic {
        ($stay:literal) => {
            core::arch::global_asm!(
                ".pushsection .text.nsw_port_panic, \"ax\", %progbits",
                ".weak nsw_port_panic",
                ".type nsw_port_panic, %function",
                "nsw_port_panic:",
                $stay,
                ".size nsw_port_panic, . - nsw_port_panic",
                ".popsection",
            );
        };
    }

    #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
    default_panic!("2: b 2b");
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    default_panic!("2: j 2b");
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    default_panic!("2: jmp 2b");
}
