#!/usr/bin/env python3
"""Exported models of every architecture in onnx.checker and onnxruntime, against the answers of the box's own inference.

    pip install onnx onnxruntime
    cargo build --release && python3 tests/check_onnx.py CANDLES.csv.gz

Trains each architecture for one epoch on the candle file, exports and packs it, and asks both files (shipped and 32-bit) for
the bundle's probes. Prints one JSON object per file. Fails when a checker refuses a file, an output is missing, or an answer is
farther off than the bundle's own tolerance allows.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

TRAINER = pathlib.Path(__file__).resolve().parents[1] / "target" / "release" / "tickerbox-trainer"
QUICK = ["--seed", "7", "--epochs", "1", "--folds", "1", "--stride", "50", "--batch", "32"]
BPS = {"log_return", "quantiles", "risk"}


def make(architecture: str, candles: str, folder: pathlib.Path, trainer: str) -> pathlib.Path:
    """The folder of a packed bundle; the exported files lie in its run."""

    def run(*arguments: object) -> None:
        subprocess.run([trainer, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data, work, bundle = folder / "data.tbd", folder / architecture, folder / f"{architecture}-bundle"
    if not data.exists():
        run("import", "--out", data, candles)
        run("keygen", "--out", folder, "--name", "key")
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


def check(path: pathlib.Path, manifest: dict) -> dict:
    """Largest difference of each output over all probes; returns and risk in basis points."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["fingerprint"] == manifest["fingerprint"], metadata
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shapes = {output["name"]: output["shape"] for output in manifest["outputs"]}
    apart: dict[str, float] = {}
    for probe in manifest["probes"]:
        window = numpy.frombuffer(bytes.fromhex(probe["window"]), dtype="<f4").reshape(manifest["inputs"][0]["shape"])
        answers = dict(zip(shapes, session.run(list(shapes), {"window": window})))
        if "attention" in answers:
            assert abs(answers["attention"].sum() - 1) < 1e-3, answers["attention"]
        for name, value in expected(probe, shapes).items():
            unit = 1e4 if name in BPS else 1.0
            apart[name] = max(apart.get(name, 0.0), float(numpy.abs(answers[name] - value).max() * unit))
    return {"opset": model.opset_import[0].version, "bytes": path.stat().st_size, "differs": apart}


def main() -> None:
    candles, trainer = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(TRAINER)
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        for architecture in ("transformer", "patchtst", "lstm"):
            bundle = make(architecture, candles, pathlib.Path(folder), trainer)
            manifest = json.loads((bundle / "manifest.json").read_text())
            tolerance = manifest["tolerance"]
            for path in [bundle / "model.onnx", *bundle.parent.glob(f"{architecture}/model-*-f32.onnx")]:
                result = check(path, manifest)
                allowed = {name: tolerance["log_return_bps" if name in BPS else "p_up"] for name in result["differs"]}
                result["agree"] = all(result["differs"][name] <= allowed[name] for name in allowed)
                agree &= result["agree"]
                shipped = manifest["training"]["quantisation"].get("precision", "int8")
                print(json.dumps({"model": architecture, "file": path.name, "shipped": shipped, **result}))
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
