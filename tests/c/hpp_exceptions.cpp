// neural_swarm.hpp and exceptions: value() throws when NSW_EXCEPTIONS is defined, and what the
// caller's own callables throw never passes through the library.

#include <cstring>
#include <memory_resource>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#define NSW_EXCEPTIONS
#include "neural_swarm.hpp"
#include "support.h"

// In hpp_mixed.cpp, which is built without NSW_EXCEPTIONS.
nsw_status status_elsewhere();

namespace {

const nsw_layer LAYERS[] = {nsw::dense(4, nsw::activation::tanh),
                            nsw::dense(1, nsw::activation::sigmoid)};

const nsw::span<const float> INPUTS(XOR_INPUTS, 8), TARGETS(XOR_TARGETS, 4);

void value_throws() {
    nsw_status thrown = NSW_OK;
    try {
        nsw::net net = nsw::net::create(nsw::net_config(0, LAYERS)).value();
        FAIL("must not be reached");
    } catch (const nsw::error &e) {
        thrown = e.status();
        CHECK(std::strcmp(e.what(), nsw_status_str(thrown)) == 0);
    }
    CHECK_STATUS(thrown, NSW_ERR_NN_SHAPE);

    // It is a std::runtime_error, and void results and operators throw it too.
    unsigned caught = 0;
    nsw::net empty;
    const nsw::result<float> failed = nsw::result<float>::failure(NSW_ERR_BUSY);
    try {
        empty.set_kernel(nsw::kernel::portable).value();
    } catch (const std::runtime_error &) {
        caught++;
    }
    try {
        (void)empty.describe()->inputs;
    } catch (const std::exception &) {
        caught++;
    }
    try {
        (void)*failed;
    } catch (const nsw::error &) {
        caught++;
    }
    CHECK(caught == 3);
}

// An exception in the middle of a function: what was made before it is destroyed.
void objects_are_destroyed_on_the_way() {
    counting memory;
    counting_init(&memory);
    bool caught = false;
    try {
        nsw::net net = nsw::net::create(nsw::net_config(2, LAYERS), &memory.hook).value();
        nsw::trainer trainer =
            nsw::trainer::create(nsw::trainer_config(net), &memory.hook).value();
        CHECK_SIZE(memory.live, 2);
        trainer.epoch(net, {INPUTS.first(7), TARGETS}).value();
    } catch (const nsw::error &e) {
        caught = e.status() == NSW_ERR_LENGTH;
    }
    CHECK(caught);
    counting_finish(&memory);
}

void a_throwing_progress_callback() {
    nsw::net net = nsw::net::create(nsw::net_config(2, LAYERS)).value();
    nsw::trainer trainer = nsw::trainer::create(nsw::trainer_config(net)).value();
    std::string what;
    try {
        (void)trainer.train(net, {INPUTS, TARGETS}, nsw::train_params(10),
                            [](const nsw_progress &p) {
                                if (p.epoch == 4) {
                                    throw std::out_of_range("enough");
                                }
                            });
        FAIL("must not be reached");
    } catch (const std::out_of_range &e) {
        what = e.what();
    }
    CHECK(what == "enough");
    // Neither is left busy or poisoned.
    CHECK(trainer.epoch(net, {INPUTS, TARGETS}).ok());
}

// A task that is done by one action, in one of two ways; and the words of its model.
std::vector<std::uint32_t> small_plan() {
    using ids = nsw::span<const nsw::plan_id>;
    nsw::plan_builder_config config;
    config.tasks = 2;
    config.methods = 2;
    config.code = 50;
    auto b = nsw::plan_builder::create(config).value();
    const auto action = b.action("", ids()).value();
    const auto task = b.task("", ids()).value();
    for (int way = 0; way < 2; way++) {
        b.method("", task, ids(), ids()).value();
        b.subtask(action, ids()).value();
    }
    b.network().value();
    b.subtask(task, ids()).value();
    std::vector<std::uint32_t> words(b.model_len().value() / 4);
    auto *bytes = reinterpret_cast<std::uint8_t *>(words.data());
    words.resize(b.finish(nsw::span<std::uint8_t>(bytes, words.size() * 4)).value() / 4);
    return words;
}

template <class Call>
std::string thrown_by(Call &&call) {
    try {
        call();
    } catch (const std::out_of_range &e) {
        return e.what();
    }
    return "nothing";
}

void throwing_callables_of_planners() {
    const auto words = small_plan();
    const auto model =
        nsw::plan_model::view(
            nsw::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t *>(words.data()),
                                          words.size() * 4))
            .value();
    auto planner = nsw::planner::create(nsw::planner_config(model, 4096)).value();
    CHECK(thrown_by([&] {
              (void)planner.run(1, [](const nsw_planner_stats &) -> bool {
                  throw std::out_of_range("stop");
              });
          }) == "stop");
    // It ended there, and not with an answer.
    CHECK(planner.step(0).value() == nsw::plan_outcome::running);
    planner = nsw::planner::create(nsw::planner_config(model, 4096)).value();
    unsigned asked = 0;
    CHECK(thrown_by([&] {
              (void)planner.step_with(1000, [&](auto &&...) {
                  asked++;
                  throw std::out_of_range("order");
              });
          }) == "order");
    CHECK(asked == 1);
    // Neither is left busy or poisoned.
    CHECK(planner.run(100, [](const nsw_planner_stats &) { return false; }).value() ==
          nsw::plan_outcome::found);
    const nsw_plan plan = planner.plan().value();
    auto verifier = nsw::plan_verifier::create(nsw::plan_verifier_config(9, 9, 9)).value();
    CHECK(thrown_by([&] {
              (void)verifier.replay(model, plan,
                                    [](auto &&...) { throw std::out_of_range("watch"); });
          }) == "watch");
    unsigned told = 0;
    CHECK(verifier.replay(model, plan, [&told](auto &&...) { told++; }).ok());
    CHECK(told == 1);
}

