"""SciPy's assignment and PyPI's heft, for `scripts/bench tasks`.

Reads one JSON object a line, answers with one. Times are the thread's CPU time.
"""

import importlib.util
import json
import os
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import scipy  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

# The package imports its parts as if they lay beside the program.
spec = importlib.util.find_spec("heft")
sys.path.insert(0, list(spec.submodule_search_locations)[0])
import core  # noqa: E402

sys.setrecursionlimit(100_000)
calls = {}
plain_rank = core.ranku


def keep_ranks():
    """Its own function for the rank of a job, which computes that of each job once."""
    known = {}

    def rank(job, **rest):
        if job not in known:
            known[job] = plain_rank(job, **rest)
        return known[job]

    core.ranku = rank


def matrix(request):
    shape = (request["rows"], request["columns"])
    return np.fromfile(request["file"], dtype="<f8").reshape(shape)


def assign(request):
    costs = matrix(request)
    calls[request["name"]] = lambda: linear_sum_assignment(costs)
    return float(costs[linear_sum_assignment(costs)].sum())


def totals(request):
    """The optima of many matrices in one file; null where there is none."""
    values = np.fromfile(request["file"], dtype="<f8")
    answer, at = [], 0
    for rows, columns in request["shapes"]:
        costs = values[at : at + rows * columns].reshape(rows, columns)
        at += rows * columns
        try:
            answer.append(float(costs[linear_sum_assignment(costs)].sum()))
        except ValueError:
            answer.append(None)
    return answer


def schedule(request):
    seconds, latency, rate = request["seconds"], request["latency"], request["rate"]
    # As its documentation has it: names of jobs that follow, two functions of cost.
    follow, size = {}, {}
    for a, b, amount in request["edges"]:
        follow[a] = follow.get(a, ()) + (b,)
        size[a, b] = amount
    agents = list(range(len(latency)))

    def compcost(job, agent):
        return seconds[job][agent]

    def commcost(a, b, one, other):
        return 0 if one == other else latency[one][other] + size[a, b] * rate[one][other]

    def call():
        core.ranku = plain_rank
        if request["keep"]:
            keep_ranks()
        return core.schedule(follow, agents, compcost, commcost)

    calls[request["name"]] = call
    return core.makespan(call()[0])


def timed(request):
    call = calls[request["name"]]
    start = time.thread_time_ns()
    for _ in range(request["times"]):
        call()
    return time.thread_time_ns() - start


def versions(_):
    from importlib.metadata import version

    return {"python": sys.version.split()[0], "scipy": scipy.__version__, "heft": version("heft")}


known = {"assign": assign, "totals": totals, "schedule": schedule, "time": timed, "versions": versions}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": known[request["do"]](request)}
    except Exception as error:  # noqa: BLE001: whatever it is, the other side says so
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
