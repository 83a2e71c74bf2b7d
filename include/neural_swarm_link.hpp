// neural-swarm for C++17 and later: identities, certificates, and the link between nodes. Included
// by neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_LINK_HPP
#define NEURAL_SWARM_LINK_HPP

#include <array>
#include <cstring>
#include <optional>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_identity> {
    using config = nsw_identity_config;
    static constexpr auto footprint = &nsw_identity_footprint;
    static constexpr auto create = &nsw_identity_create;
    static constexpr auto destroy = &nsw_identity_destroy;
};

template <>
struct functions<nsw_link> {
    using config = nsw_link_config;
    static constexpr auto footprint = &nsw_link_footprint;
    static constexpr auto create = &nsw_link_create;
    static constexpr auto destroy = &nsw_link_destroy;
};

} // namespace detail

/// A key: an identity, another public key, or a secret one. Secret ones are compared in no constant
/// time here.
struct key : nsw_key {
    key() noexcept : nsw_key{} {}
    key(const nsw_key &other) noexcept : nsw_key(other) {}

    friend bool operator==(const key &a, const key &b) noexcept {
        return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
    }
    friend bool operator!=(const key &a, const key &b) noexcept { return !(a == b); }
};

/// What an authority says of an identity. See nsw_certificate.
struct certificate_fields : nsw_certificate {
    certificate_fields() noexcept : nsw_certificate{} { size = sizeof(nsw_certificate); }
};

/// A certificate's bytes.
using certificate_bytes = std::array<std::uint8_t, NSW_CERTIFICATE_SIZE>;

/// What an identity is made of: a new one, unless something is set. See nsw_identity_config.
struct identity_config : nsw_identity_config {
    identity_config() noexcept : nsw_identity_config{} { size = sizeof(nsw_identity_config); }
    explicit identity_config(const nsw_key &kept) noexcept : identity_config() { seed = &kept; }
};

/// Who a node is. See nsw_identity_create.
class identity : public detail::object<identity, nsw_identity> {
public:
    /// What others know it by.
    result<key> public_key() const noexcept {
        key found;
        const nsw_status status = nsw_identity_public(get(), &found);
        return detail::result_of(status, found);
    }
    /// Its key for handshakes.
    result<key> noise_key() const noexcept {
        key found;
        const nsw_status status = nsw_identity_noise_key(get(), &found);
        return detail::result_of(status, found);
    }
    /// The secret that it can be made of again.
    result<key> seed() const noexcept {
        key found;
        const nsw_status status = nsw_identity_seed(get(), &found);
        return detail::result_of(status, found);
    }
    /// Binds a key for handshakes to the identity. See nsw_identity_bind.
    result<nsw_signature> bind(const nsw_key &noise) const noexcept {
        nsw_signature made{};
        const nsw_status status = nsw_identity_bind(get(), &noise, &made);
        return detail::result_of(status, made);
    }
    /// Signs a message. See nsw_identity_sign.
    result<nsw_signature> sign(span<const std::uint8_t> message) const noexcept {
        nsw_signature made{};
        const nsw_status status = nsw_identity_sign(get(), message.data(), message.size(), &made);
        return detail::result_of(status, made);
    }
    /// A certificate by this identity for another one. See nsw_certificate_issue.
    result<certificate_bytes> certify(const nsw_key &subject,
                                const nsw_certificate &fields) const noexcept {
        certificate_bytes made{};
        std::size_t len = 0;
        const nsw_status status =
            nsw_certificate_issue(get(), &subject, &fields, made.data(), made.size(), &len);
        return detail::result_of(status, made);
    }
};

/// Checks a signature, strictly. See nsw_signature_verify.
inline result<void> verify(const nsw_signature &signature, const nsw_key &identity,
                           span<const std::uint8_t> message) noexcept {
    return result<void>(
        nsw_signature_verify(&signature, &identity, message.data(), message.size()));
}

/// What a certificate says. Nothing is checked but its form.
inline result<certificate_fields> inspect(span<const std::uint8_t> bytes) noexcept {
    certificate_fields fields;
    const nsw_status status =
        nsw_certificate_inspect(bytes.data(), bytes.size(), &fields);
    return detail::result_of(status, fields);
}

/// Whether a certificate is good. Without `wall` there is no clock. See nsw_certificate_verify.
inline result<void> verify(span<const std::uint8_t> bytes, const nsw_key &authority,
                           const nsw_key &subject, std::optional<std::uint64_t> wall,
                           std::uint32_t epoch) noexcept {
    return result<void>(nsw_certificate_verify(bytes.data(), bytes.size(), &authority,
                                               &subject, wall ? &*wall : nullptr, epoch));
}

/// What a link can hold, and how patient it is. See nsw_link_config.
struct link_config : nsw_link_config {
    link_config(const nsw::identity &who, std::uint32_t peer_count,
                span<const std::uint8_t> of_network) noexcept
        : nsw_link_config{} {
        size = sizeof(nsw_link_config);
        identity = who.get();
        peers = peer_count;
        network = of_network.data();
        network_len = of_network.size();
    }
};

/// A message of a peer.
struct link_message {
    std::uint32_t peer;
    /// Bytes, at the front of the buffer.
    std::size_t len;
};

/// What is to be done, or has happened: an NSW_LINK_ kind. See nsw_link_output.
struct link_output : nsw_link_output {
    link_output() noexcept : nsw_link_output{} {
        size = sizeof(nsw_link_output);
        address.size = sizeof(nsw_address);
    }
    /// NSW_LINK_FRAME: bytes, at the front of the buffer.
    std::size_t len = 0;
};

