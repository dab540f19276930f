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
as far as the market went. Each difference is printed with what both did; docs/paper-vs-real.md explains them.

Speed is measured twice, the fastest of some runs for both, turn by turn:

- from memory: hftbacktest from its rows, ours from the parsed messages (`--repeat`), once with the paper venue alone and once
  with the whole engine beside it: candles, and every feature of each minute. Each replay must give the fills of the first one.
- from the file to the fills: reading into rows (in Python, as its users do) and replay; ours with decompression, JSON and proof.

Both run in one thread. Times are of the processor, for other work may go on beside them; only ours from memory is of the clock.
"""

import argparse
import sys
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

from recording import CAPTURE, LOT, TICK, TICKERBOX, best_prices, joined, make_orders, run_tickerbox

HEARD = EXCH_EVENT | LOCAL_EVENT


def convert(events):
    """Rows of hftbacktest, from the snapshot on."""
    rows = []
    for at, kind, data in events:
        if kind == "trade":
            side = SELL_EVENT if data["m"] else BUY_EVENT
            rows.append((HEARD | TRADE_EVENT | side, at, at, float(data["p"]), float(data["q"]), 0, 0, 0.0))
            continue
        event = DEPTH_SNAPSHOT_EVENT if kind == "snapshot" else DEPTH_EVENT
        for flag, changes in ((BUY_EVENT, data["b"]), (SELL_EVENT, data["a"])):
            rows.extend((HEARD | event | flag, at, at, float(px), float(qty), 0, 0, 0.0) for px, qty in changes)
    return np.array(rows, dtype=event_dtype)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capture", type=Path, default=CAPTURE)
    parser.add_argument("--tickerbox", type=Path, default=TICKERBOX)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5, help="the fastest of so many turns counts, for both")
    args = parser.parse_args()

    began = time.process_time()
    events = list(joined(args.capture))
    rows = convert(events)
    converted_s = time.process_time() - began
    orders = make_orders(best_prices(events), args.orders, args.seed)

    # The first run compiles.
    run_hftbacktest(rows, orders, args.latency_ms * 10**6)
    took_theirs, took_ours, memory = [], [], []
    for _ in range(args.runs):
        theirs, took = run_hftbacktest(rows, orders, args.latency_ms * 10**6)
        took_theirs.append(took)
        ours = run_tickerbox(args.tickerbox, args.capture, orders, args.latency_ms)
        took_ours.append(ours["cpu_s"])
        memory.append(run_tickerbox(args.tickerbox, args.capture, orders, args.latency_ms, repeat=5)["repeat"])
    theirs_s, ours_s = min(took_theirs), min(took_ours)
    paper_s, all_s = (min(run[name] for run in memory) for name in ("paper_s", "all_s"))

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
    told = memory[0]
    print(f"messages: {len(events)} (ours {told['messages']}); rows {len(rows)} (ours {told['changes']} levels and trades)")

    def line(name, seconds):
        print(f"  {name:<44} {seconds:8.4f} s {len(events) / seconds:12,.0f} messages/s {len(rows) / seconds:13,.0f} rows/s")

    print("from memory:")
    line("hftbacktest", theirs_s)
    line("ours, paper venue", paper_s)
    line(f"ours, with candles and features ({told['minutes']} minutes)", all_s)
    print(f"  ratio of events/s, ours with all of it: {theirs_s / all_s:.2f} (venue alone: {theirs_s / paper_s:.2f})")
    print("from the file to the fills:")
    line("hftbacktest, read by Python", converted_s + theirs_s)
    line("ours", ours_s)
    print(f"  ratio: {(converted_s + theirs_s) / ours_s:.1f}")
    return 0 if agree >= 0.99 * len(orders) else 1


if __name__ == "__main__":
    sys.exit(main())
