// Members of a swarm by way of the C++ wrapper: two in one process.

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "neural_swarm.hpp"

#include "support.h"

namespace {

constexpr std::uint64_t second = 1000000;

/// What is on its way to a member.
struct port {
    std::uint8_t number;
    port *other;
    std::deque<std::vector<std::uint8_t>> queue;

    static nsw_status send(void *ctx, const nsw_address *to, const std::uint8_t *bytes,
                           std::size_t len) {
        port *self = static_cast<port *>(ctx);
        CHECK(to->len == 1 && to->bytes[0] == self->other->number);
        self->other->queue.emplace_back(bytes, bytes + len);
        return NSW_OK;
    }
    static nsw_status receive(void *ctx, nsw_address *from, std::uint8_t *buf, std::size_t cap,
                              std::size_t *len) {
        port *self = static_cast<port *>(ctx);
        if (self->queue.empty()) {
            return NSW_AGAIN;
        }
        const std::vector<std::uint8_t> first = self->queue.front();
        REQUIRE(first.size() <= cap);
        self->queue.pop_front();
        *len = first.size();
        memcpy(buf, first.data(), first.size());
        from->len = 1;
        from->bytes[0] = self->other->number;
        return NSW_OK;
    }
    nsw_transport table() {
        nsw_transport t = NSW_TRANSPORT_INIT;
        t.ctx = this;
        t.send = send;
        t.receive = receive;
        return t;
    }
};

nsw::address address_of(std::uint8_t number) {
    nsw::address address;
    address.len = 1;
    address.bytes[0] = number;
    return address;
}

nsw::span<const std::uint8_t> bytes(const char *string) {
    return {text(string), strlen(string)};
}

struct member {
    nsw::identity identity;
    nsw::node node;
    nsw::store store;
    nsw::sharing sharing;
    nsw::topics topics;
    nsw::requests requests;
    nsw::missions missions;
    nsw::node_parts parts;
    unsigned joined = 0;

