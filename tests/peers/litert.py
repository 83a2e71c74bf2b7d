"""Random fully connected layers through LiteRT and through this library, on all
kernels of this machine: counts the outputs that are the same integers.

usage: litert.py LIBRARY SEED
"""

import ctypes
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

LAYERS = 150
SAMPLES = 3
KERNELS = range(1, 7)
UNSUPPORTED = -17


class Requantize(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("kernel", ctypes.c_uint32),
        ("factors", ctypes.c_void_p),
        ("shifts", ctypes.c_void_p),
        ("units", ctypes.c_size_t),
        ("zero_point", ctypes.c_int32),
        ("low", ctypes.c_int32),
        ("high", ctypes.c_int32),
        ("rounding", ctypes.c_uint32),
    ]


def model(layer):
    """One operator, by LiteRT's own schema."""
    made, graph = schema.ModelT(), schema.SubGraphT()
    made.version, made.buffers = 3, [schema.BufferT()]
    graph.tensors, graph.operators = [], []

    def tensor(name, shape, kind, scale, zero, values=None):
        t, q = schema.TensorT(), schema.QuantizationParametersT()
        q.scale = np.atleast_1d(np.asarray(scale, np.float32))
        q.zeroPoint = np.full(q.scale.shape, zero, np.int64)
        q.quantizedDimension = 0
        t.name, t.shape, t.type, t.quantization, t.buffer = name, list(shape), kind, q, 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            t.buffer = len(made.buffers)
            made.buffers.append(buffer)
        graph.tensors.append(t)
        return len(graph.tensors) - 1

    kinds = schema.TensorType
    wide = layer["wide"]
    values = kinds.INT16 if wide else kinds.INT8
    units, inputs = layer["w"].shape
    x = tensor("x", (SAMPLES, inputs), values, *layer["in"])
    w = tensor("w", (units, inputs), kinds.INT8, layer["step"], 0, layer["w"])
    scales = np.float32(layer["in"][0]) * layer["step"]
    b = tensor("b", (units,), kinds.INT64 if wide else kinds.INT32, scales, 0, layer["b"])
    y = tensor("y", (SAMPLES, units), values, *layer["out"])
    operator, options = schema.OperatorT(), schema.FullyConnectedOptionsT()
    function = schema.ActivationFunctionType
    options.fusedActivationFunction = function.RELU if layer["relu"] else function.NONE
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions, operator.opcodeIndex = options, 0
    operator.inputs, operator.outputs = [x, w, b], [y]
    graph.operators, graph.inputs, graph.outputs = [operator], [x], [y]
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.deprecatedBuiltinCode, code.version = code.builtinCode, 12
    made.operatorCodes, made.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def litert(layer, x, resolver):
    interpreter = Interpreter(
        model_content=model(layer), num_threads=1, experimental_op_resolver_type=resolver
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def draw(random, wide):
    """A layer whose outputs are sometimes at their ends and mostly not."""
    inputs, units = int(random.integers(1, 300)), int(random.integers(1, 200))
    limit = 32767 if wide else 127
    scale = float(np.float32(10.0 ** random.uniform(-5 if wide else -3, 0)))
    layer = {
        "wide": wide,
        "in": (scale, 0 if wide else int(random.integers(-128, 128))),
        "step": (10.0 ** random.uniform(-3, -1, units)).astype(np.float32),
        "w": random.integers(-127, 128, (units, inputs), dtype=np.int8),
        "relu": bool(random.integers(0, 2)),
    }
    spread = np.sqrt(inputs) * 70 * limit * 0.6
    reach = float(np.median(layer["step"])) * scale * spread
    to = np.float32(reach * random.uniform(0.3, 3) / limit)
    layer["out"] = (float(to), 0 if wide else int(random.integers(-128, 128)))
    kind = np.int64 if wide else np.int32
    layer["b"] = (random.normal(0, spread, units)).astype(kind)
    low, high = (-32768, 32768) if wide else (-128, 128)
    x = random.integers(low, high, (SAMPLES, inputs)).astype(np.int16 if wide else np.int8)
    return layer, x


class Ours:
    def __init__(self, path):
        self.nsw = ctypes.CDLL(path)

    def multiplier(self, factor):
        m, s = ctypes.c_int32(), ctypes.c_int8()
        call = self.nsw.nsw_kernel_multiplier
        assert call(ctypes.c_double(factor), ctypes.byref(m), ctypes.byref(s)) == 0
        return m.value, s.value

    def run(self, layer, x, rounding):
        """The outputs of each kernel that this machine has."""
        wide, (scale, zero), (to_scale, to_zero) = layer["wide"], layer["in"], layer["out"]
        # As LiteRT makes its factors: of float32 scales, in double precision.
        numbers = [float(np.float32(scale)) * float(s) / float(np.float32(to_scale)) for s in layer["step"]]
        factors, shifts = zip(*map(self.multiplier, numbers))
        factors, shifts = np.array(factors, np.int32), np.array(shifts, np.int8)
        folded = layer["b"] - zero * layer["w"].astype(layer["b"].dtype).sum(axis=1)
        biases = folded.astype(layer["b"].dtype)
        low, high = (-32768, 32767) if wide else (-128, 127)
        low = max(low, to_zero) if layer["relu"] else low
        call = self.nsw.nsw_kernel_dense_i16x8 if wide else self.nsw.nsw_kernel_dense_i8
        for kernel in KERNELS:
            y = np.zeros((SAMPLES, len(factors)), x.dtype)
            how = Requantize(
                ctypes.sizeof(Requantize), kernel, factors.ctypes.data, shifts.ctypes.data,
                len(factors), to_zero, low, high, rounding,
            )
            size = ctypes.c_size_t
            arrays = (x, layer["w"], biases)
            given = [arg for a in arrays for arg in (ctypes.c_void_p(a.ctypes.data), size(a.size))]
            status = call(ctypes.byref(how), *given, ctypes.c_void_p(y.ctypes.data), size(y.size), None)
            if status == UNSUPPORTED:
                continue
            assert status == 0, f"kernel {kernel}: status {status}"
            yield kernel, y


def main():
    ours, seed = Ours(sys.argv[1]), int(sys.argv[2])
    random = np.random.default_rng(seed)
    peers = {
        "int8, reference": (False, OpResolverType.BUILTIN_REF),
        "int8, XNNPACK": (False, OpResolverType.AUTO),
        "16x8, reference": (True, OpResolverType.BUILTIN_REF),
    }
    counts = {}
    for _ in range(LAYERS):
        for wide in (False, True):
            layer, x = draw(random, wide)
            for rounding in (0,) if wide else (0, 1):
                outputs = list(ours.run(layer, x, rounding))
                assert all(np.array_equal(outputs[0][1], y) for _, y in outputs), "kernels differ"
                for name, (kind, resolver) in peers.items():
                    if kind == wide:
                        theirs = litert(layer, x, resolver)
                        count = counts.setdefault((name, rounding), [0, 0, 0])
                        apart = np.abs(theirs.astype(np.int64) - outputs[0][1])
                        count[0] += int((apart == 0).sum())
                        count[1] += apart.size
                        count[2] = max(count[2], int(apart.max()))
    failed = False
    for (name, rounding), (same, of, apart) in counts.items():
        rule = ["single", "double"][rounding]
        print(f"litert: {name}, ours with {rule} rounding: {same} of {of} outputs the same, at most {apart} apart")
        failed |= rounding == 0 and same != of
    sys.exit("litert: outputs differ" if failed else 0)


main()
