#!/usr/bin/env python3
"""Problems of many sizes for the domains beside this file: generate.py FOLDER.
With a second word, `learned`, many small ones to learn from in FOLDER/train, and others in FOLDER/test.

All come from seeds, so they are the same everywhere. The domains are copied beside them.
"""
import pathlib
import random
import shutil
import sys

HERE = pathlib.Path(__file__).parent
OUT = pathlib.Path(sys.argv[1])
LEARNED = sys.argv[2:] == ["learned"]


def write(domain, name, objects, tasks, facts):
    """A problem; `objects` has a list of names for each type."""
    typed = "\n".join(f"        {' '.join(names)} - {kind}" for kind, names in objects.items() if names)
    text = f"(define (problem {domain}-{name})\n    (:domain {domain})\n    (:objects\n{typed})\n"
    text += f"    (:htn :ordered-subtasks (and {' '.join(tasks)}))\n    (:init\n"
    text += "\n".join(f"        {fact}" for fact in facts) + "))\n"
    (OUT / f"{domain}.{name}.problem.hddl").write_text(text)


def name_of(*numbers):
    """The sizes; the seed, which is the last one, where there are several of a size."""
    return "-".join(str(number) for number in (numbers if LEARNED else numbers[:-1]))


def freecell(suits, values, columns, cells, seed):
    chance = random.Random(seed)
    name = "c{0[0]}-{0[1]}".format
    cards = [(suit, value) for suit in range(suits) for value in range(1, values + 1)]
    chance.shuffle(cards)
    most = max(values, columns, cells)
    facts = [f"(home {name((suit, 0))})" for suit in range(suits)]
    for suit in range(suits):
        for value in range(values + 1):
            facts += [f"(suit {name((suit, value))} s{suit})", f"(value {name((suit, value))} n{value})"]
    facts += [f"(succ n{n} n{n - 1})" for n in range(1, most + 1)]
    for upper in cards:
        for lower in cards:
            if upper[1] + 1 == lower[1] and upper[0] % 2 != lower[0] % 2:
                facts.append(f"(canstack {name(upper)} {name(lower)})")
    piles = [pile for pile in (cards[i::columns] for i in range(columns)) if pile]
    for pile in piles:
        facts += [f"(bottom {name(pile[0])})", f"(clear {name(pile[-1])})"]
        facts += [f"(on {name(upper)} {name(lower)})" for lower, upper in zip(pile, pile[1:])]
    facts += [f"(cellspace n{cells})", f"(colspace n{columns - len(piles)})"]
    objects = {
        "card": [name((suit, value)) for suit in range(suits) for value in range(values + 1)],
        "num": [f"n{n}" for n in range(most + 1)],
        "suit": [f"s{suit}" for suit in range(suits)],
    }
    tasks = [f"(get-home {name((suit, values))})" for suit in range(suits)]
    write("freecell", f"{suits}-{values}-{seed}", objects, tasks, facts)


def logistics(domain, task, cities, places, packages, seed):
    chance = random.Random(seed)
    spots = [f"l{city}-{i}" for city in range(cities) for i in range(places)]
    airports = [f"a{city}" for city in range(cities)]
    facts = []
    for city in range(cities):
        facts += [f"(incity a{city} c{city})", f"(vat t{city} l{city}-{chance.randrange(places)})"]
        facts += [f"(incity l{city}-{i} c{city})" for i in range(places)]
    facts += [f"(vat f{i} {chance.choice(airports)})" for i in range(2)]
    facts += [f"(at p{i} {chance.choice(spots + airports)})" for i in range(packages)]
    tasks = [f"({task} p{i} {chance.choice(spots + airports)})" for i in range(packages)]
    objects = {
        "loc": spots,
        "airport": airports,
        "city": [f"c{city}" for city in range(cities)],
        "truck": [f"t{city}" for city in range(cities)],
        "plane": ["f0", "f1"],
        "pkg": [f"p{i}" for i in range(packages)],
    }
    write(domain, name_of(cities, places, packages, seed), objects, tasks, facts)


