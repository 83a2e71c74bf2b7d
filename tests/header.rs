//! `include/neural_swarm.h` is what cbindgen makes of the sources, and keeps to
//! the grammar of the ABI.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> String {
    std::fs::read_to_string(root().join("include/neural_swarm.h")).expect("the header is committed")
}

#[test]
fn the_committed_header_is_up_to_date() {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    // The order here is the order in the header.
    for file in ["version", "status", "port", "net", "trainer", "qnet"] {
        builder = builder.with_src(root().join(format!("src/ffi/{file}.rs")));
    }
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    if std::env::var_os("NSW_BLESS").is_some() {
        std::fs::write(root().join("include/neural_swarm.h"), &made).unwrap();
    }
    assert!(made == header(), "the header is stale: NSW_BLESS=1 cargo test --test header");
}
