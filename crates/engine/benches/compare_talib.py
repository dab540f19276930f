#!/usr/bin/env python3
"""The engine's features beside TA-Lib and numpy, on every candle file of a folder, and the time of a bar beside TA-Lib's C batch.

    pip install numpy TA-Lib
    python3 crates/engine/benches/compare_talib.py ../shared/data/candles

Run in the project's root: it builds `tickerbox` and the bench. What TA-Lib has is compared with TA-Lib, all else with its definition written
out a second time here. Exit code 1 when a value is off by more than 1e-9, or where one side has a value and the other has none.
"""

import csv
import gzip
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import talib

LIMIT = 1e-9


def rolling(values, count):
    """Windows of `count` values; row i ends with value i + count - 1."""
    return np.lib.stride_tricks.sliding_window_view(values, count)


def padded(values, length):
    return np.concatenate([np.full(length - len(values), np.nan), values])


def returns(close, count=1):
    out = np.full(len(close), np.nan)
    out[count:] = np.log(close[count:] / close[:-count])
    return out


def over(function, values, count):
    """A function of the last `count` values of each bar; nothing where one of them is missing."""
    if len(values) < count:
        return np.full(len(values), np.nan)
    return padded(function(rolling(values, count)), len(values))


def bps(value, base):
    return (value - base) / base * 1e4


def with_talib(bar):
    """Features that TA-Lib has: name -> (values, what an error is measured on)."""
    o, h, l, c, v = (bar[name] for name in ("open", "high", "low", "close", "volume"))
    out = {}
    for n in (10, 20, 50, 100, 200):
        out[f"sma_{n}"] = talib.SMA(c, n)
        out[f"ema_{n}"] = talib.EMA(c, n)
    out["rsi_14"], out["rsi_21"] = talib.RSI(c, 14), talib.RSI(c, 21)
    out["macd"], out["macd_signal"], out["macd_hist"] = talib.MACD(c)
    out["stoch_k"], out["stoch_d"] = talib.STOCH(h, l, c, 14, 3, 0, 3, 0)
    out["roc_12"], out["mom_10"], out["price_change"] = talib.ROC(c, 12), talib.MOM(c, 10), talib.ROCP(c, 1)
    out["bb_upper"], out["bb_middle"], out["bb_lower"] = talib.BBANDS(c, 20)
    out["atr_14"], out["natr_14"] = talib.ATR(h, l, c, 14), talib.NATR(h, l, c, 14)
    out["adx_14"], out["plus_di_14"], out["minus_di_14"] = (f(h, l, c, 14) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI))
    out["obv"], out["mfi_14"], out["hl2"] = talib.OBV(c, v), talib.MFI(h, l, c, v, 14), talib.MEDPRICE(h, l)
    return out


