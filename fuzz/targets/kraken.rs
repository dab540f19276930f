//! A session of Kraken: see `fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::session(types::Venue::Kraken, ["BTC/USD", "ETH/USD"], bytes));
