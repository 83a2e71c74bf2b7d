// neural-swarm for C++17 and later: members of a swarm. Included by neural_swarm.hpp, which says
// how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_NODE_HPP
#define NEURAL_SWARM_NODE_HPP

#include <optional>

#include "neural_swarm_link.hpp"
#include "neural_swarm_missions.hpp"
#include "neural_swarm_raft.hpp"
#include "neural_swarm_store.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_node> {
    using config = nsw_node_config;
    static constexpr auto footprint = &nsw_node_footprint;
    static constexpr auto create = &nsw_node_create;
    static constexpr auto destroy = &nsw_node_destroy;
};

template <>
struct functions<nsw_sharing> {
    using config = nsw_sharing_config;
    static constexpr auto footprint = &nsw_sharing_footprint;
    static constexpr auto create = &nsw_sharing_create;
    static constexpr auto destroy = &nsw_sharing_destroy;
};

template <>
struct functions<nsw_topics> {
    using config = nsw_topics_config;
    static constexpr auto footprint = &nsw_topics_footprint;
    static constexpr auto create = &nsw_topics_create;
    static constexpr auto destroy = &nsw_topics_destroy;
};

template <>
struct functions<nsw_requests> {
    using config = nsw_requests_config;
    static constexpr auto footprint = &nsw_requests_footprint;
    static constexpr auto create = &nsw_requests_create;
    static constexpr auto destroy = &nsw_requests_destroy;
};

} // namespace detail

/// The number of the member with this identity. See nsw_member_id.
inline result<std::uint64_t> member_id(const nsw_key &identity) noexcept {
    std::uint64_t id = 0;
    const nsw_status status = nsw_member_id(&identity, &id);
    return detail::result_of(status, id);
}

// ---- parts --------------------------------------------------------------------------------------

/// How a store is shared. See nsw_sharing_config.
struct sharing_config : nsw_sharing_config {
    sharing_config(const nsw_store_config &of, std::uint32_t max_message) noexcept
        : nsw_sharing_config{} {
        size = sizeof(nsw_sharing_config);
        mtu = max_message;
        store = &of;
    }
};

