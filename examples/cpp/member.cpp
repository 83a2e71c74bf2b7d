// Six members of a swarm, each on a thread of its own: they find each other over UDP, share a counter, five of them
// agree on a list, and all count primes together, while one of them stops.
// SPDX-License-Identifier: MIT OR Apache-2.0

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "neural_swarm.hpp"

namespace {

constexpr int members = 6, voters = 5;
constexpr std::uint32_t parts = 48;
constexpr std::chrono::minutes long_enough{1};

nsw::span<const std::uint8_t> bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

/// What did not come as it should.
template <class T>
T must(nsw::result<T> done, const char *what) {
    if (!done) {
        std::fprintf(stderr, "member: %s: %s\n", what, nsw_status_str(done.status()));
        std::exit(1);
    }
    return std::move(*done);
}
void must(nsw::result<void> done, const char *what) {
    if (!done) {
        std::fprintf(stderr, "member: %s: %s\n", what, nsw_status_str(done.status()));
        std::exit(1);
    }
}
void must_be(bool so, const char *what) {
    if (!so) {
        std::fprintf(stderr, "member: not so: %s\n", what);
        std::exit(1);
    }
}

/// Primes below `below` among the numbers that are `part` modulo `parts`.
std::uint32_t primes(std::uint32_t below, std::uint32_t part) {
    std::uint32_t count = 0;
    for (std::uint32_t n = part; n < below; n += parts) {
        std::uint32_t d = 2;
        while (d * d <= n && n % d != 0) {
            d++;
        }
        count += n >= 2 && d * d > n;
    }
    return count;
}

/// What a member does for the others, and has agreed on with them.
class program final : public nsw::member_program {
public:
    std::size_t listed() {
        const std::lock_guard<std::mutex> guard(lock_);
        return list_.size();
    }
    nsw_status on_request(const nsw_host_member_call &call, nsw::span<std::uint8_t> answer,
                          std::size_t &len) noexcept override {
        std::array<std::uint32_t, 2> asked{};
        if (call.message_len != sizeof asked) {
            return NSW_ERR_UNSUPPORTED;
        }
        // All members are on this machine: no need to care for the order of bytes.
        std::memcpy(asked.data(), call.message, sizeof asked);
        const std::uint32_t count = primes(asked[0], asked[1]);
        std::memcpy(answer.data(), &count, sizeof count);
        len = sizeof count;
        return NSW_OK;
    }
    void on_entry(std::uint64_t, nsw::span<const std::uint8_t> data) noexcept override {
        const std::lock_guard<std::mutex> guard(lock_);
        list_.emplace_back(data.begin(), data.end());
    }

private:
    std::mutex lock_;
    std::vector<std::string> list_;
};

nsw_key seed_of(int number) {
    // On machines of their own each has its own, and nobody else's: member_config::set_key_file.
    nsw_key seed;
    std::memset(&seed, number, sizeof seed);
    return seed;
}

nsw_key key_of(int number) {
    const nsw_key seed = seed_of(number);
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
    config.seed = &seed;
    const nsw::identity who = must(nsw::identity::create(config), "identity");
    return must(who.public_key(), "key");
}

nsw::member make(int number, const std::string &folder, program &does, const nsw::member *first) {
    const nsw::address at = must(nsw::address::parse("127.0.0.1:0"), "address");
    const nsw_key seed = seed_of(number);
    std::vector<nsw_key> keys;
    for (int other = 1; other <= members; other++) {
        keys.push_back(key_of(other));
    }
    const std::string files = folder + "/member-" + std::to_string(number);
    nsw::member_config config("member.cpp", at);
    config.seed = &seed;
    config.set_pinned({keys.data(), keys.size()})
        .set_voters({keys.data(), voters})
        .set_folder(files)
        .set_program(does);
    nsw_address begin = NSW_ADDRESS_INIT;
    if (first != nullptr) {
        begin = must(first->local(), "local");
        config.set_seeds({&begin, 1});
    }
    nsw::member made = must(nsw::member::create(config), "member");
    must(made.start(), "start");
    return made;
}

/// Each part by the next of those that are there; what one does not answer, another does.
std::uint32_t count_together(const nsw::member &leader, std::uint32_t below) {
    const std::uint64_t own = must(leader.describe(), "describe").id;
    std::uint32_t count = 0;
    std::uint64_t turn = 0;
    for (std::uint32_t part = 0; part < parts;) {
        const std::optional<nsw_host_member_seen> other = must(leader.next(turn), "next");
        turn = other ? other->id : 0;
        if (!other || other->id == own || other->standing != NSW_MEMBER_ALIVE) {
            continue;
        }
        const std::array<std::uint32_t, 2> asks{below, part};
        std::uint32_t answer = 0;
        const auto done = leader.ask(
            other->id, bytes("primes"),
            {reinterpret_cast<const std::uint8_t *>(asks.data()), sizeof asks},
            std::chrono::seconds(5), {reinterpret_cast<std::uint8_t *>(&answer), sizeof answer});
        if (done) {
            count += answer;
            part++;
        }
    }
    return count;
}

} // namespace

int main() {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() /
        ("member-cpp-" + std::to_string(nsw::now_us()));
    std::filesystem::create_directory(folder);
    std::array<program, members> programs;
    std::vector<nsw::member> all;
    std::puts("Six members, which know each other's keys and nothing else.");
    for (int i = 0; i < members; i++) {
        all.push_back(make(i + 1, folder.string(), programs[static_cast<std::size_t>(i)],
                           all.empty() ? nullptr : &all.front()));
    }
    for (const nsw::member &member : all) {
        must(member.wait_for_members(members, long_enough), "members");
    }
    std::puts("They share a counter, to which each adds.");
    for (const nsw::member &member : all) {
        must(member.add(bytes("total"), 10), "add");
    }
    for (const nsw::member &member : all) {
        must_be(must(member.wait_for_total(bytes("total"), 60, long_enough), "total") == 60, "60");
    }
    std::puts("Five agree on a list.");
    for (std::size_t i = 0; i < voters; i++) {
        must(all[i].propose(bytes("by " + std::to_string(i + 1)), long_enough), "propose");
    }
    for (std::size_t i = 0; i < voters; i++) {
        must(all[i].barrier(long_enough), "barrier");
        must_be(programs[i].listed() == voters, "all of the list");
    }
    std::puts("One at a time holds the door; whoever holds it stops, and the next has it.");
    const std::uint64_t token = must(all[2].lock(bytes("door"), long_enough), "lock");
    must(all[2].stop(), "stop");
    must_be(must(all[0].lock(bytes("door"), long_enough), "lock") > token, "a larger token");
    std::puts("They count primes together.");
    // https://oeis.org/A000720
    const std::uint32_t count = count_together(all[0], 200000);
    std::printf("primes below 200000: %u\n", count);
    must_be(count == 17984, "17984");
    all.clear();
    std::filesystem::remove_all(folder);
    std::puts("All of it came as it should.");
    return 0;
}
