//! The dashboard's entry point in the browser. Built by `cargo xtask web`; on the host it only compiles.

#[cfg(target_arch = "wasm32")]
fn main() {
    tickerbox_frontend::ui::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
