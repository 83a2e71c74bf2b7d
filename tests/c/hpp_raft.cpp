// Raft nodes by way of the C++ wrapper.

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "neural_swarm.hpp"
#include "raft_bytes.hpp"
#include "support.h"

namespace {

struct record {
    nsw_raft_record what;
    bytes data, sessions;
};

struct node {
    std::uint64_t id;
    nsw::raft raft;
    std::vector<record> records;
    std::string state, snapshot, arriving;
    std::vector<nsw_raft_event> events;
};

struct letter {
    std::uint64_t from, to;
    bytes text;
};

nsw::raft_config config_of(std::uint64_t id) {
    nsw::raft_config config(id);
    config.entries = 16;
    config.bytes = 512;
    config.max_entry = 32;
    config.chunk = 100;
    config.sessions = 2;
    config.peers = 4;
    config.message = 1024;
    config.seed = 5;
    return config;
}

class cluster {
public:
    explicit cluster(std::uint64_t count) {
        std::vector<nsw::raft_member> members;
        for (std::uint64_t id = 1; id <= count; id++) {
            members.emplace_back(id);
        }
        for (std::uint64_t id = 1; id <= count; id++) {
            node &one = nodes_[id] =
                node{id, nsw::raft::create(config_of(id)).value(), {}, {}, {}, {}, {}};
            CHECK(one.raft.bootstrap(members).ok());
            CHECK(one.raft.start(0).ok());
        }
    }

    node &at(std::uint64_t id) { return nodes_.at(id); }
    std::uint64_t now() const { return now_; }

    node &leader() {
        for (int turn = 0; turn < 1000; turn++) {
            for (auto &each : nodes_) {
                if (each.second.raft.role().value() == nsw::raft_role::leader) {
                    return each.second;
                }
            }
            pass(10000);
        }
        REQUIRE(!"a leader");
        return nodes_.begin()->second;
    }

    void pass(std::uint64_t us) {
        for (const std::uint64_t end = now_ + us; now_ < end; now_ += 10000) {
            for (auto &each : nodes_) {
                if (each.second.raft.wake_at().value() <= now_) {
                    CHECK(each.second.raft.tick(now_).ok());
                }
                serve(each.second);
            }
            while (!letters_.empty()) {
                const letter next = letters_.front();
                letters_.pop_front();
                if (next.to == away || next.from == away) {
                    continue;
                }
                const nsw_status status =
                    at(next.to).raft.step(next.from, next.text, now_).status();
                // Who was removed may still say something.
                CHECK(status == NSW_OK || status == NSW_ERR_RAFT_PEER);
                serve(at(next.to));
            }
        }
    }

    std::uint64_t away = 0;

private:
    void post(const node &from, const nsw::raft_message &message, const bytes &buf) {
        const auto end = buf.begin() + static_cast<std::ptrdiff_t>(message.len);
        letters_.push_back({from.id, message.to, bytes(buf.begin(), end)});
    }

    void serve(node &one) {
        bytes buf(1024);
        while (const auto next = one.raft.next_record().value()) {
            record kept{*next, bytes(next->data, next->data + next->data_len),
                        bytes(next->sessions, next->sessions + next->sessions_len)};
            kept.what.data = nullptr;
            one.records.push_back(kept);
            CHECK(one.raft.durable(next->number, now_).ok());
        }
        while (const auto next = one.raft.next_message(buf).value()) {
            post(one, *next, buf);
        }
        while (const auto next = one.raft.next_committed().value()) {
            if (next->kind == NSW_RAFT_ENTRY_SNAPSHOT) {
                one.state = one.snapshot;
            } else if (next->kind == NSW_RAFT_ENTRY_DATA || next->kind == NSW_RAFT_ENTRY_SESSION) {
                one.state.append(next->data, next->data + next->data_len);
            }
            CHECK(one.raft.applied(next->index).ok());
        }
        while (const auto next = one.raft.next_event().value()) {
            one.events.push_back(*next);
        }
        while (const auto next = one.raft.next_fetch().value()) {
            // Only snapshots here.
            CHECK(one.raft.fetch_failed(next->first).ok());
        }
        while (const auto next = one.raft.next_chunk().value()) {
            const bytes all = bytes_of(one.snapshot);
            const std::size_t offset = static_cast<std::size_t>(next->offset);
            const std::size_t len =
                std::min(all.size() - offset, static_cast<std::size_t>(next->len));
            const auto sent = one.raft.chunk(*next, all.size(), {all.data() + offset, len}, buf);
            CHECK(sent.value().to == next->to);
            post(one, *sent, buf);
        }
        while (const auto next = one.raft.next_snapshot_write().value()) {
            one.arriving.resize(static_cast<std::size_t>(next->offset));
            one.arriving.append(next->bytes, next->bytes + next->bytes_len);
            if (one.arriving.size() == next->total) {
                one.snapshot = one.arriving;
            }
            CHECK(one.raft.snapshot_written(next->number, now_).ok());
        }
    }

