//! Members on threads of their own, several in this process.

#![cfg(all(feature = "std", unix))]

mod agree;
mod callbacks;
mod carriers;
mod failures;
mod kept;
mod life;
mod share;
mod swarm;
