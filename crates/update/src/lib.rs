//! Updates of the box's program: what travels, whether it may be installed, and which program runs.
//!
//! ```text
//! maker:  program --about--> Manifest --pack, sign--> tickerbox-VERSION-ARCH.tbu
//! box:    .tbu --file--> signed Manifest --judge--> program --folder::install--> a free slot, on trial
//! start:  folder::start --> digest, one of N starts --> A, B or the factory's program
//! runs:   watch --> confirmed, or taken back
//! ```
//!
//! Everything here is a function of what it is given: readers, writers and times are arguments.
//!
//! | module | what |
//! |---|---|
//! | `about` | what a program says of itself: version and data formats, readable without running it |
//! | `manifest` | what an update says, and who signed it |
//! | `file` | the `.tbu` file, written and read as a stream |
//! | `judge` | the rules of what may be installed |
//! | `slots` | the state of the slots |
//! | `folder` | the order in which a medium is changed, so that the plug may be pulled anywhere |
//! | `watch` | when a program on trial has proven itself |

pub mod about;
mod error;
pub mod file;
pub mod folder;
mod judge;
mod manifest;
mod slots;
mod watch;

pub use bundle::{Digest, PublicKey, SecretKey, TrustedKeys};
pub use error::UpdateError;
pub use judge::{Accepted, Host, Refusal, judge};
pub use manifest::{Arch, Format, Formats, Manifest, Packed};
pub use semver::Version;
pub use slots::{EVENTS_MAX, Event, NotBack, Program, STARTS_MAX, Slot, Slots, Trial, What};
pub use watch::{Verdict, Watch};
