// neural-swarm for C++17 and later: nodes that agree on one sequence of entries. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_RAFT_HPP
#define NEURAL_SWARM_RAFT_HPP

#include <optional>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_raft> {
    using config = nsw_raft_config;
    static constexpr auto footprint = &nsw_raft_footprint;
    static constexpr auto create = &nsw_raft_create;
    static constexpr auto destroy = &nsw_raft_destroy;
};

template <>
struct functions<nsw_tuner> {
    using config = nsw_tuner_config;
    static constexpr auto footprint = &nsw_tuner_footprint;
    static constexpr auto create = &nsw_tuner_create;
    static constexpr auto destroy = &nsw_tuner_destroy;
};

} // namespace detail

/// What a node does in its term. See NSW_RAFT_FOLLOWER and the like.
enum class raft_role : std::uint32_t {
    follower = NSW_RAFT_FOLLOWER,
    pre_candidate = NSW_RAFT_PRE_CANDIDATE,
    candidate = NSW_RAFT_CANDIDATE,
    leader = NSW_RAFT_LEADER
};

/// What a node is made for. The defaults unless more is set; see nsw_raft_config.
struct raft_config : nsw_raft_config {
    explicit raft_config(std::uint64_t own_id) noexcept : nsw_raft_config{} {
        size = sizeof(nsw_raft_config);
        id = own_id;
    }
    /// The least that `message` may be. See nsw_raft_least_message.
    [[nodiscard]] result<std::size_t> least_message() const noexcept {
        std::size_t least = 0;
        const nsw_status status = nsw_raft_least_message(this, &least);
        return detail::result_of(status, least);
    }
};

/// A member, or a change of one. See nsw_raft_member.
struct raft_member : nsw_raft_member {
    /// A member of a kind; NSW_RAFT_NO_MEMBER to remove one.
    raft_member(std::uint64_t of, std::uint32_t as = NSW_RAFT_VOTER) noexcept : nsw_raft_member{} {
        size = sizeof(nsw_raft_member);
        kind = as;
        id = of;
    }
};

/// A message to be sent.
struct raft_message {
    /// How much of the buffer it fills.
    std::size_t len;
    /// For whom.
    std::uint64_t to;
};

