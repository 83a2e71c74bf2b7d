//! `nswarm key`: who a node is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use neural_swarm::Error;
use neural_swarm::comm::identity::{LocalSecrets, Secrets};
use neural_swarm::comm::noise::StaticKey;
use neural_swarm::host::{load_key, save_key};
use neural_swarm::port::SystemEntropy;

use super::ending::{FILES, Failure, Outcome, about, end, tell, unread};
use super::hex;

/// Make a node's identity, or show what others may know of it.
///
/// A key file holds one secret of 32 bytes. The node's identity follows from it, the public key of Ed25519 by which
/// others know the node, and so does the key of X25519 that its sessions begin with. Nobody but the
/// file's owner may have access to it (mode 0600): others are refused, and so is a file that others can read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nswarm key new node.key
  nswarm key show node.key

Ends with
  0  it is done
  2  the command line cannot be understood
  3  the file cannot be read or written, is there already, can be read by others, or is no key file")]
pub struct Key {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write a new identity to a file, and its public part to standard output.
    ///
    /// The secret is the system's randomness. A file that is there is never overwritten. What is written to standard
    /// output is the identity alone, 64 hexadecimal digits: what others pin, or an authority certifies.
    New {
        /// The key file to make.
        file: PathBuf,
    },
    /// Show the public keys that follow from a key file: the identity, and the Noise key.
    ///
    /// A line each: `identity` or `noise`, a space, 64 hexadecimal digits. The secret is never shown.
    Show {
        /// The key file.
        file: PathBuf,
    },
}

impl Key {
    /// Does what was asked for.
    pub fn run(&self) -> ExitCode {
        end(match &self.what {
            What::New { file } => new(file),
            What::Show { file } => show(file),
        })
    }
}

fn new(file: &Path) -> Outcome<()> {
    let secrets = LocalSecrets::random(&mut SystemEntropy)
        .map_err(|error| Failure(format!("the system's randomness: {error}"), FILES))?;
    save_key(file, secrets.seed()).map_err(|error| match error {
        Error::HostFile => about(file, "there is such a file already, and it is not overwritten"),
        error => about(file, error),
    })?;
    tell(&format!("{}\n", hex::show(&secrets.identity())))
}

fn show(file: &Path) -> Outcome<()> {
    let secrets = secrets(file)?;
    let (identity, noise) = (hex::show(&secrets.identity()), hex::show(&secrets.public_key()));
    tell(&format!("identity {identity}\nnoise {noise}\n"))
}

/// The keys of a file.
pub fn secrets(file: &Path) -> Outcome<LocalSecrets> {
    load_key(file).map(LocalSecrets::new).map_err(|error| match error {
        Error::HostPermissions => {
            about(file, "others than its owner can read or write it, or its owner is another")
        }
        Error::HostFile => about(file, "it is not a key file, or damaged"),
        error => unread(file, error),
    })
}
