// Capabilities and revocations by way of the C++ wrapper.

#include <cstring>
#include <stdexcept>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

std::vector<std::uint8_t> bytes_of(const char *text) { return {text, text + std::strlen(text)}; }

struct person {
    explicit person(std::uint8_t number) {
        nsw_key seed;
        std::memset(&seed, number, sizeof seed);
        nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
        config.seed = &seed;
        REQUIRE_OK(nsw_identity_create(&config, nullptr, &identity));
        REQUIRE_OK(nsw_identity_public(identity, &key));
    }
    person(const person &) = delete;
    person &operator=(const person &) = delete;
    ~person() { nsw_identity_destroy(identity); }

    nsw_identity *identity = nullptr;
    nsw_key key{};
};

void capabilities() {
    const person authority(1), node(2), other(3);
    const auto farm = bytes_of("farm/"), north = bytes_of("farm/north/"), name = bytes_of("green");
    const auto pump = bytes_of("farm/north/pump"), south = bytes_of("farm/south");

    nsw::capability_link terms(node.key, 3);
    terms.set_resource(farm).add_custom(7, 9).add_caveat(
        NSW_CAVEAT_NETWORK, nsw::capability::network_tag(name).value());
    terms.epoch = 9;
    terms.serial = 4;
    terms.depth = 1;
    std::vector<std::uint8_t> chain(NSW_CAPABILITY_MAX), longer(NSW_CAPABILITY_MAX);
    chain.resize(nsw::capability::issue(authority.identity, terms, chain).value());
    nsw::capability_link less(other.key, 1);
    less.set_resource(north).add_caveat(NSW_CAVEAT_MAX_BYTES, 100);
    longer.resize(nsw::capability::delegate(node.identity, chain, less, longer).value());
    CHECK(nsw::capability::describe(longer)->links == 2);
    CHECK(nsw::capability::inspect(longer, 1)->caveat_values[0] == 100);
    CHECK(nsw::capability::inspect(longer, 1)->resource_bytes().size() == north.size());
    CHECK_STATUS(nsw::capability::inspect(longer, 2).status(), NSW_ERR_INVALID);

    const nsw_key trusted[] = {authority.key};
    nsw::capability_check check(trusted, other.key);
    auto agreed = [](std::uint32_t key, std::uint32_t value) { return key == 7 && value == 9; };
    check.set_ask(pump, 1).set_network(name).set_custom(agreed);
    check.epoch = 9;
    const nsw::capability_grant grant = nsw::capability::verify(longer, check).value();
    CHECK(grant.checks == (NSW_CHECKED_EPOCH | NSW_CHECKED_NETWORK) && grant.max_bytes == 100);
    CHECK(grant.resource_bytes().size() == north.size());
    CHECK(grant.allows(pump, 1, 0, 9).ok());
    CHECK_STATUS(grant.allows(south, 1, 0, 9).status(), NSW_ERR_COMM_DENIED);
#ifdef __cpp_exceptions
    auto fails = [](std::uint32_t, std::uint32_t) -> bool { throw std::runtime_error("no"); };
    check.set_custom(fails);
    CHECK_STATUS(nsw::capability::verify(longer, check).status(), NSW_ERR_COMM_DENIED);
    check.set_custom(agreed);
#endif

    const nsw_revocation_id ids[] = {nsw::revocation::link_id(authority.key, 4).value(),
                                     nsw::revocation::key_id(node.key).value()};
    std::vector<std::uint8_t> list(200), newer(200);
    list.resize(nsw::revocation::issue(authority.identity, 9, 0, ids, list).value());
    newer.resize(nsw::revocation::issue(authority.identity, 9, 1, {}, newer).value());
    CHECK(nsw::revocation::verify(list, trusted)->count == 2);
    CHECK(nsw::revocation::verify(newer, trusted, list)->sequence == 1);
    CHECK_STATUS(nsw::revocation::verify(list, trusted, newer).status(), NSW_ERR_COMM_EXPIRED);
    nsw_revocation_id found[2];
    CHECK(nsw::revocation::ids(list, found).value() == 2);
    check.set_revocations(newer);
    CHECK(nsw::capability::verify(longer, check).ok());
    check.set_revocations(list);
    CHECK_STATUS(nsw::capability::verify(longer, check).status(), NSW_ERR_COMM_REVOKED);

    // Too much for the struct is refused where it is used.
    const std::vector<std::uint8_t> endless(100, 'x');
    nsw::capability_link big = terms;
    big.set_resource(endless);
    CHECK_STATUS(nsw::capability::issue(authority.identity, big, newer).status(), NSW_ERR_INVALID);
    for (int i = 0; i < 9; i++) {
        terms.add_caveat(NSW_CAVEAT_MAX_RATE, 1);
    }
    CHECK_STATUS(nsw::capability::issue(authority.identity, terms, newer).status(),
                 NSW_ERR_INVALID);
}

} // namespace

int main() {
    capabilities();
    return check_report("hpp_capability");
}
