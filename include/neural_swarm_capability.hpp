// neural-swarm for C++17 and later: capabilities and revocations. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_CAPABILITY_HPP
#define NEURAL_SWARM_CAPABILITY_HPP

#include <cstring>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

/// What a new link says, or what one of a chain says. The fields of times, epoch, serial and
/// depth are nsw_capability_link's.
struct capability_link : nsw_capability_link {
    capability_link() noexcept : nsw_capability_link{} { size = sizeof(nsw_capability_link); }
    /// For this identity, which may do these operations.
    capability_link(const nsw_key &to, std::uint32_t may) noexcept : capability_link() {
        subject = to;
        operations = may;
    }
    /// The resource prefix, whole. One that is too long is refused by the call that it is for.
    capability_link &set_resource(span<const std::uint8_t> prefix) noexcept {
        const std::size_t len = prefix.size() < sizeof nsw_capability_link::resource
                                    ? prefix.size()
                                    : sizeof nsw_capability_link::resource;
        if (len > 0) {
            std::memcpy(nsw_capability_link::resource, prefix.data(), len);
        }
        resource_len = prefix.size() <= NSW_CAPABILITY_MAX_RESOURCE
                           ? static_cast<std::uint32_t>(prefix.size())
                           : NSW_CAPABILITY_MAX_RESOURCE + 1u;
        return *this;
    }
    /// One more condition, an NSW_CAVEAT_ constant and its value. One too many is refused by the
    /// call that it is for.
    capability_link &add_caveat(std::uint32_t kind, std::uint64_t value) noexcept {
        if (caveat_count < NSW_CAPABILITY_MAX_CAVEATS) {
            caveat_kinds[caveat_count] = kind;
            caveat_values[caveat_count] = value;
        }
        caveat_count++;
        return *this;
    }
    /// One that means what the two programs agree that it means.
    capability_link &add_custom(std::uint32_t key, std::uint32_t value) noexcept {
        return add_caveat(NSW_CAVEAT_CUSTOM, static_cast<std::uint64_t>(key) << 32 | value);
    }
    /// The resource prefix.
    span<const std::uint8_t> resource_bytes() const noexcept {
        return span<const std::uint8_t>(nsw_capability_link::resource, resource_len);
    }
};

/// What a node knows, and what it is asked for. What it is given is only referred to, while it is
/// used; all other fields are nsw_capability_check's.
struct capability_check : nsw_capability_check {
    /// `peer` is the identity that the session has authenticated.
    capability_check(span<const nsw_key> trusted, const nsw_key &peer) noexcept
        : nsw_capability_check{} {
        size = sizeof(nsw_capability_check);
        authorities = trusted.data();
        authorities_len = trusted.size();
        holder = peer;
    }
    /// What the peer wants to do, and with what.
    capability_check &set_ask(span<const std::uint8_t> name, std::uint32_t wanted) noexcept {
        resource = name.data();
        resource_len = name.size();
        operations = wanted;
        return *this;
    }
    /// The newest list of each authority, one after the other.
    capability_check &set_revocations(span<const std::uint8_t> lists) noexcept {
        revocations = lists.data();
        revocations_len = lists.size();
        return *this;
    }
    capability_check &set_network(span<const std::uint8_t> name) noexcept {
        network = name.data();
        network_len = name.size();
        return *this;
    }
    /// Decides custom caveats: a callable bool(std::uint32_t key, std::uint32_t value), of which
    /// only a reference is kept, so a temporary is refused. What it throws is a refusal.
    template <class Callable>
    capability_check &set_custom(Callable &callable) noexcept {
        ctx = const_cast<void *>(static_cast<const volatile void *>(&callable));
        custom = [](void *self, std::uint32_t key, std::uint32_t value) noexcept -> std::uint32_t {
            NSW_HPP_TRY { return (*static_cast<Callable *>(self))(key, value) ? 1 : 0; }
            NSW_HPP_CATCH_ALL { return 0; }
        };
        return *this;
    }
    template <class Callable>
    capability_check &set_custom(const Callable &&) = delete;
};

/// What a capability was found to allow.
struct capability_grant : nsw_capability_grant {
    capability_grant() noexcept : nsw_capability_grant{} { size = sizeof(nsw_capability_grant); }
    /// The resource prefix.
    span<const std::uint8_t> resource_bytes() const noexcept {
        return span<const std::uint8_t>(nsw_capability_grant::resource, resource_len);
    }
    /// Whether it allows something else, later. See nsw_capability_allows.
    result<void> allows(span<const std::uint8_t> name, std::uint32_t wanted, std::uint64_t now,
                        std::uint64_t current_epoch) const noexcept {
        return result<void>(nsw_capability_allows(this, name.data(), name.size(), wanted, now,
                                                  current_epoch));
    }
};