    static std::unique_ptr<member> make(port &at, std::uint64_t now) {
        nsw::identity who = nsw::identity::create(nsw::identity_config()).value();
        const nsw_transport table = at.table();
        nsw::node_config config(who, table, 8, bytes("c++"), now);
        const nsw::address here = address_of(at.number);
        config.address = &here;
        CHECK(nsw::node::footprint(config)->size > 1000);
        nsw::node made = nsw::node::create(config).value();
        const nsw_node_info info = made.describe().value();
        CHECK(nsw::member_id(info.identity).value() == info.id);
        const nsw::store_config kept(info.id);
        nsw::store store = nsw::store::create(kept).value();
        nsw::sharing sharing =
            nsw::sharing::create(nsw::sharing_config(kept, info.max_message)).value();
        nsw::topics topics = nsw::topics::create(nsw::topics_config(info, now)).value();
        nsw::requests requests = nsw::requests::create(nsw::requests_config(info, now)).value();
        nsw::missions missions = nsw::missions::create(nsw::missions_config(info, now)).value();
        return std::unique_ptr<member>(new member{std::move(who), std::move(made),
                                                  std::move(store), std::move(sharing),
                                                  std::move(topics), std::move(requests),
                                                  std::move(missions), nsw::node_parts()});
    }
    nsw_node_info info() const { return node.describe().value(); }
};

void two_members() {
    port a{0, nullptr, {}}, b{1, &a, {}};
    a.other = &b;
    std::uint64_t now = second;
    const std::array<std::unique_ptr<member>, 2> both{member::make(a, now), member::make(b, now)};
    member &one = *both[0], &two = *both[1];
    for (const auto &m : both) {
        m->parts.share(m->store, m->sharing).add(m->topics).add(m->requests).add(m->missions).add({});
        CHECK(m->node.pin(one.info().identity).ok() && m->node.pin(two.info().identity).ok());
        CHECK(m->node.set_wall(1700000000000u, now).ok());
        CHECK(m->topics.subscribe(bytes("news")).ok());
    }
    CHECK(two.node.join(address_of(0), now).ok());
    const auto run = [&](std::uint64_t time) {
        for (const std::uint64_t end = now + time; now < end; now += 1000) {
            for (const auto &m : both) {
                for (;;) {
                    const std::uint64_t wake = m->node.poll(now, m->parts).value();
                    while (const auto event = m->node.next().value()) {
                        m->joined += event->kind == NSW_NODE_MEMBER_JOINED;
                    }
                    if (wake > now) {
                        break;
                    }
                }
            }
        }
    };
    run(5 * second);
    CHECK(one.joined == 1 && two.joined == 1);
    CHECK(one.info().members == 2 && two.info().connected == 1);
    const std::uint64_t first = one.info().id, other = two.info().id;
    CHECK(one.node.member(other)->connected == 1);
    unsigned count = 0;
    std::uint64_t id = 0;
    while (const auto known = one.node.next_member(id).value()) {
        id = known->id;
        count++;
    }
    CHECK(count == 2);
    CHECK_STATUS(one.node.evidence(other).status(), NSW_ERR_NODE_PEER);
    CHECK_STATUS(one.node.forgive(other).status(), NSW_ERR_NODE_PEER);
    CHECK(one.node.set_said(address_of(0), bytes("role=x"), now).ok());
    CHECK(one.node.receive(address_of(1), bytes("noise"), now, one.parts).ok());

    CHECK(one.topics.publish(bytes("news"), bytes("hello")).ok());
    CHECK(one.topics.unsubscribe(bytes("news")).ok());
    const std::uint64_t asked =
        one.requests.ask(other, bytes("echo"), bytes("abc"), now + second, now).value();
    run(100000);
    const auto heard = two.topics.next().value();
    REQUIRE(heard.has_value());
    CHECK(heard->origin == first && heard->message.size() == 5 && heard->topic.size() == 4);
    CHECK(!two.topics.next()->has_value());
    const auto call = two.requests.next().value();
    REQUIRE(call.has_value());
    CHECK(call->kind == NSW_REQUESTS_ASKED && call->member == first && call->method_len == 4);
    CHECK(two.requests.answer(call->number, bytes("cba")).ok());
    CHECK_STATUS(two.requests.refuse(call->number).status(), NSW_ERR_NODE_REQUEST);
    run(100000);
    const auto answer = one.requests.next().value();
    REQUIRE(answer.has_value());
    CHECK(answer->kind == NSW_REQUESTS_ANSWERED && answer->number == asked);
    CHECK(answer->message_len == 3 && memcmp(answer->message, "cba", 3) == 0);
    CHECK_STATUS(one.requests.cancel(asked).status(), NSW_ERR_NODE_REQUEST);
    CHECK(one.requests.describe()->answered == 1 && one.topics.describe()->published == 1);
    run(second);
    CHECK(two.node.member(first)->meta_len == 6);
    CHECK(one.sharing.describe()->compared >= 1);

    // The other one works.
    nsw::offer able(1, 2.0f);
    able.slots = 4;
    CHECK(two.missions.set_offer(able).ok());
    const std::array<std::uint32_t, 1> before{0};
    std::array<nsw::mission_task, 2> tasks{nsw::mission_task(bytes("half"), bytes("x")),
                                           nsw::mission_task(bytes("rest"), {}, before)};
    tasks[0].skills = 1;
    const std::uint64_t mission = one.missions.give(tasks, now).value();
    const auto do_one = [&](const char *method) {
        run(second);
        const auto work = two.missions.next().value();
        REQUIRE(work.has_value());
        CHECK(work->kind == NSW_MISSIONS_WORK && work->member == first);
        CHECK(work->method_len == 4 && memcmp(work->method, method, 4) == 0);
        return work->number;
    };
    CHECK(two.missions.finish(do_one("half"), bytes("y"), now).ok());
    CHECK(two.missions.fail(do_one("rest"), now).ok());
    CHECK(one.missions.progress(mission)->tasks == 2);
    CHECK(two.missions.finish(do_one("rest"), bytes("z"), now).ok());
    run(second);
    for (const std::uint32_t kind : {NSW_MISSIONS_DONE, NSW_MISSIONS_DONE, NSW_MISSIONS_OVER}) {
        CHECK(one.missions.next().value()->kind == kind);
    }
    CHECK(!one.missions.next()->has_value());
    const nsw::mission_result made = one.missions.result_of(mission, 1).value();
    CHECK(made.by == other && made.bytes.size() == 1 && made.bytes[0] == 'z');
    CHECK(one.missions.describe()->failed == 1);
    CHECK(one.missions.next_mission(0).value() == mission);
    CHECK(!one.missions.next_mission(mission)->has_value());
    CHECK_STATUS(one.missions.cancel(mission).status(), NSW_ERR_TASK_STATE);
    CHECK(one.missions.forget(mission).ok());

    CHECK(one.node.add_authority(two.info().identity, 0).ok());
    CHECK(one.node.remove_authority(two.info().identity).ok());
    CHECK(one.node.set_certificate({}).ok());
    CHECK(one.node.unpin(two.info().identity).ok());
    CHECK(one.node.disconnect(other).ok());
    CHECK(two.node.leave(now).ok());
    run(second);
    CHECK_STATUS(two.node.join(address_of(0), now).status(), NSW_ERR_NODE_LEFT);
}

} // namespace

int main() {
    two_members();
    return check_report("hpp_node");
}
