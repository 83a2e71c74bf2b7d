//! Members of a swarm on a simulated network: sessions, who is there, a shared store, publications, requests,
//! agreement, locks, missions. A seed is a run; nothing waits for a real clock.

mod crew;
mod group;
mod hostile;
mod locks;
mod missions;
mod requests;
mod store;
mod swarm;
mod topics;
mod world;
