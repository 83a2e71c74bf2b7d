// The same as consumer.c with the C++ header: a small network in a static buffer, one
// forward pass, and header and library held to the same version.
#include <neural_swarm.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>

#ifdef NSW_NO_STD
#include <cstdlib>

// What a build without std calls on a bug in itself. Not all targets have a default.
extern "C" void nsw_port_panic(const char *file, std::size_t file_len, std::uint32_t line)
{
    std::fprintf(stderr, "consumer: bug in neural_swarm: %.*s:%u\n", static_cast<int>(file_len),
                 file, static_cast<unsigned>(line));
    std::abort();
}
#endif

namespace {

alignas(std::max_align_t) std::byte memory[8192]; // all that the program gives the library

template <class Result>
int failed(const char *what, const Result &result)
{
    std::fprintf(stderr, "consumer: %s: %s\n", what, result.message());
    return 1;
}

bool versions_agree()
{
    constexpr std::uint32_t header = std::uint32_t{NSW_VERSION_MAJOR} << 16
        | std::uint32_t{NSW_VERSION_MINOR} << 8 | std::uint32_t{NSW_VERSION_PATCH};
    if (nsw::version() != header || nsw::abi_version() != std::uint32_t{NSW_ABI_VERSION}) {
        std::fprintf(stderr, "consumer: header and library are of different versions\n");
        return false;
    }
    return true;
}

int run()
{
    const nsw_layer layers[] = {
        nsw::dense(4, nsw::activation::tanh),
        nsw::dense(2, nsw::activation::softmax),
    };
    nsw::net_config config;
    config.inputs = 3;
    config.seed = 7;
    config.set_layers(layers);

    auto arena = nsw::arena::create(memory);
    if (!arena) {
        return failed("arena::create", arena);
    }
    const auto allocator = arena->allocator();
    if (!allocator) {
        return failed("arena::allocator", allocator);
    }
    auto net = nsw::net::create(config, &*allocator);
    if (!net) {
        return failed("net::create", net);
    }

    const float input[] = {0.5f, -1.0f, 0.25f};
    float output[2] = {};
    const auto outputs = net->forward(input, output);
    if (!outputs) {
        return failed("net::forward", outputs);
    }
    // The last layer is softmax: two positive numbers whose sum is 1.
    const float sum = output[0] + output[1];
    if (*outputs != 2 || !(output[0] > 0.0f) || !(output[1] > 0.0f) || sum < 0.999f || sum > 1.001f) {
        std::fprintf(stderr, "consumer: not a softmax: %zu outputs, %f %f\n", *outputs,
                     static_cast<double>(output[0]), static_cast<double>(output[1]));
        return 1;
    }
    std::printf("neural_swarm %s, ABI %u: forward pass done\n", nsw::version_str(),
                static_cast<unsigned>(nsw::abi_version()));
    return 0;
}

} // namespace

int main()
{
    return versions_agree() ? run() : 1;
}
