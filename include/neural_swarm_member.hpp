// neural-swarm for C++17 and later: a member of a swarm on a thread of its own. Included by
// neural_swarm.hpp, which says how all of it is used, unless NSW_NO_STD is defined.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_MEMBER_HPP
#define NEURAL_SWARM_MEMBER_HPP

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "neural_swarm_host.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_host_member> {
    using config = nsw_host_member_config;
    static constexpr auto footprint = &nsw_host_member_footprint;
    static constexpr auto create = &nsw_host_member_create;
    static constexpr auto destroy = &nsw_host_member_destroy;
};

} // namespace detail

/// What a member calls the program for, on the member's thread: derive from it, and override what
/// is wanted. No function may throw. See nsw_host_member_hooks.
class member_program {
public:
    /// A request of another member: writes the answer to `answer`, its length to `len`, and returns
    /// NSW_OK; NSW_AGAIN if it comes later; anything else refuses.
    virtual nsw_status on_request(const nsw_host_member_call &, span<std::uint8_t> answer,
                                  std::size_t &len) noexcept {
        (void)answer;
        len = 0;
        return NSW_ERR_UNSUPPORTED;
    }
    /// A publication under a topic that is subscribed to.
    virtual void on_publication(std::uint64_t origin, span<const std::uint8_t> topic,
                                span<const std::uint8_t> message) noexcept {
        (void)origin;
        (void)topic;
        (void)message;
    }
    /// The group has agreed on an entry.
    virtual void on_entry(std::uint64_t index, span<const std::uint8_t> data) noexcept {
        (void)index;
        (void)data;
    }
    /// Something has happened.
    virtual void on_event(const nsw_host_member_event &) noexcept {}

protected:
    member_program() = default;
    member_program(const member_program &) = default;
    member_program &operator=(const member_program &) = default;
    ~member_program() = default;
};

/// A program that has its state in snapshots, too.
class member_program_with_state : public member_program {
public:
    /// Writes the state: as `on_save` of nsw_host_member_hooks.
    virtual nsw_status on_save(span<std::uint8_t> state, std::size_t &len) noexcept = 0;
    /// Replaces the state.
    virtual void on_load(span<const std::uint8_t> state) noexcept = 0;

protected:
    ~member_program_with_state() = default;
};

/// Settings of a member; what is handed in by reference stays where it is until the member is
/// made, and the program until the member is destroyed. See nsw_host_member_config.
struct member_config : nsw_host_member_config {
    /// A member that listens at this address.
    member_config(std::string_view of_network, const nsw_address &at) noexcept
        : nsw_host_member_config{} {
        size = sizeof(nsw_host_member_config);
        network = reinterpret_cast<const std::uint8_t *>(of_network.data());
        network_len = of_network.size();
        bind = &at;
    }
    /// Who it is: by a file, made if there is none.
    member_config &set_key_file(std::string_view path) noexcept {
        key_file = path.data();
        key_file_len = path.size();
        return *this;
    }
    /// Where what has to outlive the process is kept.
    member_config &set_folder(std::string_view path) noexcept {
        folder = path.data();
        folder_len = path.size();
        return *this;
    }
    /// Addresses to begin with.
    member_config &set_seeds(span<const nsw_address> addresses) noexcept {
        seeds = addresses.data();
        seeds_len = addresses.size();
        return *this;
    }
    /// Those that are trusted.
    member_config &set_pinned(span<const nsw_key> those) noexcept {
        pinned = those.data();
        pinned_len = those.size();
        return *this;
    }
    /// The group that agrees.
    member_config &set_voters(span<const nsw_key> those) noexcept {
        voters = those.data();
        voters_len = those.size();
        return *this;
    }
    /// What the member calls.
    member_config &set_program(member_program &program) noexcept {
        table_ = NSW_HOST_MEMBER_HOOKS_INIT;
        table_.ctx = &program;
        table_.on_request = [](void *ctx, const nsw_host_member_call *call, std::uint8_t *buf,
                               std::size_t cap, std::size_t *len) noexcept -> nsw_status {
            return static_cast<member_program *>(ctx)->on_request(*call, {buf, cap}, *len);
        };
        table_.on_publication = [](void *ctx, std::uint64_t origin, const std::uint8_t *topic,
                                   std::size_t topic_len, const std::uint8_t *message,
                                   std::size_t message_len) noexcept {
            static_cast<member_program *>(ctx)->on_publication(origin, {topic, topic_len},
                                                               {message, message_len});
        };
        table_.on_entry = [](void *ctx, std::uint64_t index, const std::uint8_t *data,
                             std::size_t data_len) noexcept {
            static_cast<member_program *>(ctx)->on_entry(index, {data, data_len});
        };
        table_.on_event = [](void *ctx, const nsw_host_member_event *event) noexcept {
            static_cast<member_program *>(ctx)->on_event(*event);
        };
        hooks = &table_;
        return *this;
    }
    /// The same with snapshots of its state.
    member_config &set_program(member_program_with_state &program) noexcept {
        set_program(static_cast<member_program &>(program));
        table_.on_save = [](void *ctx, std::uint8_t *buf, std::size_t cap,
                            std::size_t *len) noexcept -> nsw_status {
            return of(ctx)->on_save({buf, cap}, *len);
        };
        table_.on_load = [](void *ctx, const std::uint8_t *data, std::size_t data_len) noexcept {
            of(ctx)->on_load({data, data_len});
        };
        return *this;
    }

