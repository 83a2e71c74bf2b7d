//! Problems of any size for the domains in `tests/hddl`.

use std::fmt::Write;

/// The towers of Hanoi with so many disks.
pub fn towers(disks: usize) -> String {
    let mut init = String::new();
    for small in 1..=disks {
        for large in small + 1..=disks {
            write!(init, "(smaller d{small} d{large})").unwrap();
        }
        for peg in ["a", "b", "c"] {
            write!(init, "(smaller d{small} {peg})").unwrap();
        }
        write!(init, "(base d{small} a)").unwrap();
        match small < disks {
            true => write!(init, "(on d{small} d{0})(above d{small} d{0})", small + 1).unwrap(),
            false => write!(init, "(on d{small} a)").unwrap(),
        }
    }
    let names: String = (1..=disks).map(|i| format!("d{i} ")).collect();
    format!(
        "(define (problem towers-{disks}) (:domain towers) (:objects a b c - peg {names} - disk)
          (:htn :ordered-subtasks (move-tower d{disks} a c))
          (:init (clear d1) (clear b) (clear c) (smallest d1) {init}
            (third a b c) (third a c b) (third b a c) (third b c a) (third c a b) (third c b a))
          (:goal (on d{disks} c)))"
    )
}

/// A world of `width` times `depth` times `height` cells, in which a wall is built.
pub fn minecraft(width: usize, depth: usize, height: usize, long: usize, high: usize) -> String {
    let cell = |x: usize, y: usize, z: usize| format!("c{x}_{y}_{z}");
    let (mut names, mut init) = (String::new(), String::new());
    for z in 0..height {
        for y in 0..depth {
            for x in 0..width {
                let here = cell(x, y, z);
                write!(names, "{here} ").unwrap();
                if x + 1 < width {
                    let there = cell(x + 1, y, z);
                    writeln!(init, "(next east {here} {there}) (next west {there} {here})")
                        .unwrap();
                }
                if z + 1 < height {
                    writeln!(init, "(above {} {here})", cell(x, y, z + 1)).unwrap();
                }
            }
        }
    }
    let most = long.max(high);
    let lengths: String = (1..=most).map(|i| format!("n{i} ")).collect();
    for n in 1..most {
        write!(init, "(less n{n} n{})", n + 1).unwrap();
    }
    format!(
        "(define (problem minecraft-{width}-{depth}-{height}) (:domain minecraft)
          (:objects {names} - cell east west - direction {lengths} - length)
          (:htn :ordered-subtasks (build-wall {} east n{long} n{high}))
          (:init (one n1) {init}))",
        cell(0, 0, 0)
    )
}

/// Packages in `cities` cities of two places each, every one to another city.
pub fn logistics(cities: usize, packages: usize) -> String {
    let (mut places, mut init) = (String::new(), String::new());
    for c in 0..cities {
        write!(places, "a{c} - airport p{c} - location c{c} - city t{c} - truck ").unwrap();
        write!(init, "(in-city a{c} c{c}) (in-city p{c} c{c}) (at t{c} p{c}) ").unwrap();
    }
    let mut tasks = String::new();
    for p in 0..packages {
        write!(places, "o{p} - package ").unwrap();
        write!(init, "(at o{p} p{}) ", p % cities).unwrap();
        write!(tasks, "(deliver o{p} p{}) ", (p * 3 + 1) % cities).unwrap();
    }
    format!(
        "(define (problem logistics-{packages}) (:domain logistics)
          (:objects {places} fly1 fly2 - airplane)
          (:htn :ordered-subtasks (and {tasks}))
          (:init (at fly1 a0) (at fly2 a0) {init}))"
    )
}

/// A tower of blocks that is turned upside down.
pub fn blocks(count: usize) -> String {
    let names: String = (0..count).map(|i| format!("b{i} ")).collect();
    let mut init = format!("(on-table b0) (clear b{})", count - 1);
    let mut tasks = format!("(put-down-for-good b{})", count - 1);
    for i in 1..count {
        write!(init, "(on b{i} b{})", i - 1).unwrap();
        write!(tasks, "(put-on b{} b{})", count - 1 - i, count - i).unwrap();
    }
    format!(
        "(define (problem blocks-{count}) (:domain blocks) (:objects {names} - block)
          (:htn :ordered-subtasks (and {tasks})) (:init (hand-empty) {init}))"
    )
}

/// A road of so many places, and a package at each that goes to the other end.
pub fn transport(places: usize, packages: usize) -> String {
    let (mut names, mut init, mut tasks) = (String::new(), String::new(), String::new());
    for i in 0..places {
        write!(names, "l{i} ").unwrap();
        if i > 0 {
            write!(init, "(road l{i} l{0}) (road l{0} l{i}) ", i - 1).unwrap();
        }
    }
    let mut things = String::new();
    for p in 0..packages {
        write!(things, "p{p} ").unwrap();
        write!(init, "(at p{p} l{}) ", p % places).unwrap();
        write!(tasks, "(deliver p{p} l{}) ", places - 1 - p % places).unwrap();
    }
    format!(
        "(define (problem transport-{places}-{packages}) (:domain transport)
          (:objects {names} - location {things} - package v - vehicle n0 n1 n2 - capacity-number)
          (:htn :ordered-subtasks (and {tasks}))
          (:init (at v l0) (capacity v n2) (capacity-predecessor n0 n1)
            (capacity-predecessor n1 n2) {init}))"
    )
}
