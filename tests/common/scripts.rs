//! Scenarios in text files that a person can read: what a line leads to stands behind it in
//! lines that begin with `>`, and is written anew with `NSW_BLESS=1`.

use std::path::{Path, PathBuf};

/// A script with what it leads to, by what each of its lines leads to.
pub fn run(
    name: &str,
    script: &str,
    mut line_leads_to: impl FnMut(&str) -> Result<Vec<String>, String>,
) -> Result<String, String> {
    let mut text = String::new();
    let lines = script.lines().enumerate().filter(|(_, line)| !line.starts_with('>'));
    for (n, line) in lines {
        text.push_str(line);
        text.push('\n');
        let said = line_leads_to(line).map_err(|wrong| format!("{name}:{}: {wrong}", n + 1))?;
        text.extend(said.iter().map(|said| format!("> {said}\n")));
    }
    Ok(text)
}

/// The first line that differs.
pub fn difference(want: &str, found: &str) -> Option<String> {
    let line = |text: &str, n: usize| text.lines().nth(n).unwrap_or("(the end)").to_owned();
    let lines = want.lines().count().max(found.lines().count());
    let differ = (0..lines).find(|n| line(want, *n) != line(found, *n))?;
    Some(format!("{}: not `{}` but `{}`", differ + 1, line(want, differ), line(found, differ)))
}

/// A folder of this repository.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Checks all scripts of a folder, of which there are so many at least, or writes anew what they
/// lead to.
pub fn check_all(folder: &Path, least: usize, run: impl Fn(&str, &str) -> Result<String, String>) {
    let bless = std::env::var_os("NSW_BLESS").is_some();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "txt"));
    files.sort();
    let mut wrong = vec![];
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let want = std::fs::read_to_string(file).unwrap();
        match run(name, &want) {
            Ok(found) if bless && found != want => std::fs::write(file, found).unwrap(),
            Ok(found) => wrong.extend(difference(&want, &found).map(|d| format!("{name}:{d}"))),
            Err(error) => wrong.push(error),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.len() >= least);
}

#[test]
fn what_differs_is_told_with_its_line() {
    assert_eq!(difference("a\n> b\n", "a\n> c\n").unwrap(), "2: not `> b` but `> c`");
    assert_eq!(difference("a\n", "a\nb\n").unwrap(), "2: not `(the end)` but `b`");
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
}
