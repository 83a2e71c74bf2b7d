// neural-swarm for C++17 and later: the Noise handshake. Included by neural_swarm.hpp, which says
// how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_NOISE_HPP
#define NEURAL_SWARM_NOISE_HPP

#include "neural_swarm_link.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_noise> {
    using config = nsw_noise_config;
    static constexpr auto footprint = &nsw_noise_footprint;
    static constexpr auto create = &nsw_noise_create;
    static constexpr auto destroy = &nsw_noise_destroy;
};

} // namespace detail

/// A private key of X25519, which is yours to overwrite, with its public key.
struct noise_keypair {
    key private_key;
    key public_key;
};

/// The static key over an object of yours, a secure element for example, with
///
///     bool public_key(nsw_key &out);
///     bool agree(const nsw_key &peer, nsw_key &shared);
///
/// (see nsw_static_key), which say that they cannot with false or by throwing. Only a reference is kept: the object must outlive every handshake made with the hook, so a
/// temporary is refused.
template <class Key>
nsw_static_key static_key_of(Key &key) noexcept {
    static_assert(!std::is_const_v<Key>, "a key behind hooks may change");
    nsw_static_key hook = NSW_STATIC_KEY_INIT;
    hook.ctx = &key;
    hook.public_key = [](void *ctx, nsw_key *out) noexcept -> nsw_status {
        NSW_HPP_TRY { return static_cast<Key *>(ctx)->public_key(*out) ? NSW_OK : NSW_ERR_HOOK; }
        NSW_HPP_CATCH_ALL { return NSW_ERR_HOOK; }
    };
    hook.agree = [](void *ctx, const nsw_key *peer, nsw_key *shared) noexcept -> nsw_status {
        NSW_HPP_TRY {
            return static_cast<Key *>(ctx)->agree(*peer, *shared) ? NSW_OK : NSW_ERR_HOOK;
        }
        NSW_HPP_CATCH_ALL { return NSW_ERR_HOOK; }
    };
    return hook;
}
template <class Key>
nsw_static_key static_key_of(const Key &&) = delete;

/// What handshake to make. All that is set is only referred to, while the config is used.
struct noise_config : nsw_noise_config {
    /// `name` is the protocol's, such as "Noise_XX_25519_ChaChaPoly_BLAKE2s".
    noise_config(const char *name, bool is_initiator) noexcept : nsw_noise_config{} {
        size = sizeof(nsw_noise_config);
        initiator = is_initiator ? 1 : 0;
        protocol = name;
    }
    noise_config &set_prologue(span<const std::uint8_t> bytes) noexcept {
        prologue = bytes.data();
        prologue_len = bytes.size();
        return *this;
    }
    noise_config &set_static(const nsw_key &private_key) noexcept {
        static_private = &private_key;
        return *this;
    }
    /// The static key as hooks; see static_key_of().
    noise_config &set_static(const nsw_static_key &hooks) noexcept {
        static_key = &hooks;
        return *this;
    }
    noise_config &set_remote_static(const nsw_key &public_key) noexcept {
        remote_static = &public_key;
        return *this;
    }
    noise_config &set_psks(span<const nsw_key> keys) noexcept {
        psks = keys.data();
        psk_count = keys.size();
        return *this;
    }
    /// See entropy_of().
    noise_config &set_entropy(const nsw_entropy &source) noexcept {
        entropy = &source;
        return *this;
    }
};

/// One side of a handshake, and then of the messages under its keys. See nsw_noise_create.
class noise : public detail::object<noise, nsw_noise> {
public:
    /// A new key pair. A null `entropy` means the operating system's randomness.
    static result<noise_keypair> keypair(const nsw_entropy *entropy = nullptr) noexcept {
        noise_keypair pair;
        const nsw_status status = nsw_noise_keypair(entropy, &pair.private_key, &pair.public_key);
        return detail::result_of(status, pair);
    }
    /// The public key of a private one.
    static result<key> public_key(const nsw_key &private_key) noexcept {
        key found;
        const nsw_status status = nsw_noise_public_key(&private_key, &found);
        return detail::result_of(status, found);
    }
    /// What X25519 makes of both. See nsw_noise_agree.
    static result<key> agree(const nsw_key &private_key, const nsw_key &public_key) noexcept {
        key shared;
        const nsw_status status = nsw_noise_agree(&private_key, &public_key, &shared);
        return detail::result_of(status, shared);
    }

    /// Where the handshake is.
    result<nsw_noise_info> describe() const noexcept {
        nsw_noise_info info = NSW_NOISE_INFO_INIT;
        const nsw_status status = nsw_noise_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// Writes the next message of the handshake; returns its length. The spans may not overlap,
    /// here and in all that follows.
    result<std::size_t> write(span<const std::uint8_t> payload,
                              span<std::uint8_t> message) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_write(get(), payload.data(), payload.size(), message.data(),
                                   message.size(), len);
        });
    }
    /// Reads the peer's next message of the handshake; returns the length of its payload.
    result<std::size_t> read(span<const std::uint8_t> message,
                             span<std::uint8_t> payload) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_read(get(), message.data(), message.size(), payload.data(),
                                  payload.size(), len);
        });
    }
    /// The peer's static public key, once it is known.
    result<key> remote_static() const noexcept {
        key found;
        const nsw_status status = nsw_noise_remote_static(get(), &found);
        return detail::result_of(status, found);
    }
    /// The transcript so far; returns its length, at most NSW_NOISE_MAX_TRANSCRIPT.
    result<std::size_t> transcript(span<std::uint8_t> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_transcript(get(), out.data(), out.size(), len);
        });
    }

    /// Encrypts the next message after the handshake; returns its length.
    result<std::size_t> seal(span<const std::uint8_t> text, span<std::uint8_t> message,
                             span<const std::uint8_t> ad = {}) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_seal(get(), ad.data(), ad.size(), text.data(), text.size(),
                                  message.data(), message.size(), len);
        });
    }
    /// Decrypts the peer's next message after the handshake; returns the length of its text.
    result<std::size_t> open(span<const std::uint8_t> message, span<std::uint8_t> text,
                             span<const std::uint8_t> ad = {}) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_open(get(), ad.data(), ad.size(), message.data(), message.size(),
                                  text.data(), text.size(), len);
        });
    }
    /// seal() as the message with this counter, which must not have been used before.
    result<std::size_t> seal_at(std::uint64_t counter, span<const std::uint8_t> text,
                                span<std::uint8_t> message,
                                span<const std::uint8_t> ad = {}) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_seal_at(get(), counter, ad.data(), ad.size(), text.data(),
                                     text.size(), message.data(), message.size(), len);
        });
    }
    /// open() for the message with this counter.
    result<std::size_t> open_at(std::uint64_t counter, span<const std::uint8_t> message,
                                span<std::uint8_t> text,
                                span<const std::uint8_t> ad = {}) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_noise_open_at(get(), counter, ad.data(), ad.size(), message.data(),
                                     message.size(), text.data(), text.size(), len);
        });
    }
    /// Replaces the key for sending by one that follows from it.
    result<void> rekey_send() noexcept { return result<void>(nsw_noise_rekey_send(get())); }
    /// Replaces the key for receiving, as the peer did its key for sending.
    result<void> rekey_receive() noexcept { return result<void>(nsw_noise_rekey_receive(get())); }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_NOISE_HPP
