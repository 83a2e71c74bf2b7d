//! Names and what they stand for.

use std::collections::HashMap;
use std::string::String;
use std::vec::Vec;

/// Names of one kind, each with a number.
///
/// PDDL's names do not heed case, the competition's files and its verifier do. So a name is looked for
/// as it is written first; if there is none, one that differs in case alone will do, provided that
/// there is only one.
pub(super) struct Names<'a> {
    exact: HashMap<&'a str, u32>,
    /// In lower case. `None` for several.
    folded: HashMap<String, Option<u32>>,
    /// How many names are in `folded`.
    folded_to: usize,
    list: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub fn new() -> Names<'a> {
        Names { exact: HashMap::new(), folded: HashMap::new(), folded_to: 0, list: Vec::new() }
    }

    /// The number of a name that is there in this very spelling.
    pub fn exact(&self, name: &str) -> Option<u32> {
        self.exact.get(name).copied()
    }

    /// The number of a name, in this spelling or else in another case.
    pub fn find(&mut self, name: &str) -> Option<u32> {
        if let Some(&id) = self.exact.get(name) {
            return Some(id);
        }
        // Made when it is needed first: most files need it never.
        for (id, name) in self.list.iter().enumerate().skip(self.folded_to) {
            let entry = self.folded.entry(name.to_ascii_lowercase());
            entry.and_modify(|one| *one = None).or_insert(Some(id as u32));
        }
        self.folded_to = self.list.len();
        self.folded.get(&name.to_ascii_lowercase()).copied().flatten()
    }

    /// A new name. It is not there yet.
    pub fn add(&mut self, name: &'a str) -> u32 {
        let id = self.list.len() as u32;
        self.exact.insert(name, id);
        self.list.push(name);
        id
    }
}
