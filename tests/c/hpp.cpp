// neural_swarm.hpp: ownership, moves, results, hooks, and everything that the C API can do.
//
// Built several times: as it is, with NSW_EXCEPTIONS, with -fno-exceptions -fno-rtti, and as
// C++20 if the compiler can. So it uses only what all of them have; what needs exceptions is
// in hpp_exceptions.cpp.

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

// ---- what must hold at compile time -------------------------------------------------------------

template <class T>
constexpr bool move_only =
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
    std::is_nothrow_default_constructible_v<T> && std::is_nothrow_destructible_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;

static_assert(move_only<nsw::arena> && move_only<nsw::net>);
static_assert(move_only<nsw::trainer> && move_only<nsw::qnet>);
static_assert(sizeof(nsw::net) == sizeof(nsw_net *), "no state beyond the handle");
static_assert(sizeof(nsw::qnet) == sizeof(nsw_qnet *));
static_assert(move_only<nsw::qnet16> && sizeof(nsw::qnet16) == sizeof(nsw_qnet16 *));
static_assert(sizeof(nsw::net_config) == sizeof(nsw_net_config));
static_assert(sizeof(nsw::trainer_config) == sizeof(nsw_trainer_config));
static_assert(!std::is_copy_constructible_v<nsw::result<nsw::net>>);
static_assert(std::is_nothrow_move_constructible_v<nsw::result<nsw::net>>);
static_assert(!std::is_convertible_v<nsw::result<nsw::net>, bool>, "explicitly only");
static_assert(!std::is_convertible_v<nsw_net *, nsw::net>, "ownership is taken over by name");

template <class T, class = void>
struct can_log : std::false_type {};
template <class T>
struct can_log<T, std::void_t<decltype(nsw::logger_of(std::declval<T>()))>> : std::true_type {};
struct silent {
    void operator()(nsw::log_level, const char *, std::size_t) {}
};
static_assert(can_log<silent &>::value);
static_assert(!can_log<silent>::value, "a temporary would not live long enough");

// ---- helpers --------------------------------------------------------------------------------------

const nsw_layer LAYERS[] = {nsw::dense(5, nsw::activation::tanh),
                            nsw::dense(1, nsw::activation::sigmoid, nsw::init::xavier)};

nsw::net_config config_of(std::uint64_t seed) {
    nsw::net_config config(2, LAYERS);
    config.seed = seed;
    return config;
}

nsw::net net_of(std::uint64_t seed, const nsw_allocator *mem = nullptr) {
    return nsw::net::create(config_of(seed), mem).value();
}

struct memory : counting {
    memory() { counting_init(this); }
    ~memory() { counting_finish(this); }
    memory(const memory &) = delete;
    memory &operator=(const memory &) = delete;
};

// ---- tests ----------------------------------------------------------------------------------------

void versions() {
    CHECK(nsw::version() == nsw_version());
    CHECK(std::strcmp(nsw::version_str(), nsw_version_str()) == 0);
    CHECK(nsw::abi_version() == NSW_ABI_VERSION);
    CHECK(std::strcmp(nsw::status_str(NSW_ERR_BUSY), nsw_status_str(NSW_ERR_BUSY)) == 0);
}

void results() {
    memory mem;
    nsw::result<nsw::net> good = nsw::net::create(config_of(1), &mem.hook);
    CHECK(good.ok() && good && good.status() == NSW_OK);
    CHECK(good.value().get() != nullptr && good->get() == (*good).get());
    CHECK_SIZE(mem.live, 1);

    nsw::result<nsw::net> moved = std::move(good);
    CHECK(moved.ok() && moved->get() != nullptr);
    CHECK_SIZE(mem.live, 1);

    nsw::net_config no_inputs = config_of(1);
    no_inputs.inputs = 0;
    nsw::result<nsw::net> bad = nsw::net::create(no_inputs, &mem.hook);
    CHECK(!bad.ok() && !bad);
    CHECK_STATUS(bad.status(), NSW_ERR_NN_SHAPE);
    CHECK(std::strcmp(bad.message(), nsw_status_str(NSW_ERR_NN_SHAPE)) == 0);

    moved = std::move(bad); // an error over a value: the value is destroyed
    CHECK(!moved.ok());
    CHECK_SIZE(mem.live, 0);
    moved = nsw::net::create(config_of(2), &mem.hook); // a value over an error
    CHECK(moved.ok());
    CHECK_SIZE(mem.live, 1);
    moved = nsw::net::create(config_of(3), &mem.hook); // a value over a value
    CHECK_SIZE(mem.live, 1);

    nsw::net instead = std::move(moved).value_or(nsw::net());
    CHECK(instead);
    CHECK(!nsw::result<nsw::net>::failure(NSW_ERR_BUSY).value_or(nsw::net()));
    CHECK_STATUS(nsw::result<int>::failure(NSW_OK).status(), NSW_ERR_INVALID);
    CHECK_STATUS(nsw::result<void>::failure(NSW_OK).status(), NSW_ERR_INVALID);
    CHECK(nsw::result<void>().ok());
    const nsw::result<int> number(7);
    CHECK(number.value() == 7 && *number == 7);
}

