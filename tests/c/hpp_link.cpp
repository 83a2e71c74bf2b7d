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

using namespace std::chrono_literals;

// The same conversation over UDP and TCP.
template <class Socket>
void answers(Socket &asks, const nsw::address &to, Socket &knows) {
    std::vector<std::uint8_t> buf(100);
    CHECK(asks.send(to, {buf.data(), 7}).ok());
    CHECK_STATUS(knows.receive({buf.data(), 6}, 20s).status(), NSW_ERR_BUFFER_TOO_SMALL);
    const nsw::received asked = knows.receive(buf, 20s).value().value();
    CHECK(asked.len == 7);
    nsw_transport table = knows.transport().value();
    CHECK_OK(table.send(table.ctx, &asked.from, buf.data(), 9));
    const nsw::received answered = asks.receive(buf, nsw::forever).value().value();
    CHECK(answered.len == 9 && answered.from == to);
    CHECK(!asks.receive(buf).value().has_value());
}

void sockets() {
    const nsw::address any = nsw::address::parse("127.0.0.1:0").value();
    CHECK(any.text().value() == "127.0.0.1:0" && nsw::address() != any);
    CHECK_STATUS(nsw::address::parse("nowhere").status(), NSW_ERR_HOST_ADDRESS);
    CHECK_STATUS(nsw::address().text().status(), NSW_ERR_HOST_ADDRESS);
    nsw::udp a = nsw::udp::create(nsw::udp_config(any)).value();
    nsw::udp b = nsw::udp::create(nsw::udp_config(any)).value();
    answers(a, *b.local(), b);
    CHECK(a.describe()->oversize == 0);

    nsw::tcp server = nsw::tcp::create(nsw::tcp_config(100, any)).value();
    nsw::tcp client = nsw::tcp::create(nsw::tcp_config(100)).value();
    const nsw::address to = server.local().value();
    CHECK(!client.is_connected(to).value());
    CHECK(client.connect(to, 20s).ok() && client.is_connected(to).value());
    answers(client, to, server);
    CHECK(client.flush(20s).ok() && server.describe()->connections == 1);
    CHECK(client.close(to).ok());
    CHECK_STATUS(client.close(to).status(), NSW_ERR_COMM_PEER);

    CHECK(nsw::now_us() > 0 && nsw::unix_time() > 1790000000u);
}

} // namespace

int main() {
    sockets();
    frames(nsw::framing::stream);
    frames(nsw::framing::serial);
    return check_report("hpp_link");
}
