//! Which kernels there are. Every table against the portable one: the tests in
//! `float`, `int` and `exact`.

use super::*;

/// The kernels of this machine.
pub(super) fn all() -> impl Iterator<Item = Kernel> {
    if Kernel::best() == Kernel::Portable {
        std::eprintln!("no vector kernels on this machine: only the portable ones are tested");
    }
    Kernel::ALL.into_iter().filter(|k| k.available())
}

#[test]
fn the_best_kernel_is_available() {
    assert!(Kernel::best().available());
    assert!(Kernel::Portable.available());
    assert!(!(Kernel::Avx2.available() && Kernel::Neon.available()));
    for code in 0..=Kernel::ALL.len() as u32 {
        if let Some(kernel) = Kernel::from_code(code) {
            assert_eq!(kernel.code(), code);
        }
    }
}