#ifndef NSW_EXCEPTIONS
// Without exceptions the value of an error ends the program: tried in a process of its own.
void value_of_an_error_aborts() {
    std::fflush(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        nsw::result<int>::failure(NSW_ERR_BUSY).value();
        _exit(0); // not reached
    }
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child);
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}
#endif

void ownership() {
    memory mem;
    {
        nsw::net a = net_of(1, &mem.hook);
        CHECK_SIZE(mem.live, 1);
        nsw::net b = std::move(a);
        CHECK(!a && b);
        CHECK_SIZE(mem.live, 1);
        nsw::net c = net_of(2, &mem.hook);
        CHECK_SIZE(mem.live, 2);
        c = std::move(b); // destroys what c had
        CHECK_SIZE(mem.live, 1);
        nsw::net &self = c;
        c = std::move(self);
        CHECK(c);
        CHECK_SIZE(mem.live, 1);
        std::swap(a, c);
        CHECK(a && !c);

        // An empty object answers, it does not crash.
        float out[1];
        CHECK_STATUS(c.forward({XOR_INPUTS, 2}, out).status(), NSW_ERR_NULL);
        CHECK_STATUS(c.describe().status(), NSW_ERR_NULL);
        CHECK_STATUS(c.saved_size().status(), NSW_ERR_NULL);

        nsw_net *raw = a.release();
        CHECK(!a && raw != nullptr);
        CHECK_SIZE(mem.live, 1);
        nsw::net back = nsw::net::from_handle(raw);
        CHECK(back.get() == raw);
        back.reset();
        CHECK(!back);
        CHECK_SIZE(mem.live, 0);
        back.reset();
        std::vector<nsw::net> many;
        for (std::uint64_t seed = 0; seed < 10; seed++) {
            many.push_back(net_of(seed, &mem.hook));
        }
        many.erase(many.begin() + 3);
        CHECK_SIZE(mem.live, 9);
    }
    CHECK_SIZE(mem.live, 0);
}

void every_failed_allocation() {
    for (std::size_t n = 1;; n++) {
        memory mem;
        mem.fail_at = n;
        nsw::result<nsw::net> net = nsw::net::create(config_of(1), &mem.hook);
        if (!net) {
            CHECK_STATUS(net.status(), NSW_ERR_OUT_OF_MEMORY);
            continue;
        }
        nsw::result<nsw::trainer> trainer =
            nsw::trainer::create(nsw::trainer_config(*net), &mem.hook);
        if (!trainer) {
            CHECK_STATUS(trainer.status(), NSW_ERR_OUT_OF_MEMORY);
            continue;
        }
        nsw::result<nsw::qnet> qnet =
            nsw::qnet::create(nsw::qnet_config(*net, {XOR_INPUTS, 8}), &mem.hook);
        if (!qnet) {
            CHECK_STATUS(qnet.status(), NSW_ERR_OUT_OF_MEMORY);
            continue;
        }
        CHECK_SIZE(n, 4);
        return;
    }
}

