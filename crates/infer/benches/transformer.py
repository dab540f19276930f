#!/usr/bin/env python3
"""A Transformer of any size with random weights, as ONNX files in the form that the trainer writes (docs/decisions/int8.md).

    pip install onnx numpy
    python3 crates/infer/benches/transformer.py --width 128 --layers 6 --out DIR

Writes DIR/f32.onnx and DIR/int8.onnx with the starter model's inputs and outputs. For measuring speed only: it knows nothing.
"""

import argparse
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

WINDOW, FEATURES, HORIZONS, HEADS = 60, 16, 3, 4
# Steps between two byte values: what passes a layer norm or comes out of GELU hardly exceeds 5 here, averages of values 2.
NORM_STEP, MIXED_STEP, HIDDEN_STEP = 5 / 127, 2 / 127, 5 / 127


class Writer:
    def __init__(self, width: int, layers: int, int8: bool) -> None:
        self.width, self.layers, self.int8 = width, layers, int8
        self.random = numpy.random.default_rng(7)
        self.nodes, self.constants = [], []

    def const(self, values, kind=numpy.float32) -> str:
        name = f"const_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.asarray(values, dtype=kind), name))
        return name

    def node(self, op: str, inputs: list[str], outputs: int = 1, **attributes):
        names = [f"{op}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def norm(self, x: str) -> str:
        ones, zeros = self.const(numpy.ones(self.width)), self.const(numpy.zeros(self.width))
        return self.node("LayerNormalization", [x, ones, zeros], axis=-1, epsilon=1e-5)

    def tail(self, x: str, axis: int) -> str:
        ends = [self.const([value], numpy.int64) for value in (-1, 2**63 - 1, axis)]
        return self.node("Slice", [x, *ends])

    def quantised(self, x: str, step: float) -> str:
        return self.node("QuantizeLinear", [x, self.const(step), self.const(128, numpy.uint8)]) if self.int8 else x

    def linear(self, x: str, step: float, weights: numpy.ndarray) -> str:
        bias = self.const(numpy.zeros(weights.shape[1]))
        if not self.int8:
            return self.node("Add", [self.node("MatMul", [x, self.const(weights)]), bias])
        scale = numpy.abs(weights).max(axis=0) / 127
        rounded = self.const(numpy.round(weights / scale), numpy.int8)
        zeros = [self.const(128, numpy.uint8), self.const(0, numpy.int8)]
        sums = self.node("Cast", [self.node("MatMulInteger", [x, rounded, *zeros])], to=TensorProto.FLOAT)
        return self.node("Add", [self.node("Mul", [sums, self.const(scale * step)]), bias])

    def weights(self, rows: int, columns: int) -> numpy.ndarray:
        return (self.random.standard_normal((rows, columns)) / numpy.sqrt(rows)).astype(numpy.float32)

    def split_heads(self, x: str, rows: int, perm: list[int]) -> str:
        shape = self.const([1, rows, HEADS, self.width // HEADS], numpy.int64)
        return self.node("Transpose", [self.node("Reshape", [x, shape])], perm=perm)

    def block(self, x: str, last: bool) -> tuple[str, str]:
        width, rows = self.width, 1 if last else WINDOW
        qkv = self.weights(width, 3 * width)
        normal = self.quantised(self.norm(x), NORM_STEP)
        if last:
            query = self.linear(self.tail(normal, 1), NORM_STEP, qkv[:, :width])
            lens = self.const([width] * 2, numpy.int64)
            key, value = self.node("Split", [self.linear(normal, NORM_STEP, qkv[:, width:]), lens], 2, axis=-1)
            x = self.tail(x, 1)
        else:
            lens = self.const([width] * 3, numpy.int64)
            query, key, value = self.node("Split", [self.linear(normal, NORM_STEP, qkv), lens], 3, axis=-1)
        query, key = self.split_heads(query, rows, [0, 2, 1, 3]), self.split_heads(key, WINDOW, [0, 2, 3, 1])
        scores = self.node("Mul", [self.node("MatMul", [query, key]), self.const((width / HEADS) ** -0.5)])
        shares = self.node("Softmax", [scores], axis=-1)
        mixed = self.node("MatMul", [shares, self.split_heads(value, WINDOW, [0, 2, 1, 3])])
        mixed = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", [mixed, self.const([1, rows, width], numpy.int64)])
        looked = shares if last else self.tail(shares, 2)
        looked = self.node("ReduceMean", [looked, self.const([1, 2], numpy.int64)], keepdims=0)
        mixed = self.quantised(mixed, MIXED_STEP)
        x = self.node("Add", [x, self.linear(mixed, MIXED_STEP, self.weights(width, width))])
        normal = self.quantised(self.norm(x), NORM_STEP)
        hidden = self.node("Gelu", [self.linear(normal, NORM_STEP, self.weights(width, 4 * width))])
        hidden = self.quantised(hidden, HIDDEN_STEP)
        return self.node("Add", [x, self.linear(hidden, HIDDEN_STEP, self.weights(4 * width, width))]), looked

    def model(self) -> onnx.ModelProto:
        clipped = self.node("Clip", ["window", self.const(-5), self.const(5)])
        tokens = self.linear(self.quantised(clipped, NORM_STEP), NORM_STEP, self.weights(FEATURES, self.width))
        x = self.node("Add", [tokens, self.const(self.weights(WINDOW, self.width)[None])])
        looks = []
        for layer in range(self.layers):
            x, looked = self.block(x, layer + 1 == self.layers)
            looks.append(looked)
        heads = self.node("MatMul", [self.norm(x), self.const(0.1 * self.weights(self.width, 2 * HORIZONS))])
        heads = self.node("Reshape", [heads, self.const([1, 2 * HORIZONS], numpy.int64)])
        units, logits = self.node("Split", [heads, self.const([HORIZONS] * 2, numpy.int64)], 2, axis=-1)
        share = self.const(1 / self.layers)
        attention = self.node("Mul", [self.node("Sum", looks) if len(looks) > 1 else looks[0], share])
        small = self.node("Mul", [units, self.const(1e-3)])
        finals = {"log_return": small, "p_up": self.node("Sigmoid", [logits]), "attention": attention}
        self.nodes += [helper.make_node("Identity", [value], [name]) for name, value in finals.items()]
        info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        outputs = [info("log_return", [1, HORIZONS]), info("p_up", [1, HORIZONS]), info("attention", [1, WINDOW])]
        graph = helper.make_graph(
            self.nodes, "transformer", [info("window", [1, WINDOW, FEATURES])], outputs, self.constants
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, int8 in [("f32", False), ("int8", True)]:
        model = Writer(args.width, args.layers, int8).model()
        onnx.checker.check_model(model)
        onnx.save(model, args.out / f"{name}.onnx")


if __name__ == "__main__":
    main()
