//! The inner loops: a table of float32 functions and one of integer functions
//! for each instruction set.
//!
//! | kernel | where | chosen |
//! |---|---|---|
//! | [`Portable`](Kernel::Portable) | everywhere; defines the result | |
//! | [`Avx2`](Kernel::Avx2) | x86-64 with AVX2 and FMA | at run time with `std`, else by target feature |
//! | [`Avx512`](Kernel::Avx512) | x86-64 with AVX-512 F, BW, DQ, VL and VNNI | the same |
//! | [`Neon`](Kernel::Neon) | AArch64 | at compile time: it is always there |
//! | [`NeonDot`](Kernel::NeonDot) | AArch64 with the dot product instructions | as AVX2 |
//! | [`Dsp`](Kernel::Dsp) | Cortex-M with the DSP extension | by the Cargo feature `cortex-m-dsp` |
//!
//! Integer kernels agree with the portable ones bit for bit. Float kernels may
//! differ from them in rounding (fused multiply-add, another order of sums);
//! one table always gives the same result for the same call.
//!
//! A new instruction set is one more file with its tables. A set that brings
//! nothing for one kind of number uses the tables of the set below it.

pub(crate) mod exact;
pub(crate) mod float;
#[cfg(all(test, unix))]
mod guard;
pub(crate) mod int;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use self::exact::ExactKernels;
pub(crate) use self::float::FloatKernels;
pub use self::float::{MatrixRef, MatrixRefMut, matmul_f32, matmul_f32_scratch};
pub(crate) use self::int::{Int8Kernels, Int16Kernels, PackedKernels};
pub use self::int::{
    MatmulSize, Requantize, dense_i8, dense_i16, dense_i16x8, matmul_i8, matmul_packed_i8,
    matmul_packed_u8i8, matmul_u8i8, multiplier, pack_i8, pack_transposed_i8, packed_i8_len,
};
use crate::error::{Error, Result};

/// An instruction set that there are kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Kernel {
    /// Plain Rust.
    Portable = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// Advanced SIMD of AArch64.
    Neon = 3,
    /// AVX-512 with VNNI.
    Avx512 = 4,
    /// Advanced SIMD of AArch64 with the dot product instructions.
    NeonDot = 5,
    /// The DSP extension of Cortex-M4, M7, M33 and their like: integers only.
    Dsp = 6,
}

impl Kernel {
    /// All of them, the better ones of a machine later.
    pub const ALL: [Kernel; 6] = [
        Kernel::Portable,
        Kernel::Avx2,
        Kernel::Avx512,
        Kernel::Neon,
        Kernel::NeonDot,
        Kernel::Dsp,
    ];

    /// The kernel with this number, if there is one.
    pub const fn from_code(code: u32) -> Option<Kernel> {
        Some(match code {
            1 => Kernel::Portable,
            2 => Kernel::Avx2,
            3 => Kernel::Neon,
            4 => Kernel::Avx512,
            5 => Kernel::NeonDot,
            6 => Kernel::Dsp,
            _ => return None,
        })
    }

    /// Its number in the C header.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The best one for this machine.
    pub fn best() -> Kernel {
        // No loop: where the answer is known when it is built, so that a
        // firmware carries one set of kernels, this must be seen at once.
        match () {
            _ if Kernel::Dsp.available() => Kernel::Dsp,
            _ if Kernel::NeonDot.available() => Kernel::NeonDot,
            _ if Kernel::Neon.available() => Kernel::Neon,
            _ if Kernel::Avx512.available() => Kernel::Avx512,
            _ if Kernel::Avx2.available() => Kernel::Avx2,
            _ => Kernel::Portable,
        }
    }

    /// Whether this machine (without `std`: this build) has it.
    pub fn available(self) -> bool {
        match self {
            Kernel::Portable => true,
            Kernel::Avx2 => has_avx2(),
            Kernel::Avx512 => has_avx512(),
            Kernel::Neon => cfg!(target_arch = "aarch64"),
            Kernel::NeonDot => has_dotprod(),
            Kernel::Dsp => cfg!(all(target_arch = "arm", feature = "cortex-m-dsp")),
        }
    }

    /// Its float32 functions, if this machine has it.
    pub(crate) fn float(self) -> Result<&'static FloatKernels> {
        if self.available() { Ok(float::table(self)) } else { Err(Error::Unsupported) }
    }

    /// Its functions that round as libfann does, if this machine has it.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) fn exact(self) -> Result<&'static ExactKernels> {
        if self.available() { Ok(exact::table(self)) } else { Err(Error::Unsupported) }
    }

    /// Its int8 functions, if this machine has it.
    pub(crate) fn int8(self) -> Result<&'static Int8Kernels> {
        if self.available() { Ok(int::table(self)) } else { Err(Error::Unsupported) }
    }

    /// Its int16 functions, if this machine has it.
    pub(crate) fn int16(self) -> Result<&'static Int16Kernels> {
        if self.available() { Ok(int::table16(self)) } else { Err(Error::Unsupported) }
    }

    /// Its functions for packed int8 matrices, if this machine has it.
    pub(crate) fn packed(self) -> Result<&'static PackedKernels> {
        if self.available() { Ok(int::packed_table(self)) } else { Err(Error::Unsupported) }
    }
}

/// The best float32 functions for this machine.
pub(crate) fn best_float() -> &'static FloatKernels {
    float::table(Kernel::best())
}

/// The shape of a dense layer, for the kernels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dims {
    pub inputs: usize,
    pub units: usize,
}

/// Whether all of these x86 features are there: at run time with `std`, else
/// if the build assumes them.
#[cfg(target_arch = "x86_64")]
macro_rules! has {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        let has = $(std::is_x86_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let has = cfg!(all($(target_feature = $feature),+));
        has
    }};
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    has!("avx2", "fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2() && has!("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

#[cfg(target_arch = "aarch64")]
fn has_dotprod() -> bool {
    #[cfg(feature = "std")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    return cfg!(target_feature = "dotprod");
}

#[cfg(not(target_arch = "aarch64"))]
fn has_dotprod() -> bool {
    false
}