void spans() {
    float array[3] = {1, 2, 3};
    std::array<float, 4> standard{};
    std::vector<float> vector(5);
    const std::vector<float> constant(6);
    nsw::span<float> a = array, s = standard, v = vector;
    nsw::span<const float> c = constant, from_mutable = a, ca = array, none;
    CHECK(a.size() == 3 && a.data() == array && a[1] == 2.0f);
    CHECK(s.size() == 4 && v.size() == 5 && c.size() == 6 && ca.size() == 3);
    CHECK(from_mutable.data() == array && none.empty() && none.data() == nullptr);
    CHECK(a.subspan(1, 2).size() == 2 && a.first(2).data() == array);
    float sum = 0;
    for (float x : a) {
        sum += x;
    }
    CHECK(sum == 6.0f && a.size_bytes() == 12);
}

void arenas() {
    alignas(16) std::byte buffer[16384];
    nsw::arena arena = nsw::arena::create(buffer).value();
    const nsw_allocator hook = arena.allocator().value();
    const nsw::arena_usage empty = arena.usage().value();
    CHECK(empty.used == 0 && empty.capacity > 0 && empty.capacity <= sizeof buffer);
    {
        nsw::arena moved = std::move(arena); // the hook goes on working
        nsw::net net = net_of(1, &hook);
        const nsw::footprint needs = nsw::net::footprint(config_of(1)).value();
        CHECK(moved.usage()->used >= needs.size && needs.align > 0);
        net.reset();
        CHECK_SIZE(moved.usage()->used, 0);
        CHECK(moved.usage()->high_water >= needs.size);
        arena = std::move(moved);
    }
    CHECK(arena);
    CHECK_STATUS(nsw::arena::create(nullptr, 100).status(), NSW_ERR_NULL);
    std::uint8_t tiny[8];
    CHECK_STATUS(nsw::arena::create(tiny).status(), NSW_ERR_OUT_OF_MEMORY);
}

// A class with the two functions of a std::pmr::memory_resource.
struct resource {
    memory mem;
    void *allocate(std::size_t bytes, std::size_t alignment) {
        return mem.hook.alloc(&mem, bytes, alignment);
    }
    void deallocate(void *ptr, std::size_t bytes, std::size_t alignment) {
        mem.hook.free(&mem, ptr, bytes, alignment);
    }
};

void hooks() {
    resource own;
    const nsw_allocator mem = nsw::allocator_of(own);
    {
        nsw::net net = net_of(1, &mem);
        CHECK_SIZE(own.mem.live, 1);
    }
    CHECK_SIZE(own.mem.live, 0);

    unsigned lines = 0;
    auto listen = [&lines](nsw::log_level level, const char *text, std::size_t len) {
        CHECK(level == nsw::log_level::error && text != nullptr && len > 0);
        lines++;
    };
    const nsw_logger logger = nsw::logger_of(listen, nsw::log_level::error);
    nsw::net_config config = config_of(1);
    config.logger = &logger;
    config.inputs = 0;
    CHECK(!nsw::net::create(config));
    CHECK(lines > 0);
}

void training() {
    const nsw::span<const float> inputs(XOR_INPUTS, 8), targets(XOR_TARGETS, 4);
    const nsw::data samples(inputs, targets);
    nsw::net net = net_of(1);
    nsw::trainer_config config(net);
    config.set_algorithm(nsw::algorithm::adam).set_loss(nsw::loss::cross_entropy);
    config.learning_rate = 0.05f;
    CHECK(nsw::trainer::footprint(config)->size > 0);
    nsw::trainer trainer = nsw::trainer::create(config).value();

    const float before = trainer.loss(net, samples).value();
    nsw_train_report report =
        trainer.train(net, samples, nsw::train_params(2000, 0.01f)).value();
    CHECK(report.stopped_by == static_cast<std::uint32_t>(nsw::stop::loss));
    CHECK(trainer.loss(net, samples).value() < before);
    CHECK(trainer.epoch(net, samples).ok());
    CHECK(trainer.set_learning_rate(0.001f).ok());
    CHECK_STATUS(trainer.set_learning_rate(-1.0f).status(), NSW_ERR_INVALID);

    // A callable that answers, one that does not, and one that is const.
    std::uint32_t seen = 0;
    report = trainer
                 .train(net, samples, nsw::train_params(10),
                        [&seen](const nsw_progress &p) { return (seen = p.epoch) == 3; })
                 .value();
    CHECK(seen == 3 && report.epochs == 3);
    CHECK(report.stopped_by == static_cast<std::uint32_t>(nsw::stop::callback));
    const auto count = [&seen](const nsw_progress &) { seen++; };
    report = trainer.train(net, samples, nsw::train_params(10), count).value();
    CHECK(seen == 13 && report.epochs == 10);

    CHECK_STATUS(trainer.train(net, samples, nsw::train_params()).status(),
                 NSW_ERR_INVALID);
    CHECK_STATUS(trainer.epoch(net, {inputs.first(7), targets}).status(), NSW_ERR_LENGTH);
}

