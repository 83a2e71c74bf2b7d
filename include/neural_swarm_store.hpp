// neural-swarm for C++17 and later: stores of replicated values. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_STORE_HPP
#define NEURAL_SWARM_STORE_HPP

#include <optional>
#include <string_view>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_store> {
    using config = nsw_store_config;
    static constexpr auto footprint = &nsw_store_footprint;
    static constexpr auto create = &nsw_store_create;
    static constexpr auto destroy = &nsw_store_destroy;
};

} // namespace detail

/// The kinds of keys. See NSW_STORE_MAP and the like.
enum class store_kind : std::uint32_t {
    map = NSW_STORE_MAP,
    add_wins_set = NSW_STORE_ADD_WINS_SET,
    remove_wins_set = NSW_STORE_REMOVE_WINS_SET,
    enable_wins_flag = NSW_STORE_ENABLE_WINS_FLAG,
    disable_wins_flag = NSW_STORE_DISABLE_WINS_FLAG,
    last_writer = NSW_STORE_LAST_WRITER,
    multi_value = NSW_STORE_MULTI_VALUE,
    max = NSW_STORE_MAX,
    min = NSW_STORE_MIN,
    grow_counter = NSW_STORE_GROW_COUNTER,
    counter = NSW_STORE_COUNTER,
    hyper_log_log = NSW_STORE_HYPER_LOG_LOG,
    count_min = NSW_STORE_COUNT_MIN,
    list = NSW_STORE_LIST
};

/// What a store is made for. The defaults unless more is set; see nsw_store_config.
struct store_config : nsw_store_config {
    explicit store_config(std::uint64_t own_replica) noexcept : nsw_store_config{} {
        size = sizeof(nsw_store_config);
        replica = own_replica;
    }
};

/// The bytes of a name, an element or a value: anything that is a span of bytes, or text.
class store_bytes {
public:
    store_bytes() noexcept : data_(nullptr), size_(0) {}
    store_bytes(const std::uint8_t *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class T,
              std::enable_if_t<std::is_convertible_v<const T &, span<const std::uint8_t>>, int> = 0>
    store_bytes(const T &bytes) noexcept {
        const span<const std::uint8_t> all(bytes);
        data_ = all.data();
        size_ = all.size();
    }
    template <class T, std::enable_if_t<std::is_convertible_v<const T &, std::string_view>, int> = 0,
              class = void>
    store_bytes(const T &text) noexcept {
        const std::string_view all(text);
        data_ = reinterpret_cast<const std::uint8_t *>(all.data());
        size_ = all.size();
    }

    /// The first of them.
    [[nodiscard]] const std::uint8_t *data() const noexcept { return data_; }
    /// How many.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    const std::uint8_t *data_;
    std::size_t size_;
};

/// A value that was assigned.
struct store_written {
    /// How much of the buffer it fills.
    std::size_t len;
    /// When: milliseconds since 1970 in the upper 48 bits, a counter below.
    std::uint64_t stamp;
};

/// A key as a map lists it.
struct store_entry {
    /// How much of the buffer its name fills.
    std::size_t len;
    store_kind kind;
};

/// What a digest led to.
struct store_reconciled {
    /// How much of the buffer the answer fills; 0 if there is nothing to say.
    std::size_t len;
    /// Whether both have the same, and all of the peer's changes have come.
    bool equal;
    nsw_store_merged merged;
};

/// Values that replicas change by themselves and merge. See nsw_store.
class store : public detail::object<store, nsw_store> {
public:
    /// An open key.
    using key = nsw_store_key;
    /// The map that all keys are in.
    static constexpr key root = NSW_STORE_ROOT;

    /// This replica's number.
    result<std::uint64_t> replica() const noexcept {
        std::uint64_t number = 0;
        const nsw_status status = nsw_store_replica(get(), &number);
        return detail::result_of(status, number);
    }
    /// How many changes of a replica have come, without a gap.
    result<std::uint64_t> seen(std::uint64_t of) const noexcept {
        std::uint64_t count = 0;
        const nsw_status status = nsw_store_seen(get(), of, &count);
        return detail::result_of(status, count);
    }
    /// Whether a change has come.
    result<bool> has(std::uint64_t of, std::uint64_t seq) const noexcept {
        return said([&](std::uint32_t *yes) { return nsw_store_has(get(), of, seq, yes); });
    }
    /// How full it is.
    result<nsw_store_usage> describe() const noexcept {
        nsw_store_usage usage = NSW_STORE_USAGE_INIT;
        const nsw_status status = nsw_store_describe(get(), &usage);
        return detail::result_of(status, usage);
    }

