//! A session of KuCoin: see `fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::session(types::Venue::Kucoin, ["BTC-USDT", "ETH-USDT"], bytes));