void growing() {
    const nsw_layer layers[] = {nsw::dense(1, nsw::activation::linear)};
    nsw::net_config shape(2, layers);
    shape.topology = NSW_TOPOLOGY_SHORTCUT;
    shape.spare_units = 4;
    nsw::net net = nsw::net::create(shape).value();
    const std::uint32_t activations[] = {NSW_ACTIVATION_TANH, NSW_ACTIVATION_GAUSSIAN};
    const float steepnesses[] = {0.5f, 1.0f};
    nsw::cascade_config config(net, 4);
    config.set_algorithm(nsw::algorithm::rprop).set_loss(nsw::loss::mse);
    config.set_error_function(nsw::error_function::linear);
    config.set_activations(activations).set_steepnesses(steepnesses);
    CHECK(nsw::cascade::footprint(config)->size > 0);
    nsw::cascade cascade = nsw::cascade::create(config).value();
    const nsw::data samples(nsw::span<const float>(XOR_INPUTS, 8),
                            nsw::span<const float>(XOR_TARGETS, 4));
    std::uint32_t calls = 0;
    nsw_cascade_report report =
        cascade
            .train(net, samples, nsw::cascade_params(4),
                   [&calls](const nsw_cascade_progress &) { return ++calls == 1; })
            .value();
    CHECK(calls == 1 && report.units == 0);
    CHECK(report.stopped_by == static_cast<std::uint32_t>(nsw::cascade_stop::callback));
    report = cascade.train(net, samples, nsw::cascade_params(4).set_target_bit_fail(0)).value();
    CHECK(report.stopped_by == static_cast<std::uint32_t>(nsw::cascade_stop::bit_fail));
    CHECK(report.units >= 1 && report.bit_fail == 0);

    nsw::net other = nsw::net::create(shape).value();
    const nsw::data first(nsw::span<const float>(XOR_INPUTS, 6),
                          nsw::span<const float>(XOR_TARGETS, 3));
    const nsw::data last(nsw::span<const float>(XOR_INPUTS + 6, 2),
                         nsw::span<const float>(XOR_TARGETS + 3, 1));
    float best = 0.0f;
    report = cascade
                 .train(other, first, nsw::cascade_params(4).set_validation(last, 1),
                        [&best](const nsw_cascade_progress &p) {
                            best = p.units == 0 || p.validation_loss < best ? p.validation_loss
                                                                            : best;
                        })
                 .value();
    CHECK(report.best_validation_loss == best);
    CHECK(report.stopped_by == static_cast<std::uint32_t>(nsw::cascade_stop::validation) ||
          report.units >= 3);
}

