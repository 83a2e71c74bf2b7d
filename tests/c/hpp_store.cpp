// Stores by way of the C++ wrapper.

#include <array>
#include <set>
#include <string>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

using bytes = std::vector<std::uint8_t>;
using nsw::store_kind;

constexpr nsw::store::key ROOT = nsw::store::root;
constexpr std::uint64_t NOW = 1700000000000;

nsw::store make(std::uint64_t replica) {
    return nsw::store::create(nsw::store_config(replica)).value();
}

// Tells a replica what it lacks, in small frames; returns how many.
std::size_t tell(nsw::store &from, nsw::store &to) {
    bytes peer;
    CHECK(to.context_to(peer).ok());
    std::array<std::uint8_t, 60> frame{};
    std::uint64_t cursor = 0;
    std::size_t frames = 0;
    while (const std::size_t len = from.delta(peer, cursor, frame).value()) {
        CHECK(to.merge({frame.data(), len}, NOW).ok());
        frames++;
    }
    return frames;
}

std::set<std::string> elements(const nsw::store &store, nsw::store::key set) {
    std::set<std::string> found;
    std::array<std::uint8_t, 64> buf{};
    std::uint64_t cursor = 0;
    while (const auto len = store.element(set, cursor, buf).value()) {
        found.emplace(reinterpret_cast<const char *>(buf.data()), *len);
    }
    return found;
}

void sets() {
    nsw::store anna = make(1), bert = make(2);
    CHECK(nsw::store::footprint(nsw::store_config(1))->size > 0);
    CHECK(anna.replica().value() == 1);
    const auto a = anna.open(ROOT, "names", store_kind::add_wins_set).value();
    const auto b = bert.open(ROOT, std::string("names"), store_kind::add_wins_set).value();
    CHECK(anna.add(a, "Ada").ok() && anna.add(a, bytes{1, 2, 3}).ok());
    CHECK(anna.add(a, std::string_view("somebody with a long name")).ok());
    CHECK(tell(anna, bert) > 1 && tell(anna, bert) == 0);
    CHECK(bert.seen(1).value() == 3 && bert.has(1, 3).value() && !bert.has(1, 4).value());
    CHECK(bert.remove(b, "Ada").value() && !bert.remove(b, "nobody").value());
    CHECK(anna.add(a, "Ada").ok());
    CHECK(tell(anna, bert) == 1 && tell(bert, anna) == 1);
    CHECK(anna.contains(a, "Ada").value() && bert.contains(b, "Ada").value());
    CHECK(bert.count(b).value() == 3 && elements(anna, a) == elements(bert, b));
    CHECK(elements(bert, b).count("Ada") == 1);
    CHECK(anna.describe()->items == 3 && anna.describe()->replicas == 2);
    std::array<std::uint8_t, 1024> one{}, two{};
    CHECK(bert.add(b, "by a digest").ok());
    bool equal = false;
    for (int round = 0; !equal && round < 5; round++) {
        std::size_t len = anna.digest(one).value();
        for (int turn = 0; len > 0; turn++) {
            nsw::store &to = turn % 2 == 0 ? bert : anna;
            const nsw::store_reconciled done = to.reconcile({one.data(), len}, NOW, two).value();
            len = done.len;
            equal = equal || done.equal;
            one.swap(two);
        }
    }
    CHECK(equal && anna.contains(a, "by a digest").value());
    CHECK_STATUS(anna.reconcile(bytes{1, 9}, NOW, two).status(), NSW_ERR_CRDT_FORMAT);
    CHECK(bert.clear(b).ok() && tell(bert, anna) > 0 && anna.count(a).value() == 0);
    CHECK(anna.close(a).ok());
    CHECK_STATUS(anna.close(a).status(), NSW_ERR_CRDT_KEY);
    CHECK_STATUS(anna.open(a, "", store_kind::map).status(), NSW_ERR_CRDT_KEY);
}

