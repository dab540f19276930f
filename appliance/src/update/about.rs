//! What this program says of itself. Makers of updates read it out of the file, and so does the program: there is one place for it.

use std::sync::LazyLock;

use update::about::{self, About};
use update::{Arch, Formats, Version};

use crate::{access, models};

const FORMATS: [(&str, u64, u64); store::FORMATS.len() + 2] = {
    let mut formats = [("", 0, 0); store::FORMATS.len() + 2];
    let mut n = 0;
    while n < store::FORMATS.len() {
        formats[n] = store::FORMATS[n];
        n += 1;
    }
    formats[n] = ("access", access::FORMAT as u64, 1);
    formats[n + 1] = ("models", models::FORMAT as u64, 1);
    formats
};

#[used]
static TEXT: [u8; about::TEXT_MAX] = about::text(env!("CARGO_PKG_VERSION"), &FORMATS);

fn own() -> &'static About {
    // The compiler must not take the text apart: others look for it.
    static OWN: LazyLock<About> = LazyLock::new(|| About::parse(std::hint::black_box(&TEXT)).expect("a test reads it"));
    &OWN
}

/// The version of this program.
pub(crate) fn version() -> &'static Version {
    &own().version
}

/// The data formats of this program.
pub(crate) fn formats() -> &'static Formats {
    &own().formats
}

/// The processor that it was built for, where updates are made for such.
pub(crate) fn arch() -> Option<Arch> {
    Arch::parse(std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_says_what_it_is() {
        assert_eq!(version().to_string(), env!("CARGO_PKG_VERSION"));
        assert_eq!(formats()["state"].writes, store::state::FORMAT);
        assert_eq!(formats().len(), FORMATS.len());
    }
}