void watched_training() {
    const nsw::data samples({XOR_INPUTS, 8}, {XOR_TARGETS, 4});
    const float opposite[4] = {1.0f, 0.0f, 0.0f, 1.0f}, weights[4] = {1.0f, 0.0f, 2.0f, 0.5f};
    const nsw::data validation({XOR_INPUTS, 8}, opposite, weights);
    CHECK(samples.weights == nullptr && validation.weights == weights);
    nsw::net net = net_of(1);
    nsw::trainer_config config(net);
    config.set_algorithm(nsw::algorithm::sgd).set_schedule(nsw::schedule::cosine);
    config.schedule_epochs = 100;
    config.nesterov = 1;
    config.momentum = 0.5f;
    config.keep_best = 1;
    nsw::trainer trainer = nsw::trainer::create(config).value();
    nsw::train_params params(200);
    params.set_validation(validation, 5);
    const nsw_train_report report = trainer.train(net, samples, params).value();
    CHECK(report.stopped_by == static_cast<std::uint32_t>(nsw::stop::validation));
    const nsw::test_result found = trainer.test(net, validation).value();
    CHECK(found.loss == report.best_validation_loss && found.bit_fail <= 4);
    CHECK_SIZE(static_cast<std::size_t>(trainer.epochs().value()), report.epochs);
    std::size_t asked = 0;
    auto pool = [&asked](std::size_t parts, nsw_work work, void *work_ctx) {
        asked = parts;
        while (parts > 0) {
            work(work_ctx, --parts);
        }
    };
    const nsw_parallel shared = nsw::parallel_of(pool), own = nsw::threads(2);
    config.workers = 2;
    config.block = 1;
    for (const nsw_parallel *hook : {&shared, &own}) {
        nsw::net a = net.copy().value(), b = net.copy().value();
        nsw::trainer in_turn = nsw::trainer::create(config).value();
        nsw::trainer side_by_side = nsw::trainer::create(config).value();
        CHECK(in_turn.train(a, samples, nsw::train_params(5)).ok());
        CHECK(side_by_side.train(b, samples, nsw::train_params(5).set_parallel(*hook)).ok());
        CHECK(a.difference(b).value() == 0.0f && asked == 2);
    }
    config.workers = 0;
    config.block = 0;
    params.set_target_bit_fail(4);
    CHECK_SIZE(trainer.train(net, samples, params)->epochs, 1);

    std::vector<std::uint8_t> state(trainer.state_size().value());
    CHECK_SIZE(trainer.save_state(state).value(), state.size());
    nsw::trainer other = nsw::trainer::create(config).value();
    CHECK(other.load_state(state).ok());
    CHECK(other.epochs().value() == trainer.epochs().value());
    nsw::net copy = net.copy().value();
    CHECK(other.epoch(copy, samples).value() == trainer.epoch(net, samples).value());
    CHECK(net.difference(copy).value() == 0.0f);
    CHECK_STATUS(other.load_state({state.data(), 10}).status(), NSW_ERR_MODEL_TRUNCATED);

    config.set_algorithm(nsw::algorithm::quickprop);
    config.set_error_function(nsw::error_function::tanh);
    config.set_schedule(nsw::schedule::constant);
    CHECK(nsw::trainer::create(config).ok());
}

void editing() {
    nsw::net_config config(2, LAYERS);
    config.set_topology(nsw::topology::shortcut);
    config.unit_styles = 1;
    config.spare_units = 1;
    nsw::net net = nsw::net::create(config).value();
    const std::size_t count = net.describe()->parameters;
    CHECK_SIZE(net.describe()->topology, NSW_TOPOLOGY_SHORTCUT);

    std::vector<float> weights(count);
    CHECK_SIZE(net.get_weights(weights).value(), count);
    std::vector<nsw_connection> links(count);
    CHECK_SIZE(net.connections(0, links).value(), count);
    CHECK_SIZE(net.connections(count, links).value(), 0);
    for (std::size_t i = 0; i < count; i++) {
        CHECK(links[i].weight == weights[i]);
        CHECK(net.connection(i)->to == links[i].to);
        CHECK(net.get_weight(links[i].from, links[i].to).value() == weights[i]);
    }
    CHECK(net.layer(1)->sources == 7 && net.layer(1)->first_unit == 7);
    CHECK_STATUS(net.layer(2).status(), NSW_ERR_INVALID);

    nsw::net copy = net.copy().value();
    CHECK(net.copy_footprint()->size > 0);
    CHECK(net.same_shape(copy).value() && net.difference(copy).value() == 0.0f);
    CHECK(copy.set_weight(nsw::bias_node, 2, weights[10] + 2.0f).ok());
    CHECK(net.difference(copy).value() > 1.0f);
    CHECK(copy.set_weights(weights).ok());
    CHECK(net.difference(copy).value() == 0.0f);

    CHECK(net.set_style(1, {nsw::activation::elliot, 0.5f}).ok());
    CHECK(net.set_unit_style(0, 3, {nsw::activation::gelu, 2.0f}).ok());
    const nsw::style style = net.get_unit_style(0, 3).value();
    CHECK(style.activation == nsw::activation::gelu && style.steepness == 2.0f);
    CHECK(net.get_unit_style(1, 0)->activation == nsw::activation::elliot);
    CHECK_STATUS(net.get_unit_style(2, 0).status(), NSW_ERR_INVALID);

    const auto uniform = nsw::randomize_config::uniform(1.0f, 2.0f, 3);
    CHECK(net.randomize(uniform).ok() && net.get_weights(weights).ok());
    for (float weight : weights) {
        CHECK(weight >= 1.0f && weight <= 2.0f);
    }
    CHECK(net.randomize(nsw::randomize_config(nsw::randomize::he, 4)).ok());
    CHECK(net.randomize(nsw::randomize_config::nguyen_widrow({XOR_INPUTS, 8}, 5)).ok());

    const float incoming[7] = {}, outgoing[1] = {1.0f};
    const nsw::style unit{nsw::activation::tanh, 1.0f};
    CHECK(net.grow(unit, incoming, 0.5f, outgoing).ok());
    CHECK(!net.same_shape(copy).value());
    CHECK_STATUS(net.grow(unit, incoming, 0.5f, outgoing).status(), NSW_ERR_CAPACITY);
    CHECK_STATUS(net.difference(nsw::net()).status(), NSW_ERR_NULL);
}

