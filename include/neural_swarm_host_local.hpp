// neural-swarm for C++17 and later: Unix-domain sockets and serial lines. Included by
// neural_swarm.hpp, which says how all of it is used, unless NSW_NO_STD is defined.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_HOST_LOCAL_HPP
#define NEURAL_SWARM_HOST_LOCAL_HPP

#include <chrono>
#include <string_view>

#include "neural_swarm_host.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_host_unix> {
    using config = nsw_host_unix_config;
    static constexpr auto footprint = &nsw_host_unix_footprint;
    static constexpr auto create = &nsw_host_unix_create;
    static constexpr auto destroy = &nsw_host_unix_destroy;
    static constexpr auto local = &nsw_host_unix_local;
    static constexpr auto send = &nsw_host_unix_send;
    static constexpr auto receive = &nsw_host_unix_receive;
    static constexpr auto transport = &nsw_host_unix_transport;
};

template <>
struct functions<nsw_host_serial> {
    using config = nsw_host_serial_config;
    static constexpr auto footprint = &nsw_host_serial_footprint;
    static constexpr auto create = &nsw_host_serial_create;
    static constexpr auto destroy = &nsw_host_serial_destroy;
    static constexpr auto send = &nsw_host_serial_send;
    static constexpr auto receive = &nsw_host_serial_receive;
    static constexpr auto transport = &nsw_host_serial_transport;
};

} // namespace detail

/// Where a Unix-domain socket listens: a folder, and a name in it from address::named(); both are
/// only referred to, while it is used.
struct unix_datagram_config : nsw_host_unix_config {
    unix_datagram_config(std::string_view in, const nsw_address &name) noexcept
        : nsw_host_unix_config{} {
        size = sizeof(nsw_host_unix_config);
        folder = in.data();
        folder_len = in.size();
        bind = &name;
    }
    unix_datagram_config(std::string_view, const nsw_address &&) = delete;
};

/// A Unix-domain datagram socket. See nsw_host_unix_create.
class unix_datagram : public detail::socket<unix_datagram, nsw_host_unix> {
public:
    /// What was dropped.
    result<nsw_host_unix_info> describe() const noexcept {
        nsw_host_unix_info info = NSW_HOST_UNIX_INFO_INIT;
        const nsw_status status = nsw_host_unix_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

/// A serial device, such as "/dev/ttyUSB0", and its rate in bits a second (0: 115200); the name is
/// only referred to, while it is used.
struct serial_config : nsw_host_serial_config {
    explicit serial_config(std::string_view name, std::uint32_t rate = 0) noexcept
        : nsw_host_serial_config{} {
        size = sizeof(nsw_host_serial_config);
        baud = rate;
        device = name.data();
        device_len = name.size();
    }
};

/// A serial line to one peer. See nsw_host_serial_create.
class serial : public detail::way<serial, nsw_host_serial> {
public:
    /// Waits until all that was sent has left for the system.
    result<void> flush(std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_serial_flush(get(), detail::timeout_us(timeout)));
    }
    /// What was received and dropped.
    result<nsw_host_serial_info> describe() const noexcept {
        nsw_host_serial_info info = NSW_HOST_SERIAL_INFO_INIT;
        const nsw_status status = nsw_host_serial_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_HOST_LOCAL_HPP
