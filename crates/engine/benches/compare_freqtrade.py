#!/usr/bin/env python3
"""Speed beside freqtrade's backtesting, in one run on one file of minutes.

    python3 -m venv /tmp/ft && /tmp/ft/bin/pip install freqtrade
    cargo bench --package tickerbox-engine --bench minutes --no-run
    /tmp/ft/bin/python crates/engine/benches/compare_freqtrade.py

freqtrade computes one Bollinger band (TA-Lib) and walks the candles with its `Backtesting.backtest`; the same rule as ours
(`reversion`): in where the price comes back over the lower band, out at the middle. Its time is that of its indicators, signals and
walk, of the processor, without loading anything; its exchange is an object without a connection, as in its own tests. Progress bars
and logging are off.

Ours is `cargo bench --bench minutes` on the same file: the whole engine (`Engine::handle`) with books and trades made of each
candle, all features of each minute, risk, paper venue and account. The fastest of some runs counts, for both.
"""

import argparse
import logging
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import MagicMock, PropertyMock, patch

import pandas as pd
import talib
from freqtrade.configuration import TimeRange
from freqtrade.data.converter import trim_dataframes
from freqtrade.data.history import get_timerange
from freqtrade.enums import CandleType, RunMode, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers import ExchangeResolver

PAIR = "BTC/USDT"
STRATEGY = '''
import talib
from freqtrade.strategy import IStrategy


class Reversion(IStrategy):
    timeframe = "1m"
    minimal_roi = {"0": 100}
    stoploss = -0.02
    startup_candle_count = 20

    def populate_indicators(self, dataframe, metadata):
        upper, middle, lower = talib.BBANDS(dataframe["close"], 20, 2.0, 2.0)
        dataframe["middle"], dataframe["lower"] = middle, lower
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        close, lower = dataframe["close"], dataframe["lower"]
        is_back = (close.shift() < lower.shift()) & (close >= lower) & (close < dataframe["middle"])
        dataframe.loc[is_back, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["close"] >= dataframe["middle"], "exit_long"] = 1
        return dataframe
'''
MARKET = {
    "id": "BTCUSDT",
    "symbol": PAIR,
    "base": "BTC",
    "quote": "USDT",
    "active": True,
    "spot": True,
    "type": "spot",
    "contract": False,
    "linear": None,
    "taker": 0.001,
    "maker": 0.001,
    "precision": {"price": 0.01, "amount": 0.00001},
    "limits": {"amount": {"min": 0.00001, "max": 9000}, "cost": {"min": 5, "max": None}, "price": {}, "leverage": {}},
    "info": {},
}


def config(folder):
    return {
        "exchange": {"name": "binance", "pair_whitelist": [PAIR], "pair_blacklist": [], "key": "", "secret": ""},
        "pairlists": [{"method": "StaticPairList"}],
        "strategy": "Reversion",
        "strategy_path": str(folder),
        "user_data_dir": Path(folder),
        "datadir": Path(folder),
        "stake_currency": "USDT",
        "stake_amount": 500,
        "dry_run_wallet": 10_000,
        "max_open_trades": 1,
        "fee": 0.001,
        "timeframe": "1m",
        "dry_run": True,
        "runmode": RunMode.BACKTEST,
        "trading_mode": TradingMode.SPOT,
        "candle_type_def": CandleType.SPOT,
        "dataformat_ohlcv": "feather",
        "export": "none",
        "entry_pricing": {"price_side": "same", "use_order_book": False},
        "exit_pricing": {"price_side": "same", "use_order_book": False},
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes"},
        "order_types": {"entry": "limit", "exit": "limit", "stoploss": "market", "stoploss_on_exchange": False},
    }


def read(path):
    candles = pd.read_csv(path)
    candles.insert(0, "date", pd.to_datetime(candles.pop("open_time_ms"), unit="ms", utc=True))
    return candles.astype({name: "float64" for name in ("open", "high", "low", "close", "volume")})


def run_freqtrade(candles, folder, runs):
    """(fastest processor time of one backtest, of its indicators and signals alone, trades)."""
    options = config(folder)
    with (
        patch.object(Exchange, "markets", new_callable=PropertyMock, return_value={PAIR: MARKET}),
        patch.object(Exchange, "reload_markets", MagicMock()),
    ):
        exchange = ExchangeResolver.load_exchange(options, validate=False, load_leverage_tiers=False)
        backtesting = Backtesting(options, exchange)
        backtesting.progress = None
        strategy = backtesting.strategylist[0]
        backtesting._set_strategy(strategy)
        found = []
        for _ in range(runs):
            data = {PAIR: candles.copy()}
            began = time.process_time()
            processed = strategy.advise_all_indicators(data)
            first, last = get_timerange(trim_dataframes(processed, TimeRange(), strategy.startup_candle_count))
            indicators_s = time.process_time() - began
            result = backtesting.backtest(processed=processed, start_date=first, end_date=last)
            found.append((time.process_time() - began, indicators_s, len(result["results"])))
        return min(found)


def run_ours(path):
    command = ["cargo", "bench", "--quiet", "--package", "tickerbox-engine", "--bench", "minutes", "--", path]
    report = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(report.strip())
    count, seconds = re.search(r"(\d+) candles in ([0-9.]+) s", report).groups()
    return int(count), float(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--candles", default="candles/binance_BTCUSDT_1m_20250601-20250624.csv.gz", help="minutes, within data")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    candles = read(args.data / args.candles)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "reversion.py").write_text(STRATEGY)
        took, indicators_s, trades = run_freqtrade(candles, folder, args.runs)
    theirs = len(candles) / took
    print(f"freqtrade: {len(candles)} candles in {took:.3f} s ({indicators_s:.3f} s of it for its band and signals),")
    print(f"  {theirs:,.0f} candles/s, {trades} trades")
    count, seconds = run_ours(args.candles)
    print(f"ours: {count / seconds:,.0f} candles/s, ratio {count / seconds / theirs:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
