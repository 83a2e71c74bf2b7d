//! Which kernels there are. Every table against the portable one: the tests in
//! `float`, `int` and `exact`.

use super::*;
use std::vec::Vec;

/// The kernels of this machine.
pub(super) fn all() -> impl Iterator<Item = Kernel> {
    if Kernel::best() == Kernel::Portable {
        std::eprintln!("no vector kernels on this machine: only the portable ones are tested");
    }
    Kernel::ALL.into_iter().filter(|k| k.available())
}

/// Those of them that bring a table of their own: where an instruction set brings
/// nothing for a kind of number, its table is another's.
pub(crate) fn distinct<T: 'static>(
    table: impl Fn(Kernel) -> Result<&'static T>,
) -> impl Iterator<Item = (Kernel, &'static T)> {
    let mut seen = Vec::new();
    all().filter_map(move |kernel| {
        let table: &'static T = table(kernel).ok()?;
        let new = !seen.iter().any(|other| core::ptr::eq(*other, table));
        seen.push(table);
        new.then_some((kernel, table))
    })
}

/// Whether `NSW_TEST_QUICK` is set, read as the C tests read it: fewer turns where
/// they take long. scripts/test-cross has every instruction emulated.
pub(crate) fn quick() -> bool {
    std::env::var_os("NSW_TEST_QUICK").is_some_and(|set| !set.is_empty() && set != "0")
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
