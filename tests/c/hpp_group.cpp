// Groups and the post-quantum option by way of the C++ wrapper.

#include <array>
#include <cstring>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

constexpr std::array<std::uint8_t, 16> ID = {'c', '+', '+'};

void announce(const nsw::group &from, std::uint16_t own, nsw::group &to, std::uint16_t number) {
    std::vector<std::uint8_t> told(NSW_GROUP_SIGNED_ANNOUNCEMENT);
    told.resize(from.announce(number, told).value());
    CHECK(to.accept(own, told).ok());
}

void groups() {
    nsw::group_config config(ID, 1);
    config.sign = 1;
    CHECK(nsw::group::footprint(config)->size > 0);
    nsw::group anna = nsw::group::create(config).value();
    config.own = 2;
    nsw::group bert = nsw::group::create(config).value();
    const std::uint16_t one[] = {1}, two[] = {2};
    CHECK(anna.change(4, two, {}, 0).ok() && bert.change(4, one, {}, 0).ok());
    announce(anna, 1, bert, 2);

    std::array<std::uint16_t, 4> numbers{};
    CHECK(*anna.members(numbers) == 1 && numbers[0] == 2);
    CHECK(*anna.missing(numbers) == 1 && *bert.missing(numbers) == 0);
    const std::uint8_t text[] = {'h', 'i'};
    std::array<std::uint8_t, 128> frame{}, out{};
    const std::size_t len = anna.seal(text, frame).value();
    CHECK(len == sizeof text + NSW_GROUP_SIGNED_OVERHEAD);
    const nsw::group_message message = bert.open({frame.data(), len}, 0, out).value();
    CHECK(message.sender == 1 && message.epoch == 4 && message.counter == 0 && message.len == 2);
    CHECK(std::memcmp(out.data(), text, 2) == 0);
    CHECK_STATUS(bert.open({frame.data(), len}, 0, out).status(), NSW_ERR_COMM_REPLAY);
    CHECK(bert.rekey(5).ok() && bert.add(9, 6).ok() && bert.remove(9, 7).ok());
    CHECK(bert.describe()->epoch == 7 && bert.describe()->has_previous != 0);
    CHECK(bert.expire(10000007).ok() && bert.describe()->has_previous == 0);
    CHECK_STATUS(bert.open({frame.data(), len}, 0, out).status(), NSW_ERR_COMM_EXPIRED);
}

void post_quantum() {
    nsw::pq_offer offer = nsw::pq_offer::create(nsw::pq_offer_config()).value();
    std::vector<std::uint8_t> sent(NSW_PQ_OFFER), back(NSW_PQ_ANSWER);
    CHECK(*offer.message(sent) == sent.size());
    const nsw::psk own{5};
    nsw::pq_answer answer = nsw::pq_answer::create(nsw::pq_answer_config(sent, own)).value();
    CHECK(*answer.message(back) == back.size());
    CHECK(offer.finish(back, own).value() == answer.psk().value());
    CHECK_STATUS(offer.finish(back).status(), NSW_ERR_COMM_STATE);
}

} // namespace

int main() {
    groups();
    post_quantum();
    return check_report("hpp_group");
}
