// neural-swarm for C++17 and later: auctions that a swarm holds among itself. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_AUCTION_HPP
#define NEURAL_SWARM_AUCTION_HPP

#include <optional>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_cbba> {
    using config = nsw_cbba_config;
    static constexpr auto footprint = &nsw_cbba_footprint;
    static constexpr auto create = &nsw_cbba_create;
    static constexpr auto destroy = &nsw_cbba_destroy;
};

template <>
struct functions<nsw_price_auction> {
    using config = nsw_price_auction_config;
    static constexpr auto footprint = &nsw_price_auction_footprint;
    static constexpr auto create = &nsw_price_auction_create;
    static constexpr auto destroy = &nsw_price_auction_destroy;
};

} // namespace detail

/// What came of a message. See NSW_HEARD_OLD and the like.
enum class heard : std::uint32_t {
    old = NSW_HEARD_OLD,
    nothing = NSW_HEARD_NOTHING,
    changed = NSW_HEARD_CHANGED
};

/// What an agent of an auction of bundles is made for. The defaults unless more is set; see
/// nsw_cbba_config.
struct cbba_config : nsw_cbba_config {
    explicit cbba_config(std::uint64_t own_number) noexcept : nsw_cbba_config{} {
        size = sizeof(nsw_cbba_config);
        agent = own_number;
    }
};

/// A task, as one agent sees it. The defaults unless more is set; see nsw_cbba_task.
struct cbba_task : nsw_cbba_task {
    cbba_task(std::uint64_t number, double worth) noexcept : nsw_cbba_task{} {
        size = sizeof(nsw_cbba_task);
        id = number;
        value = worth;
    }
};

/// Where an agent is now. The defaults unless more is set; see nsw_cbba_move.
struct cbba_move : nsw_cbba_move {
    cbba_move() noexcept : nsw_cbba_move{} {
        size = sizeof(nsw_cbba_move);
    }
};

/// An agent of an auction of bundles. See nsw_cbba.
class cbba : public detail::object<cbba, nsw_cbba> {
public:
    /// A task to bid for.
    result<void> add_task(const nsw_cbba_task &task, std::uint64_t now_us) noexcept {
        return result<void>(nsw_cbba_add_task(get(), &task, now_us));
    }
    /// Where the agent is now.
    result<void> moved(const nsw_cbba_move &to, std::uint64_t now_us) noexcept {
        return result<void>(nsw_cbba_moved(get(), &to, now_us));
    }
    /// A task that is to be forgotten.
    result<void> remove_task(std::uint64_t task, std::uint64_t now_us) noexcept {
        return result<void>(nsw_cbba_remove_task(get(), task, now_us));
    }
    /// Another agent is lost, as somebody else has found out.
    result<void> lose(std::uint64_t agent, std::uint64_t now_us) noexcept {
        return result<void>(nsw_cbba_lose(get(), agent, now_us));
    }
    /// Tells the time: agents may be lost by it.
    result<void> tick(std::uint64_t now_us) noexcept {
        return result<void>(nsw_cbba_tick(get(), now_us));
    }
    /// Takes in a message of another agent.
    result<heard> step(span<const std::uint8_t> message, std::uint64_t now_us) noexcept {
        std::uint32_t what = 0;
        const nsw_status status =
            nsw_cbba_step(get(), message.data(), message.size(), now_us, &what);
        return detail::result_of(status, static_cast<heard>(what));
    }
    /// The length of the message to be sent to all neighbours now; none if there is none.
    result<std::optional<std::size_t>> next_message(std::uint64_t now_us,
                                                    span<std::uint8_t> buf) noexcept {
        std::size_t len = 0;
        const nsw_status status =
            nsw_cbba_next_message(get(), now_us, buf.data(), buf.size(), &len);
        return detail::unless_done(status, len);
    }
    /// The most bytes that a message has.
    result<std::size_t> most_bytes() const noexcept {
        std::size_t value{};
        const nsw_status status = nsw_cbba_most_bytes(get(), &value);
        return detail::result_of(status, value);
    }
    /// When to call next_message() though nothing arrives.
    result<std::uint64_t> wake_at() const noexcept {
        std::uint64_t value{};
        const nsw_status status = nsw_cbba_wake_at(get(), &value);
        return detail::result_of(status, value);
    }
    /// When something was last changed here.
    result<std::uint64_t> changed_at() const noexcept {
        std::uint64_t value{};
        const nsw_status status = nsw_cbba_changed_at(get(), &value);
        return detail::result_of(status, value);
    }
    /// Whether another agent is believed to be lost.
    result<bool> is_lost(std::uint64_t agent) const noexcept {
        std::uint32_t yes = 0;
        const nsw_status status = nsw_cbba_is_lost(get(), agent, &yes);
        return detail::result_of(status, yes != 0);
    }
    /// Its tasks in the order in which it does them; returns how many.
    result<std::size_t> path(span<std::uint64_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_cbba_path(get(), buf.data(), buf.size(), len);
        });
    }
    /// What its path is worth to it.
    result<double> score() const noexcept {
        double value{};
        const nsw_status status = nsw_cbba_score(get(), &value);
        return detail::result_of(status, value);
    }
    /// Who has a task, as is believed here; none if nobody.
    result<std::optional<std::uint64_t>> winner(std::uint64_t task) const noexcept {
        std::uint64_t who = 0;
        const nsw_status status = nsw_cbba_winner(get(), task, &who);
        return detail::unless_done(status, who);
    }
};

