#!/usr/bin/env python3
"""Fill decisions and speed beside hftbacktest, in one run on one recording.

    python3 -m venv /tmp/hft && /tmp/hft/bin/pip install hftbacktest
    cargo build --release --package tickerbox
    /tmp/hft/bin/python crates/engine/benches/compare_hftbacktest.py --tickerbox target/release/tickerbox

The same 200 random limit and market orders (seeded) go into `tickerbox paper` and into hftbacktest with its exchange without
partial fills, its risk-averse queue and a constant order latency. Both hear the same messages at the same times: those of
receipt, which hftbacktest is told as exchange times too, so that no clock but the recorder's counts. An order agrees when both
say that it was filled whole, or both that it was not, by the end of the recording.

Orders are small (0.0001 to 0.01 BTC, as the levels of this market are): hftbacktest fills an order whole or not at all, ours
as far as the market went. Times are of the processor, for both run in one thread and other work may go on beside them. Each difference is printed with what both did; docs/paper-vs-real.md explains them.
"""

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from hftbacktest import BUY, FILLED, GTC, LIMIT, MARKET, BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.types import (
    BUY_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    event_dtype,
)
from numba import njit

TICK, LOT = 0.01, 0.00001
HEARD = EXCH_EVENT | LOCAL_EVENT


def messages(path):
    """(time of receipt, message) of every line of a recorder's file."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            at, text = line.split(" ", 1)
            message = json.loads(text)
            yield int(at), message.get("data", message), message.get("stream", "")


def convert(path):
    """Rows of hftbacktest, from the snapshot on, and the best prices over time. Joined as the venue's documentation says."""
    rows, quotes, kept, joined = [], [], [], None
    bids, asks = {}, {}

    def levels(at, event, side, changes):
        for px, qty in changes:
            flag = BUY_EVENT if side is bids else SELL_EVENT
            rows.append((HEARD | event | flag, at, at, float(px), float(qty), 0, 0, 0.0))
            if float(qty) > 0:
                side[float(px)] = float(qty)
            else:
                side.pop(float(px), None)

    def update(at, data):
        levels(at, DEPTH_EVENT, bids, data["b"])
        levels(at, DEPTH_EVENT, asks, data["a"])
        quotes.append((at, max(bids), min(asks)))

    frames = 0
    for at, data, stream in messages(path):
        frames += "bookTicker" not in stream
        if "lastUpdateId" in data:
            joined = data["lastUpdateId"]
            levels(at, DEPTH_SNAPSHOT_EVENT, bids, data["bids"])
            levels(at, DEPTH_SNAPSHOT_EVENT, asks, data["asks"])
            for late in kept:
                if late["u"] > joined:
                    update(at, late)
        elif data.get("e") == "depthUpdate":
            if joined is None:
                kept.append(data)
            elif data["u"] > joined:
                update(at, data)
        elif data.get("e") == "trade" and joined is not None:
            side = SELL_EVENT if data["m"] else BUY_EVENT
            rows.append((HEARD | TRADE_EVENT | side, at, at, float(data["p"]), float(data["q"]), 0, 0, 0.0))
    return np.array(rows, dtype=event_dtype), quotes, frames


def make_orders(quotes, count, seed):
    """Half market, half limit orders; limit prices from some ticks across the spread to some dollars behind the best."""
    rng = random.Random(seed)
    first, last = quotes[0][0], quotes[-1][0]
    times = sorted(rng.randrange(first + 10**9, last - 5 * 10**9) for _ in range(count))
    orders, place = [], 0
    for number, at in enumerate(times, 1):
        while place + 1 < len(quotes) and quotes[place + 1][0] <= at:
            place += 1
        _, bid, ask = quotes[place]
        is_buy = rng.random() < 0.5
        qty = rng.choice([10, 20, 50, 100, 200, 500, 1000]) * LOT
        px = None
        if rng.random() < 0.5:
            ticks = rng.choice([-1, 0, 1, 5, 20, 100, 500, 2000, 5000])
            px = round(bid - ticks * TICK if is_buy else ask + ticks * TICK, 2)
        orders.append({"id": number, "at": at, "is_buy": is_buy, "qty": round(qty, 5), "px": px})
    return orders


@njit
def run_orders(hbt, at, is_buy, px, qty):
    # Its clock begins with the first row.
    hbt.elapse(1)
    for n in range(len(at)):
        hbt.elapse(at[n] - hbt.current_timestamp)
        kind = MARKET if np.isnan(px[n]) else LIMIT
        price = 0.0 if np.isnan(px[n]) else px[n]
        if is_buy[n]:
            hbt.submit_buy_order(0, n + 1, price, qty[n], GTC, kind, False)
        else:
            hbt.submit_sell_order(0, n + 1, price, qty[n], GTC, kind, False)
    hbt.elapse(10**12)
    return True


