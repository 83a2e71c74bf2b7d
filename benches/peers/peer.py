"""The peers that are reached through Python, for benches/peers.

Reads one JSON object a line, answers with one. What is measured is a tight
loop around the peer's shortest call, timed here by the thread's CPU time, which
all of the work is done in; `overhead` is the same loop around an int8 model of
one weight.
"""

import json
import os
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

import models  # noqa: E402

calls = {}
results = {}


def litert(content):
    """The shortest call of an interpreter with XNNPACK on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    at = interpreter.get_input_details()[0]["index"]
    interpreter.allocate_tensors()
    inner = interpreter._interpreter
    at_output = interpreter.get_output_details()[0]["index"]

    def run(values):
        inner.SetTensor(at, values)
        inner.Invoke()
        return inner.GetTensor(at_output, 0)

    return inner.Invoke, run


def onnxruntime(content, inputs):
    """The shortest call of a session on one thread: its values are bound."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    values = {name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in inputs.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    result = session.run(None, inputs)
    kept = [ort.OrtValue.ortvalue_from_numpy(value) for value in result]
    for output, value in zip(session.get_outputs(), kept):
        binding.bind_ortvalue_output(output.name, value)
    inner, options = session._sess, ort.RunOptions()

    def call():
        inner.run_with_iobinding(binding._iobinding, options)

    def run(new):
        return session.run(None, {next(iter(inputs)): new})[0]

    call.kept = (values, kept)
    return call, run


def make_mlp(request):
    """An int8 network of two layers, for both peers, with the same numbers."""
    widths, batch = request["widths"], request["batch"]
    weights = np.fromfile(request["weights"], dtype="<f4")
    samples = np.fromfile(request["samples"], dtype="<f4").reshape(-1, widths[0])
    layers = models.quantise(weights, widths, samples, request["input"], request["output"])
    first = np.fromfile(request["quantised"], dtype=np.int8).reshape(batch, widths[0])
    name = request["name"]
    made = litert(models.tflite(layers, batch))
    calls[name + "/litert"], run = made
    results[name + "/litert"] = run(first).ravel().tolist()
    unsigned = (first.astype(np.int16) + 128).astype(np.uint8)
    made = onnxruntime(models.onnx_mlp(layers, batch), {"x": unsigned})
    calls[name + "/onnxruntime"], run = made
    result = run(unsigned).astype(np.int16) - 128
    results[name + "/onnxruntime"] = result.ravel().tolist()


def make_gemm(request):
    """MatMulInteger of unsigned by constant signed bytes; writes the product."""
    a, b = (np.fromfile(request[key], dtype=kind) for key, kind in (("a", np.uint8), ("b", np.int8)))
    n = int(len(a) ** 0.5)
    a, b = a.reshape(n, n), b.reshape(n, n)
    calls[request["name"]], run = onnxruntime(models.onnx_gemm(b), {"a": a})
    run(a).astype("<i4").tofile(request["product"])


def make_overhead(_):
    """The shortest work for both: one weight."""
    one = np.ones((1, 1), np.float32)
    layers = models.quantise(np.zeros(4, np.float32), [1, 1, 1], one, (1.0, 0), (1.0, 0))
    x = np.zeros((1, 1), np.int8)
    calls["overhead/litert"], run = litert(models.tflite(layers, 1))
    run(x)
    calls["overhead/onnxruntime"], _ = onnxruntime(models.onnx_mlp(layers, 1), {"x": x.view(np.uint8)})


def run_calls(call, times):
    start = time.thread_time_ns()
    for _ in range(times):
        call()
    return time.thread_time_ns() - start


def versions(_):
    from importlib.metadata import version

    names = ("numpy", "onnxruntime", "ai-edge-litert")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}


def serve(request):
    do = request["do"]
    if do == "time":
        return run_calls(calls[request["name"]], request["times"])
    if do == "result":
        return results[request["name"]]
    made = {"mlp": make_mlp, "gemm": make_gemm, "overhead": make_overhead, "versions": versions}
    return made[do](request)


def main():
    # The peers print to the standard output; the answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = {"ok": serve(json.loads(line))}
        except Exception as error:  # told to the benchmark, which goes on without
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
