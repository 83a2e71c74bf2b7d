// Identities, certificates and the link through the C++ wrapper.
#include <cstring>
#include <string>

#include "neural_swarm.hpp"

#include "check.h"

namespace {

const std::uint8_t network[] = {'t', 'e', 's', 't'};

nsw::identity identity(std::uint8_t number) {
    nsw_key seed;
    std::memset(seed.bytes, number, sizeof seed.bytes);
    return nsw::identity::create(nsw::identity_config(seed)).value();
}

nsw_address address(std::uint8_t number) {
    nsw_address at = NSW_ADDRESS_INIT;
    at.len = 1;
    at.bytes[0] = number;
    return at;
}

void two_nodes() {
    const nsw::identity who[2] = {identity(1), identity(2)};
    const nsw::identity authority = identity(3);
    const nsw::link_config configs[2] = {{who[0], 2, network}, {who[1], 2, network}};
    nsw::link links[2] = {nsw::link::create(configs[0]).value(), nsw::link::create(configs[1]).value()};
    const nsw::key keys[2] = {*who[0].public_key(), *who[1].public_key()};
    CHECK(keys[0] != keys[1]);
    CHECK(nsw::identity::footprint(nsw::identity_config()).ok());

    // One is pinned; the other one shows a certificate.
    CHECK(links[0].pin(keys[1]).ok());
    nsw::certificate_fields fields;
    fields.serial = 9;
    fields.not_after = 100;
    const nsw::certificate_bytes certificate = *authority.certify(keys[0], fields);
    CHECK(nsw::inspect(certificate)->serial == 9);
    CHECK(nsw::verify(certificate, *authority.public_key(), keys[0], 100, 0).ok());
    CHECK(nsw::verify(certificate, *authority.public_key(), keys[0], 101, 0).status() ==
          NSW_ERR_COMM_EXPIRED);
    CHECK(links[0].set_certificate(certificate).ok());
    CHECK(links[1].add_authority(*authority.public_key(), 0).ok());
    CHECK(links[1].set_wall(50, 1).ok());

    const nsw::key noise = *who[1].noise_key();
    CHECK(links[0].connect(address(1), &keys[1], &noise, 7, 1).ok());
    std::uint32_t peers[2] = {0, 0};
    int connected = 0;
    std::uint8_t frame[2048];
    std::uint8_t text[2048];
    for (int quiet = 0; quiet < 2;) {
        quiet = 0;
        for (int i = 0; i < 2; i++) {
            const auto output = links[i].next(1, frame);
            if (!output->has_value()) {
                quiet++;
            } else if ((*output)->kind == NSW_LINK_CONNECTED) {
                peers[i] = (*output)->peer;
                connected++;
            } else {
                CHECK((*output)->kind == NSW_LINK_FRAME);
                const auto got = links[1 - i].receive(address(static_cast<std::uint8_t>(i)),
                                                      {frame, (*output)->len}, 1, text);
                CHECK(got.ok() && !got->has_value());
            }
        }
    }
    CHECK(connected == 2);
    CHECK(links[1].peer_info(peers[1])->trusted == NSW_TRUSTED_CERTIFICATE);
    CHECK(*links[0].find(keys[1]) == peers[0]);
    const std::string hello = "hello";
    const auto *bytes = reinterpret_cast<const std::uint8_t *>(hello.data());
    const auto sent = links[0].send(peers[0], {bytes, hello.size()}, 1, frame);
    CHECK(sent.ok() && sent->len == hello.size() + 24);
    const auto got = links[1].receive(address(0), {frame, sent->len}, 1, text);
    CHECK(got.ok() && got->has_value() && (*got)->peer == peers[1]);
    CHECK(hello == std::string(reinterpret_cast<char *>(text), (*got)->len));
    CHECK(links[0].describe()->sent == 1);
    CHECK(*links[0].poll(2) > 2);
    CHECK(links[0].close(peers[0]).ok());
    CHECK(links[0].close(peers[0] + 1).status() == NSW_ERR_COMM_PEER);
}

void signatures() {
    const nsw::identity who = identity(1);
    const std::uint8_t text[] = {1, 2, 3};
    const nsw_signature signature = *who.sign(text);
    CHECK(nsw::verify(signature, *who.public_key(), text).ok());
    CHECK(nsw::verify(signature, *identity(2).public_key(), text).status() ==
          NSW_ERR_COMM_SIGNATURE);
    CHECK((*who.seed()).bytes[5] == 1);
    // The identity's own key for handshakes is bound by what the library signs itself.
    std::string statement = "neural-swarm noise static v1";
    const nsw::key noise = *who.noise_key();
    statement.append(noise.bytes, noise.bytes + sizeof noise.bytes);
    const auto *bytes = reinterpret_cast<const std::uint8_t *>(statement.data());
    CHECK(nsw::verify(*who.bind(noise), *who.public_key(), {bytes, statement.size()}).ok());
}

} // namespace

int main() {
    two_nodes();
    signatures();
    return check_report("hpp_sessions");
}
