#!/usr/bin/env python3
"""Speed beside NautilusTrader's backtest engine, in one run on one recording.

    python3 -m venv /tmp/naut && /tmp/naut/bin/pip install nautilus_trader
    cargo build --release --package tickerbox
    /tmp/naut/bin/python crates/engine/benches/compare_nautilus.py --tickerbox target/release/tickerbox

Both replay the same messages of one recorder's file from memory, with the same 200 random limit and market orders (those of
compare_hftbacktest.py) and a constant latency. NautilusTrader gets them twice:

- ticks: the trades alone, as its `TradeTick`s, which move the market of its matching engine. Its cheapest way.
- book: all levels of each message as one `OrderBookDeltas` beside the trades, on a book of type L2. What ours does.

Its strategy does nothing but send the orders at their times. Ours keeps the book at full depth, fills the orders on it, and has
the whole engine beside it: candles and every feature of each minute. Logging is off. Times are of the processor (ours: of the
clock), for the replay alone; the fastest of some runs counts, for both. Fills are not compared: its rules are others.
"""

import argparse
import sys
import time
from decimal import Decimal
from pathlib import Path

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookAction, BookType, OmsType, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from recording import CAPTURE, TICKERBOX, best_prices, joined, make_orders, run_tickerbox

INSTRUMENT = TestInstrumentProvider.btcusdt_binance()


def trade(at, data):
    side = AggressorSide.SELLER if data["m"] else AggressorSide.BUYER
    price, qty = INSTRUMENT.make_price(data["p"]), INSTRUMENT.make_qty(data["q"])
    return TradeTick(INSTRUMENT.id, price, qty, side, TradeId(str(data["t"])), at, at)


def deltas(at, kind, data):
    changes = [OrderBookDelta.clear(INSTRUMENT.id, 0, at, at)] if kind == "snapshot" else []
    levels = [(OrderSide.BUY, *level) for level in data["b"]] + [(OrderSide.SELL, *level) for level in data["a"]]
    for number, (side, px, qty) in enumerate(levels, 1):
        flags = RecordFlag.F_LAST if number == len(levels) else 0
        is_gone = float(qty) == 0
        action = BookAction.DELETE if is_gone else BookAction.UPDATE
        order = BookOrder(side, INSTRUMENT.make_price(px), INSTRUMENT.make_qty(qty), 0)
        changes.append(OrderBookDelta(INSTRUMENT.id, action, order, flags, 0, at, at))
    return OrderBookDeltas(INSTRUMENT.id, changes)


class Sender(Strategy):
    """Sends the given orders at their times."""

    def __init__(self, orders, has_book):
        super().__init__()
        self.given, self.has_book, self.sent, self.filled = orders, has_book, 0, 0

    def on_start(self):
        if self.has_book:
            self.subscribe_order_book_deltas(INSTRUMENT.id, BookType.L2_MBP)
        self.subscribe_trade_ticks(INSTRUMENT.id)
        for order in self.given:
            self.clock.set_time_alert_ns(f"order {order['id']}", order["at"], self.send)

    def send(self, _event):
        order = self.given[self.sent]
        self.sent += 1
        side = OrderSide.BUY if order["is_buy"] else OrderSide.SELL
        qty = INSTRUMENT.make_qty(f"{order['qty']:.5f}")
        if order["px"] is None:
            made = self.order_factory.market(INSTRUMENT.id, side, qty)
        else:
            made = self.order_factory.limit(INSTRUMENT.id, side, qty, INSTRUMENT.make_price(f"{order['px']:.2f}"))
        self.submit_order(made)

    def on_order_filled(self, _event):
        self.filled += 1


def run_nautilus(data, orders, latency_ms, has_book):
    """(processor time of the replay, fills, data that the engine counted)."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(10_000_000, USDT), Money(1_000, BTC)],
        default_leverage=Decimal(10),
        latency_model=LatencyModel(base_latency_nanos=latency_ms * 10**6),
        book_type=BookType.L2_MBP if has_book else BookType.L1_MBP,
        trade_execution=True,
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data)
    strategy = Sender(orders, has_book)
    engine.add_strategy(strategy)
    began = time.process_time()
    engine.run()
    took = time.process_time() - began
    assert strategy.sent == len(orders)
    found = took, strategy.filled, engine.iteration
    engine.dispose()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capture", type=Path, default=CAPTURE)
    parser.add_argument("--tickerbox", type=Path, default=TICKERBOX)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()

    events = list(joined(args.capture))
    orders = make_orders(best_prices(events), args.orders, args.seed)
    ticks = [trade(at, data) for at, kind, data in events if kind == "trade"]
    whole = [trade(at, data) if kind == "trade" else deltas(at, kind, data) for at, kind, data in events]
    levels = sum(len(data["b"]) + len(data["a"]) for _, kind, data in events if kind != "trade")

    def best(data, has_book):
        runs = [run_nautilus(data, orders, args.latency_ms, has_book) for _ in range(args.runs)]
        return min(runs)

    tick_s, tick_fills, tick_count = best(ticks, False)
    book_s, book_fills, book_count = best(whole, True)
    ours = run_tickerbox(args.tickerbox, args.capture, orders, args.latency_ms, repeat=20)["repeat"]
    ours_s = ours["all_s"]
    print(f"NautilusTrader, ticks: {tick_count} in {tick_s:.3f} s, {tick_count / tick_s:,.0f} ticks/s, {tick_fills} fills")
    rate = len(events) / book_s
    print(f"NautilusTrader, book: {book_count} messages in {book_s:.3f} s, {rate:,.0f} messages/s, {book_fills} fills,")
    print(f"  {(levels + len(ticks)) / book_s:,.0f} level changes and trades/s")
    our_rate = ours["messages"] / ours_s
    print(f"ours: {ours['messages']} messages in {ours_s:.4f} s, {our_rate:,.0f} messages/s,")
    print(f"  {ours['changes'] / ours_s:,.0f} level changes and trades/s")
    print(f"ratio to its ticks {our_rate / (tick_count / tick_s):.1f}, to its messages with a book {our_rate / rate:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
