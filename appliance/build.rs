//! Makes sure that the dashboard's folder exists, so that the program builds before `cargo xtask web` ever ran.

use std::path::Path;
use std::{env, fs};

const STUB: &str = "<!doctype html><meta charset=\"utf-8\"><title>Tickerbox</title>\
<p>This binary was built without its dashboard. Run <code>cargo xtask web</code> and build again.</p>\n";

fn main() {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../frontend/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(&dist).expect("the source tree is writable");
        fs::write(index, STUB).expect("the source tree is writable");
    }
}
