// The Noise handshake by way of the C++ wrapper.

#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

using bytes = std::vector<std::uint8_t>;

bytes bytes_of(const char *text) { return {text, text + std::strlen(text)}; }

// All messages of the handshake, each with a payload.
void shake_hands(nsw::noise &alice, nsw::noise &bob) {
    nsw::noise *from = &alice, *to = &bob;
    for (int i = 0; alice.describe()->finished == 0; i++) {
        const bytes payload = bytes_of(i % 2 == 0 ? "ping" : "pong!");
        bytes message(payload.size() + from->describe()->overhead), read(8);
        CHECK(*from->write(payload, message) == message.size());
        CHECK_STATUS(to->read(message, nsw::span<std::uint8_t>(read.data(), 1)).status(),
                     NSW_ERR_BUFFER_TOO_SMALL);
        read.resize(to->read(message, read).value());
        CHECK(read == payload);
        std::swap(from, to);
    }
}

void two_sides() {
    const nsw::noise_keypair a = nsw::noise::keypair().value(), b = nsw::noise::keypair().value();
    CHECK(nsw::noise::public_key(a.private_key).value() == a.public_key);
    CHECK(nsw::noise::agree(a.private_key, b.public_key).value() ==
          nsw::noise::agree(b.private_key, a.public_key).value());
    const std::array<nsw_key, 2> psks = {a.public_key, b.public_key};
    const bytes prologue = bytes_of("chat, version 1");
    const char *name = "Noise_IKpsk1+psk2_25519_ChaChaPoly_SHA256";
    nsw::noise_config mine(name, true), theirs(name, false);
    mine.set_prologue(prologue).set_static(a.private_key).set_psks(psks);
    theirs.set_prologue(prologue).set_static(b.private_key).set_psks(psks);
    CHECK_STATUS(nsw::noise::create(mine).status(), NSW_ERR_COMM_KEYS);
    mine.set_remote_static(b.public_key);
    CHECK(nsw::noise::footprint(mine)->size > 0);
    nsw::noise alice = nsw::noise::create(mine).value(), bob = nsw::noise::create(theirs).value();
    CHECK_STATUS(bob.remote_static().status(), NSW_ERR_COMM_STATE);
    shake_hands(alice, bob);
    CHECK(bob.remote_static().value() == a.public_key);
    CHECK(std::strcmp(bob.describe()->pattern, "IK") == 0);
    std::array<std::uint8_t, NSW_NOISE_MAX_TRANSCRIPT> one{}, other{};
    CHECK(*alice.transcript(one) == 32 && *bob.transcript(other) == 32 && one == other);

    const bytes hello = bytes_of("hello"), ad = bytes_of("greeting");
    bytes message(hello.size() + NSW_NOISE_TAG), text(hello.size());
    CHECK(*alice.seal(hello, message) == message.size());
    CHECK(*bob.open(message, text) == text.size() && text == hello);
    CHECK(alice.rekey_send().ok() && alice.seal(hello, message, ad).ok());
    CHECK_STATUS(bob.open(message, text, ad).status(), NSW_ERR_COMM_AUTH);
    CHECK(bob.rekey_receive().ok());
    CHECK_STATUS(bob.open(message, text).status(), NSW_ERR_COMM_AUTH);
    CHECK(bob.open(message, text, ad).ok() && bob.describe()->receive_counter == 2);
    CHECK(bob.seal_at(77, hello, message, ad).ok());
    CHECK_STATUS(alice.open_at(78, message, text, ad).status(), NSW_ERR_COMM_AUTH);
    CHECK(alice.open_at(77, message, text, ad).ok() && text == hello);
}

// Randomness of the caller's that says it cannot.
struct counting_up {
    std::uint8_t next;
    bool works;
    bool operator()(nsw::span<std::uint8_t> out) {
        for (std::uint8_t &byte : out) {
            byte = next++;
        }
        return works;
    }
};

// The secret that two keys of 32 bytes agree on, which count up from 1 and from 101: by Python's
// cryptography.
const nsw_key SHARED_KEY = {{
    0xc9, 0xea, 0x6a, 0x3f, 0x79, 0xa0, 0x00, 0xb6, 0x0b, 0x07, 0x6d, 0x4a, 0xfc, 0x99, 0x0b, 0x27,
    0x2f, 0x3f, 0x0b, 0x5a, 0xaa, 0x3f, 0x0b, 0x87, 0x13, 0xc2, 0x09, 0x27, 0x3e, 0x36, 0x38, 0x63}};

// A key behind hooks: what a secure element with the second of those keys answers in NX, where
// the responder's key meets the initiator's ephemeral one, here the first.
struct element {
    nsw::key own, expected, shared;
    int agreed = 0;
    bool throws = false;
    bool public_key(nsw_key &out) {
        out = own;
        return !throws;
    }
    bool agree(const nsw_key &peer, nsw_key &out) {
#ifdef __cpp_exceptions
        if (throws) {
            throw std::runtime_error("on purpose");
        }
#endif
        out = shared;
        agreed++;
        return !throws && expected == peer;
    }
};

void hooks() {
    counting_up one{1, true}, two{101, true}, broken{0, false};
    const nsw_entropy from_one = nsw::entropy_of(one), from_two = nsw::entropy_of(two);
    const nsw_entropy nowhere = nsw::entropy_of(broken);
    CHECK_STATUS(nsw::noise::keypair(&nowhere).status(), NSW_ERR_HOOK);
    const nsw::noise_keypair ephemeral = nsw::noise::keypair(&from_one).value();
    const nsw::noise_keypair fixed = nsw::noise::keypair(&from_two).value();
    one.next = 1;

    element key{fixed.public_key, ephemeral.public_key, SHARED_KEY};
    const nsw_static_key table = nsw::static_key_of(key);
    const char *name = "Noise_NX_25519_ChaChaPoly_BLAKE2s";
    nsw::noise_config mine(name, true), theirs(name, false);
    mine.set_entropy(from_one);
    theirs.set_static(table);
    key.throws = true;
    CHECK_STATUS(nsw::noise::create(theirs).status(), NSW_ERR_HOOK);
    key.throws = false;
    nsw::noise alice = nsw::noise::create(mine).value(), bob = nsw::noise::create(theirs).value();
    bytes message(256), payload(256);
    const std::size_t len = alice.write({}, message).value();
    CHECK(bob.read({message.data(), len}, payload).ok());
    key.throws = true;
    CHECK_STATUS(bob.write({}, message).status(), NSW_ERR_HOOK);
    key.throws = false;
    const std::size_t answer = bob.write({}, message).value();
    CHECK(alice.read({message.data(), answer}, payload).ok());
    CHECK(alice.remote_static().value() == fixed.public_key && key.agreed > 0);
    CHECK(alice.describe()->finished == 1 && bob.describe()->finished == 1);
}

} // namespace

int main() {
    two_sides();
    hooks();
    return check_report("hpp_noise");
}
