//! What is counted and measured of a member, as text.

use std::vec;
use std::vec::Vec;

use super::state::Core;
use crate::error::Result;
use crate::node::membership::Standing;
use crate::node::metrics::{Buckets, Counter, Gauge, Histogram, Metric, Metrics, Unit};
use crate::port::Heap;

/// The metrics of a [`Member`](super::Member), by their names.
pub const MEMBER_METRICS: &[Metric] = &[
    Metric::counter("nsw_datagrams", "Datagrams by where they went.")
        .label("way", &["received", "sent"]),
    Metric::counter("nsw_traffic_bytes", "Bytes of datagrams by where they went.")
        .unit(Unit::Bytes)
        .label("way", &["received", "sent"]),
    Metric::counter("nsw_lost", "What was not done with datagrams and messages, by why.").label(
        "why",
        &["unsent", "refused", "unknown", "failed", "violation", "dropped", "evicted"],
    ),
    Metric::counter("nsw_link", "What became of frames and handshakes of sessions.").label(
        "what",
        &[
            "sent",
            "received",
            "malformed",
            "forged",
            "replayed",
            "handshakes",
            "openings",
            "deferred",
            "refused",
        ],
    ),
    Metric::gauge("nsw_sessions", "Members that there is a session with."),
    Metric::gauge("nsw_members", "Members that are known, by how they stand; this one, too.")
        .label("standing", &["alive", "suspect", "dead", "left"]),
    Metric::counter("nsw_probes", "Probes of members by what came of them.")
        .label("what", &["begun", "failed", "refuted", "buried", "stalled"]),
    Metric::gauge("nsw_health", "How much slower this member is than it should be; 0 is best."),
    Metric::gauge("nsw_group_term", "The term of the group, as far as this member knows."),
    Metric::gauge("nsw_group_leads", "Whether this member leads the group: 1 or 0."),
    Metric::gauge("nsw_group_known_leader", "Whether a leader of the group is known: 1 or 0."),
    Metric::gauge("nsw_group_index", "Places in the group's log.")
        .label("what", &["commit", "applied", "durable", "last", "snapshot"]),
    Metric::gauge("nsw_group_waiting", "Proposals of this member that are not agreed on yet."),
    Metric::counter("nsw_group_agreed", "Proposals of all that were applied here."),
    Metric::counter("nsw_sharing", "What was done to share the store.")
        .label("what", &["told", "merged", "full", "refused", "compared", "dropped", "too_long"]),
    Metric::gauge("nsw_store", "What is in the store.")
        .label("what", &["replicas", "keys", "items", "early"]),
    Metric::gauge("nsw_store_used_bytes", "Bytes of names and values in the store.")
        .unit(Unit::Bytes),
    Metric::counter("nsw_publications", "Publications by what became of them.")
        .label("what", &["published", "received", "repeated", "dropped", "stuck"]),
    Metric::counter("nsw_requests", "Requests by what became of them.")
        .label("what", &["asked", "repeated", "answered", "failed", "calls", "busy", "doubled"]),
    Metric::histogram(
        "nsw_answer_seconds",
        "How long answers to requests of this member took.",
        Buckets::LATENCY,
    )
    .unit(Unit::Microseconds),
    Metric::counter("nsw_errors", "Times that transport or disk refused.")
        .label("of", &["transport", "store", "group"]),
];

/// The histogram of answers.
const ANSWER: Option<Histogram> = Histogram::of(MEMBER_METRICS, 19, 0);

