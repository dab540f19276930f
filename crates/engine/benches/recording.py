"""A recorder's file of one Binance market, and random orders for it: what the comparisons of this folder share."""

import gzip
import json
import random
import resource
import subprocess
import tempfile
from pathlib import Path

TICK, LOT = 0.01, 0.00001
CAPTURE = Path("../shared/data/l2/binance_spot_btcusdt_20240808.txt.gz")
TICKERBOX = Path("target/release/tickerbox")


def messages(path):
    """(time of receipt, message, stream) of every line."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            at, text = line.split(" ", 1)
            message = json.loads(text)
            yield int(at), message.get("data", message), message.get("stream", "")


def joined(path):
    """(time of receipt, kind, message): the snapshot, the depth updates that follow it and all trades from it on. Joined as the
    venue's documentation says; updates from before the snapshot stand behind it."""
    kept, joined_id = [], None
    for at, data, _ in messages(path):
        if "lastUpdateId" in data:
            joined_id = data["lastUpdateId"]
            yield at, "snapshot", {"b": data["bids"], "a": data["asks"]}
            for late in kept:
                if late["u"] > joined_id:
                    yield at, "depth", late
        elif data.get("e") == "depthUpdate":
            if joined_id is None:
                kept.append(data)
            elif data["u"] > joined_id:
                yield at, "depth", data
        elif data.get("e") == "trade" and joined_id is not None:
            yield at, "trade", data


def best_prices(events):
    """(time, best bid, best ask) after each change of the book."""
    quotes, bids, asks = [], {}, {}
    for at, kind, data in events:
        if kind == "trade":
            continue
        for side, changes in ((bids, data["b"]), (asks, data["a"])):
            for px, qty in changes:
                if float(qty) > 0:
                    side[float(px)] = float(qty)
                else:
                    side.pop(float(px), None)
        if kind == "depth":
            quotes.append((at, max(bids), min(asks)))
    return quotes


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


def run_tickerbox(program, path, orders, latency_ms, repeat=0):
    """The report of `tickerbox paper`, with the processor time of the whole command as `cpu_s`."""
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
        command += ["--latency-ms", latency_ms, "--json"] + (["--repeat", repeat] if repeat else [])
        began = child_s()
        report = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE)
    return json.loads(report.stdout) | {"cpu_s": child_s() - began}


def child_s():
    """Processor time of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
