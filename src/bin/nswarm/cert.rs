//! `nswarm cert`: an authority's word for identities.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use neural_swarm::Error;
use neural_swarm::comm::identity::{Certificate, Validity};
use neural_swarm::host::unix_time;
use neural_swarm::port::{Entropy, SystemEntropy};

use super::ending::{FILES, Failure, Outcome, WRONG, about, end, load, tell};
use super::{hex, key, time};

/// So long before it is issued a certificate is good, by default: other clocks may be late.
const SLACK: u64 = 300;
const DAY: u64 = 86_400;

/// Issue certificates of the swarm, or show and verify them.
///
/// A certificate is an authority's word that an identity belongs to the swarm: 93 bytes, of which the last 64 are a
/// signature. It is good from one time to another, and in one epoch of the authority and those before it: when the
/// authority begins another epoch, all certificates of the earlier ones are over, also for nodes without a clock. Any
/// identity can be an authority: `nswarm key new` makes one. It has nothing to do with certificates of TLS.
///
/// TIME is Unix seconds, a day (2026-12-01) or a time of a day in UTC (2026-12-01T12:00:00Z).
#[derive(Args)]
#[command(after_help = "\
Examples:
  nswarm key new authority.key
  nswarm cert issue --authority authority.key --subject $(nswarm key new node.key) node.cert
  nswarm cert show node.cert
  nswarm cert show node.cert --authority HEX --subject HEX --epoch 3

Ends with
  0  the certificate was issued or shown, and is good if it was to be verified
  1  it is not good: signature, time or epoch
  2  the command line cannot be understood, or what it says would never be good
  3  a file cannot be read or written, is there already, or is no key file or certificate")]
pub struct Cert {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Issue(Issue),
    Show(Show),
}

/// Issue a certificate for an identity, and show it.
#[derive(Args)]
struct Issue {
    /// The authority's key file.
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// Whom it is for: an identity, as `nswarm key` shows it.
    #[arg(long, value_name = "HEX", value_parser = hex::identity)]
    subject: [u8; 32],
    /// The authority's number for it. By default one by chance.
    #[arg(long, value_name = "N")]
    serial: Option<u32>,
    /// From when on it is good. By default five minutes before now, since other clocks may be late.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    not_before: Option<u64>,
    /// Until when it is good, that second included.
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "days")]
    not_after: Option<u64>,
    /// Or for so many days, from --not-before or else from now on.
    #[arg(long, value_name = "N", default_value_t = 365)]
    days: u32,
    /// The authority's epoch: it is good in this one, and those before it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    epoch: u32,
    /// The file to make. One that is there is never overwritten.
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

/// Show what a certificate says, and verify it.
///
/// It says neither whom it is for, nor more of the authority than the first 4 bytes of its identity: to verify it, both
/// must be given.
#[derive(Args)]
struct Show {
    /// The certificate.
    file: PathBuf,
    /// Verify that this identity issued it.
    #[arg(long, value_name = "HEX", value_parser = hex::identity, requires = "subject")]
    authority: Option<[u8; 32]>,
    /// Verify that it is for this identity.
    #[arg(long, value_name = "HEX", value_parser = hex::identity, requires = "authority")]
    subject: Option<[u8; 32]>,
    /// Verify it as of then, instead of now.
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "authority")]
    at: Option<u64>,
    /// Verify it in this epoch of the authority.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "authority")]
    epoch: u32,
}

impl Cert {
    /// Does what was asked for.
    pub fn run(&self) -> ExitCode {
        end(match &self.what {
            What::Issue(issue) => issue.run(),
            What::Show(show) => show.run(),
        })
    }
}

impl Issue {
    fn run(&self) -> Outcome<()> {
        let now = unix_time();
        let begin = self.not_before.unwrap_or(now);
        let validity = Validity {
            not_before: self.not_before.unwrap_or(now.saturating_sub(SLACK)),
            not_after: self
                .not_after
                .unwrap_or(begin.saturating_add(DAY.saturating_mul(self.days.into()))),
            epoch: self.epoch,
        };
        if validity.not_before > validity.not_after {
            let (from, to) = (time::show(validity.not_before), time::show(validity.not_after));
            return Err(Failure(format!("it would never be good: from {from} to {to}"), 2));
        }
        let serial = match self.serial {
            Some(serial) => serial,
            None => {
                let mut bytes = [0; 4];
                let drawn = SystemEntropy.fill(&mut bytes);
                drawn
                    .map_err(|error| Failure(format!("the system's randomness: {error}"), FILES))?;
                u32::from_le_bytes(bytes)
            }
        };
        let authority = key::secrets(&self.authority)?;
        let certificate = Certificate::issue(&authority, &self.subject, serial, validity);
        let certificate = certificate.map_err(|error| Failure(error.to_string(), FILES))?;
        let opened = OpenOptions::new().write(true).create_new(true).open(&self.out);
        let mut file = opened.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                about(&self.out, "there is such a file already, and it is not overwritten")
            }
            _ => about(&self.out, error),
        })?;
        let written = file.write_all(&certificate.encode()).and_then(|()| file.sync_all());
        written.map_err(|error| {
            // Half a certificate is none; if this fails, too, that is seen when it is read.
            let _ = std::fs::remove_file(&self.out);
            about(&self.out, error)
        })?;
        print(&certificate)
    }
}

impl Show {
    fn run(&self) -> Outcome<()> {
        let certificate = Certificate::decode(&load(&self.file)?).map_err(|error| match error {
            Error::CommVersion => about(&self.file, error),
            _ => about(&self.file, "it is not a certificate"),
        })?;
        print(&certificate)?;
        let (Some(authority), Some(subject)) = (&self.authority, &self.subject) else {
            return Ok(());
        };
        let at = self.at.unwrap_or_else(unix_time);
        let wrong = |why: String| Failure(format!("{}: {why}", self.file.display()), WRONG);
        // First who has said it: else what it says of times and epochs counts for nothing.
        if certificate.verify(authority, subject, None, 0).is_err() {
            let why = "the signature is wrong: another authority, another subject, or damaged";
            return Err(wrong(why.into()));
        }
        certificate.verify(authority, subject, Some(at), self.epoch).map_err(|error| {
            wrong(match error {
                Error::CommExpired if at < certificate.validity.not_before => {
                    format!("it is not good yet at {}", time::show(at))
                }
                Error::CommExpired => format!("it is no longer good at {}", time::show(at)),
                Error::CommRevoked => format!("it is over in epoch {}", self.epoch),
                error => error.to_string(),
            })
        })?;
        tell(&format!("good at {}, in epoch {}\n", time::show(at), self.epoch))
    }
}

/// What a certificate says.
fn print(certificate: &Certificate) -> Outcome<()> {
    let Validity { not_before, not_after, epoch } = certificate.validity;
    tell(&format!(
        "authority {}...\nserial {}\nnot before {not_before} ({})\nnot after {not_after} ({})\nepoch {epoch}\n",
        hex::show(&certificate.authority),
        certificate.serial,
        time::show(not_before),
        time::show(not_after),
    ))
}