pub(super) struct Gauges(Metrics<'static>);

impl Gauges {
    pub fn new() -> Result<Gauges> {
        Metrics::new(MEMBER_METRICS, Heap).map(Gauges)
    }

    /// A request of this member was answered after so long.
    pub fn answered(&mut self, took_us: u64) {
        if let Some(histogram) = ANSWER {
            self.0.record(histogram, took_us);
        }
    }

    fn totals(&mut self, name: &str, totals: &[u64]) {
        let at = MEMBER_METRICS.iter().position(|metric| metric.name == name).unwrap_or(usize::MAX);
        for (series, total) in totals.iter().enumerate() {
            if let Some(counter) = Counter::of(MEMBER_METRICS, at, series) {
                self.0.set_total(counter, *total);
            } else if let Some(gauge) = Gauge::of(MEMBER_METRICS, at, series) {
                self.0.set(gauge, i64::try_from(*total).unwrap_or(i64::MAX));
            }
        }
    }
}

impl Core {
    /// All that was counted, in the text of OpenMetrics.
    pub fn metrics(&mut self) -> Result<Vec<u8>> {
        let node = *self.node.stats();
        let link = *self.node.link_stats();
        let all = self.node.membership();
        let (seen, health) = (*all.stats(), u64::from(all.health()));
        let mut standing = [0; 4];
        for member in all.members() {
            let place = match member.standing {
                Standing::Alive => 0,
                Standing::Suspect => 1,
                Standing::Dead => 2,
                Standing::Left => 3,
            };
            if let Some(count) = standing.get_mut(place) {
                *count += 1;
            }
        }
        let sharing = *self.kept.sharing.stats();
        let usage = self.kept.store.usage();
        let topics = *self.topics.stats();
        let requests = *self.requests.stats();
        let sessions = self.node.connected() as u64;
        let gauges = &mut self.gauges;
        gauges.totals("nsw_datagrams", &[node.received, node.sent]);
        gauges.totals("nsw_traffic_bytes", &[node.received_bytes, node.sent_bytes]);
        let lost = [
            node.unsent,
            node.refused,
            node.unknown,
            node.failed,
            node.violations,
            node.dropped,
            node.evicted,
        ];
        gauges.totals("nsw_lost", &lost);
        gauges.totals(
            "nsw_link",
            &[
                link.sent,
                link.received,
                link.malformed,
                link.forged,
                link.replayed,
                link.handshakes,
                link.openings,
                link.deferred,
                link.refused,
            ],
        );
        gauges.totals("nsw_sessions", &[sessions]);
        gauges.totals("nsw_members", &standing);
        let probes = [seen.probes, seen.failed, seen.refuted, seen.buried, seen.stalled];
        gauges.totals("nsw_probes", &probes);
        gauges.totals("nsw_health", &[health]);
        let told = [
            sharing.told,
            sharing.merged,
            sharing.full,
            sharing.refused,
            sharing.compared,
            sharing.dropped,
            sharing.too_long,
        ];
        gauges.totals("nsw_sharing", &told);
        let items = [usage.replicas, usage.keys, usage.items, usage.early];
        gauges.totals("nsw_store", &items.map(|count| count as u64));
        gauges.totals("nsw_store_used_bytes", &[usage.bytes as u64]);
        let said =
            [topics.published, topics.received, topics.repeated, topics.dropped, topics.stuck];
        gauges.totals("nsw_publications", &said);
        let asked = [
            requests.asked,
            requests.repeated,
            requests.answered,
            requests.failed,
            requests.calls,
            requests.busy,
            requests.doubled,
        ];
        gauges.totals("nsw_requests", &asked);
        let mut failed = 0;
        if let Some(group) = &self.group {
            let status = group.raft.status();
            gauges.totals("nsw_group_term", &[status.term]);
            gauges.totals("nsw_group_leads", &[u64::from(group.leads)]);
            gauges.totals("nsw_group_known_leader", &[u64::from(status.leader.is_some())]);
            let places =
                [status.commit, status.applied, status.durable, status.last, status.snapshot];
            gauges.totals("nsw_group_index", &places);
            gauges.totals("nsw_group_waiting", &[group.waiting() as u64]);
            gauges.totals("nsw_group_agreed", &[group.agreed]);
            failed = u64::from(group.failed.is_some());
        }
        gauges.totals("nsw_errors", &[self.transport_errors, self.store_errors, failed]);
        let values = gauges.0.values();
        let mut text = vec![0; values.open_metrics_len()];
        let len = values.open_metrics(&mut text)?;
        text.truncate(len);
        Ok(text)
    }
}