void values() {
    nsw::store store = make(7);
    std::array<std::uint8_t, 64> buf{};
    const auto flag = store.open(ROOT, "flag", store_kind::enable_wins_flag).value();
    CHECK(!store.flag(flag).value() && store.set_flag(flag, true).ok());
    CHECK(store.flag(flag).value());
    const auto last = store.open(ROOT, "last", store_kind::last_writer).value();
    CHECK(!store.last_written(last, buf).value());
    CHECK(store.assign(last, "now", NOW).ok());
    const auto written = store.last_written(last, buf).value();
    CHECK(written && written->len == 3 && written->stamp >> 16 == NOW && buf[0] == 'n');
    const auto greatest = store.open(ROOT, "max", store_kind::max).value();
    CHECK(!store.extreme(greatest).value());
    CHECK(store.offer(greatest, -5).value() && !store.offer(greatest, -6).value());
    CHECK(store.extreme(greatest).value() == std::optional<std::int64_t>(-5));
    CHECK_STATUS(store.extreme(flag).status(), NSW_ERR_CRDT_KIND);

    std::string listed;
    auto entry = store.first_key(ROOT, {}, buf).value();
    while (entry) {
        listed += std::string(reinterpret_cast<const char *>(buf.data()), entry->len) + " ";
        entry = store.next_key(ROOT, {buf.data(), entry->len}, entry->kind, buf).value();
    }
    CHECK(listed == "flag last max ");
    CHECK(store.first_key(ROOT, "m", buf).value()->kind == store_kind::max);

    bytes kept;
    CHECK(store.state_to(kept).ok() && store.state(kept).value() == kept.size());
    nsw::store copy = make(7);
    CHECK(copy.merge(kept, NOW)->added == 3 && copy.seen(7).value() == store.seen(7).value());
    CHECK_STATUS(store.context(nsw::span<std::uint8_t>()).status(), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(store.merge(bytes{1, 9}).status(), NSW_ERR_CRDT_FORMAT);

    nsw::store moved = std::move(store);
    CHECK_STATUS(store.replica().status(), NSW_ERR_NULL);
    CHECK_STATUS(store.state_to(kept).status(), NSW_ERR_NULL);
    CHECK(moved.flag(flag).value());
}

void lists() {
    nsw::store anna = make(1), bert = make(2);
    const auto a = anna.open(ROOT, "text", store_kind::list).value();
    const auto b = bert.open(ROOT, "text", store_kind::list).value();
    CHECK(anna.insert_text(a, 0, "caf\xc3\xa9").value() == 4 && anna.count(a).value() == 4);
    CHECK(anna.insert(a, 4, " noir").ok() && anna.insert(a, 0, bytes{'U', 'n', ' '}).ok());
    CHECK(tell(anna, bert) > 1);
    CHECK(bert.remove_at(b, 5).ok() && anna.remove_at(a, 1, 3).ok());
    tell(anna, bert);
    tell(bert, anna);
    std::array<std::uint8_t, 64> buf{};
    const std::size_t len = bert.text(b, buf).value();
    CHECK(std::string(reinterpret_cast<const char *>(buf.data()), len) == "Un \xc3\xa9");
    CHECK(anna.element_at(a, 1, buf).value() == 2 && buf[0] == 0xc3);
    std::uint64_t cursor = 0;
    CHECK(anna.element(a, cursor, buf).value() == std::optional<std::size_t>(3) && buf[0] == 'U');
    CHECK_STATUS(anna.insert(a, 3, "x").status(), NSW_ERR_INVALID);
    CHECK_STATUS(anna.insert_text(a, 0, bytes{0xff}).status(), NSW_ERR_INVALID);
    CHECK_STATUS(anna.remove_at(a, 1, 2).status(), NSW_ERR_INVALID);
    CHECK_STATUS(anna.element_at(a, 2, buf).status(), NSW_ERR_INVALID);
    CHECK_STATUS(anna.text(ROOT, buf).status(), NSW_ERR_CRDT_KIND);
    CHECK(anna.clear(a).ok() && anna.text(a, {}).value() == 0);
}

} // namespace

int main() {
    sets();
    values();
    lists();
    return check_report("hpp_store");
}
