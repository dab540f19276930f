#!/usr/bin/env python3
"""The decoders beside Python on the same recordings, one after the other in one run, one core.

    [pip install hftbacktest order-book]
    python3 crates/feed/benches/compare_python.py

The decoder does all of what the box does, up to the proven book. Beside it:

- Python as a quick script: `json.loads`, a `dict` of floats per side, no order, no sequence check, no checksum.
- Python as a careful program (cryptofeed's way): `json.loads`, exact `Decimal`s, cryptofeed's ordered book (`order-book`,
  written in C), its checksum where the venue sends one, and the best prices after each change. No sequence check.
- hftbacktest's conversion of the busy recording: JSON to arrays, without a book. It wants fields of the futures feed, so
  it gets a copy of the recording with these filled in.

Prints one JSON object a recording.
"""

import gzip
import json
import os
import pathlib
import subprocess
import tempfile
import time
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parents[3]
DATA = pathlib.Path(os.environ.get("TICKERBOX_DATA", ROOT.parent / "shared" / "data"))
RUNS = 15
BUSY = "l2/binance_spot_btcusdt_20240808.txt.gz"


def frames_of(path: pathlib.Path) -> list[str]:
    """The received messages, as the decoder's bench takes them: without streams that no session asks for."""
    frames = []
    for line in gzip.open(path, "rt"):
        if line.startswith("{"):
            record = json.loads(line)
            if record["t"] != "recv":
                continue
            text = record["data"]
        else:
            text = line.split(" ", 1)[1]
            if text.startswith('{"lastUpdateId"'):
                continue
        is_unwanted = '"bookTicker"' in text or "@bookTicker" in text or '"channel":"status"' in text
        if not is_unwanted:
            frames.append(text)
    return frames


def change(side: dict, price: float, size: float) -> None:
    if size == 0.0:
        side.pop(price, None)
    else:
        side[price] = size


def kraken(message: dict, books: dict) -> None:
    if message.get("channel") != "book":
        return
    for data in message["data"]:
        bids, asks = books.setdefault(data["symbol"], ({}, {}))
        for level in data["bids"]:
            change(bids, level["price"], level["qty"])
        for level in data["asks"]:
            change(asks, level["price"], level["qty"])


def binance(message: dict, books: dict) -> None:
    data = message.get("data", {})
    if data.get("e") != "depthUpdate":
        return
    bids, asks = books.setdefault(data["s"], ({}, {}))
    for price, size in data["b"]:
        change(bids, float(price), float(size))
    for price, size in data["a"]:
        change(asks, float(price), float(size))


def coinbase(message: dict, books: dict) -> None:
    kind = message.get("type")
    if kind == "snapshot":
        sides = [{float(price): float(size) for price, size in message[side]} for side in ("bids", "asks")]
        books[message["product_id"]] = tuple(sides)
    elif kind == "l2update":
        bids, asks = books.setdefault(message["product_id"], ({}, {}))
        for side, price, size in message["changes"]:
            change(bids if side == "buy" else asks, float(price), float(size))


def kucoin(message: dict, books: dict) -> None:
    if message.get("subject") != "trade.l2update":
        return
    data = message["data"]
    bids, asks = books.setdefault(data["symbol"], ({}, {}))
    for price, size, _ in data["changes"]["bids"]:
        change(bids, float(price), float(size))
    for price, size, _ in data["changes"]["asks"]:
        change(asks, float(price), float(size))


DECODERS = {"kraken": kraken, "binance-us": binance, "coinbase": coinbase, "kucoin": kucoin}


def python_seconds(frames: list[str], decode, loads=json.loads) -> float:
    best = float("inf")
    for _ in range(RUNS):
        books: dict = {}
        began = time.perf_counter()
        for text in frames:
            decode(loads(text), books)
        best = min(best, time.perf_counter() - began)
    return best


