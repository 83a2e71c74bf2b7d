#!/usr/bin/env python3
"""Plans problems of many sizes: run.py NSWARM FOLDER SECONDS. Prints a table.

Each is planned by the command, reading and verifying included, one at a time.
"""
import pathlib
import re
import subprocess
import sys
import time

NSWARM, FOLDER, SECONDS = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
ENDS = {0: "plan", 1: "no plan", 4: "budget"}


def sizes(path):
    return [int(word) if word.isdigit() else word for word in re.split(r"[.-]", path.name)]


print("| problem | ended with | actions | nodes | seconds |")
print("| --- | --- | --- | --- | --- |")
ended = dict.fromkeys(ENDS.values(), 0)
for problem in sorted(FOLDER.glob("*.problem.hddl"), key=sizes):
    domain = FOLDER / f"{problem.name.split('.')[0]}.domain.hddl"
    command = [NSWARM, "plan", str(domain), str(problem), "--budget", f"{SECONDS}s", "--stats"]
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if done.returncode not in ENDS:
        sys.exit(f"{problem}: {done.stderr}")
    nodes = re.search(r"search: (\d+) nodes", done.stderr)
    actions = re.search(r"==>\n((?:\d.*\n)*)", done.stdout)
    steps = actions.group(1).count("\n") if actions else ""
    ended[ENDS[done.returncode]] += 1
    name = problem.name.removesuffix(".problem.hddl")
    print(f"| {name} | {ENDS[done.returncode]} | {steps} | {nodes.group(1) if nodes else ''} | {seconds:.2f} |", flush=True)
print(f"\nof {sum(ended.values())} within {SECONDS} s: {ended['plan']} plans, {ended['no plan']} proofs that there is none")
