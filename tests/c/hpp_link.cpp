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

// host_metrics.c asks it for them.
void metrics() {
    const nsw::address any = nsw::address::parse("127.0.0.1:0").value();
    nsw::metrics_config config(any);
    CHECK(config.set_timeout(2s).timeout_us == 2000000);
    CHECK(nsw::metrics_server::footprint(config)->size > 0);
    nsw::metrics_server server = nsw::metrics_server::create(config).value();
    CHECK(server.local().value() != any);
    CHECK(server.publish("a 1\n# EOF\n").ok());
    CHECK_STATUS(server.publish("a 1\n").status(), NSW_ERR_INVALID);
    CHECK(server.describe()->accepted == 0);
    const nsw::address taken = server.local().value();
    const nsw::metrics_config same(taken);
    CHECK_STATUS(nsw::metrics_server::create(same).status(), NSW_ERR_HOST_IO);
    server.reset();
    CHECK(nsw::metrics_server::create(same).ok());
}

// Without files there is no connection; host_tls.c has some.
void without_certificates() {
    const nsw::address any = nsw::address::parse("127.0.0.1:0").value();
    CHECK(nsw::listener::footprint(any)->size > 0);
    nsw::listener door = nsw::listener::create(any).value();
    CHECK(door.local().value() != any);
    nsw_identity_config fresh = NSW_IDENTITY_CONFIG_INIT;
    nsw_identity *who = nullptr;
    CHECK_OK(nsw_identity_create(&fresh, nullptr, &who));
    nsw::tls_config config(who, "/nowhere", "/nowhere", "/nowhere", 100);
    config.set_handshake(1s);
    CHECK(config.handshake_us == 1000000 && nsw::tls::footprint(config)->size > 100);
    nsw::result<nsw::tls> made = nsw::tls::create(config);
    CHECK_STATUS(made.status(), NSW_ERR_HOST_IO);
    nsw_identity_destroy(who);

    nsw::tls none = nsw::tls::from_handle(nullptr);
    const nsw_key key{};
    std::vector<std::uint8_t> buf(10);
    for (const nsw_status status :
         {none.pin(key).status(), none.unpin(key).status(), none.add_authority(key, 1).status(),
          none.remove_authority(key).status(), none.set_certificate(buf).status(),
          none.set_capability(buf).status(), none.connect(any, "a", nullptr, 0s).status(),
          none.accept(door, 0s).status(), none.peer().status(),
          none.peer_capability(buf).status(), none.send(buf).status(), none.flush(0s).status(),
          none.receive(buf).status(), none.close(0s).status(), none.transport().status()}) {
        CHECK_STATUS(status, NSW_ERR_NULL);
    }
}

} // namespace

int main() {
    sockets();
    metrics();
    without_certificates();
    frames(nsw::framing::stream);
    frames(nsw::framing::serial);
    return check_report("hpp_link");
}
