//! Every row of the fault table (protocol reference, section 3.4) that a venue or the network can cause, and the reaction
//! that it asks for. One file per row. All run on two instruments of one venue in virtual time.
//!
//! The row "server-side limits enforced" is part of every test: none of them may end with a broken limit.

mod candles;
mod case;
mod checksum;
mod clock;
mod disconnect;
mod duplicate;
mod gap;
mod half_open;
mod instruments;
mod levels;
mod maintenance;
mod malformed;
mod network;
mod rate_limit;
mod reorder;
mod slow_consumer;
mod snapshot;
mod stale;
mod subscription;