    std::map<std::uint64_t, node> nodes_;
    std::deque<letter> letters_;
    std::uint64_t now_ = 0;
};

bool has_event(const node &one, std::uint32_t kind) {
    for (const nsw_raft_event &event : one.events) {
        if (event.kind == kind) {
            return true;
        }
    }
    return false;
}

void agreement() {
    cluster group(3);
    node &lead = group.leader();
    node &other = group.at(lead.id % 3 + 1);
    group.pass(200000);
    CHECK(lead.raft.propose(bytes_of("a"), group.now()).value() > 0);
    CHECK(other.raft.propose(bytes_of("b"), group.now(), 7, 1).value() == 0);
    CHECK(lead.raft.read(4, group.now()).ok());
    group.pass(300000);
    CHECK(lead.state == "ab" && other.state == "ab");
    CHECK(has_event(lead, NSW_RAFT_EVENT_ROLE) && has_event(lead, NSW_RAFT_EVENT_READ_READY));
    CHECK(has_event(other, NSW_RAFT_EVENT_FORWARDED));
    CHECK(lead.raft.propose(bytes_of("b"), group.now(), 7, 1).status() == NSW_ERR_RAFT_DUPLICATE);
    CHECK(lead.raft.describe().value().leader == lead.id);
    CHECK(lead.raft.member_at(2).value()->kind == NSW_RAFT_VOTER);
    CHECK(!lead.raft.member_at(3).value());

    const nsw::raft_member learner[] = {{4, NSW_RAFT_LEARNER}};
    CHECK(other.raft.change_members(learner, group.now()).status() == NSW_ERR_RAFT_NOT_LEADER);
    CHECK(lead.raft.transfer(other.id, group.now()).ok());
    group.pass(300000);
    CHECK(other.raft.role().value() == nsw::raft_role::leader);
    const nsw::raft_member none[] = {{lead.id, NSW_RAFT_NO_MEMBER}};
    CHECK(other.raft.change_members(none, group.now()).ok());
    group.pass(300000);
    CHECK(!other.raft.member_at(2).value());
    CHECK(other.raft.storage_failed().ok());
    CHECK(other.raft.next_record().status() == NSW_ERR_RAFT_HALTED);
}

void snapshots() {
    cluster group(3);
    node &lead = group.leader();
    group.away = lead.id % 3 + 1;
    node &away = group.at(group.away);
    for (int i = 0; i < 60; i++) {
        CHECK(lead.raft.propose(bytes_of(std::to_string(i)), group.now()).ok());
        group.pass(50000);
    }
    const std::uint64_t applied = lead.raft.describe().value().applied;
    lead.snapshot = lead.state;
    CHECK(lead.raft.compact(applied).ok());
    group.away = 0;
    group.pass(3000000);
    CHECK(away.state == lead.state && away.snapshot == lead.snapshot);

    // It comes back from its records.
    nsw::raft again = nsw::raft::create(config_of(away.id)).value();
    for (record &kept : away.records) {
        kept.what.data = kept.data.data();
        kept.what.sessions = kept.sessions.data();
        CHECK(again.restore(kept.what).ok());
    }
    CHECK(again.describe().value().snapshot >= applied);
    CHECK(again.fetched(away.records.front().what).status() != NSW_OK);
    const nsw_raft_chunk_wanted wanted = NSW_RAFT_CHUNK_WANTED_INIT;
    CHECK(again.chunk_failed(wanted).ok());
    CHECK(config_of(1).least_message().value() <= 1024);
}

void tuning() {
    const nsw::raft_config config = config_of(1);
    nsw::raft node = nsw::raft::create(config).value();
    nsw_raft_timeouts times = node.timeouts().value();
    CHECK(times.election_us == 300000);
    times.election_us *= 2;
    CHECK(node.set_timeouts(times).ok() && node.timeouts()->election_us == 600000);
    CHECK(node.set_priority(3).ok());
    CHECK(node.set_batch(2, 100).status() == NSW_ERR_RAFT_MEMBER);

    const nsw::raft_member two[] = {{1}, {2}};
    CHECK(node.bootstrap(two).ok() && node.start(0).ok());
    nsw::tuner one = nsw::tuner::create(nsw::tuner_config(config)).value();
    nsw::tuner other =
        nsw::tuner::create(nsw::tuner_config(config, nsw::tuner_model::mean_deviation)).value();
    CHECK(one.apply(node, 1).value().priority == 255);
    CHECK(one.wake_at().value() > 1);
    bytes buf(NSW_TUNER_MESSAGE);
    const auto probe = one.next_message(1, buf).value();
    CHECK(probe && probe->to == 2 && probe->len == buf.size());
    CHECK(!one.next_message(1, buf).value());
    CHECK(nsw::tuner::is_probe(buf).value());
    CHECK(other.probed(1, buf, 2).ok());
    CHECK(one.heard(node, 2, buf, 2).ok() && one.sent(2, buf, 2).ok());
}

} // namespace

int main() {
    agreement();
    tuning();
    snapshots();
    return check_report("hpp_raft");
}
