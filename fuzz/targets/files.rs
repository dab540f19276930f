//! Files and messages that people and browsers hand in: model bundles, manifests, candle files, dashboard messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(files) = bundle::container::read(bytes) {
        // What was read can be written, and is then read alike.
        let again = bundle::container::read(&bundle::container::write(&files)).expect("written by ourselves");
        assert_eq!(again, files);
    }
    let _ = bundle::Manifest::parse(bytes);
    let _ = engine::candle::csv::parse(bytes);
    let _ = wire::decode::<wire::ClientMessage>(bytes);
    let _ = wire::decode::<wire::ServerMessage>(bytes);
});
