#!/usr/bin/env python3
"""Exported models of every architecture in onnx.checker and onnxruntime, against the answers of the box's own inference.

    pip install onnx onnxruntime
    cargo build --release && python3 tests/check_onnx.py CANDLES.csv.gz

Trains each architecture, with its own size, for one epoch on the candle file, makes an ensemble of them, exports and packs all, and asks
both files (shipped and 32-bit) for the bundle's probes. Prints one JSON object per file: how far the box's answers are from
onnxruntime's (`differs`), and how far either is from ONNX's own reference in numpy (`ours_to_reference`, `onnxruntime_to_reference`):
where bytes are concerned engines differ, because a value near the middle between two bytes becomes one or the other by the last bit
of a sum. Fails when a checker refuses a file, an output is missing, or an answer is farther from onnxruntime's or the reference than the bundle's
own tolerance allows.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

TRAINER = pathlib.Path(__file__).resolve().parents[1] / "target" / "release" / "tickerbox-trainer"
QUICK = ["--seed", "7", "--epochs", "1", "--folds", "1", "--stride", "50", "--batch", "32"]
ARCHITECTURES = ["transformer", "patchtst", "lstm"]
BPS = {"log_return", "quantiles", "risk"}
DIFFERENCES = ["differs", "ours_to_reference", "onnxruntime_to_reference"]


def make(architecture: str, candles: str, folder: pathlib.Path, trainer: str) -> pathlib.Path:
    """The folder of a packed bundle; the exported files lie in its run."""

    def run(*arguments: object) -> None:
        subprocess.run([trainer, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data, work, bundle = folder / "data.tbd", folder / architecture, folder / f"{architecture}-bundle"
    if not data.exists():
        run("import", "--out", data, candles)
        run("keygen", "--out", folder, "--name", "key")
    if architecture == "ensemble":
        run("ensemble", *(word for name in ARCHITECTURES for word in ("--run", folder / name)), "--out", work)
    else:
        run("train", "--dataset", data, "--run", work, "--model", architecture, *QUICK)
    run("export", "--dataset", data, "--run", work)
    release = ["--name", architecture, "--created", "2026-01-31", "--key", folder / "key.secret"]
    run("pack", "--dataset", data, "--run", work, "--out", bundle, *release)
    return bundle


def expected(probe: dict, shapes: dict[str, list[int]]) -> dict[str, numpy.ndarray]:
    """A probe's answers by output."""
    decision = probe["decision"]
    values = {name: probe[name] for name in ("log_return", "p_up", "quantiles")}
    values |= {"action": [decision[name] for name in ("sell", "hold", "buy")]}
    values |= {name: [decision[name]] for name in ("size", "risk")}
    return {name: numpy.array(value, dtype=numpy.float32).reshape(shapes[name]) for name, value in values.items()}


def farthest(apart: dict[str, float], a: dict[str, numpy.ndarray], b: dict[str, numpy.ndarray]) -> None:
    """Notes the largest difference of each output; returns and risk in basis points."""
    for name in a.keys() & b.keys():
        unit = 1e4 if name in BPS else 1.0
        apart[name] = max(apart.get(name, 0.0), float(numpy.abs(a[name] - b[name]).max() * unit))


def check(path: pathlib.Path, manifest: dict) -> dict:
    """Largest differences of each output over all probes between the box, onnxruntime and ONNX's reference."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["fingerprint"] == manifest["fingerprint"], metadata
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    reference = ReferenceEvaluator(model)
    shapes = {output["name"]: output["shape"] for output in manifest["outputs"]}
    result: dict = {"opset": model.opset_import[0].version, "bytes": path.stat().st_size}
    differs, ours_apart, theirs_apart = (result.setdefault(key, {}) for key in DIFFERENCES)
    for probe in manifest["probes"]:
        window = numpy.frombuffer(bytes.fromhex(probe["window"]), dtype="<f4").reshape(manifest["inputs"][0]["shape"])
        theirs = dict(zip(shapes, session.run(list(shapes), {"window": window})))
        exact = dict(zip(shapes, reference.run(list(shapes), {"window": window})))
        if "attention" in theirs:
            assert abs(theirs["attention"].sum() - 1) < 1e-3, theirs["attention"]
        ours = expected(probe, shapes)
        farthest(differs, ours, theirs)
        farthest(ours_apart, ours, exact)
        farthest(theirs_apart, theirs, exact)
    return result


def main() -> None:
    candles, trainer = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(TRAINER)
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for architecture in [*ARCHITECTURES, "ensemble"]:
            bundle = make(architecture, candles, pathlib.Path(folder), trainer)
            manifest = json.loads((bundle / "manifest.json").read_text())
            tolerance = manifest["tolerance"]
            for path in [bundle / "model.onnx", *bundle.parent.glob(f"{architecture}/model-*-f32.onnx")]:
                result = check(path, manifest)
                result["allowed"] = {name: tolerance["log_return_bps" if name in BPS else "p_up"] for name in result["differs"]}
                result["agree"] = all(
                    result[key][name] <= allowed for key in DIFFERENCES[:2] for name, allowed in result["allowed"].items()
                )
                agree &= result["agree"]
                shipped = manifest["training"]["quantisation"].get("precision", "int8")
                print(json.dumps({"model": architecture, "file": path.name, "shipped": shipped, **result}))
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
