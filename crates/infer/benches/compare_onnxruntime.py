#!/usr/bin/env python3
"""One prediction in tract with our ops, in tract without them and in onnxruntime: same file, same window, turn by turn, one thread.

    pip install onnxruntime
    python3 crates/infer/benches/compare_onnxruntime.py [BUNDLE|FILE.onnx ...]

Files by themselves have the starter's inputs and outputs (transformer.py beside this file writes some). Prints one JSON object for
each; fails when the engines' answers differ by more than INT8 rounding explains.
"""

import json
import pathlib
import statistics
import struct
import subprocess
import sys
import time

import numpy
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[3]
STARTER = ROOT / "models" / "starter"
WARM_UP, RUNS, TURNS = 50, 2000, 3


class OnnxRuntime:
    def __init__(self, path: pathlib.Path, window: numpy.ndarray) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = path / "model.onnx" if path.is_dir() else path
        started = time.perf_counter()
        self.session = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
        self.load_ms = (time.perf_counter() - started) * 1e3
        self.feed = {"window": window}

    def run(self) -> list[numpy.ndarray]:
        return self.session.run(["log_return", "p_up"], self.feed)

    def median_us(self) -> tuple[float, float]:
        times = []
        for run in range(WARM_UP + RUNS):
            started = time.perf_counter()
            self.run()
            if run >= WARM_UP:
                times.append((time.perf_counter() - started) * 1e6)
        times.sort()
        return times[RUNS // 2], times[RUNS * 99 // 100]


def first_window(bundle: pathlib.Path) -> tuple[dict, numpy.ndarray]:
    manifest = json.loads((bundle / "manifest.json").read_text())
    raw = bytes.fromhex(manifest["probes"][0]["window"])
    values = struct.unpack(f"<{len(raw) // 4}f", raw)
    return manifest, numpy.array(values, dtype=numpy.float32).reshape(manifest["inputs"][0]["shape"])


def ours(path: pathlib.Path) -> dict:
    command = ["cargo", "bench", "--quiet", "-p", "tickerbox-infer", "--bench", "predict", "--", str(path)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def compare(path: pathlib.Path) -> bool:
    manifest, window = first_window(path if path.is_dir() else STARTER)
    peer = OnnxRuntime(path, window)
    turns = []
    for _ in range(TURNS):
        turns.append((ours(path), *peer.median_us()))
    middle = lambda of: round(statistics.median(of(*turn) for turn in turns), 2)
    macs = turns[0][0]["integer_macs"], turns[0][0]["float_macs"]
    log_return, p_up = peer.run()
    bps = float(numpy.abs(log_return[0] - numpy.array(turns[0][0]["log_return"])).max() * 1e4)
    share = float(numpy.abs(p_up[0] - numpy.array(turns[0][0]["p_up"])).max())
    tolerance = manifest["tolerance"]
    agree = bps <= tolerance["log_return_bps"] and share <= tolerance["p_up"]
    result = {
        "file": path.name if path.is_dir() else f"{path.parent.name}/{path.name}",
        "engine": turns[0][0]["engine"],
        "median_us": middle(lambda ours, *_: ours["median_us"]),
        "p99_us": middle(lambda ours, *_: ours["p99_us"]),
        "load_ms": middle(lambda ours, *_: ours["load_ms"]),
        "without_our_ops_us": middle(lambda ours, *_: ours["without_our_ops_us"]),
        "round_of_25_us": middle(lambda ours, *_: ours["round_us"]),
        "round_of_25_on_all_cores_us": middle(lambda ours, *_: ours["round_on_all_cores_us"]),
        "onnxruntime": onnxruntime.__version__,
        "onnxruntime_median_us": middle(lambda _, median, p99: median),
        "onnxruntime_p99_us": middle(lambda _, median, p99: p99),
        "onnxruntime_load_ms": round(peer.load_ms, 1),
        "ratio_of_medians": middle(lambda ours, median, _: ours["median_us"] / median),
        "integer_share": round(macs[0] / sum(macs), 3),
        "differs": {"log_return_bps": bps, "p_up": share},
        "agree": agree,
    }
    print(json.dumps(result), flush=True)
    return agree


def main() -> None:
    paths = [pathlib.Path(arg).resolve() for arg in sys.argv[1:]] or [STARTER]
    sys.exit(0 if all([compare(path) for path in paths]) else 1)


if __name__ == "__main__":
    main()
