// Members of a swarm on threads of their own by way of the C++ wrapper.

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "neural_swarm.hpp"

#include "folder.h"
#include "support.h"

namespace {

using std::chrono::minutes;

nsw::span<const std::uint8_t> bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

/// Adds up what is agreed on.
class adder final : public nsw::member_program_with_state {
public:
    std::atomic<std::uint64_t> sum{0};
    std::atomic<std::uint64_t> later{0};
    std::atomic<unsigned> heard{0};
    std::atomic<unsigned> loads{0};
    std::atomic<unsigned> events{0};

    nsw_status on_request(const nsw_host_member_call &call, nsw::span<std::uint8_t> answer,
                          std::size_t &len) noexcept override {
        if (call.method_len == 5) {
            later = call.number;
            return NSW_AGAIN;
        }
        len = call.message_len;
        std::memcpy(answer.data(), call.message, len);
        return NSW_OK;
    }
    void on_publication(std::uint64_t, nsw::span<const std::uint8_t>,
                        nsw::span<const std::uint8_t> message) noexcept override {
        heard += static_cast<unsigned>(message.size());
    }
    void on_entry(std::uint64_t, nsw::span<const std::uint8_t> data) noexcept override {
        sum += data[0];
    }
    void on_event(const nsw_host_member_event &) noexcept override { events++; }
    nsw_status on_save(nsw::span<std::uint8_t> state, std::size_t &len) noexcept override {
        const std::uint64_t now = sum;
        len = sizeof now;
        std::memcpy(state.data(), &now, len);
        return NSW_OK;
    }
    void on_load(nsw::span<const std::uint8_t> state) noexcept override {
        std::uint64_t saved = 0;
        std::memcpy(&saved, state.data(), sizeof saved);
        sum = saved;
        loads++;
    }
};

nsw::member make(const std::string &folder, adder &program) {
    const nsw::address at = nsw::address::parse("127.0.0.1:0").value();
    const std::string key = folder + "/key", files = folder + "/files";
    // The key is made first, so that the member can be its own voter.
    nsw_key seed{}, own{};
    std::memset(&seed, 7, sizeof seed);
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
    nsw_identity *identity = nullptr;
    who.seed = &seed;
    REQUIRE_OK(nsw_identity_create(&who, nullptr, &identity));
    REQUIRE_OK(nsw_identity_public(identity, &own));
    nsw_identity_destroy(identity);
    (void)nsw_host_key_write(key.data(), key.size(), &seed);
    nsw::member_config config("hpp", at);
    config.set_key_file(key).set_folder(files).set_voters({&own, 1}).set_program(program);
    config.snapshot_entries = 4;
    config.no_sync = 1;
    CHECK(nsw::member::footprint(config)->size > 0);
    nsw::result<nsw::member> made = nsw::member::create(config);
    CHECK_OK(made.status());
    return std::move(*made);
}

void lives(const std::string &folder) {
    adder program;
    nsw::member member = make(folder, program);
    CHECK_OK(member.start().status());
    CHECK_OK(member.wait_for_members(1, minutes(1)).status());
    const nsw_host_member_info info = *member.describe();
    CHECK(info.members == 1 && info.running == 1);
    CHECK(member.local()->len == 7);
    CHECK((*member.next(0))->id == info.id);
    CHECK(!*member.next(info.id));
    CHECK(member.ask(info.id, bytes("x"), {}, minutes(1), {}).status() == NSW_ERR_NODE_PEER);
    CHECK(member.answer(1, {}).status() == NSW_ERR_NODE_REQUEST);
    CHECK(member.refuse(1).status() == NSW_ERR_NODE_REQUEST);
    CHECK_OK(member.subscribe(bytes("news")).status());
    CHECK_OK(member.unsubscribe(bytes("news")).status());
    CHECK_OK(member.publish(bytes("news"), bytes("hello")).status());
    CHECK_OK(member.put(bytes("a"), bytes(std::string(100, 'x'))).status());
    CHECK((*member.get_value(bytes("a")))->size() == 100);
    CHECK_OK(member.remove(bytes("a")).status());
    CHECK(!*member.get_value(bytes("a")));
    CHECK_OK(member.add(bytes("n"), 2).status());
    CHECK(*member.total(bytes("n")) == 2);
    CHECK(*member.wait_for_total(bytes("n"), 1, minutes(1)) == 2);
    const std::uint8_t three = 3;
    for (int turn = 0; turn < 10; turn++) {
        CHECK(*member.propose({&three, 1}, minutes(1)) > 0);
    }
    CHECK_OK(member.barrier(minutes(1)).status());
    CHECK(program.sum == 30 && program.events > 0);
    const std::uint64_t token = *member.lock(bytes("door"), minutes(1));
    CHECK(**member.holder(bytes("door")) == info.id);
    CHECK_OK(member.unlock(bytes("door"), token, minutes(1)).status());
    CHECK(!*member.holder(bytes("door")));
    CHECK(member.metrics()->find("nsw_members") != std::string::npos);
    const nsw::address at = nsw::address::parse("127.0.0.1:0").value();
    CHECK(member.serve_metrics(at)->len == 7);
    CHECK_OK(member.add_seed(at).status());
    CHECK_OK(member.pin(info.identity).status());
    CHECK_OK(member.wake().status());
    CHECK_OK(member.stop().status());
    CHECK_OK(member.join().status());
    CHECK(member.put(bytes("a"), {}).status() == NSW_ERR_NODE_LEFT);
    member.reset();

    adder again;
    nsw::member second = make(folder, again);
    CHECK_OK(second.start().status());
    CHECK_OK(second.barrier(minutes(1)).status());
    CHECK(again.sum == 30 && again.loads == 1);
}

} // namespace

int main() {
    char folder[256];
    REQUIRE(make_folder(folder, sizeof folder));
    lives(folder);
    return check_report("hpp_host_member");
}
