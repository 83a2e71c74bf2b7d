// neural-swarm for C++17 and later: frames in byte streams and on serial lines. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_FRAMING_HPP
#define NEURAL_SWARM_FRAMING_HPP

#include <optional>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_framer> {
    using config = nsw_framer_config;
    static constexpr auto footprint = &nsw_framer_footprint;
    static constexpr auto create = &nsw_framer_create;
    static constexpr auto destroy = &nsw_framer_destroy;
};

} // namespace detail

enum class framing : std::uint32_t {
    stream = NSW_FRAMING_STREAM,
    serial = NSW_FRAMING_SERIAL
};

/// What a framer is for.
struct framer_config : nsw_framer_config {
    framer_config(nsw::framing how, std::size_t longest_frame) noexcept : nsw_framer_config{} {
        size = sizeof(nsw_framer_config);
        framing = static_cast<std::uint32_t>(how);
        max_frame = longest_frame;
    }
};

/// A frame that came out of a framer.
struct frame {
    /// Valid until the next call on the framer.
    span<const std::uint8_t> bytes;
    /// Whether a checksum tells that it is as it was sent. See nsw_frame.
    bool checked;
};

/// Takes frames out of bytes that come in pieces of any size. See nsw_framer_create.
class framer : public detail::object<framer, nsw_framer> {
public:
    /// Takes bytes up to the end of the first frame in them; returns how many. See
    /// nsw_framer_push.
    result<std::size_t> push(span<const std::uint8_t> bytes) noexcept {
        return length_of([&](std::size_t *taken) {
            return nsw_framer_push(get(), bytes.data(), bytes.size(), taken);
        });
    }
    /// The frame that has become whole, once, if there is one.
    result<std::optional<frame>> next() noexcept {
        nsw_frame found = NSW_FRAME_INIT;
        const nsw_status status = nsw_framer_next(get(), &found);
        std::optional<frame> whole;
        if (status == NSW_OK) {
            whole = frame{{found.bytes, found.bytes_len}, found.checked != 0};
        }
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, whole);
    }
    /// Forgets what is half read or not given out.
    result<void> restart() noexcept { return result<void>(nsw_framer_restart(get())); }
    /// What it has seen.
    result<nsw_framer_info> describe() const noexcept {
        nsw_framer_info info = NSW_FRAMER_INFO_INIT;
        const nsw_status status = nsw_framer_describe(get(), &info);
        return detail::result_of(status, info);
    }

    /// Takes bytes and calls take(frame) for each frame in them, until all are taken or one of
    /// them is an error.
    template <class Take>
    result<void> feed(span<const std::uint8_t> bytes, Take &&take) {
        for (std::size_t at = 0; at < bytes.size();) {
            const result<std::size_t> taken = push(bytes.subspan(at, bytes.size() - at));
            if (!taken) {
                return result<void>(taken.status());
            }
            at += *taken;
            const result<std::optional<frame>> found = next();
            if (!found) {
                return result<void>(found.status());
            }
            if (found->has_value()) {
                take(**found);
            }
        }
        return {};
    }
};

/// Writes a frame as it goes into a stream; returns the length: frame.size() + 2.
inline result<std::size_t> encode_stream(span<const std::uint8_t> frame,
                                         span<std::uint8_t> buf) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_frame_encode_stream(frame.data(), frame.size(), buf.data(), buf.size(), &len);
    return detail::result_of(status, len);
}
/// Writes a frame as it goes over a serial line, with a CRC if `checked`; returns the length, at
/// most serial_bound(frame.size()).
inline result<std::size_t> encode_serial(span<const std::uint8_t> frame, bool checked,
                                         span<std::uint8_t> buf) noexcept {
    std::size_t len = 0;
    const nsw_status status = nsw_frame_encode_serial(frame.data(), frame.size(), checked ? 1 : 0,
                                                      buf.data(), buf.size(), &len);
    return detail::result_of(status, len);
}
/// The most bytes that a frame takes on a serial line, with a CRC or without.
constexpr std::size_t serial_bound(std::size_t frame_len) noexcept {
    return NSW_SERIAL_BOUND(frame_len);
}

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_FRAMING_HPP