template <class Net>
std::vector<std::uint8_t> saved(const Net &net) {
    std::vector<std::uint8_t> bytes;
    CHECK(net.save_to(bytes).ok());
    CHECK_SIZE(bytes.size(), net.saved_size().value());
    std::vector<std::uint8_t> again(bytes.size() + 5);
    CHECK_SIZE(net.save(again).value(), bytes.size());
    CHECK(std::memcmp(again.data(), bytes.data(), bytes.size()) == 0);
    CHECK_STATUS(net.save(nsw::span<std::uint8_t>(again.data(), 3)).status(),
                 NSW_ERR_BUFFER_TOO_SMALL);
    return bytes;
}

void float_models() {
    nsw::net net = net_of(1);
    const std::vector<std::uint8_t> bytes = saved(net);
    nsw::net loaded = nsw::net::load(bytes).value();
    nsw::net viewed = nsw::net::view(bytes).value();
    CHECK(nsw::net::view_footprint(bytes)->size < nsw::net::load_footprint(bytes)->size);
    CHECK(viewed.describe()->read_only && !loaded.describe()->read_only);
    CHECK_SIZE(loaded.describe()->parameters, SMALL_PARAMETERS);
    float a[4], b[4], c[4];
    CHECK_SIZE(net.forward_batch({XOR_INPUTS, 8}, 4, a).value(), 4);
    CHECK(loaded.forward_batch({XOR_INPUTS, 8}, 4, b).ok());
    CHECK(viewed.forward_batch({XOR_INPUTS, 8}, 4, c).ok());
    CHECK(std::memcmp(a, b, sizeof a) == 0 && std::memcmp(a, c, sizeof a) == 0);
    CHECK(net.set_kernel(nsw::kernel::portable).ok());
    CHECK(net.describe()->kernel == NSW_KERNEL_PORTABLE);
    CHECK_STATUS(nsw::qnet::load(bytes).status(), NSW_ERR_MODEL_KIND);
    CHECK_STATUS(nsw::trainer::create(nsw::trainer_config(viewed)).status(), NSW_ERR_READ_ONLY);
}

void int8_models() {
    nsw::net net = net_of(1);
    const nsw::qnet_config config(net, {XOR_INPUTS, 8});
    CHECK(nsw::qnet::footprint(config)->size > 0);
    nsw::qnet qnet = nsw::qnet::create(config).value();
    const std::vector<std::uint8_t> bytes = saved(qnet);
    nsw::qnet loaded = nsw::qnet::load(bytes).value();
    nsw::qnet viewed = nsw::qnet::view(bytes).value();
    CHECK(nsw::qnet::view_footprint(bytes)->size < nsw::qnet::load_footprint(bytes)->size);
    CHECK_SIZE(qnet.describe()->model_size, bytes.size());
    std::int8_t in[2], a[1], b[1], c[1];
    float real[1], whole[1];
    CHECK_SIZE(qnet.quantize_input({XOR_INPUTS + 2, 2}, in).value(), 2);
    CHECK_SIZE(qnet.forward_i8(in, a).value(), 1);
    CHECK(loaded.set_kernel(nsw::kernel::portable).ok());
    CHECK(loaded.forward_i8(in, b).ok() && viewed.forward_i8(in, c).ok());
    CHECK(a[0] == b[0] && a[0] == c[0]);
    CHECK_SIZE(qnet.dequantize_output(a, real).value(), 1);
    CHECK_SIZE(qnet.forward({XOR_INPUTS + 2, 2}, whole).value(), 1);
    CHECK(real[0] == whole[0]);
    CHECK_STATUS(nsw::net::load(bytes).status(), NSW_ERR_MODEL_KIND);
}

