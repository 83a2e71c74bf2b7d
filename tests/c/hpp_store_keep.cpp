// Stores that are kept, by way of the C++ wrapper.

#include <string>
#include <vector>

#include "folder.h"
#include "neural_swarm.hpp"
#include "support.h"

namespace {

using bytes = std::vector<std::uint8_t>;
using nsw::store_kind;

constexpr nsw::store::key ROOT = nsw::store::root;

nsw::store make(std::uint64_t replica) {
    return nsw::store::create(nsw::store_config(replica)).value();
}

nsw::store::key set_of(nsw::store &store) {
    return store.open(ROOT, "set", store_kind::add_wins_set).value();
}

void snapshots() {
    nsw::store old = make(1), fresh = make(1);
    for (int i = 0; i < 30; i++) {
        CHECK(old.add(set_of(old), "element " + std::to_string(i)).ok());
    }
    bytes all(*old.save_len()), scratch(2048);
    std::uint64_t cursor = 0;
    while (const std::size_t len = old.save(cursor, {all.data() + cursor, all.size() - cursor}).value()) {
        CHECK(len > 0);
    }
    CHECK(cursor == all.size());
    for (const std::uint8_t &byte : all) {
        CHECK(fresh.load({&byte, 1}, scratch).value() <= scratch.size());
    }
    CHECK(fresh.load_end().ok());
    CHECK(fresh.count(set_of(fresh)).value() == 30);
    CHECK(fresh.load_end().status() == NSW_ERR_CRDT_TORN);
    CHECK(fresh.load(all, scratch).status() == NSW_ERR_CRDT_NOT_EMPTY);
}

void journals() {
    nsw::store old = make(1), fresh = make(1);
    bytes record(500);
    std::uint64_t cursor = old.journal_end().value();
    for (int i = 0; i < 5; i++) {
        CHECK(old.add(set_of(old), std::to_string(i)).ok());
        const std::size_t len = old.journal(cursor, record).value();
        CHECK(len > 0 && old.journal(cursor, record).value() == 0);
        CHECK(fresh.replay({record.data(), len}).value() == len);
    }
    CHECK(fresh.replay({}).value() == 0);
    CHECK(fresh.replay({record.data(), 9}).status() == NSW_ERR_CRDT_TORN);
    CHECK(fresh.count(set_of(fresh)).value() == 5);
}

void files() {
    char folder[200];
    REQUIRE(make_folder(folder, sizeof folder));
    const std::string path = folder;
    for (std::size_t turn = 0; turn < 4; turn++) {
        nsw::store store = make(1);
        nsw::storage kept = nsw::storage::create(nsw::storage_config(path, store)).value();
        const bool whole = turn == 0 || turn == 1;
        CHECK(kept.origin().value() ==
              (whole ? nsw::storage_origin::journal : nsw::storage_origin::newest));
        CHECK(kept.describe().value().records == (turn == 1 ? 2u : 0u));
        const nsw::store::key set = set_of(store);
        CHECK(store.count(set).value() == 2 * turn);
        CHECK(store.add(set, std::to_string(turn)).ok());
        CHECK(kept.append(store).ok());
        CHECK(kept.flush().ok());
        CHECK(store.add(set, std::to_string(turn + 100)).ok());
        CHECK(kept.commit(store).ok());
        if (turn > 0) {
            CHECK(kept.snapshot(store).ok());
        }
    }
    for (int i = 0; i < 10; i++) {
        (void)unlink((path + "/snapshot-" + std::to_string(i)).c_str());
        (void)unlink((path + "/journal-" + std::to_string(i)).c_str());
    }
    CHECK(unlink((path + "/lock").c_str()) == 0);
    CHECK(rmdir(folder) == 0);
}

} // namespace

int main() {
    snapshots();
    journals();
    files();
    return check_report("hpp_store_keep");
}
