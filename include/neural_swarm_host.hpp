// neural-swarm for C++17 and later: sockets and clocks of the operating system. Included by
// neural_swarm.hpp, which says how all of it is used, unless NSW_NO_STD is defined.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_HOST_HPP
#define NEURAL_SWARM_HOST_HPP

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_host_udp> {
    using config = nsw_host_udp_config;
    static constexpr auto footprint = &nsw_host_udp_footprint;
    static constexpr auto create = &nsw_host_udp_create;
    static constexpr auto destroy = &nsw_host_udp_destroy;
    static constexpr auto local = &nsw_host_udp_local;
    static constexpr auto send = &nsw_host_udp_send;
    static constexpr auto receive = &nsw_host_udp_receive;
    static constexpr auto transport = &nsw_host_udp_transport;
};

template <>
struct functions<nsw_host_tcp> {
    using config = nsw_host_tcp_config;
    static constexpr auto footprint = &nsw_host_tcp_footprint;
    static constexpr auto create = &nsw_host_tcp_create;
    static constexpr auto destroy = &nsw_host_tcp_destroy;
    static constexpr auto local = &nsw_host_tcp_local;
    static constexpr auto send = &nsw_host_tcp_send;
    static constexpr auto receive = &nsw_host_tcp_receive;
    static constexpr auto transport = &nsw_host_tcp_transport;
};

/// As the C functions take it: a negative time is none, and what is longer than they know is for
/// ever.
inline std::uint64_t timeout_us(std::chrono::microseconds timeout) noexcept {
    if (timeout == std::chrono::microseconds::max()) {
        return UINT64_MAX;
    }
    return timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
}

} // namespace detail

/// Waits for ever.
constexpr std::chrono::microseconds forever = std::chrono::microseconds::max();

/// Microseconds of the system's monotonic clock. See nsw_host_now_us.
inline std::uint64_t now_us() noexcept {
    std::uint64_t now = 0;
    (void)nsw_host_now_us(&now); // which has no error but for a null pointer
    return now;
}
/// Seconds since 1970 by the system's wall clock. See nsw_host_unix_time.
inline std::uint64_t unix_time() noexcept {
    std::uint64_t seconds = 0;
    (void)nsw_host_unix_time(&seconds); // which has no error but for a null pointer
    return seconds;
}

/// Where a datagram goes to or came from.
struct address : nsw_address {
    address() noexcept : nsw_address{} { size = sizeof(nsw_address); }

    /// From text such as "127.0.0.1:4000". See nsw_host_address_parse.
    static result<address> parse(std::string_view text) noexcept {
        address parsed;
        const nsw_status status = nsw_host_address_parse(text.data(), text.size(), &parsed);
        return detail::result_of(status, parsed);
    }
    /// As such text.
    result<std::string> text() const {
        char buf[64];
        std::size_t length = 0;
        const nsw_status status = nsw_host_address_text(this, buf, sizeof buf, &length);
        return detail::result_of(status, std::string(buf, status == NSW_OK ? length : 0));
    }

    friend bool operator==(const address &a, const address &b) noexcept {
        if (a.len != b.len) {
            return false;
        }
        for (std::uint32_t i = 0; i < a.len && i < NSW_ADDRESS_MAX; i++) {
            if (a.bytes[i] != b.bytes[i]) {
                return false;
            }
        }
        return true;
    }
    friend bool operator!=(const address &a, const address &b) noexcept { return !(a == b); }
};

/// What has been received.
struct received {
    /// Bytes, at the front of the buffer.
    std::size_t len;
    address from;
};

namespace detail {

/// What sockets have in common.
template <class Self, class Handle>
class socket : public object<Self, Handle> {
    using api = functions<Handle>;

public:
    /// Where it listens, with the port that it got.
    result<address> local() const noexcept {
        address found;
        const nsw_status status = api::local(this->get(), &found);
        return result_of(status, found);
    }
    /// Sends, without waiting.
    result<void> send(const nsw_address &to, span<const std::uint8_t> bytes) noexcept {
        return result<void>(api::send(this->get(), &to, bytes.data(), bytes.size()));
    }
    /// What has arrived, after waiting for it for so long; none is no error.
    result<std::optional<received>> receive(span<std::uint8_t> buf,
                                            std::chrono::microseconds timeout = {}) noexcept {
        received got{0, {}};
        const nsw_status status = api::receive(this->get(), timeout_us(timeout), &got.from,
                                               buf.data(), buf.size(), &got.len);
        std::optional<received> found;
        if (status == NSW_OK) {
            found = got;
        }
        return result_of(status == NSW_AGAIN ? NSW_OK : status, found);
    }
    /// As hooks; valid as long as the object, also when it moves.
    result<nsw_transport> transport() noexcept {
        nsw_transport table = NSW_TRANSPORT_INIT;
        const nsw_status status = api::transport(this->get(), &table);
        return result_of(status, table);
    }
};

} // namespace detail

/// Where a UDP socket listens; the address is only referred to, while it is used.
struct udp_config : nsw_host_udp_config {
    explicit udp_config(const nsw_address &at) noexcept : nsw_host_udp_config{} {
        size = sizeof(nsw_host_udp_config);
        bind = &at;
    }
    explicit udp_config(const nsw_address &&) = delete;
};

/// A UDP socket. See nsw_host_udp_create.
class udp : public detail::socket<udp, nsw_host_udp> {
public:
    /// What was dropped.
    result<nsw_host_udp_info> describe() const noexcept {
        nsw_host_udp_info info = NSW_HOST_UDP_INFO_INIT;
        const nsw_status status = nsw_host_udp_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

/// Frames of at most so many bytes over TCP; the address is only referred to, while it is used.
struct tcp_config : nsw_host_tcp_config {
    /// To connect only.
    explicit tcp_config(std::size_t longest_frame) noexcept : nsw_host_tcp_config{} {
        size = sizeof(nsw_host_tcp_config);
        max_frame = longest_frame;
    }
    /// To listen as well.
    tcp_config(std::size_t longest_frame, const nsw_address &at) noexcept
        : tcp_config(longest_frame) {
        bind = &at;
    }
    tcp_config(std::size_t, const nsw_address &&) = delete;
};

/// A listener and connections, each by the address of its peer. See nsw_host_tcp_create.
class tcp : public detail::socket<tcp, nsw_host_tcp> {
public:
    /// Connects to a listener, unless that is done.
    result<void> connect(const nsw_address &to, std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tcp_connect(get(), &to, detail::timeout_us(timeout)));
    }
    /// Whether there is a connection to this peer.
    result<bool> is_connected(const nsw_address &peer) const noexcept {
        std::uint32_t connected = 0;
        const nsw_status status = nsw_host_tcp_is_connected(get(), &peer, &connected);
        return detail::result_of(status, connected != 0);
    }
    /// Closes a connection.
    result<void> close(const nsw_address &peer) noexcept {
        return result<void>(nsw_host_tcp_close(get(), &peer));
    }
    /// Waits until all that was sent has left for the system.
    result<void> flush(std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tcp_flush(get(), detail::timeout_us(timeout)));
    }
    /// What became of connections.
    result<nsw_host_tcp_info> describe() const noexcept {
        nsw_host_tcp_info info = NSW_HOST_TCP_INFO_INIT;
        const nsw_status status = nsw_host_tcp_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_HOST_HPP
