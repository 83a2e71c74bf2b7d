//! Mistakes that are made on purpose, to see that tests find them: scripts/raft-mutations.

/// Whether this mistake is to be made. Never, and no code for it, without `--cfg nsw_mutations`.
#[cfg(not(nsw_mutations))]
#[inline]
pub(super) const fn is(_name: &str) -> bool {
    false
}

#[cfg(nsw_mutations)]
pub(super) fn is(name: &str) -> bool {
    static ASKED: std::sync::OnceLock<Option<std::ffi::OsString>> = std::sync::OnceLock::new();
    let asked = ASKED.get_or_init(|| std::env::var_os("NSW_MUTATION"));
    asked.as_ref().is_some_and(|asked| asked == name)
}
