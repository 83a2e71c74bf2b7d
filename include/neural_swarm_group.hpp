// neural-swarm for C++17 and later: groups, and the post-quantum option of handshakes. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_GROUP_HPP
#define NEURAL_SWARM_GROUP_HPP

#include <array>
#include <cstring>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_group> {
    using config = nsw_group_config;
    static constexpr auto footprint = &nsw_group_footprint;
    static constexpr auto create = &nsw_group_create;
    static constexpr auto destroy = &nsw_group_destroy;
};

#ifdef NSW_POST_QUANTUM
template <>
struct functions<nsw_pq_offer> {
    using config = nsw_pq_offer_config;
    static constexpr auto footprint = &nsw_pq_offer_footprint;
    static constexpr auto create = &nsw_pq_offer_create;
    static constexpr auto destroy = &nsw_pq_offer_destroy;
};

template <>
struct functions<nsw_pq_answer> {
    using config = nsw_pq_answer_config;
    static constexpr auto footprint = &nsw_pq_answer_footprint;
    static constexpr auto create = &nsw_pq_answer_create;
    static constexpr auto destroy = &nsw_pq_answer_destroy;
};
#endif

} // namespace detail

/// What a group is like: its id, 16 bytes, and the own number. The defaults unless more is set; see
/// nsw_group_config. What `entropy` points to is only referred to, while the group is made.
struct group_config : nsw_group_config {
    group_config(const std::array<std::uint8_t, 16> &group_id, std::uint16_t own_number) noexcept
        : nsw_group_config{} {
        size = sizeof(nsw_group_config);
        std::memcpy(id, group_id.data(), sizeof id);
        own = own_number;
    }
};

/// A text that came, and whose it is.
struct group_message {
    std::uint16_t sender;
    std::uint32_t epoch;
    std::uint32_t counter;
    /// How much of the buffer it fills.
    std::size_t len;
};

/// A member's view of a group. See nsw_group_create.
class group : public detail::object<group, nsw_group> {
public:
    /// How it is.
    result<nsw_group_info> describe() const noexcept {
        nsw_group_info info = NSW_GROUP_INFO_INIT;
        const nsw_status status = nsw_group_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// The numbers of the other members; returns how many.
    result<std::size_t> members(span<std::uint16_t> numbers) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_group_members(get(), numbers.data(), numbers.size(), len);
        });
    }
    /// The members whose chain of this epoch has not come; returns how many.
    result<std::size_t> missing(span<std::uint16_t> numbers) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_group_missing(get(), numbers.data(), numbers.size(), len);
        });
    }

    /// Begins an epoch with other members. See nsw_group_change.
    result<void> change(std::uint32_t epoch, span<const std::uint16_t> add,
                        span<const std::uint16_t> remove, std::uint64_t now_us) noexcept {
        return result<void>(nsw_group_change(get(), epoch, add.data(), add.size(), remove.data(),
                                             remove.size(), now_us));
    }
    /// The next epoch, with one member more.
    result<void> add(std::uint16_t number, std::uint64_t now_us) noexcept {
        return result<void>(nsw_group_add(get(), number, now_us));
    }
    /// The next epoch, with one member less.
    result<void> remove(std::uint16_t number, std::uint64_t now_us) noexcept {
        return result<void>(nsw_group_remove(get(), number, now_us));
    }
    /// The next epoch, with the same members.
    result<void> rekey(std::uint64_t now_us) noexcept {
        return result<void>(nsw_group_rekey(get(), now_us));
    }
    /// Forgets the previous epoch if its time is over.
    result<void> expire(std::uint64_t now_us) noexcept {
        return result<void>(nsw_group_expire(get(), now_us));
    }

    /// The own chain for another member, which is secret; returns its length. See
    /// nsw_group_announce.
    result<std::size_t> announce(std::uint16_t to, span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_group_announce(get(), to, buf.data(), buf.size(), len);
        });
    }
    /// Takes another member's chain. See nsw_group_accept.
    result<void> accept(std::uint16_t from, span<const std::uint8_t> announcement) noexcept {
        return result<void>(
            nsw_group_accept(get(), from, announcement.data(), announcement.size()));
    }

    /// Seals a text for all members; returns the length of the frame.
    result<std::size_t> seal(span<const std::uint8_t> text, span<std::uint8_t> frame) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_group_seal(get(), text.data(), text.size(), frame.data(), frame.size(),
                                  len);
        });
    }
    /// Opens a frame of another member's. `text` needs room for the frame less
    /// NSW_GROUP_OVERHEAD. See nsw_group_open.
    result<group_message> open(span<const std::uint8_t> frame, std::uint64_t now_us,
                               span<std::uint8_t> text) noexcept {
        nsw_group_message message = NSW_GROUP_MESSAGE_INIT;
        group_message came{0, 0, 0, 0};
        const nsw_status status =
            nsw_group_open(get(), frame.data(), frame.size(), now_us, text.data(), text.size(),
                           &came.len, &message);
        came.sender = message.sender;
        came.epoch = message.epoch;
        came.counter = message.counter;
        return detail::result_of(status, came);
    }
};

#ifdef NSW_POST_QUANTUM

/// The bytes of a pre-shared key. They are secret: overwrite them after use.
using psk = std::array<std::uint8_t, NSW_PQ_PSK>;

/// How the key pair of an offer is made.
struct pq_offer_config : nsw_pq_offer_config {
    pq_offer_config() noexcept : nsw_pq_offer_config{} { size = sizeof(nsw_pq_offer_config); }
};

/// The initiator's side of the post-quantum option. See nsw_pq_offer.
class pq_offer : public detail::object<pq_offer, nsw_pq_offer> {
public:
    /// What goes to the responder: NSW_PQ_OFFER bytes.
    result<std::size_t> message(span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_pq_offer_message(get(), buf.data(), buf.size(), len);
        });
    }
    /// The psk for the handshake, of the responder's message and the static psk, which may be
    /// empty. Good for one answer.
    result<psk> finish(span<const std::uint8_t> answer,
                       span<const std::uint8_t> static_psk = {}) noexcept {
        psk made{};
        std::size_t len = 0;
        const nsw_status status =
            nsw_pq_offer_finish(get(), answer.data(), answer.size(), static_psk.data(),
                                static_psk.size(), made.data(), made.size(), &len);
        return detail::result_of(status, made);
    }
};

/// What is answered: the initiator's message, and the static psk if there is one. Both are only
/// referred to.
struct pq_answer_config : nsw_pq_answer_config {
    explicit pq_answer_config(span<const std::uint8_t> offer_message,
                              span<const std::uint8_t> own_psk = {}) noexcept
        : nsw_pq_answer_config{} {
        size = sizeof(nsw_pq_answer_config);
        offer = offer_message.data();
        offer_len = offer_message.size();
        static_psk = own_psk.data();
        static_psk_len = own_psk.size();
    }
};

/// The responder's side of the post-quantum option. See nsw_pq_answer.
class pq_answer : public detail::object<pq_answer, nsw_pq_answer> {
public:
    /// What goes to the initiator: NSW_PQ_ANSWER bytes.
    result<std::size_t> message(span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_pq_answer_message(get(), buf.data(), buf.size(), len);
        });
    }
    /// The psk for the handshake.
    result<nsw::psk> psk() const noexcept {
        nsw::psk made{};
        std::size_t len = 0;
        const nsw_status status = nsw_pq_answer_psk(get(), made.data(), made.size(), &len);
        return detail::result_of(status, made);
    }
};

#endif // NSW_POST_QUANTUM

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_GROUP_HPP
