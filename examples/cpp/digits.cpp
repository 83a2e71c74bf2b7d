// Handwritten digits, from learning to a model for a microcontroller, in C++17: the same program as
// examples/c/digits.c, which tells more. The same seed gives the same model.
//
//   digits [--data FILE] [--out FILE] [--out-f32 FILE] [--seed N] [--epochs N] [--quiet] [--check]
//
// SPDX-License-Identifier: MIT OR Apache-2.0

// With this, value() of a call that failed throws nsw::error, a std::runtime_error. A program
// without exceptions leaves it out and asks each result for ok(), status() and message().
#define NSW_EXCEPTIONS
#include "neural_swarm.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "../common/digits.h"

namespace {

constexpr std::uint32_t hidden = 32;
constexpr std::uint32_t batch = 64;
constexpr float first_rate = 0.02f; // falls evenly to almost nothing in the last epoch

// What --check asks for.
constexpr double good = 0.95;
constexpr double lost = 0.01;

struct options {
    std::string data = "data/digits.u8";
    std::string out = "digits.nswm";
    std::string out_f32; // empty: none
    std::uint64_t seed = 1;
    int epochs = 250;
    bool quiet = false;
    bool check = false;
};

using clock_type = std::chrono::steady_clock;
using outputs_i8 = std::array<std::array<std::int8_t, DIGITS_CLASSES>, DIGITS_TEST>;

// A quarter of a megabyte and more: on the heap.
struct digits {
    digits_image images[DIGITS_IMAGES];
    float samples[DIGITS_TRAINING][DIGITS_PIXELS]; // the training images as they are
    float inputs[DIGITS_TRAINING][DIGITS_PIXELS];  // and an epoch's variations of them
    float targets[DIGITS_TRAINING][DIGITS_CLASSES];
    float outputs[DIGITS_TRAINING][DIGITS_CLASSES];

    const digits_image &test(int t) const { return images[DIGITS_TRAINING + t]; }
};

// What came out of a test.
struct test_result {
    std::array<int, DIGITS_TEST> answers{};
    int correct = 0;
    double seconds = 0;

