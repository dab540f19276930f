//! The store through its public functions, on real files in temporary directories.

mod crash;
mod damage;
mod formats;
mod journal;
mod repair;
mod replay;
mod state;
mod world;