/// A member of a group of nodes that agree on one sequence of entries. See nsw_raft. What calls
/// hand out lies in the node, and is good until the next call that changes it.
class raft : public detail::object<raft, nsw_raft> {
public:
    /// A record from storage, before start().
    result<void> restore(const nsw_raft_record &record) noexcept {
        return result<void>(nsw_raft_restore(get(), &record));
    }
    /// The first membership of a group, before start(). See nsw_raft_bootstrap.
    result<void> bootstrap(span<const raft_member> members) noexcept {
        return result<void>(nsw_raft_bootstrap(get(), members.data(), members.size()));
    }
    /// Begins to take part.
    result<void> start(std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_start(get(), now_us));
    }

    /// A message of another node.
    result<void> step(std::uint64_t from, span<const std::uint8_t> message,
                      std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_step(get(), from, message.data(), message.size(), now_us));
    }
    /// It is this late.
    result<void> tick(std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_tick(get(), now_us));
    }
    /// When to call tick() at the latest.
    result<std::uint64_t> wake_at() const noexcept {
        std::uint64_t wake_us = 0;
        const nsw_status status = nsw_raft_wake_at(get(), &wake_us);
        return detail::result_of(status, wake_us);
    }

    /// Proposes an entry: its place, or 0 if it was forwarded. See nsw_raft_propose.
    result<std::uint64_t> propose(span<const std::uint8_t> data, std::uint64_t now_us,
                                  std::uint64_t client = 0, std::uint64_t sequence = 0) noexcept {
        std::uint64_t index = 0;
        const nsw_status status =
            nsw_raft_propose(get(), data.data(), data.size(), client, sequence, now_us, &index);
        return detail::result_of(status, index);
    }
    /// Asks for a linearizable read; an event tells of it.
    result<void> read(std::uint64_t token, std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_read(get(), token, now_us));
    }
    /// Changes the membership. See nsw_raft_change_members.
    result<void> change_members(span<const raft_member> changes, std::uint64_t now_us) noexcept {
        return result<void>(
            nsw_raft_change_members(get(), changes.data(), changes.size(), now_us));
    }
    /// Hands over: `to` shall lead.
    result<void> transfer(std::uint64_t to, std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_transfer(get(), to, now_us));
    }

    /// The next record that has to be durable; none if there is none now.
    result<std::optional<nsw_raft_record>> next_record() noexcept {
        nsw_raft_record record = NSW_RAFT_RECORD_INIT;
        const nsw_status status = nsw_raft_next_record(get(), &record);
        return detail::unless_done(status, record);
    }
    /// Records up to this number are durable.
    result<void> durable(std::uint64_t number, std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_durable(get(), number, now_us));
    }
    /// Storage has failed: the node halts.
    result<void> storage_failed() noexcept {
        return result<void>(nsw_raft_storage_failed(get()));
    }
    /// The next message to be sent; none if there is none now.
    result<std::optional<raft_message>> next_message(span<std::uint8_t> buf) noexcept {
        raft_message message{0, 0};
        const nsw_status status =
            nsw_raft_next_message(get(), buf.data(), buf.size(), &message.len, &message.to);
        return detail::unless_done(status, message);
    }
    /// The next entry to apply, or a snapshot; none if there is none now.
    result<std::optional<nsw_raft_entry>> next_committed() noexcept {
        nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
        const nsw_status status = nsw_raft_next_committed(get(), &entry);
        return detail::unless_done(status, entry);
    }
    /// The application has applied everything up to this entry.
    result<void> applied(std::uint64_t index) noexcept {
        return result<void>(nsw_raft_applied(get(), index));
    }
    /// What has happened; none if there is no more.
    result<std::optional<nsw_raft_event>> next_event() noexcept {
        nsw_raft_event event = NSW_RAFT_EVENT_INIT;
        const nsw_status status = nsw_raft_next_event(get(), &event);
        return detail::unless_done(status, event);
    }

    /// Entries that are wanted from storage; none if none are.
    result<std::optional<nsw_raft_fetch>> next_fetch() noexcept {
        nsw_raft_fetch fetch = NSW_RAFT_FETCH_INIT;
        const nsw_status status = nsw_raft_next_fetch(get(), &fetch);
        return detail::unless_done(status, fetch);
    }
    /// An entry that was asked for.
    result<void> fetched(const nsw_raft_record &entry) noexcept {
        return result<void>(nsw_raft_fetched(get(), &entry));
    }
    /// Storage does not have the entries from an index on.
    result<void> fetch_failed(std::uint64_t index) noexcept {
        return result<void>(nsw_raft_fetch_failed(get(), index));
    }

    /// The application has a durable snapshot of its state after this entry.
    result<void> compact(std::uint64_t index) noexcept {
        return result<void>(nsw_raft_compact(get(), index));
    }
    /// Bytes of a snapshot that a follower needs; none if nobody needs any now.
    result<std::optional<nsw_raft_chunk_wanted>> next_chunk() noexcept {
        nsw_raft_chunk_wanted wanted = NSW_RAFT_CHUNK_WANTED_INIT;
        const nsw_status status = nsw_raft_next_chunk(get(), &wanted);
        return detail::unless_done(status, wanted);
    }
    /// A wanted chunk of a snapshot of `total` bytes, as a message for who wanted it.
    result<raft_message> chunk(const nsw_raft_chunk_wanted &wanted, std::uint64_t total,
                               span<const std::uint8_t> bytes, span<std::uint8_t> buf) noexcept {
        raft_message message{0, wanted.to};
        const nsw_status status = nsw_raft_chunk(get(), &wanted, total, bytes.data(), bytes.size(),
                                                 buf.data(), buf.size(), &message.len);
        return detail::result_of(status, message);
    }
    /// The application does not have that snapshot any more.
    result<void> chunk_failed(const nsw_raft_chunk_wanted &wanted) noexcept {
        return result<void>(nsw_raft_chunk_failed(get(), &wanted));
    }
    /// Bytes of a snapshot that have arrived and are to be written; none if there are none now.
    result<std::optional<nsw_raft_snapshot_write>> next_snapshot_write() noexcept {
        nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
        const nsw_status status = nsw_raft_next_snapshot_write(get(), &write);
        return detail::unless_done(status, write);
    }
    /// The bytes with this number are durable.
    result<void> snapshot_written(std::uint64_t number, std::uint64_t now_us) noexcept {
        return result<void>(nsw_raft_snapshot_written(get(), number, now_us));
    }

    /// How the node does.
    result<nsw_raft_info> describe() const noexcept {
        nsw_raft_info info = NSW_RAFT_INFO_INIT;
        const nsw_status status = nsw_raft_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// What it does in its term.
    result<raft_role> role() const noexcept {
        nsw_raft_info info = NSW_RAFT_INFO_INIT;
        const nsw_status status = nsw_raft_describe(get(), &info);
        return detail::result_of(status, static_cast<raft_role>(info.role));
    }
    /// The index-th member, from 0 on; none behind the last one.
    result<std::optional<nsw_raft_peer>> member_at(std::size_t index) const noexcept {
        nsw_raft_peer peer = NSW_RAFT_PEER_INIT;
        const nsw_status status = nsw_raft_member_at(get(), index, &peer);
        return detail::unless_done(status, peer);
    }

    /// Times that may change while it runs.
    result<nsw_raft_timeouts> timeouts() const noexcept {
        nsw_raft_timeouts times = NSW_RAFT_TIMEOUTS_INIT;
        const nsw_status status = nsw_raft_get_timeouts(get(), &times);
        return detail::result_of(status, times);
    }
    result<void> set_timeouts(const nsw_raft_timeouts &times) noexcept {
        return result<void>(nsw_raft_set_timeouts(get(), &times));
    }
    /// Who should lead, 1 to 255.
    result<void> set_priority(std::uint32_t priority) noexcept {
        return result<void>(nsw_raft_set_priority(get(), priority));
    }
    /// The most bytes of entries in a message to a member; 0: as many as fit.
    result<void> set_batch(std::uint64_t peer, std::uint32_t bytes) noexcept {
        return result<void>(nsw_raft_set_batch(get(), peer, bytes));
    }
};