def snake(side, snakes, mice, seed):
    chance = random.Random(seed)
    name = "p{0[0]}-{0[1]}".format
    cells = [(x, y) for x in range(side) for y in range(side)]
    facts = []
    for x, y in cells:
        beside = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
        facts += [f"(adj {name((x, y))} {name(other)})" for other in beside if other in cells]
    taken = []
    for i in range(snakes):
        head, middle, tail = body = [(2, 2 * i), (1, 2 * i), (0, 2 * i)]
        facts += [f"(head s{i} {name(head)})", f"(tail s{i} {name(tail)})"]
        facts += [f"(conn s{i} {name(head)} {name(middle)})", f"(conn s{i} {name(middle)} {name(tail)})"]
        taken += body
    free = [cell for cell in cells if cell not in taken]
    prey = chance.sample(free, mice)
    facts += [f"(mouse {name(cell)})" for cell in prey]
    facts += [f"(occ {name(cell)})" for cell in taken + prey]
    objects = {"pos": [name(cell) for cell in cells], "snake": [f"s{i}" for i in range(snakes)]}
    write("snake", name_of(side, snakes, mice, seed), objects, ["(hunt)"], facts)


def assembly(depth, parts, resources, seed):
    chance = random.Random(seed)
    names, facts, stack = [], [], [("r", 0)]
    while stack:
        whole, level = stack.pop()
        names.append(whole)
        facts += [f"(requires {whole} q{i})" for i in range(resources) if chance.random() < 0.4]
        if level == depth:
            continue
        of = [f"{whole}{i}" for i in range(parts)]
        facts += [f"(part-of {part} {whole})" for part in of]
        stack += [(part, level + 1) for part in of]
        order = chance.sample(of, parts)
        facts += [f"(ord {first} {then})" for first, then in zip(order, order[1:])]
    facts += [f"(rfree q{i})" for i in range(resources)]
    objects = {"ass": names, "res": [f"q{i}" for i in range(resources)]}
    write("assembly", name_of(depth, parts, resources, seed), objects, ["(build r)"], facts)


