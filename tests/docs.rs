//! The documents say what is there.

use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn the_readme_shows_the_example_that_is_compiled() {
    let example = read("examples/c/minimal.c");
    assert!(read("README.md").contains(&format!("```c\n{example}```\n")));
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "ARCHITECTURE.md", "ABI.md", "CHANGELOG.md", "data/README.md"];
    let mut pages: Vec<String> = pages.map(String::from).into();
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            pages.push(format!("docs/{name}"));
        }
    }
    assert!(pages.len() > 15, "{pages:?}");
    for page in &pages {
        let text = read(page);
        let folder = root.join(page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if !target.starts_with("http") && !target.starts_with('#') {
                let file = target.split('#').next().unwrap();
                assert!(folder.join(file).exists(), "{page}: {target}");
            }
        }
    }
}

#[test]
fn scripts_that_are_named_exist() {
    for page in ["README.md", "ARCHITECTURE.md", "ABI.md", "embedded/README.md"] {
        let text = read(page);
        for (at, _) in text.match_indices("scripts/") {
            let rest = &text[at..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "/-_.".contains(c)));
            let name = rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', '/']);
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            assert!(path.exists(), "{page}: {name}");
        }
    }
}

#[test]
fn the_changelog_has_this_version() {
    let heading = format!("## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&heading));
}