struct throwing_resource {
    void *allocate(std::size_t, std::size_t) { throw std::bad_alloc(); }
    void deallocate(void *, std::size_t, std::size_t) {}
};

void throwing_hooks() {
    throwing_resource none;
    const nsw_allocator mem = nsw::allocator_of(none);
    CHECK_STATUS(nsw::net::create(nsw::net_config(2, LAYERS), &mem).status(),
                 NSW_ERR_OUT_OF_MEMORY);

    auto grumble = [](nsw::log_level, const char *, std::size_t) { throw 1; };
    const nsw_logger logger = nsw::logger_of(grumble);
    nsw::net_config config(0, LAYERS);
    config.logger = &logger;
    CHECK_STATUS(nsw::net::create(config).status(), NSW_ERR_NN_SHAPE);
}

// The standard's own memory resources fit as they are.
void memory_resources() {
    alignas(16) static unsigned char buffer[8192];
    std::pmr::monotonic_buffer_resource pool(buffer, sizeof buffer,
                                             std::pmr::null_memory_resource());
    std::pmr::memory_resource &resource = pool;
    const nsw_allocator mem = nsw::allocator_of(resource);
    nsw::net net = nsw::net::create(nsw::net_config(2, LAYERS), &mem).value();
    const auto *at = reinterpret_cast<const unsigned char *>(net.get());
    CHECK(at >= buffer && at < buffer + sizeof buffer);
    // Until the resource throws.
    nsw_status status = NSW_OK;
    nsw::net others[64];
    for (nsw::net &other : others) {
        nsw::result<nsw::net> made = nsw::net::create(nsw::net_config(2, LAYERS), &mem);
        status = made.status();
        if (!made) {
            break;
        }
        other = std::move(*made);
    }
    CHECK_STATUS(status, NSW_ERR_OUT_OF_MEMORY);
}

} // namespace

int main() {
    value_throws();
    objects_are_destroyed_on_the_way();
    a_throwing_progress_callback();
    throwing_callables_of_planners();
    throwing_hooks();
    memory_resources();
    CHECK_STATUS(status_elsewhere(), NSW_ERR_NN_SHAPE);
    return check_report("hpp_exceptions");
}
