// Transactions, watches and prefixes of stores by way of the C++ wrapper.

#include <array>
#include <string>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

using nsw::store_kind;

constexpr nsw::store::key ROOT = nsw::store::root;

nsw::store make(std::uint64_t replica) {
    nsw::store_config config(replica);
    config.watches = 2;
    return nsw::store::create(config).value();
}

void transactions() {
    nsw::store anna = make(1), bert = make(2);
    const auto one = anna.open(ROOT, "one", store_kind::max).value();
    const auto two = anna.open(ROOT, "two", store_kind::max).value();
    CHECK_STATUS(anna.commit().status(), NSW_ERR_CRDT_TRANSACTION);
    CHECK_STATUS(anna.begin_transaction(100000).status(), NSW_ERR_CAPACITY);
    CHECK(anna.begin_transaction(2).ok());
    CHECK_STATUS(anna.begin_transaction().status(), NSW_ERR_CRDT_TRANSACTION);
    CHECK(anna.offer(one, 1).value() && anna.offer(two, 1).value());
    std::vector<std::uint8_t> frame;
    CHECK_STATUS(anna.state_to(frame).status(), NSW_ERR_CRDT_TRANSACTION);
    CHECK(anna.commit().ok() && anna.state_to(frame).ok());
    CHECK(bert.merge(frame)->added == 2 && bert.describe()->behind == 0);
}

void prefixes() {
    nsw::store store = make(1);
    for (const char *name : {"a", "b/one", "b/two", "c"}) {
        const auto key = store.open(ROOT, name, store_kind::max).value();
        CHECK(store.offer(key, 1).value() && store.close(key).ok());
    }
    std::array<std::uint8_t, 16> buf{};
    std::string listed;
    auto entry = store.first_with_prefix(ROOT, "b/", buf).value();
    while (entry) {
        listed += std::string(reinterpret_cast<const char *>(buf.data()), entry->len) + " ";
        entry = store.next_with_prefix(ROOT, "b/", {buf.data(), entry->len}, entry->kind, buf)
                    .value();
    }
    CHECK(listed == "b/one b/two ");
    CHECK_STATUS(store.first_with_prefix(7, "b/", buf).status(), NSW_ERR_CRDT_KEY);
}

void watches() {
    nsw::store store = make(1);
    std::array<std::uint8_t, 16> buf{};
    const auto set = store.open(ROOT, "set", store_kind::add_wins_set).value();
    CHECK(store.watch(ROOT).ok() && store.watch(set).ok());
    CHECK(store.add(set, "x").ok());
    const auto own = store.next_event(buf).value();
    CHECK(own && own->watched == set && own->what == NSW_STORE_CHANGED_ITSELF);
    const auto inside = store.next_event(buf).value();
    CHECK(inside && inside->watched == ROOT && inside->what == NSW_STORE_CHANGED_INSIDE);
    CHECK(inside->causes == NSW_STORE_CAUSE_LOCAL && inside->name == buf.data());
    CHECK(std::string(reinterpret_cast<const char *>(buf.data()), inside->name_len) == "set");
    CHECK(!store.next_event(buf).value());

    std::size_t calls = 0;
    nsw_store_watcher watcher = NSW_STORE_WATCHER_INIT;
    watcher.ctx = &calls;
    watcher.on_change = [](void *ctx, const nsw_store_event *) {
        ++*static_cast<std::size_t *>(ctx);
    };
    CHECK(store.set_watcher(&watcher).ok() && store.unwatch(set).ok());
    CHECK(store.add(set, "y").ok() && calls == 1);
    CHECK(store.set_watcher(nullptr).ok() && store.add(set, "z").ok() && calls == 1);
    CHECK_STATUS(store.unwatch(7).status(), NSW_ERR_CRDT_KEY);
}

} // namespace

int main() {
    transactions();
    prefixes();
    watches();
    return check_report("hpp_store_watch");
}