    /// It refers to itself.
    member_config(const member_config &) = delete;
    member_config &operator=(const member_config &) = delete;

private:
    static member_program_with_state *of(void *ctx) noexcept {
        return static_cast<member_program_with_state *>(static_cast<member_program *>(ctx));
    }
    nsw_host_member_hooks table_{};
};

/// A member of a swarm on a thread of its own: all functions may be called from any thread. See
/// nsw_host_member.
class member : public detail::object<member, nsw_host_member> {
public:
    /// How long calls wait.
    using time = std::chrono::microseconds;
    /// Bytes of names, messages and values.
    using bytes = span<const std::uint8_t>;

    /// Begins to take part.
    result<void> start() const noexcept { return result<void>(nsw_host_member_start(get())); }
    /// Begins to stop.
    result<void> stop() const noexcept { return result<void>(nsw_host_member_stop(get())); }
    /// Waits until it has stopped.
    result<void> join() const noexcept { return result<void>(nsw_host_member_join(get())); }
    /// A datagram has come to the transport of one's own.
    result<void> wake() const noexcept { return result<void>(nsw_host_member_wake(get())); }
    /// How it does.
    result<nsw_host_member_info> describe() const noexcept {
        nsw_host_member_info info = NSW_HOST_MEMBER_INFO_INIT;
        const nsw_status status = nsw_host_member_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// Where the others reach it.
    result<address> local() const noexcept {
        address found;
        const nsw_status status = nsw_host_member_local(get(), &found);
        return detail::result_of(status, found);
    }
    /// The member with the least number above `id`, if there is one; begun with 0, all come.
    result<std::optional<nsw_host_member_seen>> next(std::uint64_t id) const noexcept {
        nsw_host_member_seen seen = NSW_HOST_MEMBER_SEEN_INIT;
        const nsw_status status = nsw_host_member_next(get(), &id, &seen);
        return detail::unless_done(status, seen);
    }
    /// Waits until so many members take part.
    result<void> wait_for_members(std::size_t count, time timeout) const noexcept {
        return result<void>(
            nsw_host_member_wait_for_members(get(), count, detail::timeout_us(timeout)));
    }
    /// Another address to begin with.
    result<void> add_seed(const nsw_address &seed) const noexcept {
        return result<void>(nsw_host_member_add_seed(get(), &seed));
    }
    /// Trusts another member.
    result<void> pin(const nsw_key &identity) const noexcept {
        return result<void>(nsw_host_member_pin(get(), &identity));
    }

    /// Asks another member, and waits for the answer: how many bytes it wrote to `answer`.
    result<std::size_t> ask(std::uint64_t to, bytes method, bytes message, time timeout,
                            span<std::uint8_t> answer) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_host_member_ask(get(), to, method.data(), method.size(), message.data(),
                                       message.size(), detail::timeout_us(timeout), answer.data(),
                                       answer.size(), len);
        });
    }
    /// Answers a request later.
    result<void> answer(std::uint64_t number, bytes message) const noexcept {
        return result<void>(
            nsw_host_member_answer(get(), number, message.data(), message.size()));
    }
    /// Refuses it.
    result<void> refuse(std::uint64_t number) const noexcept {
        return result<void>(nsw_host_member_refuse(get(), number));
    }
    /// Says something to all that have subscribed.
    result<void> publish(bytes topic, bytes message) const noexcept {
        return result<void>(nsw_host_member_publish(get(), topic.data(), topic.size(),
                                                    message.data(), message.size()));
    }
    /// Wants what is published under a topic.
    result<void> subscribe(bytes topic) const noexcept {
        return result<void>(nsw_host_member_subscribe(get(), topic.data(), topic.size()));
    }
    /// No longer.
    result<void> unsubscribe(bytes topic) const noexcept {
        return result<void>(nsw_host_member_unsubscribe(get(), topic.data(), topic.size()));
    }

    /// Assigns to a register of the shared store.
    result<void> put(bytes name, bytes value) const noexcept {
        return result<void>(
            nsw_host_member_put(get(), name.data(), name.size(), value.data(), value.size()));
    }
    /// What a register has, if anything.
    result<std::optional<std::vector<std::uint8_t>>> get_value(bytes name) const {
        std::vector<std::uint8_t> value(64);
        for (;;) {
            std::size_t len = 0;
            const nsw_status status = nsw_host_member_get(get(), name.data(), name.size(),
                                                          value.data(), value.size(), &len);
            value.resize(len);
            if (status != NSW_ERR_BUFFER_TOO_SMALL) {
                return detail::unless_done(status, value);
            }
        }
    }
    /// Empties a register.
    result<void> remove(bytes name) const noexcept {
        return result<void>(nsw_host_member_remove(get(), name.data(), name.size()));
    }
    /// Adds to a counter of the shared store.
    result<void> add(bytes name, std::int64_t by) const noexcept {
        return result<void>(nsw_host_member_add(get(), name.data(), name.size(), by));
    }
    /// What all have added.
    result<std::int64_t> total(bytes name) const noexcept {
        std::int64_t sum = 0;
        const nsw_status status = nsw_host_member_total(get(), name.data(), name.size(), &sum);
        return detail::result_of(status, sum);
    }
    /// Waits until a counter has come to so much.
    result<std::int64_t> wait_for_total(bytes name, std::int64_t least, time timeout) const noexcept {
        std::int64_t sum = 0;
        const nsw_status status = nsw_host_member_wait_for_total(
            get(), name.data(), name.size(), least, detail::timeout_us(timeout), &sum);
        return detail::result_of(status, sum);
    }

    /// Lets the group agree on an entry: its index.
    result<std::uint64_t> propose(bytes data, time timeout) const noexcept {
        std::uint64_t index = 0;
        const nsw_status status = nsw_host_member_propose(get(), data.data(), data.size(),
                                                          detail::timeout_us(timeout), &index);
        return detail::result_of(status, index);
    }
    /// Waits until all that was agreed on is applied here.
    result<void> barrier(time timeout) const noexcept {
        return result<void>(nsw_host_member_barrier(get(), detail::timeout_us(timeout)));
    }
    /// Waits for a lock: its fencing token.
    result<std::uint64_t> lock(bytes name, time timeout) const noexcept {
        std::uint64_t token = 0;
        const nsw_status status = nsw_host_member_lock(get(), name.data(), name.size(),
                                                       detail::timeout_us(timeout), &token);
        return detail::result_of(status, token);
    }
    /// Gives it back.
    result<void> unlock(bytes name, std::uint64_t token, time timeout) const noexcept {
        return result<void>(nsw_host_member_unlock(get(), name.data(), name.size(), token,
                                                   detail::timeout_us(timeout)));
    }
    /// Who holds a lock, if anybody.
    result<std::optional<std::uint64_t>> holder(bytes name) const noexcept {
        std::uint64_t id = 0;
        const nsw_status status =
            nsw_host_member_holder(get(), name.data(), name.size(), &id, nullptr);
        return detail::unless_done(status, id);
    }

    /// All that was counted, as the text of OpenMetrics.
    result<std::string> metrics() const {
        std::string text(16384, '\0');
        for (;;) {
            std::size_t len = 0;
            const nsw_status status =
                nsw_host_member_metrics(get(), text.data(), text.size(), &len);
            text.resize(len);
            if (status != NSW_ERR_BUFFER_TOO_SMALL) {
                return detail::result_of(status, text);
            }
        }
    }
    /// Serves that over HTTP: where it listens.
    result<address> serve_metrics(const nsw_address &at) const noexcept {
        address found;
        const nsw_status status = nsw_host_member_serve_metrics(get(), &at, &found);
        return detail::result_of(status, found);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_MEMBER_HPP
