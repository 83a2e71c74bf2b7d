// Locks, leases and barriers by way of the C++ wrapper.

#include <array>
#include <cstring>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

constexpr std::uint64_t second = 1000000;
constexpr std::array<std::uint8_t, 3> arm = {'a', 'r', 'm'};

/// A log of one member, whose clock stands still.
struct log {
    nsw::locks locks;
    std::uint64_t last = 0;

    nsw_lock_result commit(const nsw::lock_entry &entry) {
        std::array<std::uint8_t, NSW_LOCK_MOST_ENTRY> bytes{};
        const std::size_t len = entry.write(bytes).value();
        const nsw_lock_entry back = nsw::lock_entry::read({bytes.data(), len}).value();
        CHECK(back.session == entry.session && back.action == entry.action);
        return locks.apply(++last, {bytes.data(), len}, 0).value();
    }
};

void locks() {
    const nsw::locks_config config;
    CHECK(nsw::locks::footprint(config)->size > 0);
    log log{nsw::locks::create(config).value()};
    CHECK(!log.locks.holder(arm)->has_value());
    const std::uint64_t first = log.commit(nsw::lock_entry::open(1, 1, 5 * second)).token;
    const std::uint64_t next = log.commit(nsw::lock_entry::open(2, 1, 6 * second)).token;
    CHECK(first == 1 && next == 2);
    const nsw_lock_result got = log.commit({1, first, 2, NSW_LOCK_ACQUIRE, arm});
    CHECK(got.outcome == NSW_LOCK_GRANTED && got.token == 3);
    CHECK(log.commit({2, next, 2, NSW_LOCK_ACQUIRE, arm}).outcome == NSW_LOCK_WAITING);
    CHECK((*log.locks.holder(arm))->session == 1);
    CHECK((*log.locks.claim(1))->session == 2 && !log.locks.claim(2)->has_value());
    CHECK((*log.locks.session(1))->session == 2 && !log.locks.session(2)->has_value());

    CHECK(!log.locks.expired(5 * second - 1)->has_value());
    const nsw::lock_entry end = (*log.locks.expired(5 * second)).value();
    CHECK(end.session == 1 && end.life == first && end.number == 2);
    CHECK(log.commit(end).outcome == NSW_LOCK_DONE);
    CHECK((*log.locks.holder(arm))->token == log.last);
    CHECK(log.locks.renew_all(second).ok() && log.locks.describe()->wake_us == 7 * second);

    std::vector<std::uint8_t> saved(log.locks.describe()->saved_len);
    CHECK(*log.locks.save(saved) == saved.size());
    nsw::locks other = nsw::locks::create(config).value();
    CHECK(other.load(saved, 0).ok() && (*other.holder(arm))->session == 2);
    saved.pop_back();
    CHECK_STATUS(other.load(saved, 0).status(), NSW_ERR_LOCK_FORMAT);
    CHECK(other.describe()->applied == log.last);
    CHECK(log.commit({2, next, 3, NSW_LOCK_RENEW}).outcome == NSW_LOCK_DONE);

    const std::vector<std::uint8_t> longer(std::size_t{NSW_LOCK_MOST_NAME} + 1, 'x');
    std::array<std::uint8_t, 2 * NSW_LOCK_MOST_ENTRY> room{};
    const nsw::lock_entry bad(1, 1, 1, NSW_LOCK_TRY, longer);
    CHECK_STATUS(bad.write(room).status(), NSW_ERR_INVALID);
    CHECK_STATUS(nsw::lock_entry::read({room.data(), 4}).status(), NSW_ERR_LOCK_FORMAT);
}

} // namespace

int main() {
    locks();
    return check_report("hpp_locks");
}
