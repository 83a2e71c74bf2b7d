//! What a replica of a script can do, and how a value reads. A new kind is a line in
//! [`VERBS`] for each thing that can be done with it, and an arm in [`value`].

use neural_swarm::Error;
use neural_swarm::crdt::{Key, KeyCursor, KeyEntry, Kind, Store};

/// Why something was not done.
pub enum Failed {
    /// The script is wrong.
    Script(String),
    /// The store says no.
    Refused(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Refused(error)
    }
}

/// What was done, if there is more to say than that it was.
type Done = Result<Option<&'static str>, Failed>;

/// `name: verb word word`: the verb with each of the words; or `name: verb`.
pub struct Verb {
    pub name: &'static str,
    /// Whether it wants words.
    pub words: bool,
    /// With the time of day in milliseconds.
    pub run: fn(&mut Store<'static>, Key, &str, u64) -> Done,
}

/// A verb that wants words.
const fn with(name: &'static str, run: fn(&mut Store<'static>, Key, &str, u64) -> Done) -> Verb {
    Verb { name, words: true, run }
}

pub const VERBS: &[Verb] = &[
    with("add", |store, key, word, _| quiet(store.add(key, word.as_bytes()))),
    with("remove", |store, key, word, _| {
        Ok((!store.remove(key, word.as_bytes())?).then_some("it was not in"))
    }),
    with("say", |store, key, word, _| quiet(store.set_flag(key, yes(word)?))),
    with("assign", |store, key, word, now| quiet(store.assign_bytes(key, word.as_bytes(), now))),
    with("offer", |store, key, word, _| {
        Ok((!store.offer(key, number(word)?)?).then_some("it changes nothing"))
    }),
    with("up", |store, key, word, _| quiet(store.increment(key, count(word)?))),
    with("down", |store, key, word, _| quiet(store.decrement(key, count(word)?))),
    with("observe", |store, key, word, _| quiet(store.observe(key, word.as_bytes(), 1))),
    with("append", |store, key, word, _| {
        quiet(store.insert(key, store.count(key)?, word.as_bytes()))
    }),
    with("prepend", |store, key, word, _| quiet(store.insert(key, 0, word.as_bytes()))),
    with("drop", |store, key, word, _| {
        let at = store.elements(key)?.position(|element| element == word.as_bytes());
        let at = at.ok_or_else(|| Failed::Script(format!("{word} is not in the list")))?;
        quiet(store.remove_at(key, at, 1))
    }),
    Verb { name: "clear", words: false, run: |store, key, _, _| quiet(store.clear(key)) },
];

fn quiet(done: Result<(), Error>) -> Done {
    Ok(done.map(|()| None)?)
}

fn number(word: &str) -> Result<i64, Failed> {
    word.parse().map_err(|_| Failed::Script(format!("{word} is no number")))
}

fn count(word: &str) -> Result<u64, Failed> {
    word.parse().map_err(|_| Failed::Script(format!("{word} is no count")))
}

fn yes(word: &str) -> Result<bool, Failed> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(Failed::Script(format!("{word} is neither yes nor no"))),
    }
}

/// What is in an open key.
pub fn value(store: &Store<'static>, key: Key, kind: Kind) -> Result<String, Error> {
    let text = match kind {
        Kind::Map => {
            names(store, key)?.iter().map(|(n, kind)| format!("{n} ({})", name(*kind))).collect()
        }
        Kind::AddWinsSet | Kind::RemoveWinsSet | Kind::MultiValue => {
            store.elements(key)?.map(quoted).collect()
        }
        Kind::EnableWinsFlag | Kind::DisableWinsFlag => {
            vec![String::from(if store.flag(key)? { "yes" } else { "no" })]
        }
        Kind::LastWriter => {
            let text = |(value, stamp): (&[u8], neural_swarm::crdt::HybridTime)| {
                format!("{} ({} ms, {})", quoted(value), stamp.millis(), stamp.0 & 0xffff)
            };
            store.last_written(key)?.map(text).into_iter().collect()
        }
        Kind::Max | Kind::Min => store.extreme(key)?.map(|n| n.to_string()).into_iter().collect(),
        Kind::GrowCounter | Kind::Counter => vec![store.total(key)?.to_string()],
        Kind::HyperLogLog => vec![store.cardinality(key)?.to_string()],
        Kind::CountMin => {
            // Of these, since a sketch does not say what it has seen.
            let often = |word: &&str| -> Result<String, Error> {
                Ok(format!("{word}:{}", store.frequency(key, word.as_bytes())?))
            };
            ["x", "y", "z"].iter().map(often).collect::<Result<_, _>>()?
        }
        Kind::List => {
            let all: Vec<String> = store.elements(key)?.map(quoted).collect();
            return Ok(if all.is_empty() { String::from("nothing") } else { all.join(" ") });
        }
        kind => panic!("tests/crdt/scripts/verbs.rs does not say how a {kind:?} reads"),
    };
    let mut text: Vec<String> = text;
    text.sort();
    Ok(if text.is_empty() { String::from("nothing") } else { text.join(" ") })
}

/// The keys in a map, in order.
pub fn names(store: &Store<'static>, map: Key) -> Result<Vec<(String, Kind)>, Error> {
    let mut found: Vec<(String, Kind)> = vec![];
    loop {
        let cursor = match found.last() {
            None => KeyCursor::From(&[]),
            Some((name, kind)) => KeyCursor::After(KeyEntry { name: name.as_bytes(), kind: *kind }),
        };
        let Some(entry) = store.next_key(map, cursor)? else { return Ok(found) };
        found.push((String::from_utf8_lossy(entry.name).into_owned(), entry.kind));
    }
}

/// All that is in a map, a line for each key.
pub fn all(
    store: &mut Store<'static>,
    map: Key,
    path: &str,
    lines: &mut Vec<String>,
) -> Result<(), Error> {
    for (word, kind) in names(store, map)? {
        let key = store.open(map, word.as_bytes(), kind)?;
        let path = format!("{path}{word}");
        if kind == Kind::Map {
            all(store, key, &format!("{path}/"), lines)?;
        } else {
            lines.push(format!("{path} ({}): {}", name(kind), value(store, key, kind)?));
        }
        store.close(key)?;
    }
    Ok(())
}

/// A word as a script has it.
fn quoted(bytes: &[u8]) -> String {
    let word = String::from_utf8_lossy(bytes);
    let plain = !word.is_empty() && !word.contains(char::is_whitespace);
    if plain { word.into_owned() } else { format!("\"{word}\"") }
}

/// What a script calls a kind: `AddWinsSet` is `add-wins-set`.
pub fn name(kind: Kind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}
