#!/usr/bin/env python3
"""One prediction in tract and in onnxruntime: same file, same window, same machine, same minute, one thread each.

    pip install onnxruntime
    python3 crates/infer/benches/compare_onnxruntime.py [BUNDLE]

Prints one JSON object. Fails when the two engines' answers differ by more than INT8 rounding explains.
"""

import json
import pathlib
import struct
import subprocess
import sys
import time

import numpy
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[3]
WARM_UP, RUNS = 200, 3000


def onnxruntime_times(bundle: pathlib.Path) -> tuple[dict, float, float]:
    """Times, and the largest difference to the probe's answers: log-return in basis points, probability."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    started = time.perf_counter()
    session = onnxruntime.InferenceSession(str(bundle / "model.onnx"), options, ["CPUExecutionProvider"])
    load_ms = (time.perf_counter() - started) * 1e3
    probe = manifest["probes"][0]
    raw = bytes.fromhex(probe["window"])
    values = struct.unpack(f"<{len(raw) // 4}f", raw)
    shape = manifest["inputs"][0]["shape"]
    feed = {manifest["inputs"][0]["name"]: numpy.array(values, dtype=numpy.float32).reshape(shape)}
    times = []
    for run in range(WARM_UP + RUNS):
        started = time.perf_counter()
        log_return, p_up = session.run(["log_return", "p_up"], feed)
        if run >= WARM_UP:
            times.append((time.perf_counter() - started) * 1e6)
    times.sort()
    result = {
        "engine": f"onnxruntime {onnxruntime.__version__}",
        "runs": RUNS,
        "median_us": round(times[RUNS // 2], 1),
        "p99_us": round(times[RUNS * 99 // 100], 1),
        "load_ms": round(load_ms, 1),
    }
    bps = float(numpy.abs(log_return[0] - numpy.array(probe["log_return"])).max() * 1e4)
    share = float(numpy.abs(p_up[0] - numpy.array(probe["p_up"])).max())
    return result, bps, share


def main() -> None:
    bundle = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models" / "starter"
    bundle = bundle.resolve()
    command = ["cargo", "bench", "--quiet", "-p", "tickerbox-infer", "--bench", "predict", "--", str(bundle)]
    tract = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    ort, bps, share = onnxruntime_times(bundle)
    tolerance = json.loads((bundle / "manifest.json").read_text())["tolerance"]
    agree = bps <= tolerance["log_return_bps"] and share <= tolerance["p_up"]
    print(json.dumps({"tract": tract, "onnxruntime": ort, "differs": {"log_return_bps": bps, "p_up": share}, "agree": agree}))
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
