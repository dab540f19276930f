"""Makes a small BERT-shaped classifier with random weights, and what two other programs say of it.

    python -m venv v && v/bin/pip install numpy onnx onnxruntime "transformers<5"
    v/bin/python make_text_model.py

Writes text_model.onnx (the shape that `optimum-cli export onnx` gives ProsusAI/finbert: input_ids, attention_mask and token_type_ids to
logits, batch and length open), text_vocab.txt, text_config.json and text_expected.json: tokens by transformers' BertTokenizer, which is
written in Python, and logits by onnxruntime.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from transformers import BertTokenizer

HERE = pathlib.Path(__file__).parent
WIDTH, HEADS, LAYERS, INNER, POSITIONS = 32, 4, 2, 64, 512
HEAD = WIDTH // HEADS

WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] bit ##coin coin fall ##s ##ing rise soar plunge below above all - time high low new the of
a to in and $ % , . ! ? ' s 1 2 3 4 5 6 7 8 9 0 ##0 ##1 ##2 ##5 exchange hack ##ed hacker ban court market cafe eth ##er ##eum sec
sue approve ##d etf x ##x 比 特 ( ) " & / : ; #""".split()

TEXTS = [
    "Bitcoin falls below $50,000!",
    "Ethereum soars to new all-time high",
    "The SEC approves   the ETF; market rises 12%.",
    "Café hackers: exchange hacked?",
    "unheard words of 比特 币 'n' more",
    "a " * 30 + "plunge",
    "bitcoin " * 600,
]


def main():
    random = np.random.default_rng(20261123)
    tensors, nodes = [], []

    def weight(name, *shape, scale=0.25):
        tensors.append(numpy_helper.from_array((random.standard_normal(shape) * scale).astype(np.float32), name))
        return name

    def const(name, value, dtype):
        tensors.append(numpy_helper.from_array(np.array(value, dtype=dtype), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def linear(x, name, rows, columns):
        product = node("MatMul", [x, weight(f"{name}.weight", rows, columns)], f"{name}.matmul")
        return node("Add", [product, weight(f"{name}.bias", columns)], f"{name}.add")

    def norm(x, name):
        # Written out, as exporters do for opsets before 17.
        mean = node("ReduceMean", [x], f"{name}.mean", axes=[-1], keepdims=1)
        centred = node("Sub", [x, mean], f"{name}.centred")
        square = node("Pow", [centred, "two"], f"{name}.square")
        variance = node("ReduceMean", [square], f"{name}.variance", axes=[-1], keepdims=1)
        deviation = node("Sqrt", [node("Add", [variance, "epsilon"], f"{name}.floor")], f"{name}.deviation")
        unit = node("Div", [centred, deviation], f"{name}.unit")
        scaled = node("Mul", [unit, weight(f"{name}.gain", WIDTH, scale=1.0)], f"{name}.scaled")
        return node("Add", [scaled, weight(f"{name}.shift", WIDTH)], f"{name}.out")

    const("two", 2.0, np.float32)
    const("epsilon", 1e-12, np.float32)
    const("one", 1.0, np.float32)
    const("half", 0.5, np.float32)
    const("root_two", np.sqrt(2.0), np.float32)
    const("low", -10000.0, np.float32)
    const("root_head", np.sqrt(HEAD), np.float32)
    const("axes_heads", [1, 2], np.int64)
    const("axis_1", [1], np.int64)
    const("first", 0, np.int64)
    const("heads_shape", [0, 0, HEADS, HEAD], np.int64)
    const("width_shape", [0, 0, WIDTH], np.int64)
    const("start", [0], np.int64)
    const("all_positions", [list(range(POSITIONS))], np.int64)

    length = node("Gather", [node("Shape", ["input_ids"], "shape"), const("at_1", [1], np.int64)], "length", axis=0)
    positions = node("Slice", ["all_positions", "start", length, "axis_1"], "positions")
    words = node("Gather", [weight("words", len(WORDS), WIDTH), "input_ids"], "word_rows", axis=0)
    kinds = node("Gather", [weight("kinds", 2, WIDTH), "token_type_ids"], "kind_rows", axis=0)
    places = node("Gather", [weight("places", POSITIONS, WIDTH, scale=0.1), positions], "place_rows", axis=0)
    x = norm(node("Add", [node("Add", [words, kinds], "sum_1"), places], "sum_2"), "embedding")

    mask = node("Cast", [node("Unsqueeze", ["attention_mask", "axes_heads"], "mask_4d")], "mask_f", to=TensorProto.FLOAT)
    bias = node("Mul", [node("Sub", ["one", mask], "mask_not"), "low"], "mask_bias")

    for layer in range(LAYERS):
        at = f"layer{layer}"

        def heads(name, order):
            flat = linear(x, f"{at}.{name}", WIDTH, WIDTH)
            return node("Transpose", [node("Reshape", [flat, "heads_shape"], f"{at}.{name}.split")], f"{at}.{name}.t", perm=order)

        query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
        scores = node("Div", [node("MatMul", [query, key], f"{at}.qk"), "root_head"], f"{at}.scaled")
        share = node("Softmax", [node("Add", [scores, bias], f"{at}.masked")], f"{at}.share", axis=-1)
        mixed = node("Transpose", [node("MatMul", [share, value], f"{at}.mix")], f"{at}.mix.t", perm=[0, 2, 1, 3])
        mixed = linear(node("Reshape", [mixed, "width_shape"], f"{at}.joined"), f"{at}.output", WIDTH, WIDTH)
        x = norm(node("Add", [mixed, x], f"{at}.residual_1"), f"{at}.norm_1")
        inner = linear(x, f"{at}.inner", WIDTH, INNER)
        erf = node("Erf", [node("Div", [inner, "root_two"], f"{at}.erf_in")], f"{at}.erf")
        gelu = node("Mul", [node("Mul", [inner, node("Add", [erf, "one"], f"{at}.erf_1")], f"{at}.gelu_2"), "half"], f"{at}.gelu")
        outer = linear(gelu, f"{at}.outer", INNER, WIDTH)
        x = norm(node("Add", [outer, x], f"{at}.residual_2"), f"{at}.norm_2")

    head = node("Gather", [x, "first"], "head", axis=1)
    pooled = node("Tanh", [node("Gemm", [head, weight("pool.weight", WIDTH, WIDTH), weight("pool.bias", WIDTH)], "pool", transB=1)], "pooled")
    node("Gemm", [pooled, weight("classify.weight", 3, WIDTH, scale=0.6), weight("classify.bias", 3)], "logits", transB=1)

    integers = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
                for name in ("input_ids", "attention_mask", "token_type_ids")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "bert", integers, [logits], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / "text_model.onnx")

    vocab = HERE / "text_vocab.txt"
    vocab.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    config = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "positive", "1": "negative", "2": "neutral"},
              "max_position_embeddings": POSITIONS, "vocab_size": len(WORDS), "model_type": "bert"}
    (HERE / "text_config.json").write_text(json.dumps(config, indent=2) + "\n")

    tokenizer = BertTokenizer(str(vocab), do_lower_case=True)
    session = onnxruntime.InferenceSession(str(HERE / "text_model.onnx"), providers=["CPUExecutionProvider"])
    rows = []
    for text in TEXTS:
        found = tokenizer(text, truncation=True, max_length=POSITIONS)
        feed = {name: np.array([found[name]], dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
        logits = session.run(["logits"], feed)[0][0]
        rows.append({"text": text, "ids": found["input_ids"], "logits": [round(float(value), 7) for value in logits]})
    made = {"onnxruntime": onnxruntime.__version__, "texts": rows}
    (HERE / "text_expected.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