/// A frame that was made of a message.
struct link_frame {
    /// Bytes, at the front of the buffer.
    std::size_t len;
    /// Where to send it.
    nsw_address to;
};

/// Sessions with peers over datagrams. See nsw_link_create.
class link : public detail::object<link, nsw_link> {
public:
    /// Trusts an identity.
    result<void> pin(const nsw_key &peer) noexcept {
        return result<void>(nsw_link_pin(get(), &peer));
    }
    /// No longer trusts an identity by itself.
    result<void> unpin(const nsw_key &peer) noexcept {
        return result<void>(nsw_link_unpin(get(), &peer));
    }
    /// Trusts whoever has a certificate of this authority, of this epoch or a later one.
    result<void> add_authority(const nsw_key &authority, std::uint32_t epoch) noexcept {
        return result<void>(nsw_link_add_authority(get(), &authority, epoch));
    }
    /// No longer trusts an authority.
    result<void> remove_authority(const nsw_key &authority) noexcept {
        return result<void>(nsw_link_remove_authority(get(), &authority));
    }
    /// Whether the pre-shared key is enough to be trusted.
    result<void> allow_psk(bool allow) noexcept {
        return result<void>(nsw_link_allow_psk(get(), allow ? 1 : 0));
    }
    /// The certificate that this node shows; empty: none.
    result<void> set_certificate(span<const std::uint8_t> bytes) noexcept {
        return result<void>(nsw_link_set_certificate(get(), bytes.data(), bytes.size()));
    }
    /// The capability that this node shows; empty: none.
    result<void> set_capability(span<const std::uint8_t> bytes) noexcept {
        return result<void>(nsw_link_set_capability(get(), bytes.data(), bytes.size()));
    }
    /// The time of day, in Unix seconds; none: there is no clock.
    result<void> set_wall(std::optional<std::uint64_t> wall, std::uint64_t now_us) noexcept {
        return result<void>(nsw_link_set_wall(get(), wall ? &*wall : nullptr, now_us));
    }

    /// Calls a node. See nsw_link_connect.
    result<void> connect(const nsw_address &address, const nsw_key *expected, const nsw_key *noise,
                         std::uint64_t tag, std::uint64_t now_us) noexcept {
        return result<void>(nsw_link_connect(get(), &address, expected, noise, tag, now_us));
    }
    /// Ends the session with a peer, and tells it so.
    result<void> close(std::uint32_t peer) noexcept {
        return result<void>(nsw_link_close(get(), peer));
    }
    /// Makes a frame of a message for a peer. See nsw_link_send.
    result<link_frame> send(std::uint32_t peer, span<const std::uint8_t> message,
                            std::uint64_t now_us, span<std::uint8_t> buf) noexcept {
        link_frame made{0, {}};
        made.to.size = sizeof(nsw_address);
        const nsw_status status = nsw_link_send(get(), peer, message.data(), message.size(), now_us,
                                                buf.data(), buf.size(), &made.len, &made.to);
        return detail::result_of(status, made);
    }
    /// Takes a frame; a message, if it was one. See nsw_link_receive.
    result<std::optional<link_message>> receive(const nsw_address &from,
                                                span<const std::uint8_t> frame,
                                                std::uint64_t now_us,
                                                span<std::uint8_t> buf) noexcept {
        nsw_link_received what = NSW_LINK_RECEIVED_INIT;
        std::size_t len = 0;
        const nsw_status status = nsw_link_receive(get(), &from, frame.data(), frame.size(), now_us,
                                                   buf.data(), buf.size(), &len, &what);
        std::optional<link_message> message;
        if (status == NSW_OK && what.message != 0) {
            message = link_message{what.peer, len};
        }
        return detail::result_of(status, message);
    }
    /// Does what is to be done by now; returns when to come back at the latest.
    result<std::uint64_t> poll(std::uint64_t now_us) noexcept {
        std::uint64_t wake = 0;
        const nsw_status status = nsw_link_poll(get(), now_us, &wake);
        return detail::result_of(status, wake);
    }
    /// The next thing to do or to know, if there is one. See nsw_link_next.
    result<std::optional<link_output>> next(std::uint64_t now_us,
                                            span<std::uint8_t> buf) noexcept {
        link_output output;
        const nsw_status status =
            nsw_link_next(get(), now_us, buf.data(), buf.size(), &output.len, &output);
        std::optional<link_output> found;
        if (status == NSW_OK) {
            found = output;
        }
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, found);
    }
    /// What is known of a peer.
    result<nsw_link_peer> peer_info(std::uint32_t peer) const noexcept {
        nsw_link_peer info = NSW_LINK_PEER_INIT;
        const nsw_status status = nsw_link_peer_info(get(), peer, &info);
        return detail::result_of(status, info);
    }
    /// Writes the capability that a peer has shown; returns its length.
    result<std::size_t> peer_capability(std::uint32_t peer,
                                        span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_link_peer_capability(get(), peer, buf.data(), buf.size(), len);
        });
    }
    /// The peer with this identity.
    result<std::uint32_t> find(const nsw_key &identity) const noexcept {
        std::uint32_t peer = 0;
        const nsw_status status = nsw_link_find(get(), &identity, &peer);
        return detail::result_of(status, peer);
    }
    /// What the link is and has counted.
    result<nsw_link_info> describe() const noexcept {
        nsw_link_info info = NSW_LINK_INFO_INIT;
        const nsw_status status = nsw_link_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_LINK_HPP