void int16_models() {
    nsw::net net = net_of(1);
    nsw::qnet16_config config(net, {XOR_INPUTS, 8});
    config.set_scheme(NSW_SCHEME_INT16).set_calibration(NSW_CALIBRATION_MIN_MAX);
    CHECK(nsw::qnet16::footprint(config)->size > 0);
    nsw::qnet16 qnet = nsw::qnet16::create(config).value();
    const std::vector<std::uint8_t> bytes = saved(qnet);
    nsw::qnet16 loaded = nsw::qnet16::load(bytes).value();
    nsw::qnet16 viewed = nsw::qnet16::view(bytes).value();
    CHECK(qnet.describe()->scheme == NSW_SCHEME_INT16);
    std::int16_t in[2], a[1], b[1], c[1];
    float real[1], whole[1];
    CHECK_SIZE(qnet.quantize_input({XOR_INPUTS + 2, 2}, in).value(), 2);
    CHECK_SIZE(qnet.forward_i16(in, a).value(), 1);
    CHECK(loaded.forward_i16_batch(in, b).ok() && viewed.forward_i16(in, c).ok());
    CHECK(a[0] == b[0] && a[0] == c[0]);
    CHECK_SIZE(qnet.dequantize_output(a, real).value(), 1);
    CHECK_SIZE(qnet.forward_batch({XOR_INPUTS + 2, 2}, whole).value(), 1);
    CHECK(real[0] == whole[0]);
    double errors[8];
    CHECK_SIZE(qnet.compare(net, {XOR_INPUTS, 8}, errors).value(), 8);

    nsw::scheme_config bound(net, {XOR_INPUTS, 8}, NSW_BOUND_MAX, 0.5);
    CHECK(nsw::smallest_scheme_footprint(bound)->size > 0);
    CHECK(nsw::smallest_scheme(bound)->scheme == NSW_SCHEME_INT8);
    bound.set_judged_on({XOR_INPUTS, 4}, {XOR_TARGETS, 2});
    CHECK_STATUS(nsw::smallest_scheme(bound).status(), NSW_ERR_LENGTH);

    const std::vector<std::uint8_t> narrow =
        saved(nsw::qnet::create(nsw::qnet_config(net, {XOR_INPUTS, 8})).value());
    CHECK(nsw::qnet::load_batch_footprint(narrow, 8)->size > 0);
    CHECK(nsw::qnet::view_batch_footprint(narrow, 8)->size > 0);
    float four[4], again[4];
    CHECK(nsw::qnet::load_batch(narrow, 8)->forward_batch({XOR_INPUTS, 8}, four).ok());
    CHECK(nsw::qnet::view_batch(narrow, 8)->forward_batch({XOR_INPUTS, 8}, again).ok());
    CHECK(std::memcmp(four, again, sizeof four) == 0);
}