class Careful:
    """Exact, ordered, and checked where the venue sends a checksum."""

    def __init__(self, venue: str):
        from order_book import OrderBook

        self.new_book = OrderBook
        self.decode = getattr(self, venue.replace("-us", ""))

    def loads(self, text: str):
        return json.loads(text, parse_float=Decimal)

    @staticmethod
    def change(side, price: Decimal, size: Decimal) -> None:
        if size:
            side[price] = size
        elif price in side:
            del side[price]

    @staticmethod
    def best(book) -> tuple:
        return (book.bids.index(0) if len(book.bids) else None, book.asks.index(0) if len(book.asks) else None)

    def kraken(self, message: dict, books: dict) -> None:
        if message.get("channel") != "book":
            return
        for data in message["data"]:
            book = books.get(data["symbol"])
            if book is None:
                book = books[data["symbol"]] = self.new_book(10, checksum_format="KRAKEN", max_depth_strict=True)
            for side, levels in ((book.bids, data["bids"]), (book.asks, data["asks"])):
                for level in levels:
                    self.change(side, level["price"], level["qty"])
            if book.checksum() != data["checksum"]:
                raise SystemExit(f"a checksum of {data['symbol']} does not match")
            self.best(book)

    def binance(self, message: dict, books: dict) -> None:
        data = message.get("data", {})
        if data.get("e") == "depthUpdate":
            self.pairs(data["s"], data["b"], data["a"], books)

    def kucoin(self, message: dict, books: dict) -> None:
        if message.get("subject") == "trade.l2update":
            data = message["data"]
            self.pairs(data["symbol"], data["changes"]["bids"], data["changes"]["asks"], books)

    def coinbase(self, message: dict, books: dict) -> None:
        kind = message.get("type")
        if kind == "snapshot":
            books[message["product_id"]] = self.new_book()
            self.pairs(message["product_id"], message["bids"], message["asks"], books)
        elif kind == "l2update":
            of = lambda name: [change[1:] for change in message["changes"] if change[0] == name]
            self.pairs(message["product_id"], of("buy"), of("sell"), books)

    def pairs(self, symbol: str, bids: list, asks: list, books: dict) -> None:
        book = books.get(symbol)
        if book is None:
            book = books[symbol] = self.new_book()
        for side, levels in ((book.bids, bids), (book.asks, asks)):
            for level in levels:
                self.change(side, Decimal(level[0]), Decimal(level[1]))
        self.best(book)


def careful_seconds(frames: list[str], venue: str) -> float | None:
    try:
        careful = Careful(venue)
    except ImportError:
        return None
    return python_seconds(frames, careful.decode, careful.loads)


def hftbacktest_seconds(path: pathlib.Path) -> tuple[float, int] | None:
    """Best time of hftbacktest's own conversion, and the frames in the file it got."""
    try:
        from hftbacktest.data.utils import binancefutures
    except ImportError:
        return None
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "futures.gz"
        with gzip.open(copy, "wt", compresslevel=1) as out:
            for line in gzip.open(path, "rt"):
                stamp, text = line.split(" ", 1)
                message = json.loads(text)
                data = message.get("data")
                if data is None or "e" not in data:
                    continue
                data.setdefault("T", data["E"])
                data["X"] = "MARKET"
                out.write(f"{stamp} {json.dumps(message, separators=(',', ':'))}\n")
                count += 1
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            binancefutures.convert(str(copy), buffer_size=2_000_000)
            best = min(best, time.perf_counter() - began)
    return best, count


def main() -> None:
    command = ["cargo", "bench", "--quiet", "-p", "tickerbox-feed", "--bench", "decode", "--", "--json"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for ours in (json.loads(line) for line in output.splitlines()):
        path = DATA / ours["recording"]
        frames = frames_of(path)
        if len(frames) != ours["frames"]:
            raise SystemExit(f"{path}: {len(frames)} frames here, {ours['frames']} in the decoder's bench")
        seconds = python_seconds(frames, DECODERS[ours["venue"]])
        result = ours | {
            "python_frames_per_s": round(len(frames) / seconds),
            "ratio_to_python": round(seconds / ours["seconds"], 1),
        }
        if seconds := careful_seconds(frames, ours["venue"]):
            result["careful_frames_per_s"] = round(len(frames) / seconds)
            result["ratio_to_careful"] = round(seconds / ours["seconds"], 1)
        if ours["recording"] == BUSY and (converted := hftbacktest_seconds(path)):
            seconds, count = converted
            result["hftbacktest_frames_per_s"] = round(count / seconds)
            result["ratio_to_hftbacktest"] = round(seconds / count / (ours["seconds"] / ours["frames"]), 1)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