def run_hftbacktest(rows, orders, latency_ns):
    asset = (
        BacktestAsset()
        .data([rows])
        .linear_asset(1.0)
        .constant_order_latency(latency_ns, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.001, 0.001)
        .tick_size(TICK)
        .lot_size(LOT)
    )
    hbt = HashMapMarketDepthBacktest([asset])
    columns = (
        np.array([order["at"] for order in orders], dtype=np.int64),
        np.array([order["is_buy"] for order in orders]),
        np.array([np.nan if order["px"] is None else order["px"] for order in orders]),
        np.array([order["qty"] for order in orders]),
    )
    began = time.process_time()
    run_orders(hbt, *columns)
    took = time.process_time() - began
    found = {}
    known = hbt.orders(0)
    for number in range(1, len(orders) + 1):
        order = known.get(number)
        found[number] = (order.status == FILLED, order.exch_timestamp, order.exec_price) if order else (False, 0, 0.0)
    hbt.close()
    return found, took


def run_tickerbox(program, path, orders, latency_ms):
    given = []
    for order in orders:
        entry = {
            "id": order["id"],
            # A number of JSON would lose nanoseconds.
            "at_ms": f"{order['at'] // 10**6}.{order['at'] % 10**6:06}",
            "side": "buy" if order["is_buy"] else "sell",
            "type": "market" if order["px"] is None else "limit",
            "qty": f"{order['qty']:.5f}",
        }
        if order["px"] is not None:
            entry["price"] = f"{order['px']:.2f}"
        given.append(entry)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.json"
        file.write_text(json.dumps(given))
        command = [program, "paper", "--venue", "binance-us", "--frames", path, "--orders", file]
        began = child_s()
        report = subprocess.run(
            [*map(str, command), "--latency-ms", str(latency_ms), "--json"], check=True, stdout=subprocess.PIPE
        )
    return json.loads(report.stdout) | {"cpu_s": child_s() - began}


def child_s():
    """Processor time of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capture", type=Path, default=Path("../shared/data/l2/binance_spot_btcusdt_20240808.txt.gz"))
    parser.add_argument("--tickerbox", type=Path, default=Path("target/release/tickerbox"))
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3, help="the fastest of so many runs counts, for both")
    args = parser.parse_args()

    began = time.process_time()
    rows, quotes, frames = convert(args.capture)
    converted_s = time.process_time() - began
    orders = make_orders(quotes, args.orders, args.seed)

    # The first run compiles.
    run_hftbacktest(rows, orders, args.latency_ms * 10**6)
    theirs, took_theirs = min(
        (run_hftbacktest(rows, orders, args.latency_ms * 10**6) for _ in range(args.runs)), key=lambda run: run[1]
    )
    ours = min(
        (run_tickerbox(args.tickerbox, args.capture, orders, args.latency_ms) for _ in range(args.runs)),
        key=lambda report: report["cpu_s"],
    )

    ended = {row["id"]: row for row in ours["ended"]}
    fills = {}
    for fill in ours["fills"]:
        fills.setdefault(fill["order"], []).append(fill)
    differences = same_moment = 0
    for order in orders:
        is_filled, at, px = theirs[order["id"]]
        end = ended.get(order["id"], {"end": "open", "remaining": order["qty"]})
        if is_filled == (end["end"] == "filled"):
            same_moment += is_filled and abs(fills[order["id"]][-1]["at_ms"] - at / 1e6) < 0.001
            continue
        differences += 1
        side = "buy" if order["is_buy"] else "sell"
        kind = "market" if order["px"] is None else f"limit {order['px']:.2f}"
        print(f"differs: order {order['id']} {side} {order['qty']} {kind}, sent {order['at']}")
        print(f"  hftbacktest: {'filled at ' + str(px) if is_filled else 'not filled'}, {at}")
        print(f"  ours: {end['end']}, {end['remaining']} not filled; {fills.get(order['id'], [])}")
    agree = len(orders) - differences
    filled = sum(is_filled for is_filled, _, _ in theirs.values())
    limits = [order["id"] for order in orders if order["px"] is not None]
    resting = sum(theirs[number][0] for number in limits)
    print(f"orders {len(orders)}, of them {len(limits)} limit; hftbacktest filled {filled}, of the limit ones {resting}")
    print(f"fill decisions that agree: {agree} of {len(orders)}, {100 * agree / len(orders):.1f} %")
    print(f"of those filled by both, at the same microsecond: {same_moment}")
    print(f"hftbacktest: {len(rows)} rows in {took_theirs:.4f} s, {len(rows) / took_theirs:,.0f} level changes and trades/s,")
    print(f"  {frames / took_theirs:,.0f} messages/s; reading them into rows took {converted_s:.2f} s more")
    took_ours = ours["cpu_s"]
    print(f"ours, with reading, decompression, JSON and proof: {frames} messages in {took_ours:.4f} s,")
    print(f"  {len(rows) / took_ours:,.0f} level changes and trades/s, {frames / took_ours:,.0f} messages/s")
    return 0 if agree >= 0.99 * len(orders) else 1


if __name__ == "__main__":
    sys.exit(main())