/// How a tuner comes from what it has seen to what it sets. See NSW_TUNER_LEARNED.
enum class tuner_model : std::uint32_t {
    learned = NSW_TUNER_LEARNED,
    mean_deviation = NSW_TUNER_MEAN_DEVIATION
};

/// What a tuner is for: a node of this configuration, which stays where it is until the tuner is
/// made. See nsw_tuner_config.
struct tuner_config : nsw_tuner_config {
    explicit tuner_config(const nsw_raft_config &of,
                          tuner_model by = tuner_model::learned) noexcept
        : nsw_tuner_config{} {
        size = sizeof(nsw_tuner_config);
        model = static_cast<std::uint32_t>(by);
        node = &of;
    }
};

/// What sets the times, the priority and the batches of a node by what the network does. See
/// nsw_tuner.
class tuner : public detail::object<tuner, nsw_tuner> {
public:
    /// Whether a message is a tuner's, and not for Raft.
    static result<bool> is_probe(span<const std::uint8_t> message) noexcept {
        std::uint32_t yes = 0;
        const nsw_status status = nsw_tuner_is_probe(message.data(), message.size(), &yes);
        return detail::result_of(status, yes != 0);
    }
    /// The message of another node's tuner.
    result<void> probed(std::uint64_t from, span<const std::uint8_t> message,
                        std::uint64_t now_us) noexcept {
        return result<void>(
            nsw_tuner_probed(get(), from, message.data(), message.size(), now_us));
    }
    /// A message that the node has taken.
    result<void> heard(const raft &node, std::uint64_t from, span<const std::uint8_t> message,
                       std::uint64_t now_us) noexcept {
        return result<void>(nsw_tuner_heard(get(), node.get(), from, message.data(),
                                            message.size(), now_us));
    }
    /// A message that the node sends.
    result<void> sent(std::uint64_t to, span<const std::uint8_t> message,
                      std::uint64_t now_us) noexcept {
        return result<void>(nsw_tuner_sent(get(), to, message.data(), message.size(), now_us));
    }
    /// The next message of its own; none if there is none.
    result<std::optional<raft_message>> next_message(std::uint64_t now_us,
                                                     span<std::uint8_t> buf) noexcept {
        raft_message message{0, 0};
        const nsw_status status = nsw_tuner_next_message(get(), now_us, buf.data(), buf.size(),
                                                         &message.len, &message.to);
        return detail::unless_done(status, message);
    }
    /// When to call apply() at the latest.
    result<std::uint64_t> wake_at() const noexcept {
        std::uint64_t wake_us = 0;
        const nsw_status status = nsw_tuner_wake_at(get(), &wake_us);
        return detail::result_of(status, wake_us);
    }
    /// Sets what is to be set now at the node; returns what.
    result<nsw_tuner_advice> apply(raft &node, std::uint64_t now_us) noexcept {
        nsw_tuner_advice advice = NSW_TUNER_ADVICE_INIT;
        const nsw_status status = nsw_tuner_apply(get(), now_us, node.get(), &advice);
        return detail::result_of(status, advice);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_RAFT_HPP
