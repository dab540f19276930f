//! fn main stays until the figures are wanted
fn main() {}
