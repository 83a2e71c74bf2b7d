//! Channels over a simulated network: every message exactly once, whatever the
//! network does; bounded buffers; urgency; hostile peers.

mod hostile;
mod limits;
mod model;
mod network;
mod reliable;
mod sharing;
mod urgency;