    /// The key of a kind under a name in a map, until it is closed. See nsw_store_open.
    result<key> open(key map, const store_bytes &name, store_kind kind) noexcept {
        key opened = root;
        const nsw_status status = nsw_store_open(get(), map, name.data(), name.size(),
                                                 static_cast<std::uint32_t>(kind), &opened);
        return detail::result_of(status, opened);
    }
    /// Ends what open() began.
    result<void> close(key which) noexcept { return result<void>(nsw_store_close(get(), which)); }
    /// Takes away all that is seen to be in a key.
    result<void> clear(key which) noexcept { return result<void>(nsw_store_clear(get(), which)); }

    /// Adds an element to a set.
    result<void> add(key set, const store_bytes &element) noexcept {
        return result<void>(nsw_store_add(get(), set, element.data(), element.size()));
    }
    /// Removes an element from a set; returns whether it was in.
    result<bool> remove(key set, const store_bytes &element) noexcept {
        return said([&](std::uint32_t *yes) {
            return nsw_store_remove(get(), set, element.data(), element.size(), yes);
        });
    }
    /// Whether an element is in a set.
    result<bool> contains(key set, const store_bytes &element) const noexcept {
        return said([&](std::uint32_t *yes) {
            return nsw_store_contains(get(), set, element.data(), element.size(), yes);
        });
    }
    /// How many elements a set or a list has, or keys a map.
    result<std::size_t> count(key which) const noexcept {
        return length_of([&](std::size_t *len) { return nsw_store_count(get(), which, len); });
    }
    /// The next element of a list or a set, or value of a register of several; none at the
    /// end. `cursor` is 0 for the first one; every change of the store makes it invalid. Returns
    /// how much of the buffer it fills.
    result<std::optional<std::size_t>> element(key which, std::uint64_t &cursor,
                                               span<std::uint8_t> buf) const noexcept {
        std::size_t len = 0;
        const nsw_status status =
            nsw_store_element(get(), which, &cursor, buf.data(), buf.size(), &len);
        return detail::unless_done(status, len);
    }

    /// Says yes or no to a flag.
    result<void> set_flag(key which, bool on) noexcept {
        return result<void>(nsw_store_set_flag(get(), which, on ? 1 : 0));
    }
    /// Whether a flag says yes.
    result<bool> flag(key which) const noexcept {
        return said([&](std::uint32_t *yes) { return nsw_store_flag(get(), which, yes); });
    }

    /// Assigns bytes to a register. The time of day is for those of the last writer.
    result<void> assign(key reg, const store_bytes &value, std::uint64_t now_ms = 0) noexcept {
        return result<void>(nsw_store_assign(get(), reg, value.data(), value.size(), now_ms));
    }
    /// The value of a register of the last writer, if it has one.
    result<std::optional<store_written>> last_written(key reg,
                                                      span<std::uint8_t> buf) const noexcept {
        store_written written{0, 0};
        const nsw_status status = nsw_store_last_written(get(), reg, buf.data(), buf.size(),
                                                         &written.len, &written.stamp);
        return detail::unless_done(status, written);
    }
    /// Offers a number to a register of the greatest or the smallest one; returns whether it is
    /// that now.
    result<bool> offer(key reg, std::int64_t number) noexcept {
        return said(
            [&](std::uint32_t *yes) { return nsw_store_offer(get(), reg, number, yes); });
    }
    /// The number of a register of the greatest or the smallest one, if it has one.
    result<std::optional<std::int64_t>> extreme(key reg) const noexcept {
        std::int64_t number = 0;
        const nsw_status status = nsw_store_extreme(get(), reg, &number);
        return detail::unless_done(status, number);
    }