def arms(blocks, hands, seed):
    chance = random.Random(seed)
    names = [f"b{i}" for i in range(blocks)]

    def towers():
        left, found = chance.sample(names, blocks), []
        while left:
            height = chance.randint(1, max(1, blocks // 3))
            found.append(left[:height])
            left = left[height:]
        return found

    facts = []
    for tower in towers():
        facts += [f"(table {tower[0]})", f"(clear {tower[-1]})"]
        facts += [f"(on {upper} {lower})" for lower, upper in zip(tower, tower[1:])]
    for tower in towers():
        facts.append(f"(gtable {tower[0]})")
        facts += [f"(gon {upper} {lower})" for lower, upper in zip(tower, tower[1:])]
    facts += [f"(empty h{i})" for i in range(hands)]
    objects = {"block": names, "arm": [f"h{i}" for i in range(hands)]}
    write("arms", name_of(blocks, hands, seed), objects, ["(achieve)"], facts)


def yard(stacks, high, boxes, seed):
    chance = random.Random(seed)
    names = [f"b{i}" for i in chance.sample(range(boxes), boxes)]
    piles = [[] for _ in range(stacks)]
    for name in chance.sample(names, boxes):
        chance.choice([pile for pile in piles if len(pile) < high]).append(name)
    facts = [f"(next n{i} n{i + 1})" for i in range(high)]
    for i, pile in enumerate(piles):
        facts += [f"(room s{i} n{high - len(pile)})"] + [f"(in {name} s{i})" for name in pile]
        facts += [f"(on {upper} {lower})" for lower, upper in zip(pile, pile[1:])]
        facts += [f"(floor {pile[0]} s{i})", f"(clear {pile[-1]})"] if pile else [f"(empty s{i})"]
    facts += [f"(later {names[j]} {names[i]})" for i in range(boxes) for j in range(i + 1, boxes)]
    objects = {
        "box": names,
        "stack": [f"s{i}" for i in range(stacks)],
        "level": [f"n{i}" for i in range(high + 1)],
    }
    write("yard", name_of(stacks, high, boxes, seed), objects, [f"(ship {name})" for name in names], facts)


def couriers(places, parcels, levels, seed):
    """A tree of places, with a station at every third."""
    chance = random.Random(seed)
    parent = [None] + [chance.randrange(max(0, i - 3), i) for i in range(1, places)]
    beside = [set() for _ in range(places)]
    for i in range(1, places):
        beside[i].add(parent[i])
        beside[parent[i]].add(i)
    facts = [f"(next n{i} n{i + 1})" for i in range(levels)]
    for goal in range(places):
        left, before = [goal], {goal: None}
        for place in left:
            for other in sorted(beside[place] - before.keys()):
                before[other] = place
                left.append(other)
        facts += [f"(way l{i} l{goal} l{via})" for i, via in sorted(before.items()) if via is not None]
    facts += [f"(stock l{i} n{levels})" for i in range(0, places, 3)]
    facts += [f"(at c{i} l{chance.randrange(places)}) (charge c{i} n{levels // 2})" for i in range(2)]
    facts += [f"(lies x{i} l{chance.randrange(places)})" for i in range(parcels)]
    tasks = [f"(bring x{i} l{chance.randrange(places)})" for i in range(parcels)]
    objects = {
        "place": [f"l{i}" for i in range(places)],
        "parcel": [f"x{i}" for i in range(parcels)],
        "courier": ["c0", "c1"],
        "level": [f"n{i}" for i in range(levels + 1)],
    }
    write("couriers", name_of(places, parcels, levels, seed), objects, tasks, facts)


def sizes():
    for suits, values, columns, cells, seed in [
        (2, 4, 4, 2, 0), (4, 4, 6, 3, 0), (4, 6, 6, 4, 1), (4, 8, 7, 4, 2), (4, 10, 8, 4, 3), (4, 13, 8, 4, 4), (4, 13, 8, 4, 5),
    ]:
        freecell(suits, values, columns, cells, seed)
    for cities, places, packages in [(2, 1, 2), (3, 2, 5), (5, 3, 10), (10, 4, 30), (20, 5, 60)]:
        logistics("logistics-invariants", "achieve-at", cities, places, packages, cities)
    for cities, places, packages in [(2, 1, 2), (3, 2, 5), (5, 3, 10), (10, 4, 30)]:
        logistics("logistics-blind", "goal-at", cities, places, packages, cities)
    for side, snakes, mice in [(5, 1, 3), (8, 2, 5), (12, 2, 10), (20, 3, 20), (30, 3, 40)]:
        snake(side, snakes, mice, side)
    for depth, parts, resources in [(1, 3, 2), (2, 3, 3), (3, 3, 3), (3, 4, 4), (4, 4, 4)]:
        assembly(depth, parts, resources, depth * parts)
    for blocks, hands in [(5, 1), (10, 2), (20, 2), (40, 3), (80, 4), (150, 4)]:
        arms(blocks, hands, blocks)
    for stacks, high, boxes in [(3, 3, 5), (5, 5, 15), (8, 6, 30), (12, 8, 60), (16, 10, 110)]:
        yard(stacks, high, boxes, boxes)
    for places, parcels, levels in [(5, 1, 5), (8, 2, 6), (12, 3, 8), (16, 4, 9), (24, 6, 12)]:
        couriers(places, parcels, levels, places)


def learned(which, count, large):
    """So many of each domain; those of the test are larger, and of other seeds."""
    for i in range(count):
        seed = 10_000 * (1 + large) + i
        chance = random.Random(seed)
        some = lambda small, big: chance.randint(*(big if large else small))
        arms(some((4, 12), (12, 40)), some((1, 3), (2, 4)), seed)
        stacks, high = some((3, 5), (5, 9)), some((3, 5), (4, 7))
        yard(stacks, high, int(stacks * high * chance.uniform(0.4, 0.7)), seed)
        couriers(some((5, 9), (8, 16)), some((1, 2), (2, 4)), some((5, 7), (6, 9)), seed)
        freecell(4, some((3, 4), (4, 6)), some((5, 7), (6, 8)), some((3, 4), (3, 5)), seed)
        logistics("logistics-blind", "goal-at", some((2, 2), (2, 3)), some((1, 2), (1, 2)), some((1, 2), (2, 4)), seed)
        logistics("logistics-invariants", "achieve-at", some((2, 4), (4, 8)), some((1, 2), (2, 4)), some((2, 5), (5, 15)), seed)
        snake(some((4, 6), (6, 9)), 1, some((2, 4), (3, 6)), seed)
        assembly(some((1, 2), (2, 3)), some((2, 3), (3, 3)), some((2, 3), (2, 4)), seed)


if LEARNED:
    FOLDER = OUT
    for name, count, large in [("train", 24, False), ("test", 24, True)]:
        OUT = FOLDER / name
        OUT.mkdir(parents=True, exist_ok=True)
        learned(name, count, large)
    OUT = FOLDER
else:
    OUT.mkdir(parents=True, exist_ok=True)
    sizes()
for path in HERE.glob("*.hddl"):
    shutil.copy(path, OUT / f"{path.stem}.domain.hddl")
