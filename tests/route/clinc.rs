//! CLINC150 (Larson et al., "An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction",
//! 2019): 150 intents and texts outside of all, with its own splits.

use std::collections::{BTreeMap, BTreeSet};

use neural_swarm::task::route::{RouterConfig, Sample};

use crate::data;

/// Chosen by the validation split.
pub fn config() -> RouterConfig {
    RouterConfig { seed: 1, ..RouterConfig::default() }
}

/// Texts with the names of their intents, by split.
pub struct Clinc {
    splits: BTreeMap<String, Vec<(String, String)>>,
    names: Vec<String>,
}

/// The data; `None`, said loudly, where it is not there.
pub fn read() -> Option<Clinc> {
    let file = data::find("clinc150.json.gz")?;
    let splits = splits(&String::from_utf8(data::unzipped(&file)).unwrap());
    let names: BTreeSet<String> = splits["train"].iter().map(|(_, name)| name.clone()).collect();
    Some(Clinc { splits, names: names.into_iter().collect() })
}

impl Clinc {
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    pub fn samples(&self, splits: &[&str]) -> Vec<Sample<'_>> {
        let all = splits.iter().flat_map(|split| &self.splits[*split]);
        let task = |name: &String| self.names.binary_search(name).ok().map(|task| task as u32);
        all.map(|(text, name)| Sample { text, task: task(name) }).collect()
    }
}

/// `{"split": [["text", "intent"], ...], ...}`: the strings in order, with how deep each lies.
fn splits(json: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut splits = BTreeMap::<String, Vec<(String, String)>>::new();
    let (mut depth, mut split, mut text) = (0, String::new(), None);
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '"' => {
                let word = string(&mut rest);
                if depth == 0 {
                    split = word;
                } else if let Some(text) = text.take() {
                    splits.entry(split.clone()).or_default().push((text, word));
                } else {
                    text = Some(word);
                }
            }
            _ => {}
        }
    }
    splits
}

/// The rest of a string of JSON, up to its quotation mark.
fn string(rest: &mut std::str::Chars<'_>) -> String {
    let mut word = String::new();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => match rest.next().expect("something follows a backslash") {
                'u' => {
                    let code: String = rest.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&code, 16).expect("four digits");
                    word.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
                }
                'n' | 't' | 'r' => word.push(' '),
                other => word.push(other),
            },
            other => word.push(other),
        }
    }
    word
}