void fann_files_and_scales() {
    nsw::net_config config = config_of(11);
    config.scaling = 1;
    nsw::net net = nsw::net::create(config).value();
    std::vector<float> rows(XOR_INPUTS, XOR_INPUTS + 8);
    CHECK(net.fit_input_scales(rows, -1.0f, 1.0f).ok());
    CHECK(net.fit_output_scales({XOR_TARGETS, 4}, 0.0f, 1.0f).ok());
    CHECK(net.scale_inputs(rows).ok() && rows[0] == -1.0f && rows[7] == 1.0f);
    std::vector<float> answers(XOR_TARGETS, XOR_TARGETS + 4);
    CHECK(net.scale_targets(answers).ok() && net.unscale_outputs(answers).ok());
    CHECK(std::memcmp(answers.data(), XOR_TARGETS, sizeof XOR_TARGETS) == 0);
    nsw_scale scale = net.get_scale(0).value();
    scale.mean = 0.25f;
    CHECK(net.set_scale(0, scale).ok());

    nsw::fann_settings settings;
    settings.learning_momentum = 0.5f;
    const nsw::result<std::size_t> needed = net.save_fann({}, &settings);
    CHECK_STATUS(needed.status(), NSW_ERR_BUFFER_TOO_SMALL);
    std::vector<std::uint8_t> text(4096);
    text.resize(net.save_fann(text, &settings).value());
    CHECK(nsw::fann_settings::read(text)->learning_momentum == 0.5f);
    CHECK(nsw::net::load_fann_footprint(text)->size > 0);
    nsw::net loaded = nsw::net::load_fann(text).value();
    CHECK(loaded.difference(net).value() == 0.0f);
    CHECK(loaded.get_scale(0)->mean == 0.25f);
    CHECK(loaded.describe()->exact == 1 && loaded.set_exact(false).ok());
    CHECK(loaded.describe()->exact == 0);
    text.resize(13);
    CHECK_STATUS(nsw::net::load_fann(text).status(), NSW_ERR_MODEL_TRUNCATED);
}

void kernels() {
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 0, 1, 1, 1};
    float c[4];
    const nsw::matmul how({2, 2, 3});
    CHECK(nsw::matmul_f32_scratch(how).ok());
    CHECK(nsw::matmul_f32(how, a, b, c).ok());
    CHECK(c[0] == 4 && c[1] == 5 && c[2] == 10 && c[3] == 11);

    const std::int8_t x[] = {1, -2, 3, 4, 5, -6}, w[] = {1, 0, 0, 1, 1, 1};
    const std::uint8_t u[] = {1, 254, 3, 4, 5, 250};
    std::vector<std::uint8_t> packed(4096);
    packed.resize(nsw::pack_i8(3, 2, false, w, packed).value());
    std::int32_t products[4];
    CHECK_SIZE(nsw::matmul_i8({2, 2, 3}, x, packed, products).value(), 4);
    CHECK(products[0] == 4 && products[1] == 1 && products[2] == -2 && products[3] == -1);
    CHECK_SIZE(nsw::matmul_u8i8({2, 2, 3}, u, packed, products).value(), 4);
    CHECK(products[1] == 257 && products[3] == 255);

    const nsw::multiplier one = nsw::multiplier_of(1.0).value();
    const std::int32_t factors[] = {one.factor, one.factor};
    const std::int8_t shifts[] = {one.shift, one.shift};
    nsw::requantize to(factors, shifts, nsw::rounding::twice);
    to.set_range(-128, 127, 1);
    const std::int32_t biases[] = {0, 10};
    std::int8_t y[4];
    CHECK_SIZE(nsw::dense_i8(to, x, w, biases, y).value(), 4);
    CHECK(y[0] == 2 && y[1] == 13 && y[2] == 5 && y[3] == 14);
    const std::int16_t wide_x[] = {1, -2, 3, 4, 5, -6}, wide_w[] = {1, 0, 0, 1, 1, 1};
    const std::int64_t wide_biases[] = {0, 10};
    std::int16_t wide_y[4];
    to.set_range(-32768, 32767, 1);
    CHECK_SIZE(nsw::dense_i16x8(to, wide_x, w, wide_biases, wide_y).value(), 4);
    CHECK(wide_y[1] == 13);
    CHECK_SIZE(nsw::dense_i16(to, wide_x, wide_w, wide_biases, wide_y).value(), 4);
    CHECK(wide_y[3] == 14);
}

} // namespace

int main() {
    versions();
    results();
#ifndef NSW_EXCEPTIONS
    value_of_an_error_aborts();
#endif
    ownership();
    every_failed_allocation();
    spans();
    arenas();
    hooks();
    training();
    watched_training();
    growing();
    editing();
    float_models();
    int8_models();
    int16_models();
    fann_files_and_scales();
    kernels();
    return check_report("hpp");
}
