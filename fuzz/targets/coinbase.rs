//! A session of Coinbase: see `fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::session(types::Venue::Coinbase, ["BTC-USD", "ETH-USD"], bytes));
