//! The pages of the dashboard, and how they are looked at.

/// Pages, and what they are called in file names.
pub const PAGES: [(&str, &str); 13] = [
    ("/", "home"),
    ("/market", "market"),
    ("/forecasts", "forecasts"),
    ("/trading", "trading"),
    ("/risk", "risk"),
    ("/arbitrage", "arbitrage"),
    ("/data", "data"),
    ("/replay", "replay"),
    ("/models", "models"),
    ("/system", "system"),
    ("/settings?section=engine.risk", "settings"),
    ("/access", "access"),
    ("/more", "more"),
];
/// A laptop and a phone, CSS pixels.
pub const SIZES: [(u32, u32); 2] = [(1440, 1000), (390, 844)];
/// Both looks.
pub const THEMES: [&str; 2] = ["dark", "light"];
