// Unix-domain sockets and serial lines by way of the C++ wrapper.

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 600
#endif

#include <vector>

#include "neural_swarm.hpp"

#include "folder.h"
#include "pty.h"
#include "support.h"

namespace {

using namespace std::chrono_literals;

void unix_datagrams() {
    char folder[64];
    REQUIRE(make_folder(folder, sizeof folder));
    const nsw::address at_a = nsw::address::named("a").value();
    const nsw::address at_b = nsw::address::named("b").value();
    CHECK_STATUS(nsw::address::named("a/b").status(), NSW_ERR_HOST_ADDRESS);
    {
        const nsw::unix_datagram_config config(folder, at_a);
        CHECK(nsw::unix_datagram::footprint(config)->size > 2048);
        nsw::unix_datagram a = nsw::unix_datagram::create(config).value();
        nsw::unix_datagram b =
            nsw::unix_datagram::create(nsw::unix_datagram_config(folder, at_b)).value();
        CHECK_STATUS(nsw::unix_datagram::create(config).status(), NSW_ERR_HOST_IO);
        CHECK(a.local().value() == at_a);
        std::vector<std::uint8_t> buf(100);
        CHECK(a.send(at_b, {buf.data(), 7}).ok());
        CHECK_STATUS(b.receive({buf.data(), 6}, 20s).status(), NSW_ERR_BUFFER_TOO_SMALL);
        const nsw::received asked = b.receive(buf, 20s).value().value();
        CHECK(asked.len == 7 && asked.from == at_a);
        nsw_transport table = b.transport().value();
        CHECK_OK(table.send(table.ctx, &asked.from, buf.data(), 9));
        CHECK(a.receive(buf, nsw::forever).value().value().len == 9);
        CHECK(!a.receive(buf).value().has_value());
        CHECK(a.send(nsw::address::named("nobody").value(), buf).ok());
        CHECK(a.describe()->lost == 1 && b.describe()->foreign == 0);
    }
    CHECK(rmdir(folder) == 0);
}

void serial_lines() {
    char device[64];
    const int line = open_pty(device, sizeof device);
    REQUIRE(line >= 0);
    {
        nsw::serial_config config(device, 57600);
        config.max_datagram = 100;
        CHECK(nsw::serial::footprint(config)->size > 100);
        nsw::serial serial = nsw::serial::create(config).value();
        const nsw::address peer;
        std::vector<std::uint8_t> buf(100, 7), coded(nsw::serial_bound(100));
        const std::size_t len = nsw::encode_serial(buf, true, coded).value();
        CHECK(write(line, "\7noise", 7) == 7);
        CHECK(write(line, coded.data(), len) == static_cast<ssize_t>(len));
        const nsw::received got = serial.receive(buf, 20s).value().value();
        CHECK(got.len == 100 && got.from == peer);
        CHECK(!serial.receive(buf).value().has_value());
        CHECK(serial.send(peer, buf).ok() && serial.flush(20s).ok());
        // A zero is before it.
        std::vector<std::uint8_t> answered(len + 1);
        for (std::size_t have = 0; have < answered.size();) {
            const ssize_t more = read(line, answered.data() + have, answered.size() - have);
            REQUIRE(more > 0);
            have += static_cast<std::size_t>(more);
        }
        CHECK(answered[0] == 0 && memcmp(answered.data() + 1, coded.data(), len) == 0);
        nsw_transport table = serial.transport().value();
        CHECK_STATUS(table.receive(table.ctx, nullptr, buf.data(), 100, nullptr), NSW_AGAIN);
        CHECK(serial.describe()->damaged == 1);
        CHECK_STATUS(nsw::serial::create(nsw::serial_config("/dev/null")).status(),
                     NSW_ERR_HOST_FILE);
    }
    close(line);
}

} // namespace

int main() {
    unix_datagrams();
    serial_lines();
    return check_report("hpp_host_local");
}