/// Shares a store with the other members of a swarm. See nsw_sharing_create.
class sharing : public detail::object<sharing, nsw_sharing> {
public:
    /// What was counted.
    result<nsw_sharing_info> describe() const noexcept {
        nsw_sharing_info info = NSW_SHARING_INFO_INIT;
        const nsw_status status = nsw_sharing_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

/// Settings of publish and subscribe. See nsw_topics_config.
struct topics_config : nsw_topics_config {
    topics_config(const nsw_node_info &node, std::uint64_t with_seed) noexcept
        : nsw_topics_config{} {
        size = sizeof(nsw_topics_config);
        mtu = node.max_message;
        id = node.id;
        seed = with_seed;
    }
};

/// Something that a member has said to all, valid until the next call on the object that told it.
struct publication {
    std::uint64_t origin;
    std::uint64_t number;
    span<const std::uint8_t> topic;
    span<const std::uint8_t> message;
};

/// Publish and subscribe. See nsw_topics_create.
class topics : public detail::object<topics, nsw_topics> {
public:
    /// From now on, publications under this topic come.
    result<void> subscribe(span<const std::uint8_t> topic) noexcept {
        return result<void>(nsw_topics_subscribe(get(), topic.data(), topic.size()));
    }
    /// No longer.
    result<void> unsubscribe(span<const std::uint8_t> topic) noexcept {
        return result<void>(nsw_topics_unsubscribe(get(), topic.data(), topic.size()));
    }
    /// Says something to all that have subscribed; its number. See nsw_topics_publish.
    result<std::uint64_t> publish(span<const std::uint8_t> topic,
                                  span<const std::uint8_t> message) noexcept {
        std::uint64_t number = 0;
        const nsw_status status = nsw_topics_publish(get(), topic.data(), topic.size(),
                                                     message.data(), message.size(), &number);
        return detail::result_of(status, number);
    }
    /// The next publication, if there is one. See nsw_topics_next.
    result<std::optional<publication>> next() noexcept {
        nsw_publication p = NSW_PUBLICATION_INIT;
        const nsw_status status = nsw_topics_next(get(), &p);
        return detail::unless_done(status, publication{p.origin,
                                                       p.number,
                                                       {p.topic, p.topic_len},
                                                       {p.message, p.message_len}});
    }
    /// What was counted.
    result<nsw_topics_info> describe() const noexcept {
        nsw_topics_info info = NSW_TOPICS_INFO_INIT;
        const nsw_status status = nsw_topics_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

/// Settings of requests and answers. See nsw_requests_config.
struct requests_config : nsw_requests_config {
    requests_config(const nsw_node_info &node, std::uint64_t with_seed) noexcept
        : nsw_requests_config{} {
        size = sizeof(nsw_requests_config);
        mtu = node.max_message;
        seed = with_seed;
    }
};

/// Requests and answers. See nsw_requests_create.
class requests : public detail::object<requests, nsw_requests> {
public:
    /// Asks a member something; the number of the request. See nsw_requests_ask.
    result<std::uint64_t> ask(std::uint64_t member, span<const std::uint8_t> method,
                              span<const std::uint8_t> message, std::uint64_t deadline_us,
                              std::uint64_t now_us) noexcept {
        std::uint64_t request = 0;
        const nsw_status status =
            nsw_requests_ask(get(), member, method.data(), method.size(), message.data(),
                             message.size(), deadline_us, now_us, &request);
        return detail::result_of(status, request);
    }
    /// The answer is not wanted any more.
    result<void> cancel(std::uint64_t request) noexcept {
        return result<void>(nsw_requests_cancel(get(), request));
    }
    /// Answers a request of another member.
    result<void> answer(std::uint64_t call, span<const std::uint8_t> message) noexcept {
        return result<void>(nsw_requests_answer(get(), call, message.data(), message.size()));
    }
    /// Refuses it.
    result<void> refuse(std::uint64_t call) noexcept {
        return result<void>(nsw_requests_refuse(get(), call));
    }
    /// What has happened, if anything; its pointers are valid until the next call. See
    /// nsw_requests_next.
    result<std::optional<nsw_requests_event>> next() noexcept {
        nsw_requests_event event = NSW_REQUESTS_EVENT_INIT;
        const nsw_status status = nsw_requests_next(get(), &event);
        return detail::unless_done(status, event);
    }
    /// What was counted.
    result<nsw_requests_info> describe() const noexcept {
        nsw_requests_info info = NSW_REQUESTS_INFO_INIT;
        const nsw_status status = nsw_requests_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

// ---- the node -----------------------------------------------------------------------------------

/// A node's settings. See nsw_node_config.
struct node_config : nsw_node_config {
    node_config(const nsw::identity &who, const nsw_transport &how, std::uint32_t most_members,
                span<const std::uint8_t> of_network, std::uint64_t at_us) noexcept
        : nsw_node_config{} {
        size = sizeof(nsw_node_config);
        members = most_members;
        identity = who.get();
        transport = &how;
        network = of_network.data();
        network_len = of_network.size();
        now_us = at_us;
    }
};

/// The parts of a node, lent for a call: the same at each call. See nsw_node_parts.
struct node_parts : nsw_node_parts {
    node_parts() noexcept : nsw_node_parts{} { size = sizeof(nsw_node_parts); }
    /// A store, and what shares it.
    node_parts &share(nsw::store &with, nsw::sharing &by) noexcept {
        store = with.get();
        sharing = by.get();
        return *this;
    }
    /// Publish and subscribe.
    node_parts &add(nsw::topics &part) noexcept {
        topics = part.get();
        return *this;
    }
    /// Requests and answers.
    node_parts &add(nsw::requests &part) noexcept {
        requests = part.get();
        return *this;
    }
    /// Missions.
    node_parts &add(nsw::missions &part) noexcept {
        missions = part.get();
        return *this;
    }
    /// Nodes of groups that agree, by the number of the group; the array stays where it is.
    node_parts &add(span<nsw_raft *const> parts) noexcept {
        groups = parts.data();
        groups_len = static_cast<std::uint32_t>(parts.size());
        return *this;
    }
};

/// A member of a swarm. See nsw_node_create.
class node : public detail::object<node, nsw_node> {
public:
    /// Trusts an identity.
    result<void> pin(const nsw_key &identity) noexcept {
        return result<void>(nsw_node_pin(get(), &identity));
    }
    /// No longer trusts an identity by itself.
    result<void> unpin(const nsw_key &identity) noexcept {
        return result<void>(nsw_node_unpin(get(), &identity));
    }
    /// Trusts whoever has a certificate of this authority, of this epoch or a later one.
    result<void> add_authority(const nsw_key &authority, std::uint32_t epoch) noexcept {
        return result<void>(nsw_node_add_authority(get(), &authority, epoch));
    }
    /// No longer trusts an authority.
    result<void> remove_authority(const nsw_key &authority) noexcept {
        return result<void>(nsw_node_remove_authority(get(), &authority));
    }
    /// The certificate that this member shows; empty: none.
    result<void> set_certificate(span<const std::uint8_t> bytes) noexcept {
        return result<void>(nsw_node_set_certificate(get(), bytes.data(), bytes.size()));
    }
    /// The time of day in milliseconds since 1970; none: there is no such clock.
    result<void> set_wall(std::optional<std::uint64_t> wall_ms, std::uint64_t now_us) noexcept {
        return result<void>(nsw_node_set_wall(get(), wall_ms ? &*wall_ms : nullptr, now_us));
    }
    /// An address of a member to begin with.
    result<void> join(const nsw_address &address, std::uint64_t now_us) noexcept {
        return result<void>(nsw_node_join(get(), &address, now_us));
    }
    /// Says that this member goes.
    result<void> leave(std::uint64_t now_us) noexcept {
        return result<void>(nsw_node_leave(get(), now_us));
    }
    /// Where this member is to be reached, and what it says of itself, from now on.
    result<void> set_said(const nsw_address &address, span<const std::uint8_t> meta,
                          std::uint64_t now_us) noexcept {
        return result<void>(
            nsw_node_set_said(get(), &address, meta.data(), meta.size(), now_us));
    }
    /// Ends the session with a member.
    result<void> disconnect(std::uint64_t id) noexcept {
        return result<void>(nsw_node_disconnect(get(), id));
    }
    /// Forgets what a member did, and ends its quarantine.
    result<void> forgive(std::uint64_t id) noexcept {
        return result<void>(nsw_node_forgive(get(), id));
    }
    /// Does what is to be done by now; when to come back. See nsw_node_poll.
    result<std::uint64_t> poll(std::uint64_t now_us, const nsw_node_parts &parts) noexcept {
        std::uint64_t wake = 0;
        const nsw_status status = nsw_node_poll(get(), now_us, &parts, &wake);
        return detail::result_of(status, wake);
    }
    /// Takes a datagram that came some other way. See nsw_node_receive.
    result<void> receive(const nsw_address &from, span<const std::uint8_t> datagram,
                         std::uint64_t now_us, const nsw_node_parts &parts) noexcept {
        return result<void>(nsw_node_receive(get(), &from, datagram.data(), datagram.size(),
                                             now_us, &parts));
    }
    /// What has happened, if anything.
    result<std::optional<nsw_node_event>> next() noexcept {
        nsw_node_event event = NSW_NODE_EVENT_INIT;
        const nsw_status status = nsw_node_next(get(), &event);
        return detail::unless_done(status, event);
    }
    /// What is known of a member; `meta` is valid until the next call.
    result<nsw_node_member> member(std::uint64_t id) const noexcept {
        nsw_node_member known = NSW_NODE_MEMBER_INIT;
        const nsw_status status = nsw_node_member_info(get(), id, &known);
        return detail::result_of(status, known);
    }
    /// The member with the least number above `id`, if there is one; begun with 0, all come one
    /// by one.
    result<std::optional<nsw_node_member>> next_member(std::uint64_t id) const noexcept {
        nsw_node_member known = NSW_NODE_MEMBER_INIT;
        const nsw_status status = nsw_node_next_member(get(), &id, &known);
        return detail::unless_done(status, known);
    }
    /// What a member did last that it must not do.
    result<nsw_node_evidence> evidence(std::uint64_t id) const noexcept {
        nsw_node_evidence did = NSW_NODE_EVIDENCE_INIT;
        const nsw_status status = nsw_node_evidence_of(get(), id, &did);
        return detail::result_of(status, did);
    }
    /// What the node is and has counted.
    result<nsw_node_info> describe() const noexcept {
        nsw_node_info info = NSW_NODE_INFO_INIT;
        const nsw_status status = nsw_node_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_NODE_HPP
