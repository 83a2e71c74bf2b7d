//! Types and objects.

use std::collections::HashMap;
use std::format;
use std::vec::Vec;

use super::super::ast::{Domain, Pools, Typed};
use super::super::error::Fault;
use super::super::names::Names;
use super::super::parser::Parsed;
use super::{Lower, built};
use crate::error::Error;
use crate::task::plan::{MAX_OBJECTS, TypeId};

/// A type, or several of which an object has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub id: TypeId,
    /// The types that it is made of, by their numbers in [`Types::names`].
    pub parts: Vec<u32>,
}

impl Kind {
    pub fn object() -> Kind {
        Kind { id: TypeId::OBJECT, parts: std::vec![0] }
    }
}

pub(super) struct Types<'a> {
    pub names: Names<'a>,
    ids: Vec<TypeId>,
    parents: Vec<Vec<u32>>,
    /// The types of each object.
    objects: Vec<Vec<u32>>,
    /// Whether the first type is part of the second one.
    known: HashMap<(u32, u32), bool>,
}

impl<'a> Types<'a> {
    pub fn new() -> Types<'a> {
        let mut names = Names::new();
        names.add("object");
        Types {
            names,
            ids: std::vec![TypeId::OBJECT],
            parents: std::vec![Vec::new()],
            objects: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Whether every object of type `a` is one of type `b`, by what is declared.
    fn below(&mut self, a: u32, b: u32) -> bool {
        if a == b || b == 0 {
            return true;
        }
        if let Some(&known) = self.known.get(&(a, b)) {
            return known;
        }
        let mut seen = std::vec![false; self.parents.len()];
        let mut left = std::vec![a];
        let mut found = false;
        while let Some(ty) = left.pop() {
            found |= ty == b;
            if !core::mem::replace(&mut seen[ty as usize], true) {
                left.extend(&self.parents[ty as usize]);
            }
        }
        self.known.insert((a, b), found);
        found
    }

    /// Whether an object is of a kind.
    pub fn is(&mut self, object: u32, kind: &Kind) -> bool {
        let types = core::mem::take(&mut self.objects[object as usize]);
        let is = types.iter().any(|&ty| kind.parts.iter().any(|&part| self.below(ty, part)));
        self.objects[object as usize] = types;
        is
    }

    /// Whether every object of a kind is of another.
    pub fn is_part(&mut self, kind: &Kind, of: &Kind) -> bool {
        let declared = |part: &u32| of.parts.iter().any(|&of| self.below(*part, of));
        kind.parts.iter().all(declared)
            || (0..self.objects.len() as u32).all(|o| !self.is(o, kind) || self.is(o, of))
    }
}

impl<'a> Lower<'a, '_> {
    fn add_type(&mut self, name: &'a str, at: u32) -> Parsed<u32> {
        let id = built(self.b.add_type(name), at)?;
        self.types.ids.push(id);
        self.types.parents.push(Vec::new());
        Ok(self.types.names.add(name))
    }

    pub(super) fn declare_types(&mut self, domain: &Domain<'a>) -> Parsed<()> {
        let pools = &domain.pools;
        // Those that are only named as a parent are declared by that.
        let parents = domain.types.iter().flat_map(|typed| pools.kind(typed));
        let all: Vec<_> = domain.types.iter().map(|t| t.name).chain(parents.copied()).collect();
        for name in all {
            let is_object = name.text.eq_ignore_ascii_case("object");
            if self.types.names.exact(name.text).is_none() && !is_object {
                self.add_type(name.text, name.at)?;
            }
        }
        for typed in &domain.types {
            for parent in pools.kind(typed) {
                let child = self.types.names.find(typed.name.text);
                let parent = self.types.names.find(parent.text);
                let (Some(child), Some(parent)) = (child, parent) else { continue };
                if child == parent || parent == 0 {
                    continue;
                }
                if child == 0 {
                    let message = "`object` is the type of everything and part of no other";
                    return Err(Fault::domain(typed.name.at, message));
                }
                self.types.parents[child as usize].push(parent);
                let ids = (self.types.ids[child as usize], self.types.ids[parent as usize]);
                built(self.b.subtype(ids.0, ids.1), typed.name.at)?;
            }
        }
        Ok(())
    }

    /// The rows of a file's kinds.
    pub(super) fn resolve_kinds(&mut self, pools: &Pools<'a>) -> Parsed<Vec<Kind>> {
        let mut kinds = Vec::with_capacity(pools.kinds.len());
        for names in &pools.kinds {
            let mut parts = Vec::new();
            for name in names {
                let part = match self.types.names.find(name.text) {
                    Some(part) => part,

                    None => {
                        let text = name.text;
                        self.warn(name.at, format!("the type `{text}` is not declared"));
                        self.add_type(text, name.at)?
                    }
                };
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
            let id = match *parts {
                [] => TypeId::OBJECT,
                [one] => self.types.ids[one as usize],
                _ => {
                    let ids: Vec<TypeId> =
                        parts.iter().map(|p| self.types.ids[*p as usize]).collect();
                    built(self.b.either(&ids), names[0].at)?
                }
            };
            if parts.is_empty() {
                parts.push(0);
            }
            kinds.push(Kind { id, parts });
        }
        Ok(kinds)
    }

    /// Constants or objects. One that is declared again is of both types.
    pub(super) fn declare_objects(&mut self, objects: &[Typed<'a>]) -> Parsed<()> {
        for typed in objects {
            let parts = self.kind(typed).parts;
            let at = typed.name.at;
            let id = match self.objects.exact(typed.name.text) {
                Some(id) => id,
                None => {
                    if self.types.objects.len() == MAX_OBJECTS {
                        let message = format!("more than {MAX_OBJECTS} objects");
                        return Err(Fault { at, error: Error::Capacity, message });
                    }
                    let first = self.types.ids[parts[0] as usize];
                    built(self.b.object(typed.name.text, first), at)?;
                    self.types.objects.push(std::vec![parts[0]]);
                    self.objects.add(typed.name.text)
                }
            };
            for part in parts {
                if !self.types.objects[id as usize].contains(&part) {
                    self.types.objects[id as usize].push(part);
                    let object = crate::task::plan::ObjectId(id as u16);
                    built(self.b.also(object, self.types.ids[part as usize]), at)?;
                }
            }
        }
        Ok(())
    }
}