    /// Counts upwards with a counter of either kind.
    result<void> increment(key counter, std::uint64_t by = 1) noexcept {
        return result<void>(nsw_store_increment(get(), counter, by));
    }
    /// Counts downwards with a counter that can.
    result<void> decrement(key counter, std::uint64_t by = 1) noexcept {
        return result<void>(nsw_store_decrement(get(), counter, by));
    }
    /// What all have counted with a counter, as far as it has come.
    result<std::int64_t> total(key counter) const noexcept {
        std::int64_t sum = 0;
        const nsw_status status = nsw_store_total(get(), counter, &sum);
        return detail::result_of(status, sum);
    }
    /// Sums up an element in a sketch; how often does not matter to a HyperLogLog.
    result<void> observe(key sketch, const store_bytes &element, std::uint32_t times = 1) noexcept {
        return result<void>(
            nsw_store_observe(get(), sketch, element.data(), element.size(), times));
    }
    /// How many different elements a HyperLogLog has seen, about.
    result<std::uint64_t> cardinality(key sketch) const noexcept {
        std::uint64_t count = 0;
        const nsw_status status = nsw_store_cardinality(get(), sketch, &count);
        return detail::result_of(status, count);
    }
    /// How often a Count-Min sketch has seen an element: never less than it was.
    result<std::uint64_t> frequency(key sketch, const store_bytes &element) const noexcept {
        std::uint64_t count = 0;
        const nsw_status status =
            nsw_store_frequency(get(), sketch, element.data(), element.size(), &count);
        return detail::result_of(status, count);
    }
    /// Puts an element into a list, before the one that is at `index` now. See nsw_store_insert.
    result<void> insert(key list, std::size_t index, const store_bytes &element) noexcept {
        return result<void>(
            nsw_store_insert(get(), list, index, element.data(), element.size()));
    }
    /// Puts each character of a text in UTF-8 into a list; returns how many there are.
    result<std::size_t> insert_text(key list, std::size_t index,
                                    const store_bytes &text) noexcept {
        return length_of([&](std::size_t *count) {
            return nsw_store_insert_text(get(), list, index, text.data(), text.size(), count);
        });
    }
    /// Removes so many elements of a list, from `index` on.
    result<void> remove_at(key list, std::size_t index, std::size_t count = 1) noexcept {
        return result<void>(nsw_store_remove_at(get(), list, index, count));
    }
    /// The element of a list at an index; returns how much of the buffer it fills.
    result<std::size_t> element_at(key list, std::size_t index,
                                   span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_store_element_at(get(), list, index, buf.data(), buf.size(), len);
        });
    }
    /// All elements of a list, one behind the other; returns how much of the buffer they fill.
    result<std::size_t> text(key list, span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_store_text(get(), list, buf.data(), buf.size(), len);
        });
    }

    /// The first key of a map from a name on, which may be a prefix, or empty for the beginning;
    /// its name goes to `buf`.
    result<std::optional<store_entry>> first_key(key map, const store_bytes &from,
                                                 span<std::uint8_t> buf) const noexcept {
        return next_of(map, from, 0, buf);
    }
    /// The key of a map behind another one. `name` may lie in `buf`.
    result<std::optional<store_entry>> next_key(key map, const store_bytes &name, store_kind kind,
                                                span<std::uint8_t> buf) const noexcept {
        return next_of(map, name, static_cast<std::uint32_t>(kind), buf);
    }

    /// The index-th known replica, this one first; none behind the last one.
    result<std::optional<std::uint64_t>> member(std::size_t index) const noexcept {
        std::uint64_t number = 0;
        const nsw_status status = nsw_store_member(get(), index, &number);
        return detail::unless_done(status, number);
    }
    /// Makes a replica known before its first change has come.
    result<void> admit(std::uint64_t other) noexcept {
        return result<void>(nsw_store_admit(get(), other));
    }
    /// A replica is waited for no more. See nsw_store_retire.
    result<void> retire(std::uint64_t other) noexcept {
        return result<void>(nsw_store_retire(get(), other));
    }
    /// Makes what a retired replica put in or counted this one's own; returns how much.
    result<std::size_t> adopt(std::uint64_t other) noexcept {
        return length_of([&](std::size_t *len) { return nsw_store_adopt(get(), other, len); });
    }
    /// Forgets a retired replica of which nothing is left. See nsw_store_forget.
    result<void> forget(std::uint64_t other) noexcept {
        return result<void>(nsw_store_forget(get(), other));
    }
    /// How many replicas were forgotten.
    result<std::uint32_t> generation() const noexcept {
        std::uint32_t number = 0;
        const nsw_status status = nsw_store_generation(get(), &number);
        return detail::result_of(status, number);
    }
    /// How many changes of a replica all have, as far as is known here.
    result<std::uint64_t> stable(std::uint64_t of) const noexcept {
        std::uint64_t count = 0;
        const nsw_status status = nsw_store_stable(get(), of, &count);
        return detail::result_of(status, count);
    }
    /// Drops what all have and says only that something is not there; returns how much.
    result<std::size_t> collect() noexcept {
        return length_of([&](std::size_t *len) { return nsw_store_collect(get(), len); });
    }

    /// Writes what this replica has; returns the length.
    result<std::size_t> context(span<std::uint8_t> buf) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_store_context(get(), buf.data(), buf.size(), len);
        });
    }
    /// The same to a std::vector<std::uint8_t>, or anything with resize(), data() and size(),
    /// which becomes as long as it.
    template <class Bytes>
    result<void> context_to(Bytes &out) {
        return all_to(out, &nsw_store_context);
    }
    /// Writes changes that a peer lacks, as many as fit; returns the length, 0 when all is told.
    /// `cursor` is 0 for the first frame. See nsw_store_delta.
    result<std::size_t> delta(span<const std::uint8_t> peer, std::uint64_t &cursor,
                              span<std::uint8_t> buf) noexcept {
        std::size_t len = 0;
        const nsw_status status = nsw_store_delta(get(), peer.data(), peer.size(), &cursor,
                                                  buf.data(), buf.size(), &len);
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, len);
    }
    /// Writes all that is there; returns the length.
    result<std::size_t> state(span<std::uint8_t> buf) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_store_state(get(), buf.data(), buf.size(), len);
        });
    }
    /// The same as context_to() does.
    template <class Bytes>
    result<void> state_to(Bytes &out) {
        return all_to(out, &nsw_store_state);
    }
    /// Writes sums over what is here, for reconcile() of a peer; returns the length.
    result<std::size_t> digest(span<std::uint8_t> buf) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_store_digest(get(), buf.data(), buf.size(), len);
        });
    }
    /// Takes in a peer's digest() or answer, and writes the answer to it. See
    /// nsw_store_reconcile.
    result<store_reconciled> reconcile(span<const std::uint8_t> frame, std::uint64_t now_ms,
                                       span<std::uint8_t> answer) noexcept {
        store_reconciled done{0, false, NSW_STORE_MERGED_INIT};
        std::uint32_t equal = 0;
        const nsw_status status =
            nsw_store_reconcile(get(), frame.data(), frame.size(), now_ms, answer.data(),
                                answer.size(), &done.len, &done.merged, &equal);
        done.equal = equal != 0;
        return detail::result_of(status, done);
    }
    /// Takes in what another replica wrote. See nsw_store_merge.
    result<nsw_store_merged> merge(span<const std::uint8_t> frame,
                                   std::uint64_t now_ms = 0) noexcept {
        nsw_store_merged merged = NSW_STORE_MERGED_INIT;
        const nsw_status status =
            nsw_store_merge(get(), frame.data(), frame.size(), now_ms, &merged);
        return detail::result_of(status, merged);
    }

    /// Begins a transaction: what this replica changes until commit() becomes visible at every
    /// other one together. So many items and bytes are sure to be free. See
    /// nsw_store_begin_transaction.
    result<void> begin_transaction(std::size_t items = 0, std::size_t bytes = 0) noexcept {
        return result<void>(nsw_store_begin_transaction(get(), items, bytes));
    }
    /// Ends a transaction.
    result<void> commit() noexcept { return result<void>(nsw_store_commit(get())); }

    /// The first key of a map whose name begins with a prefix, which may not lie in `buf`.
    result<std::optional<store_entry>> first_with_prefix(key map, const store_bytes &prefix,
                                                         span<std::uint8_t> buf) const noexcept {
        return scan(map, prefix, store_bytes(), 0, buf);
    }
    /// The one behind another of them; none at the end. `name` may lie in `buf`.
    result<std::optional<store_entry>> next_with_prefix(key map, const store_bytes &prefix,
                                                        const store_bytes &name, store_kind kind,
                                                        span<std::uint8_t> buf) const noexcept {
        return scan(map, prefix, name, static_cast<std::uint32_t>(kind), buf);
    }

    /// Watches a key, and if it is a map all keys below it. See nsw_store_watch.
    result<void> watch(key which) noexcept { return result<void>(nsw_store_watch(get(), which)); }
    /// Ends what watch() began.
    result<void> unwatch(key which) noexcept {
        return result<void>(nsw_store_unwatch(get(), which));
    }
    /// Takes the oldest event, whose name goes to `buf`; none when all are taken.
    result<std::optional<nsw_store_event>> next_event(span<std::uint8_t> buf) noexcept {
        nsw_store_event event = NSW_STORE_EVENT_INIT;
        std::size_t len = 0;
        const nsw_status status =
            nsw_store_next_event(get(), &event, buf.data(), buf.size(), &len);
        return detail::unless_done(status, event);
    }
    /// Who is told of changes at the end of the call that made them; NULL for nobody. See
    /// nsw_store_watcher.
    result<void> set_watcher(const nsw_store_watcher *watcher) noexcept {
        return result<void>(nsw_store_set_watcher(get(), watcher));
    }

    /// The length of the snapshot that save() writes now.
    result<std::uint64_t> save_len() noexcept {
        std::uint64_t len = 0;
        const nsw_status status = nsw_store_save_len(get(), &len);
        return detail::result_of(status, len);
    }
    /// Writes the next piece of a snapshot, of any size; returns its length, 0 when all is
    /// written. `cursor` is 0 for the first one. See nsw_store_save.
    result<std::size_t> save(std::uint64_t &cursor, span<std::uint8_t> piece) noexcept {
        std::size_t len = 0;
        const nsw_status status =
            nsw_store_save(get(), &cursor, piece.data(), piece.size(), &len);
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, len);
    }
    /// Takes in the next piece of a snapshot, of any size; returns how much scratch memory this
    /// snapshot needs. See nsw_store_load.
    result<std::size_t> load(span<const std::uint8_t> piece, span<std::uint8_t> scratch) noexcept {
        std::size_t needed = 0;
        const nsw_status status = nsw_store_load(get(), piece.data(), piece.size(),
                                                 scratch.data(), scratch.size(), &needed);
        return detail::result_of(status, needed);
    }
    /// Says that there are no more pieces: the store is as it was saved.
    result<void> load_end() noexcept { return result<void>(nsw_store_load_end(get())); }
    /// Where a journal goes on that has all that happened until now, or a snapshot of it.
    result<std::uint64_t> journal_end() noexcept {
        std::uint64_t cursor = 0;
        const nsw_status status = nsw_store_journal_end(get(), &cursor);
        return detail::result_of(status, cursor);
    }
    /// Writes all that happened since `cursor` as one record; returns its length, 0 if nothing
    /// did. See nsw_store_journal.
    result<std::size_t> journal(std::uint64_t &cursor, span<std::uint8_t> record) noexcept {
        std::size_t len = 0;
        const nsw_status status =
            nsw_store_journal(get(), &cursor, record.data(), record.size(), &len);
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, len);
    }
    /// Takes in the first one of some records; returns its length, 0 if there is none. See
    /// nsw_store_replay.
    result<std::size_t> replay(span<const std::uint8_t> records) noexcept {
        std::size_t taken = 0;
        const nsw_status status =
            nsw_store_replay(get(), records.data(), records.size(), &taken);
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, taken);
    }