    double accuracy() const { return static_cast<double>(correct) / DIGITS_TEST; }
    void answer(int t, int answer, const digits_image &image) {
        answers[static_cast<std::size_t>(t)] = answer;
        correct += answer == image.label;
    }
};

double seconds_since(clock_type::time_point start) {
    return std::chrono::duration<double>(clock_type::now() - start).count();
}

// All rows of a table, one after the other, as the library takes them.
template <class T, std::size_t Rows, std::size_t Columns>
nsw::span<T> flat(T (&table)[Rows][Columns]) {
    return {table[0], Rows * Columns};
}

// The number of the largest output: the network's answer.
template <class T>
int answer_of(nsw::span<const T> output) {
    return static_cast<int>(std::max_element(output.data(), output.data() + output.size()) -
                            output.data());
}

const char *kernel_name(std::uint32_t which) {
    switch (static_cast<nsw::kernel>(which)) {
    case nsw::kernel::portable: return "portable";
    case nsw::kernel::avx2: return "AVX2";
    case nsw::kernel::neon: return "NEON";
    default: return "other";
    }
}

// ---- Learning ---------------------------------------------------------------------------------

nsw::net create_net(const options &o) {
    const nsw_layer layers[] = {nsw::dense(hidden, nsw::activation::tanh),
                                nsw::dense(DIGITS_CLASSES, nsw::activation::softmax)};
    nsw::net_config shape(DIGITS_PIXELS, layers);
    shape.seed = o.seed;
    shape.batch = batch;
    nsw::net net = nsw::net::create(shape).value();

    const nsw_net_info info = net.describe().value();
    std::printf("network: %" PRIu32 " inputs, %" PRIu32 " tanh, %" PRIu32
                " softmax; %zu parameters, %s kernels\n",
                info.inputs, hidden, info.outputs, info.parameters, kernel_name(info.kernel));
    return net;
}

nsw::trainer create_trainer(const options &o, const nsw::net &net) {
    nsw::trainer_config method(net);
    method.set_algorithm(nsw::algorithm::adam).set_loss(nsw::loss::cross_entropy);
    method.batch_size = batch;
    method.seed = o.seed;
    method.learning_rate = first_rate;
    return nsw::trainer::create(method).value();
}

// The part of the training images that the network has right by now.
double training_accuracy(nsw::net &net, digits &d) {
    net.forward_batch(flat(d.samples), DIGITS_TRAINING, flat(d.outputs)).value();
    int correct = 0;
    for (int i = 0; i < DIGITS_TRAINING; i++) {
        correct += answer_of<float>(d.outputs[i]) == d.images[i].label;
    }
    return static_cast<double>(correct) / DIGITS_TRAINING;
}

void train(const options &o, nsw::net &net, digits &d) {
    nsw::trainer trainer = create_trainer(o, net);
    std::uint64_t random = o.seed;
    const auto start = clock_type::now();

    // Data and learning rate change from epoch to epoch, so it is one call each.
    for (int epoch = 0; epoch < o.epochs; epoch++) {
        const float rate =
            first_rate * (1.0f - static_cast<float>(epoch) / static_cast<float>(o.epochs));
        digits_vary(d.images, &random, d.inputs, d.targets);
        trainer.set_learning_rate(rate).value();
        const float loss = trainer.epoch(net, {flat(d.inputs), flat(d.targets)}).value();
        if (!o.quiet) {
            std::printf("epoch %3d  loss %.4f  rate %.5f  training images right %.4f\n", epoch + 1,
                        static_cast<double>(loss), static_cast<double>(rate),
                        training_accuracy(net, d));
        }
    }
    std::printf("trained %d epochs in %.2f s\n\n", o.epochs, seconds_since(start));
}

// ---- Testing ----------------------------------------------------------------------------------

test_result test_float(nsw::net &net, const digits &d) {
    std::vector<std::array<float, DIGITS_PIXELS>> inputs(DIGITS_TEST);
    for (int t = 0; t < DIGITS_TEST; t++) {
        digits_input(&d.test(t), inputs[static_cast<std::size_t>(t)].data());
    }
    test_result result;
    const auto start = clock_type::now();
    for (int t = 0; t < DIGITS_TEST; t++) {
        std::array<float, DIGITS_CLASSES> output;
        net.forward(inputs[static_cast<std::size_t>(t)], output).value();
        result.answer(t, answer_of<float>(output), d.test(t));
    }
    result.seconds = seconds_since(start);
    return result;
}

// The same with an int8 network, as a microcontroller does it: the inputs are made into int8 once,
// and from there on all is integers. Also keeps the outputs, to compare them.
test_result test_int8(nsw::qnet &qnet, const digits &d, outputs_i8 &kept) {
    std::vector<std::array<std::int8_t, DIGITS_PIXELS>> inputs(DIGITS_TEST);
    for (int t = 0; t < DIGITS_TEST; t++) {
        std::array<float, DIGITS_PIXELS> input;
        digits_input(&d.test(t), input.data());
        qnet.quantize_input(input, inputs[static_cast<std::size_t>(t)]).value();
    }
    test_result result;
    const auto start = clock_type::now();
    for (int t = 0; t < DIGITS_TEST; t++) {
        auto &output = kept[static_cast<std::size_t>(t)];
        qnet.forward_i8(inputs[static_cast<std::size_t>(t)], output).value();
        // No need for real values here: the larger the integer, the larger what it stands for.
        result.answer(t, answer_of<std::int8_t>(output), d.test(t));
    }
    result.seconds = seconds_since(start);
    return result;
}

void print_confusion(const test_result &result, const digits &d) {
    std::array<std::array<int, DIGITS_CLASSES>, DIGITS_CLASSES> counts{};
    for (int t = 0; t < DIGITS_TEST; t++) {
        const int answer = result.answers[static_cast<std::size_t>(t)];
        counts[d.test(t).label][static_cast<std::size_t>(answer)]++;
    }
    std::printf("what is  taken for\n        ");
    for (int c = 0; c < DIGITS_CLASSES; c++) {
        std::printf("%4d", c);
    }
    std::printf("\n");
    for (int row = 0; row < DIGITS_CLASSES; row++) {
        std::printf("%8d", row);
        for (const int count : counts[static_cast<std::size_t>(row)]) {
            if (count == 0) {
                std::printf("   .");
            } else {
                std::printf("%4d", count);
            }
        }
        std::printf("\n");
    }
    std::printf("\n");
}

// ---- Models in files --------------------------------------------------------------------------

void write_file(const std::string &path, const std::vector<std::uint8_t> &bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    // Only a close that goes well says that all has been written.
    file.close();
    if (!file) {
        throw std::runtime_error(path + ": cannot be written");
    }
}

std::vector<std::uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file),
                                    std::istreambuf_iterator<char>()};
    if (!file) {
        throw std::runtime_error(path + ": cannot be read");
    }
    return bytes;
}

