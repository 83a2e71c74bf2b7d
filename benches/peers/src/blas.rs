//! The OpenBLAS that numpy brings along, called without Python.

use std::ffi::{CStr, c_char, c_int};
use std::path::Path;

use libloading::Library;

use crate::measure::Outcome;

type Sgemm = unsafe extern "C" fn(
    order: c_int,
    transpose_a: c_int,
    transpose_b: c_int,
    m: i64,
    n: i64,
    k: i64,
    alpha: f32,
    a: *const f32,
    lda: i64,
    b: *const f32,
    ldb: i64,
    beta: f32,
    c: *mut f32,
    ldc: i64,
);

pub struct Blas {
    sgemm: Sgemm,
    /// The kind of processor that its kernels are for.
    pub core: String,
}

impl Blas {
    /// With one thread.
    pub fn open(peers: &Path) -> Outcome<Blas> {
        let path = library(&peers.join("venv/lib"))?.ok_or("numpy brings no OpenBLAS")?;
        // SAFETY: a library of numpy's, which expects to be loaded; it stays.
        let library = Box::leak(Box::new(unsafe { Library::new(path)? }));
        // SAFETY: the types are those of OpenBLAS's cblas.h with 64-bit integers.
        unsafe {
            let threads: unsafe extern "C" fn(c_int) =
                *library.get(b"scipy_openblas_set_num_threads64_")?;
            threads(1);
            let core: unsafe extern "C" fn() -> *const c_char =
                *library.get(b"scipy_openblas_get_corename64_")?;
            Ok(Blas {
                sgemm: *library.get(b"scipy_cblas_sgemm64_")?,
                core: CStr::from_ptr(core()).to_string_lossy().into_owned(),
            })
        }
    }

    /// `c = a * b`, square matrices of `n` rows.
    pub fn multiply(&self, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
        assert!(a.len() == n * n && b.len() == n * n && c.len() == n * n);
        let (rows, plain, n) = (101, 111, n as i64);
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: the matrices have the size they are said to have.
        unsafe { (self.sgemm)(rows, plain, plain, n, n, n, 1.0, a, n, b, n, 0.0, c, n) };
    }
}

/// The library file somewhere below a folder.
fn library(folder: &Path) -> Outcome<Option<std::path::PathBuf>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("libscipy_openblas64_") {
            return Ok(Some(path));
        }
        let inside = name.starts_with("python3") || name == "site-packages" || name == "numpy.libs";
        if inside && let Some(found) = library(&path)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