private:
    result<std::optional<store_entry>> scan(key map, const store_bytes &prefix,
                                            const store_bytes &name, std::uint32_t kind,
                                            span<std::uint8_t> buf) const noexcept {
        std::size_t len = 0;
        std::uint32_t found = 0;
        const nsw_status status =
            nsw_store_scan(get(), map, prefix.data(), prefix.size(), name.data(), name.size(), kind,
                           buf.data(), buf.size(), &len, &found);
        return detail::unless_done(status, store_entry{len, static_cast<store_kind>(found)});
    }
    template <class Call>
    static result<bool> said(Call &&call) noexcept {
        std::uint32_t yes = 0;
        const nsw_status status = call(&yes);
        return detail::result_of(status, yes != 0);
    }
    result<std::optional<store_entry>> next_of(key map, const store_bytes &name,
                                               std::uint32_t kind,
                                               span<std::uint8_t> buf) const noexcept {
        std::size_t len = 0;
        std::uint32_t found = 0;
        const nsw_status status = nsw_store_next_key(get(), map, name.data(), name.size(), kind,
                                                     buf.data(), buf.size(), &len, &found);
        return detail::unless_done(status, store_entry{len, static_cast<store_kind>(found)});
    }
    template <class Bytes, class Write>
    result<void> all_to(Bytes &out, Write write) {
        std::size_t len = 0;
        const nsw_status status = write(get(), nullptr, 0, &len);
        // Which is the answer to having no buffer at all.
        if (status != NSW_ERR_BUFFER_TOO_SMALL) {
            return result<void>(status);
        }
        out.resize(len);
        return result<void>(write(get(), out.data(), out.size(), &len));
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_STORE_HPP
