// Channels by way of the C++ wrapper.

#include <array>
#include <cstring>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

using bytes = std::vector<std::uint8_t>;

struct heard {
    std::vector<bytes> messages;
    std::vector<std::uint64_t> acked, expired;
    unsigned rooms = 0;
};

// Hands over the packets of one channel to the other, and notes what it says.
bool pump(nsw::channel &from, nsw::channel &to, std::uint64_t now, heard &log) {
    std::array<std::uint8_t, 256> buffer{};
    bool some = false;
    while (const nsw::channel_output output = from.next(now, buffer).value()) {
        some = true;
        switch (output.event) {
        case nsw::channel_event::packet: CHECK(to.receive(output.bytes, now).ok()); break;
        case nsw::channel_event::message:
            log.messages.emplace_back(output.bytes.data(),
                                      output.bytes.data() + output.bytes.size());
            break;
        case nsw::channel_event::acked: log.acked.push_back(output.id); break;
        case nsw::channel_event::expired: log.expired.push_back(output.id); break;
        case nsw::channel_event::room: log.rooms++; break;
        default: FAIL("nothing else is expected");
        }
    }
    return some;
}

void channels() {
    nsw::channel_config config(1, 1);
    config.mtu = 256;
    config.send_buffer = config.receive_buffer = 2048;
    CHECK(nsw::channel::footprint(config)->size > 4096);
    nsw::channel a = nsw::channel::create(config).value();
    nsw::channel b = nsw::channel::create(config).value();
    CHECK(*a.wake_at() == UINT64_MAX);
    const bytes large(1000, 7), small{1, 2, 3};
    CHECK(*a.send(0, large, 5) == 0 && *a.send(1, small, 5, nsw::send_options(9)) == 1);
    CHECK(*a.send(1, small, 5, nsw::send_options().set_deadline(6)) == 2);
    CHECK_STATUS(a.send(2, small, 5).status(), NSW_ERR_INVALID);
    CHECK_STATUS(a.send(0, bytes(2049), 5).status(), NSW_ERR_COMM_TOO_LONG);
    CHECK_STATUS(a.send(0, bytes(1999), 5).status(), NSW_ERR_CAPACITY);
    CHECK(*a.wake_at() == 0 && b.pause(0, true).ok());
    heard at_a, at_b;
    std::uint64_t now = 7;
    for (int i = 0; i < 200; i++, now += 1000) {
        while (pump(a, b, now, at_a) | pump(b, a, now, at_b)) {
            if (a.describe()->has_room != 0 && a.describe()->room == 2048) {
                break;
            }
        }
    }
    CHECK(at_b.messages.size() == 1 && at_b.messages[0] == small);
    CHECK(b.pause(0, false).ok());
    pump(b, a, now, at_b);
    CHECK(at_b.messages.size() == 2 && at_b.messages[1] == large);
    CHECK(at_a.acked.size() == 2 && at_a.expired == std::vector<std::uint64_t>{2});
    CHECK(at_a.rooms == 1 && at_b.rooms == 0); // one message was refused for want of room
    CHECK(a.describe()->open == 1 && a.describe()->messages == 0);
    CHECK_STATUS(a.receive(bytes{0}, now).status(), NSW_ERR_COMM_FORMAT);
    std::uint8_t none = 0;
    CHECK(a.send(0, small, now).ok());
    CHECK_STATUS(a.next(now, nsw::span<std::uint8_t>(&none, 1)).status(),
                 NSW_ERR_BUFFER_TOO_SMALL);
}

} // namespace

int main() {
    channels();
    return check_report("hpp_channel");
}
