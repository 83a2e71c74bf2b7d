// neural-swarm for C++17 and later: channels. Included by neural_swarm.hpp, which says how all of
// it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_CHANNEL_HPP
#define NEURAL_SWARM_CHANNEL_HPP

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_channel> {
    using config = nsw_channel_config;
    static constexpr auto footprint = &nsw_channel_footprint;
    static constexpr auto create = &nsw_channel_create;
    static constexpr auto destroy = &nsw_channel_destroy;
};

} // namespace detail

/// What a channel is made for: its streams. The defaults unless more is set; see nsw_channel_config.
struct channel_config : nsw_channel_config {
    explicit channel_config(std::uint32_t ordered_streams = 1,
                            std::uint32_t unordered_streams = 0) noexcept
        : nsw_channel_config{} {
        size = sizeof(nsw_channel_config);
        ordered = ordered_streams;
        unordered = unordered_streams;
    }
};

/// What is asked for a message.
struct send_options : nsw_send_options {
    explicit send_options(std::uint8_t urgency = 0) noexcept : nsw_send_options{} {
        size = sizeof(nsw_send_options);
        priority = urgency;
    }
    /// Drop it if not all of it was sent by then.
    send_options &set_deadline(std::uint64_t at_us) noexcept {
        deadline_us = at_us;
        return *this;
    }
};

enum class channel_event : std::uint32_t {
    done = 0,
    packet = NSW_CHANNEL_PACKET,
    message = NSW_CHANNEL_MESSAGE,
    acked = NSW_CHANNEL_ACKED,
    expired = NSW_CHANNEL_EXPIRED,
    refused = NSW_CHANNEL_REFUSED,
    room = NSW_CHANNEL_ROOM
};

/// What a channel has to say or to send. See nsw_channel_output.
struct channel_output {
    channel_event event;
    std::uint32_t stream;
    std::uint64_t id;
    /// A packet or a message; valid until the next call on the channel.
    span<const std::uint8_t> bytes;

    /// Whether there was something: `while (const auto output = *channel.next(now, buffer))`.
    explicit operator bool() const noexcept { return event != channel_event::done; }
};

/// One end of a channel. See nsw_channel_create.
class channel : public detail::object<channel, nsw_channel> {
public:
    /// Sends a message; returns its identifier.
    result<std::uint64_t> send(std::uint32_t stream, span<const std::uint8_t> message,
                               std::uint64_t now_us) noexcept {
        return send_with(stream, message, nullptr, now_us);
    }
    result<std::uint64_t> send(std::uint32_t stream, span<const std::uint8_t> message,
                               std::uint64_t now_us, const nsw_send_options &options) noexcept {
        return send_with(stream, message, &options, now_us);
    }
    /// Takes a packet from the link.
    result<void> receive(span<const std::uint8_t> packet, std::uint64_t now_us) noexcept {
        return result<void>(nsw_channel_receive(get(), packet.data(), packet.size(), now_us));
    }
    /// The next thing to do or to know; a packet is written to `buffer`.
    result<channel_output> next(std::uint64_t now_us, span<std::uint8_t> buffer) noexcept {
        nsw_channel_output out = NSW_CHANNEL_OUTPUT_INIT;
        const nsw_status status =
            nsw_channel_next(get(), now_us, buffer.data(), buffer.size(), nullptr, &out);
        const channel_output output{static_cast<channel_event>(out.kind), out.stream, out.id,
                                    span<const std::uint8_t>(out.bytes, out.bytes_len)};
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, output);
    }
    /// When to call next() again; UINT64_MAX if there is no need.
    result<std::uint64_t> wake_at() const noexcept {
        std::uint64_t at = 0;
        const nsw_status status = nsw_channel_wake_at(get(), &at);
        return detail::result_of(status, at);
    }
    /// Holds the messages of a stream back, or hands them out again.
    result<void> pause(std::uint32_t stream, bool paused) noexcept {
        return result<void>(nsw_channel_pause(get(), stream, paused ? 1 : 0));
    }
    /// How it does.
    result<nsw_channel_info> describe() const noexcept {
        nsw_channel_info info = NSW_CHANNEL_INFO_INIT;
        const nsw_status status = nsw_channel_describe(get(), &info);
        return detail::result_of(status, info);
    }

private:
    result<std::uint64_t> send_with(std::uint32_t stream, span<const std::uint8_t> message,
                                    const nsw_send_options *options,
                                    std::uint64_t now_us) noexcept {
        std::uint64_t id = 0;
        const nsw_status status = nsw_channel_send(get(), stream, message.data(), message.size(),
                                                   options, now_us, &id);
        return detail::result_of(status, id);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_CHANNEL_HPP
