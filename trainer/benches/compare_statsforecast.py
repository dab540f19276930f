#!/usr/bin/env python3
"""Auto-ARIMA of `tickerbox-trainer arima` beside statsforecast (PyPI) on the daily closes of candle files.

    python3 -m venv venv && venv/bin/pip install statsforecast
    cargo build --release
    venv/bin/python benches/compare_statsforecast.py target/release/tickerbox-trainer FILE.csv.gz ...

Both fit logarithms of the same closes, without season, with R's rule for approximation, in one thread; the first fit of statsforecast,
which compiles, is not counted. Prints one row of a Markdown table per file: the order, the corrected information criterion, the mean
absolute error of the next day over the last days in basis points of log-return (of both and of the naive forecast), and the time of
one fit over all days.
"""

import csv
import gzip
import json
import math
import os
import subprocess
import sys
import time

os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
from statsforecast.arima import arima_string, auto_arima_f, forecast_arima  # noqa: E402

ROLLING_DAYS = 30
DAY_MS = 86_400_000


def closes(path):
    """Logarithms of daily closes after the last day without a candle, the last day only when it is over."""
    with gzip.open(path, "rt") as file:
        rows = [(int(row["open_time_ms"]), float(row["close"])) for row in csv.DictReader(file)]
    rows.sort()
    gaps = [b[0] - a[0] for a, b in zip(rows, rows[1:])]
    step = max(set(gaps), key=gaps.count)
    days = {}
    for at, close in rows:
        days[at // DAY_MS] = math.log(close)
    if (rows[-1][0] + step) % DAY_MS:
        days.popitem()
    whole = []
    for day in sorted(days):
        if whole and day != last + 1:
            whole = []
        whole.append(days[day])
        last = day
    return np.array(whole)


def fit(history):
    model = auto_arima_f(history, period=1, seasonal=False)
    return model, float(forecast_arima(model, 1)["mean"][0])


def main():
    trainer, *files = sys.argv[1:]
    if not files:
        sys.exit(__doc__)
    fit(np.cumsum(np.sin(np.arange(60.0))))
    print("| file | days | ours: order, AICc | statsforecast: order, AICc | error, bps: ours, statsforecast, naive | one fit, ms: ours, statsforecast | ratio |")
    print("|---|---|---|---|---|---|---|")
    for path in files:
        series = closes(path)
        command = [trainer, "arima", "--candles", path, "--rolling", str(ROLLING_DAYS), "--json"]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, env={**os.environ, "RAYON_NUM_THREADS": "1"}).stdout)
        if ours["closes"] != len(series):
            sys.exit(f"{path}: {ours['closes']} closes there, {len(series)} here")
        began = time.perf_counter()
        model, _ = fit(series)
        theirs_ms = (time.perf_counter() - began) * 1e3
        errors, naive = [], []
        for origin in range(len(series) - ROLLING_DAYS, len(series)):
            _, expected = fit(series[:origin])
            errors.append(abs(expected - series[origin]))
            naive.append(abs(series[origin - 1] - series[origin]))
        theirs = arima_string(model, padding=False).strip()
        rolling = ours["rolling"]
        if abs(rolling["naive_mae_bps"] - np.mean(naive) * 1e4) > 1e-3:
            sys.exit(f"{path}: the naive errors differ: these are not the same days")
        print(
            f"| `{os.path.basename(path)}` | {len(series)} | {ours['model']}, {ours['aicc']:.2f} | {theirs}, {model['aicc']:.2f}"
            f" | {rolling['mae_bps']:.2f}, {np.mean(errors) * 1e4:.2f}, {rolling['naive_mae_bps']:.2f}"
            f" | {ours['fit_ms']:.1f}, {theirs_ms:.1f} | {ours['fit_ms'] / theirs_ms:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