def with_numpy(bar, theirs):
    """All others, from their written definition."""
    o, h, l, c, v, t = (bar[name] for name in ("open", "high", "low", "close", "volume", "time"))
    out = {}
    typical = (h + l + c) / 3
    for n in (1, 5, 15, 30):
        out[f"ret_{n}"] = returns(c, n)
    r = returns(c)
    for n in (10, 30, 60):
        out[f"volatility_{n}"] = over(lambda w: w.std(axis=1, ddof=1), r, n)
    for n in (10, 20, 50, 100, 200):
        out[f"sma_{n}_bps"] = bps(c, theirs[f"sma_{n}"])
        out[f"ema_{n}_bps"] = bps(c, theirs[f"ema_{n}"])
    out["sma_60_bps"] = bps(c, over(lambda w: w.mean(axis=1), c, 60))
    upper, lower = theirs["bb_upper"], theirs["bb_lower"]
    out["bb_width"] = (upper - lower) / theirs["bb_middle"]
    with np.errstate(all="ignore"):
        # Bands that fall together but for rounding leave the place open.
        is_flat = upper - lower <= 1e-9 * c
        out["bb_percent"] = np.where(is_flat & ~np.isnan(upper), np.inf, (c - lower) / (upper - lower))
    out["macd_hist_bps"] = theirs["macd_hist"] / c * 1e4
    out["range_bps"], out["body_bps"] = (h - l) / c * 1e4, (c - o) / o * 1e4
    money, volume = over(lambda w: w.sum(axis=1), typical * v, 60), over(lambda w: w.sum(axis=1), v, 60)
    with np.errstate(all="ignore"):
        out["vwap_60"] = np.where(volume > 0, money / volume, over(lambda w: w.mean(axis=1), typical, 60))
        out["vwap_60_bps"] = bps(c, out["vwap_60"])
        mean = over(lambda w: w.mean(axis=1), v, 20)
        ratio = np.where(mean > 0, v / mean, 1.0)
        ratio[np.isnan(mean)] = np.nan
        out["volume_ratio_20"] = np.log((ratio + 0.01) / 1.01)
    out["vwap"] = session_vwap(t, typical, v)
    out["hl2_bps"] = bps(c, (h + l) / 2)
    middle, range_10 = theirs["ema_20"], talib.ATR(h, l, c, 10)
    out["keltner_middle"] = np.where(np.isnan(range_10), np.nan, middle)
    out["keltner_upper"], out["keltner_lower"] = middle + 2 * range_10, middle - 2 * range_10
    with np.errstate(all="ignore"):
        out["keltner_percent"] = np.where(range_10 > 0, (c - out["keltner_lower"]) / (4 * range_10), 0.5)
        out["keltner_percent"][np.isnan(out["keltner_upper"])] = np.nan
    sign = np.concatenate([[np.nan], np.sign(np.diff(c))])
    total = over(lambda w: w.sum(axis=1), v, 20)
    place = np.divide((c - l) - (h - c), h - l, out=np.zeros_like(c), where=h > l)
    with np.errstate(all="ignore"):
        share = over(lambda w: w.sum(axis=1), sign * v, 20) / total
        out["obv_share_20"] = np.where((total == 0) & ~np.isnan(share * 0 + over(lambda w: w.sum(axis=1), sign, 20)), 0, share)
        out["cmf_20"] = np.where(total == 0, 0, over(lambda w: w.sum(axis=1), place * v, 20) / total)
        out["cmf_20"][np.isnan(total)] = np.nan
        change = np.concatenate([[np.nan], v[1:] / v[:-1] - 1])
        out["volume_change"] = np.where(np.isfinite(change), change, np.nan)
    out["vpt"] = np.concatenate([[np.nan], np.cumsum(v[1:] * (c[1:] / c[:-1] - 1))])
    realised = over(lambda w: (w**2).sum(axis=1), r, 30)
    products = np.concatenate([[np.nan], np.abs(r[1:] * r[:-1])])
    bipower = np.pi / 2 * over(lambda w: w.sum(axis=1), products, 29) * 30 / 29
    out["realised_vol_30"] = np.sqrt(realised)
    with np.errstate(all="ignore"):
        out["jump_30"] = np.where(realised > 0, np.maximum(0, 1 - bipower / realised), 0.0)
        out["jump_30"][np.isnan(realised)] = np.nan
    out["parkinson_30"] = np.sqrt(over(lambda w: w.sum(axis=1), np.log(h / l) ** 2, 30) / (4 * np.log(2) * 30))
    day = 86_400_000
    for name, cycle, start in (("minute", day, 0), ("week", 7 * day, 4 * day)):
        angle = (t - start) % cycle / cycle * 2 * np.pi
        out[f"{name}_sin"], out[f"{name}_cos"] = np.sin(angle), np.cos(angle)
    return out


def session_vwap(times, typical, volume):
    out, is_open, money, total = np.full(len(times), np.nan), False, 0.0, 0.0
    for i, at in enumerate(times):
        if at % 86_400_000 == 0:
            is_open, money, total = True, 0.0, 0.0
        money, total = money + typical[i] * volume[i], total + volume[i]
        if is_open and total > 0:
            out[i] = money / total
    return out


def measure(bar):
    """What errors of a feature are measured on, where not on its own size: what it is a small difference of."""
    c, v = bar["close"], bar["volume"]
    price = {"macd", "macd_signal", "macd_hist", "mom_10"}
    hundred = {"rsi_14", "rsi_21", "stoch_k", "stoch_d", "mfi_14", "adx_14", "plus_di_14", "minus_di_14", "roc_12"}
    one = {"bb_percent", "keltner_percent", "cmf_20", "obv_share_20", "jump_30", "price_change", "volume_change", "minute_sin",
           "minute_cos", "week_sin", "week_cos", "bb_width", "volume_ratio_20"}

    def of(name):
        if name in price:
            return c
        if name in hundred:
            return 100.0
        if name in one or name.startswith(("ret_", "volatility", "realised", "parkinson")):
            return 1.0
        if name.endswith("_bps"):
            return 1e4
        if name in {"obv", "vpt"}:
            return np.cumsum(v)
        return 0.0

    return of