/// Functions on chains, which are bytes.
namespace capability {

/// Writes a chain of one link; returns its length. See nsw_capability_issue.
inline result<std::size_t> issue(const nsw_identity *authority, const nsw_capability_link &link,
                                 span<std::uint8_t> chain) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_capability_issue(authority, &link, chain.data(), chain.size(), &len);
    return detail::result_of(status, len);
}

/// Writes the chain with one more link; returns its length. See nsw_capability_delegate.
inline result<std::size_t> delegate(const nsw_identity *holder, span<const std::uint8_t> chain,
                                    const nsw_capability_link &link,
                                    span<std::uint8_t> longer) noexcept {
    std::size_t len = 0;
    const nsw_status status = nsw_capability_delegate(holder, chain.data(), chain.size(), &link,
                                                      longer.data(), longer.size(), &len);
    return detail::result_of(status, len);
}

/// Checks a chain. See nsw_capability_verify.
inline result<capability_grant> verify(span<const std::uint8_t> chain,
                                       const nsw_capability_check &check) noexcept {
    capability_grant grant;
    const nsw_status status = nsw_capability_verify(chain.data(), chain.size(), &check, &grant);
    return detail::result_of(status, grant);
}

/// What a chain says, unproven. See nsw_capability_describe.
inline result<nsw_capability_info> describe(span<const std::uint8_t> chain) noexcept {
    nsw_capability_info info = NSW_CAPABILITY_INFO_INIT;
    const nsw_status status = nsw_capability_describe(chain.data(), chain.size(), &info);
    return detail::result_of(status, info);
}

/// What one of its links says, unproven. See nsw_capability_inspect.
inline result<capability_link> inspect(span<const std::uint8_t> chain, std::size_t index) noexcept {
    capability_link link;
    const nsw_status status = nsw_capability_inspect(chain.data(), chain.size(), index, &link);
    return detail::result_of(status, link);
}

/// The value of an NSW_CAVEAT_NETWORK.
inline result<std::uint64_t> network_tag(span<const std::uint8_t> network) noexcept {
    std::uint64_t tag = 0;
    const nsw_status status = nsw_capability_network_tag(network.data(), network.size(), &tag);
    return detail::result_of(status, tag);
}

} // namespace capability

/// Functions on lists of revocations, which are bytes.
namespace revocation {

/// The id of the links with this serial by this issuer.
inline result<nsw_revocation_id> link_id(const nsw_key &issuer, std::uint64_t serial) noexcept {
    nsw_revocation_id id{};
    const nsw_status status = nsw_revocation_link_id(&issuer, serial, &id);
    return detail::result_of(status, id);
}

/// The id of all links whose subject this identity is.
inline result<nsw_revocation_id> key_id(const nsw_key &identity) noexcept {
    nsw_revocation_id id{};
    const nsw_status status = nsw_revocation_key_id(&identity, &id);
    return detail::result_of(status, id);
}

/// Writes a list; returns its length. See nsw_revocation_issue.
inline result<std::size_t> issue(const nsw_identity *authority, std::uint64_t epoch,
                                 std::uint32_t sequence, span<const nsw_revocation_id> ids,
                                 span<std::uint8_t> list) noexcept {
    std::size_t len = 0;
    const nsw_status status = nsw_revocation_issue(authority, epoch, sequence, ids.data(),
                                                   ids.size(), list.data(), list.size(), &len);
    return detail::result_of(status, len);
}

/// Checks a list that is to replace `current`, which may be empty. See nsw_revocation_verify.
inline result<nsw_revocation_info> verify(span<const std::uint8_t> list,
                                          span<const nsw_key> authorities,
                                          span<const std::uint8_t> current = {}) noexcept {
    nsw_revocation_info info = NSW_REVOCATION_INFO_INIT;
    const nsw_status status =
        nsw_revocation_verify(list.data(), list.size(), current.data(), current.size(),
                              authorities.data(), authorities.size(), &info);
    return detail::result_of(status, info);
}

/// Copies the ids of a list; returns how many there are.
inline result<std::size_t> ids(span<const std::uint8_t> list,
                               span<nsw_revocation_id> found) noexcept {
    std::size_t len = 0;
    const nsw_status status =
        nsw_revocation_ids(list.data(), list.size(), found.data(), found.size(), &len);
    return detail::result_of(status, len);
}

} // namespace revocation

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_CAPABILITY_HPP
