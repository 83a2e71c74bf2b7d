// neural-swarm for C++17 and later: locks, leases and barriers on a log. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_LOCKS_HPP
#define NEURAL_SWARM_LOCKS_HPP

#include <optional>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_locks> {
    using config = nsw_locks_config;
    static constexpr auto footprint = &nsw_locks_footprint;
    static constexpr auto create = &nsw_locks_create;
    static constexpr auto destroy = &nsw_locks_destroy;
};

} // namespace detail

/// Settings of locks. The defaults unless more is set; see nsw_locks_config.
struct locks_config : nsw_locks_config {
    locks_config() noexcept : nsw_locks_config{} { size = sizeof(nsw_locks_config); }
};

/// One step of a session, as it stands in the log. See nsw_lock_entry.
struct lock_entry : nsw_lock_entry {
    /// NSW_LOCK_RENEW, NSW_LOCK_CLOSE, NSW_LOCK_EXPIRE; set more for others.
    lock_entry(std::uint64_t of, std::uint64_t in_life, std::uint64_t with_number,
               std::uint32_t to_do) noexcept
        : nsw_lock_entry{} {
        size = sizeof(nsw_lock_entry);
        session = of;
        life = in_life;
        number = with_number;
        action = to_do;
    }
    /// NSW_LOCK_TRY, NSW_LOCK_ACQUIRE, NSW_LOCK_WITHDRAW; the others of those that name something
    /// need `token` or `parties` set. The name is not copied.
    lock_entry(std::uint64_t of, std::uint64_t in_life, std::uint64_t with_number,
               std::uint32_t to_do, span<const std::uint8_t> of_name) noexcept
        : lock_entry(of, in_life, with_number, to_do) {
        name = of_name.data();
        // What is too long for 32 bits is refused as too long.
        name_len = of_name.size() > NSW_LOCK_MOST_NAME
                       ? NSW_LOCK_MOST_NAME + 1
                       : static_cast<std::uint32_t>(of_name.size());
    }
    /// The session begins: NSW_LOCK_OPEN.
    static lock_entry open(std::uint64_t of, std::uint64_t with_number,
                           std::uint64_t for_us) noexcept {
        lock_entry entry(of, 0, with_number, NSW_LOCK_OPEN);
        entry.ttl_us = for_us;
        return entry;
    }
    /// Writes it as it stands in a log; how many bytes. See nsw_lock_entry_write.
    result<std::size_t> write(span<std::uint8_t> out) const noexcept {
        std::size_t len = 0;
        const nsw_status status = nsw_lock_entry_write(this, out.data(), out.size(), &len);
        return detail::result_of(status, len);
    }
    /// What an entry of a log says; its name leads into `bytes`. See nsw_lock_entry_read.
    static result<nsw_lock_entry> read(span<const std::uint8_t> bytes) noexcept {
        nsw_lock_entry entry = NSW_LOCK_ENTRY_INIT;
        const nsw_status status = nsw_lock_entry_read(bytes.data(), bytes.size(), &entry);
        return detail::result_of(status, entry);
    }
};

/// Locks with leases and fencing tokens, and barriers. See nsw_locks.
class locks : public detail::object<locks, nsw_locks> {
    using base = detail::owner<locks, nsw_locks>;

public:
    /// The next entry of the log: what it did. See nsw_locks_apply.
    result<nsw_lock_result> apply(std::uint64_t index, span<const std::uint8_t> entry,
                                  std::uint64_t now_us) noexcept {
        nsw_lock_result did = NSW_LOCK_RESULT_INIT;
        const nsw_status status =
            nsw_locks_apply(get(), index, entry.data(), entry.size(), now_us, &did);
        return detail::result_of(status, did);
    }
    /// Who holds a lock, if anybody.
    result<std::optional<nsw_lock_claim>> holder(span<const std::uint8_t> name) const noexcept {
        nsw_lock_claim claim = NSW_LOCK_CLAIM_INIT;
        const nsw_status status = nsw_locks_holder(get(), name.data(), name.size(), &claim);
        return detail::unless_done(status, claim);
    }
    /// The claim at a place, from 0, if there are so many.
    result<std::optional<nsw_lock_claim>> claim(std::size_t place) const noexcept {
        nsw_lock_claim at = NSW_LOCK_CLAIM_INIT;
        const nsw_status status = nsw_locks_claim(get(), place, &at);
        return detail::unless_done(status, at);
    }
    /// The session at a place, from 0, if there are so many.
    result<std::optional<nsw_lock_session>> session(std::size_t place) const noexcept {
        nsw_lock_session at = NSW_LOCK_SESSION_INIT;
        const nsw_status status = nsw_locks_session(get(), place, &at);
        return detail::unless_done(status, at);
    }
    /// A session whose time is over, if there is one: its end, to be proposed by the member that
    /// leads. See nsw_locks_expired.
    result<std::optional<lock_entry>> expired(std::uint64_t now_us) noexcept {
        lock_entry entry(0, 0, 0, NSW_LOCK_EXPIRE);
        const nsw_status status = nsw_locks_expired(get(), now_us, &entry);
        return detail::unless_done(status, entry);
    }
    /// Gives all sessions their whole time: for a member that begins to lead.
    result<void> renew_all(std::uint64_t now_us) noexcept {
        return result<void>(nsw_locks_renew_all(get(), now_us));
    }
    /// What the log has said so far, as bytes; how many. See nsw_locks_save.
    result<std::size_t> save(span<std::uint8_t> out) const noexcept {
        return base::length_of([&](std::size_t *len) {
            return nsw_locks_save(get(), out.data(), out.size(), len);
        });
    }
    /// Becomes what another has saved. See nsw_locks_load.
    result<void> load(span<const std::uint8_t> bytes, std::uint64_t now_us) noexcept {
        return result<void>(nsw_locks_load(get(), bytes.data(), bytes.size(), now_us));
    }
    /// How it stands.
    result<nsw_locks_info> describe() const noexcept {
        nsw_locks_info info = NSW_LOCKS_INFO_INIT;
        const nsw_status status = nsw_locks_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_LOCKS_HPP