def compare(ours, bar, worst, failures, file):
    theirs = with_talib(bar)
    other = with_numpy(bar, theirs)
    on = measure(bar)
    for name, found in ours.items():
        source = "TA-Lib" if name in theirs else "numpy"
        expected = theirs.get(name, other.get(name))
        if expected is None:
            assert np.isnan(found).all(), f"{name} has values and no second definition"
            continue
        is_open = np.isinf(expected)
        # TA-Lib gives the first bars' OBV and the like from the start; ours begin where they are declared to.
        mismatch = (np.isnan(found) != np.isnan(expected)) & ~is_open
        if mismatch.any():
            failures.append(f"{file}: {name}: only one side has a value in {mismatch.sum()} bars, first at bar {mismatch.argmax()}")
        is_both = ~np.isnan(found) & ~np.isnan(expected) & ~is_open
        size = np.maximum(np.abs(expected), on(name))
        error = np.where(is_both, np.abs(found - expected) / np.where(size > 0, size, 1.0), 0.0)
        error = float(error.max(initial=0.0))
        before = worst.get(name, (0.0, source, 0))
        worst[name] = (max(before[0], error), source, before[2] + int(is_both.sum()))
        if error > LIMIT:
            failures.append(f"{file}: {name} is off by {error:.2e}")


def read(path):
    text = gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()
    return list(csv.DictReader(io.StringIO(text)))


def numbers(rows, name):
    return np.array([float(row[name]) if row[name] != "" else np.nan for row in rows])


def segments(times):
    steps = np.diff(times)
    values, counts = np.unique(steps, return_counts=True)
    step = values[counts.argmax()]
    cuts = np.flatnonzero(steps != step) + 1
    return np.split(np.arange(len(times)), cuts)


def talib_time(bar, runs=7):
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        with_talib(bar)
        times.append(time.perf_counter() - began)
    return sorted(times)[runs // 2] / len(bar["close"]) * 1e6, len(with_talib(bar))


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/candles")
    files = sorted(path for path in folder.rglob("*.csv*") if path.name.endswith((".csv", ".csv.gz")))
    assert files, f"no candle files in {folder}"
    build = ["cargo", "build", "--release", "-q", "-p", "tickerbox"]
    subprocess.run(build, check=True)
    target = subprocess.run(["cargo", "metadata", "--format-version", "1", "--no-deps"], capture_output=True, check=True, text=True)
    target = pathlib.Path(re.search(r'"target_directory":"([^"]+)"', target.stdout)[1])
    worst, failures, bars, largest = {}, [], 0, None
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "rows.csv"
        for path in files:
            command = [target / "release/tickerbox", "features", "--candles", path, "--out", out]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                failures.append(f"{path}: {done.stderr.strip()}")
                continue
            candles = {int(row["open_time_ms"]): row for row in read(path)}
            rows = read(out)
            times = numbers(rows, "open_time_ms").astype(np.int64)
            in_order = [candles[at] for at in times]
            bar = {name: numbers(in_order, name) for name in ("open", "high", "low", "close", "volume")}
            bar["time"] = times.astype(float)
            features = [name for name in rows[0] if name != "open_time_ms"]
            ours = {name: numbers(rows, name) for name in features}
            for part in segments(times):
                piece = {name: np.ascontiguousarray(values[part]) for name, values in bar.items()}
                compare({name: values[part] for name, values in ours.items()}, piece, worst, failures, path.name)
            bars += len(rows)
            if largest is None or len(rows) > len(largest["close"]):
                largest = bar
    for name, (error, source, count) in worst.items():
        print(f"{name:20} {source:7} {count:9} values, largest error {error:.1e}")
    print(f"{len(files)} files, {bars} bars, {len(worst)} features, {sum(s == 'TA-Lib' for _, s, _ in worst.values())} of them TA-Lib's")
    for failure in failures[:40]:
        print("FAILED", failure)

    ours = subprocess.run(["cargo", "bench", "-q", "-p", "tickerbox-engine", "--bench", "feature"], capture_output=True, check=True, text=True)
    found = re.search(r"one row of (\d+) features: ([\d.]+) microseconds", ours.stdout)
    batch, outputs = talib_time(largest)
    print(
        f"one bar, streaming, {found[1]} features: {found[2]} us; TA-Lib's C batch of {outputs} outputs: {batch:.2f} us a bar; "
        f"ratio {float(found[2]) / batch:.1f}"
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