// ---- The program ------------------------------------------------------------------------------

// False if --check finds the network not good enough; what goes wrong is thrown.
bool run(const options &o) {
    const auto d = std::make_unique<digits>();
    if (!digits_read(o.data.c_str(), d->images)) {
        return false; // which it has told already
    }
    for (int i = 0; i < DIGITS_TRAINING; i++) {
        digits_input(&d->images[i], d->samples[i]);
    }
    std::printf("neural-swarm %s: %d images to train on, %d others to test on\n",
                nsw::version_str(), DIGITS_TRAINING, DIGITS_TEST);

    nsw::net net = create_net(o);
    train(o, net, *d);
    const test_result real = test_float(net, *d);
    std::printf("float32: %d of %d test images right: %.4f\n\n", real.correct, DIGITS_TEST,
                real.accuracy());
    print_confusion(real, *d);

    // Quantisation needs to know between which values each layer's outputs lie. It finds out by
    // running samples: those that the network has learnt from, as they are.
    nsw::qnet qnet = nsw::qnet::create(nsw::qnet_config(net, flat(d->samples))).value();
    outputs_i8 outputs, outputs_again;
    const test_result quantised = test_int8(qnet, *d, outputs);
    int agree = 0;
    for (std::size_t t = 0; t < DIGITS_TEST; t++) {
        agree += quantised.answers[t] == real.answers[t];
    }
    std::printf("int8: %d of %d test images right: %.4f; same answer as float32 for %d\n",
                quantised.correct, DIGITS_TEST, quantised.accuracy(), agree);

    std::vector<std::uint8_t> model;
    net.save_to(model).value();
    if (!o.out_f32.empty()) {
        write_file(o.out_f32, model);
    }
    const std::size_t float_size = model.size();
    qnet.save_to(model).value();
    write_file(o.out, model);
    std::printf("model: %zu bytes as float32, %zu as int8\n", float_size, model.size());

    nsw::qnet loaded = nsw::qnet::load(read_file(o.out)).value();
    test_int8(loaded, *d, outputs_again);
    if (outputs != outputs_again) {
        throw std::runtime_error(o.out + ": the outputs are not those of the network that was saved");
    }
    std::printf("saved %s; loaded again, it gives the same outputs for all test images\n",
                o.out.c_str());
    std::printf("time for an image: %.2f us as float32, %.2f us as int8\n",
                real.seconds * 1e6 / DIGITS_TEST, quantised.seconds * 1e6 / DIGITS_TEST);

    if (o.check && (real.accuracy() < good || quantised.accuracy() < real.accuracy() - lost)) {
        std::fprintf(stderr, "not good enough: float32 must have %.2f right, int8 at most %.2f less\n",
                     good, lost);
        return false;
    }
    return true;
}

// A whole number up to `most`, of as many digits as cannot overflow, and nothing else.
std::optional<std::uint64_t> parse_number(const std::string &text, std::uint64_t most) {
    if (text.empty() || text.size() > 19 ||
        text.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    const std::uint64_t number = std::strtoull(text.c_str(), nullptr, 10);
    return number <= most ? std::optional(number) : std::nullopt;
}

std::optional<options> parse(int argc, char **argv) {
    options o;
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "--quiet") {
            o.quiet = true;
            continue;
        }
        if (name == "--check") {
            o.check = true;
            continue;
        }
        if (++i == argc) {
            return std::nullopt;
        }
        const std::string value = argv[i];
        if (name == "--data") {
            o.data = value;
        } else if (name == "--out") {
            o.out = value;
        } else if (name == "--out-f32") {
            o.out_f32 = value;
        } else if (const auto seed = parse_number(value, INT64_MAX); name == "--seed" && seed) {
            o.seed = *seed;
        } else if (const auto epochs = parse_number(value, 100000);
                   name == "--epochs" && epochs.value_or(0) > 0) {
            o.epochs = static_cast<int>(*epochs);
        } else {
            return std::nullopt;
        }
    }
    return o;
}

} // namespace

int main(int argc, char **argv) {
    try {
        const std::optional<options> o = parse(argc, argv);
        if (!o) {
            std::fprintf(stderr,
                         "usage: digits [--data FILE] [--out FILE] [--out-f32 FILE] [--seed N]\n"
                         "              [--epochs N] [--quiet] [--check]\n");
            return 2;
        }
        return run(*o) ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception &e) { // nsw::error too
        std::fprintf(stderr, "digits: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