/// What an agent of an auction of prices is made for. The defaults unless more is set; see
/// nsw_price_auction_config.
struct price_auction_config : nsw_price_auction_config {
    explicit price_auction_config(std::uint64_t own_number) noexcept : nsw_price_auction_config{} {
        size = sizeof(nsw_price_auction_config);
        agent = own_number;
    }
};

/// Who has a task, and for which price.
struct price_offer {
    std::uint64_t agent;
    double price;
};

/// An agent of an auction of prices. See nsw_price_auction.
class price_auction : public detail::object<price_auction, nsw_price_auction> {
public:
    /// A task, and what it is worth to this agent.
    result<void> add_task(std::uint64_t task, double value, std::uint64_t now_us) noexcept {
        return result<void>(nsw_price_auction_add_task(get(), task, value, now_us));
    }
    /// A task that is to be forgotten.
    result<void> remove_task(std::uint64_t task, std::uint64_t now_us) noexcept {
        return result<void>(nsw_price_auction_remove_task(get(), task, now_us));
    }
    /// Another agent is lost, as somebody else has found out.
    result<void> lose(std::uint64_t agent, std::uint64_t now_us) noexcept {
        return result<void>(nsw_price_auction_lose(get(), agent, now_us));
    }
    /// Tells the time: agents may be lost by it.
    result<void> tick(std::uint64_t now_us) noexcept {
        return result<void>(nsw_price_auction_tick(get(), now_us));
    }
    /// Takes in a message of another agent.
    result<heard> step(span<const std::uint8_t> message, std::uint64_t now_us) noexcept {
        std::uint32_t what = 0;
        const nsw_status status =
            nsw_price_auction_step(get(), message.data(), message.size(), now_us, &what);
        return detail::result_of(status, static_cast<heard>(what));
    }
    /// The length of the message to be sent to all neighbours now; none if there is none.
    result<std::optional<std::size_t>> next_message(std::uint64_t now_us,
                                                    span<std::uint8_t> buf) noexcept {
        std::size_t len = 0;
        const nsw_status status =
            nsw_price_auction_next_message(get(), now_us, buf.data(), buf.size(), &len);
        return detail::unless_done(status, len);
    }
    /// The most bytes that a message has.
    result<std::size_t> most_bytes() const noexcept {
        std::size_t value{};
        const nsw_status status = nsw_price_auction_most_bytes(get(), &value);
        return detail::result_of(status, value);
    }
    /// When to call next_message() though nothing arrives.
    result<std::uint64_t> wake_at() const noexcept {
        std::uint64_t value{};
        const nsw_status status = nsw_price_auction_wake_at(get(), &value);
        return detail::result_of(status, value);
    }
    /// When something was last changed here.
    result<std::uint64_t> changed_at() const noexcept {
        std::uint64_t value{};
        const nsw_status status = nsw_price_auction_changed_at(get(), &value);
        return detail::result_of(status, value);
    }
    /// Whether another agent is believed to be lost.
    result<bool> is_lost(std::uint64_t agent) const noexcept {
        std::uint32_t yes = 0;
        const nsw_status status = nsw_price_auction_is_lost(get(), agent, &yes);
        return detail::result_of(status, yes != 0);
    }
    /// The tasks that it has, in rising order; returns how many.
    result<std::size_t> tasks(span<std::uint64_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_price_auction_tasks(get(), buf.data(), buf.size(), len);
        });
    }
    /// How often prices have begun anew.
    result<std::uint64_t> round() const noexcept {
        std::uint64_t value{};
        const nsw_status status = nsw_price_auction_round(get(), &value);
        return detail::result_of(status, value);
    }
    /// Who has a task, as is believed here; none if nobody.
    result<std::optional<price_offer>> winner(std::uint64_t task) const noexcept {
        price_offer offer{0, 0};
        const nsw_status status =
            nsw_price_auction_winner(get(), task, &offer.agent, &offer.price);
        return detail::unless_done(status, offer);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_AUCTION_HPP
