// The secure link's ways to and from bytes by way of the C++ wrapper.

#include <cstring>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

void frames(nsw::framing how) {
    const nsw::framer_config config(how, 300);
    CHECK(nsw::framer::footprint(config)->size > 300);
    nsw::framer framer = nsw::framer::create(config).value();
    const std::vector<std::uint8_t> sent(300, 7);
    std::vector<std::uint8_t> line(nsw::serial_bound(300));
    const std::size_t len =
        (how == nsw::framing::stream ? nsw::encode_stream(sent, line)
                                     : nsw::encode_serial(sent, true, line)).value();
    CHECK(*framer.push({line.data(), 5}) == 5 && !framer.next()->has_value());
    CHECK(framer.restart().ok());
    int found = 0;
    const auto take = [&](const nsw::frame &frame) {
        CHECK(frame.checked && frame.bytes.size() == 300 && frame.bytes[299] == 7);
        found++;
    };
    for (int i = 0; i < 3; i++) {
        CHECK(framer.feed({line.data(), len}, take).ok());
    }
    CHECK(found == 3 && framer.describe()->frames == 3);
    CHECK_STATUS(nsw::encode_stream(sent, {line.data(), 20}).status(), NSW_ERR_BUFFER_TOO_SMALL);
}

} // namespace

int main() {
    frames(nsw::framing::stream);
    frames(nsw::framing::serial);
    return check_report("hpp_link");
}
