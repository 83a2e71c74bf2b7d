"""Int8 models for LiteRT and onnxruntime, made without TensorFlow.

Two fully connected layers, ReLU between them: weights with a scale for each
unit, activations with one scale and zero point, 32-bit biases.
"""

import numpy as np


def quantise(weights, widths, samples, first, last):
    """The layers of a float network: our order, rows of weights and then biases.

    `first` and `last` are scale and zero point of input and output; the values
    between the layers get theirs from the samples.
    """
    layers = []
    at, values, (scale, zero) = 0, samples, first
    for i, (inputs, units) in enumerate(zip(widths, widths[1:])):
        w = weights[at : at + inputs * units].reshape(units, inputs).astype(np.float64)
        at += inputs * units
        b = weights[at : at + units].astype(np.float64)
        at += units
        values = values @ w.T + b
        if i + 2 < len(widths):
            values = np.maximum(values, 0)
            after = (max(float(values.max()), 1e-6) / 255, -128)
        else:
            after = tuple(last)
        step = np.maximum(np.abs(w).max(axis=1) / 127, 1e-9)
        layers.append(
            {
                "w": np.clip(np.round(w / step[:, None]), -127, 127).astype(np.int8),
                "b": np.round(b / (scale * step)).astype(np.int32),
                "step": step.astype(np.float32),
                "in": (scale, zero),
                "out": after,
                "relu": i + 2 < len(widths),
            }
        )
        scale, zero = after
    return layers


def tflite(layers, batch):
    """A flatbuffer by LiteRT's own schema."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph.tensors, graph.operators = [], []

    def tensor(name, shape, kind, scale, zero, values=None, dimension=0):
        made, quantization = schema.TensorT(), schema.QuantizationParametersT()
        quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
        quantization.zeroPoint = np.full(quantization.scale.shape, zero, np.int64)
        quantization.quantizedDimension = dimension
        made.name, made.shape, made.type, made.quantization = name, list(shape), kind, quantization
        made.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    kinds = schema.TensorType
    before = tensor("x", (batch, layers[0]["w"].shape[1]), kinds.INT8, *layers[0]["in"])
    graph.inputs = [before]
    for i, layer in enumerate(layers):
        units = layer["w"].shape[0]
        w = tensor(f"w{i}", layer["w"].shape, kinds.INT8, layer["step"], 0, layer["w"])
        scales = layer["in"][0] * layer["step"]
        b = tensor(f"b{i}", (units,), kinds.INT32, scales, 0, layer["b"])
        y = tensor(f"y{i}", (batch, units), kinds.INT8, *layer["out"])
        operator, options = schema.OperatorT(), schema.FullyConnectedOptionsT()
        function = schema.ActivationFunctionType
        options.fusedActivationFunction = function.RELU if layer["relu"] else function.NONE
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions, operator.opcodeIndex = options, 0
        operator.inputs, operator.outputs = [before, w, b], [y]
        graph.operators.append(operator)
        before = y
    graph.outputs = [before]
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.deprecatedBuiltinCode, code.version = code.builtinCode, 12
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def onnx_mlp(layers, batch):
    """QGemm, with the activations as unsigned bytes, which it is quicker with."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    before = "x"
    for i, layer in enumerate(layers):
        ((s, z), (to_s, to_z)) = layer["in"], layer["out"]
        inputs = [
            before,
            constant(f"s{i}", np.float32(s)),
            constant(f"z{i}", np.uint8(z + 128)),
            constant(f"w{i}", np.ascontiguousarray(layer["w"].T)),
            constant(f"ws{i}", layer["step"]),
            constant(f"wz{i}", np.zeros(layer["step"].shape, np.int8)),
            constant(f"b{i}", layer["b"]),
            constant(f"ys{i}", np.float32(to_s)),
            constant(f"yz{i}", np.uint8(to_z + 128)),
        ]
        before = f"y{i}"
        nodes.append(helper.make_node("QGemm", inputs, [before], domain="com.microsoft"))
    shape = lambda width: [batch, width]  # noqa: E731
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, shape(layers[0]["w"].shape[1]))
    y = helper.make_tensor_value_info(before, TensorProto.UINT8, shape(layers[-1]["w"].shape[0]))
    return onnx_model(nodes, [x], [y], constants)


def onnx_gemm(b):
    """MatMulInteger by a constant, which it may pack beforehand."""
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    a = helper.make_tensor_value_info("a", TensorProto.UINT8, list(b.shape))
    y = helper.make_tensor_value_info("y", TensorProto.INT32, list(b.shape))
    return onnx_model([node], [a], [y], [numpy_helper.from_array(b, "b")])


def onnx_model(nodes, inputs, outputs, constants):
    from onnx import helper

    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=9)
    return model.SerializeToString()
