// neural-swarm for C++17 and later: float32 networks. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_NET_HPP
#define NEURAL_SWARM_NET_HPP

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_net> {
    using config = nsw_net_config;
    using info = nsw_net_info;
    static constexpr auto footprint = &nsw_net_footprint;
    static constexpr auto create = &nsw_net_create;
    static constexpr auto destroy = &nsw_net_destroy;
    static constexpr auto load_footprint = &nsw_net_load_footprint;
    static constexpr auto load = &nsw_net_load;
    static constexpr auto view_footprint = &nsw_net_view_footprint;
    static constexpr auto view = &nsw_net_view;
    static constexpr auto save = &nsw_net_save;
    static constexpr auto describe = &nsw_net_describe;
    static constexpr auto set_kernel = &nsw_net_set_kernel;
    static constexpr auto forward = &nsw_net_forward;
};

} // namespace detail

/// One layer.
inline nsw_layer dense(std::uint32_t units, activation act, init weights = init::automatic,
                       float steepness = 1.0f) noexcept {
    nsw_layer layer = NSW_LAYER(units, static_cast<std::uint32_t>(act));
    layer.init = static_cast<std::uint32_t>(weights);
    layer.steepness = steepness;
    return layer;
}

/// What a new network is to be: set `inputs` and the layers. All else are fields.
struct net_config : nsw_net_config {
    net_config() noexcept : nsw_net_config{} { size = sizeof(nsw_net_config); }
    net_config(std::uint32_t inputs_of_a_sample, span<const nsw_layer> of_layers) noexcept
        : net_config() {
        inputs = inputs_of_a_sample;
        set_layers(of_layers);
    }
    /// The layers from first to last: only referred to, read when the config is used.
    net_config &set_layers(span<const nsw_layer> value) noexcept {
        layers = value.data();
        layer_count = value.size();
        return *this;
    }
    net_config &set_topology(nsw::topology value) noexcept {
        topology = static_cast<std::uint32_t>(value);
        return *this;
    }
};

/// How to draw weights: see nsw_randomize_config.
struct randomize_config : nsw_randomize_config {
    explicit randomize_config(randomize by = randomize::automatic,
                              std::uint64_t with_seed = 0) noexcept
        : nsw_randomize_config{} {
        size = sizeof(nsw_randomize_config);
        method = static_cast<std::uint32_t>(by);
        seed = with_seed;
    }
    /// Uniform in least..most.
    static randomize_config uniform(float least, float most, std::uint64_t seed = 0) noexcept {
        randomize_config config(randomize::uniform, seed);
        config.low = least;
        config.high = most;
        return config;
    }
    /// Nguyen-Widrow; the rows of inputs are only referred to, while the config is used.
    static randomize_config nguyen_widrow(span<const float> rows, std::uint64_t seed = 0) noexcept {
        randomize_config config(randomize::nguyen_widrow, seed);
        config.samples = rows.data();
        config.samples_len = rows.size();
        return config;
    }
};

/// Activation and steepness of a unit.
struct style {
    nsw::activation activation;
    float steepness;
};

/// What a FANN file says about training. See nsw_fann_settings.
struct fann_settings : nsw_fann_settings {
    /// FANN's defaults.
    fann_settings() noexcept : nsw_fann_settings{} {
        nsw_fann_settings::size = sizeof(nsw_fann_settings);
        static_cast<void>(nsw_fann_settings_default(this));
    }
    /// What is in a file.
    static result<fann_settings> read(span<const std::uint8_t> text) noexcept {
        fann_settings settings;
        const nsw_status status = nsw_fann_settings_read(text.data(), text.size(), &settings);
        return detail::result_of(status, settings);
    }
};

/// A network in float32. See nsw_net_create.
///
/// Nodes are counted through: the inputs from 0, then the units layer by layer. For the bias
/// stands nsw::bias_node.
class net : public detail::model<net, nsw_net> {
public:
    /// Runs rows of inputs; returns the number of outputs written, all rows together.
    result<std::size_t> forward_batch(span<const float> inputs, std::size_t samples,
                                      span<float> outputs) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_net_forward_batch(get(), inputs.data(), inputs.size(), samples,
                                         outputs.data(), outputs.size(), len);
        });
    }

    /// What the layer at `index` is.
    result<nsw_layer_info> layer(std::uint32_t index) const noexcept {
        nsw_layer_info info = NSW_LAYER_INFO_INIT;
        const nsw_status status = nsw_net_layer(get(), index, &info);
        return detail::result_of(status, info);
    }
    /// Copies all weights and biases; returns their number. (How many there are: describe().)
    result<std::size_t> get_weights(span<float> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_net_get_weights(get(), out.data(), out.size(), len);
        });
    }
    /// Sets all weights and biases, in the same order.
    result<void> set_weights(span<const float> values) noexcept {
        return result<void>(nsw_net_set_weights(get(), values.data(), values.size()));
    }
    /// The connection whose weight is the parameter at `index`.
    result<nsw_connection> connection(std::size_t index) const noexcept {
        nsw_connection found = NSW_CONNECTION_INIT;
        const nsw_status status = nsw_net_connection(get(), index, &found);
        return detail::result_of(status, found);
    }
    /// Fills `out` with connections from the one at `first` on; returns how many there were.
    result<std::size_t> connections(std::size_t first, span<nsw_connection> out) const noexcept {
        if (!out.empty()) {
            out[0].size = sizeof(nsw_connection);
        }
        return length_of([&](std::size_t *len) {
            return nsw_net_connections(get(), first, out.data(), out.size(), len);
        });
    }
    /// The weight of a connection between two nodes.
    result<float> get_weight(std::uint32_t from, std::uint32_t to) const noexcept {
        float weight = 0.0f;
        const nsw_status status = nsw_net_get_weight(get(), from, to, &weight);
        return detail::result_of(status, weight);
    }
    /// Sets it.
    result<void> set_weight(std::uint32_t from, std::uint32_t to, float weight) noexcept {
        return result<void>(nsw_net_set_weight(get(), from, to, weight));
    }

    /// Sets activation and steepness of a whole layer.
    result<void> set_style(std::uint32_t layer, style value) noexcept {
        return result<void>(nsw_net_set_style(
            get(), layer, static_cast<std::uint32_t>(value.activation), value.steepness));
    }
    /// Sets those of one unit of a layer, in a network made with `unit_styles`.
    result<void> set_unit_style(std::uint32_t layer, std::uint32_t unit, style value) noexcept {
        return result<void>(nsw_net_set_unit_style(
            get(), layer, unit, static_cast<std::uint32_t>(value.activation), value.steepness));
    }
    result<style> get_unit_style(std::uint32_t layer, std::uint32_t unit) const noexcept {
        std::uint32_t code = 0;
        style found{activation::linear, 0.0f};
        const nsw_status status =
            nsw_net_get_unit_style(get(), layer, unit, &code, &found.steepness);
        found.activation = static_cast<nsw::activation>(code);
        return detail::result_of(status, found);
    }

    /// The memory that copy() takes.
    result<nsw::footprint> copy_footprint() const noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_net_copy_footprint(get(), size, align);
        });
    }
    /// A network that is the same, with parameters of its own.
    result<net> copy(const nsw_allocator *mem = nullptr) const noexcept {
        return made_by([&](nsw_net **out) { return nsw_net_copy(get(), mem, out); });
    }
    /// Whether another network has the same nodes and connections.
    result<bool> same_shape(const net &other) const noexcept {
        std::uint32_t same = 0;
        const nsw_status status = nsw_net_same_shape(get(), other.get(), &same);
        return detail::result_of(status, same != 0);
    }
    /// The largest difference between a weight and the same of another network.
    result<float> difference(const net &other) const noexcept {
        float most = 0.0f;
        const nsw_status status = nsw_net_difference(get(), other.get(), &most);
        return detail::result_of(status, most);
    }

    /// The memory that load_fann() takes.
    static result<nsw::footprint> load_fann_footprint(span<const std::uint8_t> text,
                                                      const nsw_logger *log = nullptr) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_net_load_fann_footprint(text.data(), text.size(), log, size, align);
        });
    }
    /// The network of a FANN file. See nsw_net_load_fann.
    static result<net> load_fann(span<const std::uint8_t> text, const nsw_allocator *mem = nullptr,
                                 const nsw_logger *log = nullptr) noexcept {
        return made_by([&](nsw_net **out) {
            return nsw_net_load_fann(text.data(), text.size(), log, mem, out);
        });
    }
    /// Writes a FANN file; returns its length. See nsw_net_save_fann.
    result<std::size_t> save_fann(span<std::uint8_t> text,
                                  const nsw_fann_settings *settings = nullptr) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_net_save_fann(get(), settings, text.data(), text.size(), len);
        });
    }

    /// Makes it run with libfann's arithmetic, or with the fast one. See nsw_net_set_exact.
    result<void> set_exact(bool exact) noexcept {
        return result<void>(nsw_net_set_exact(get(), exact ? 1 : 0));
    }

    /// The scale of an input, or for indices from the number of inputs on of an output.
    result<nsw_scale> get_scale(std::uint32_t index) const noexcept {
        nsw_scale scale = NSW_SCALE_INIT;
        const nsw_status status = nsw_net_get_scale(get(), index, &scale);
        return detail::result_of(status, scale);
    }
    /// Sets it.
    result<void> set_scale(std::uint32_t index, const nsw_scale &scale) noexcept {
        return result<void>(nsw_net_set_scale(get(), index, &scale));
    }
    /// Sets all scales of inputs so that rows like these come to lie about low..high.
    result<void> fit_input_scales(span<const float> inputs, float low, float high) noexcept {
        return result<void>(
            nsw_net_fit_input_scales(get(), inputs.data(), inputs.size(), low, high));
    }
    /// The same for outputs.
    result<void> fit_output_scales(span<const float> targets, float low, float high) noexcept {
        return result<void>(
            nsw_net_fit_output_scales(get(), targets.data(), targets.size(), low, high));
    }
    /// Scales rows of inputs in place.
    result<void> scale_inputs(span<float> rows) const noexcept {
        return result<void>(nsw_net_scale_inputs(get(), rows.data(), rows.size()));
    }
    /// Scales rows of targets in place.
    result<void> scale_targets(span<float> rows) const noexcept {
        return result<void>(nsw_net_scale_targets(get(), rows.data(), rows.size()));
    }
    /// Turns rows of outputs in place into what targets were before they were scaled.
    result<void> unscale_outputs(span<float> rows) const noexcept {
        return result<void>(nsw_net_unscale_outputs(get(), rows.data(), rows.size()));
    }

    /// Draws all weights and biases anew.
    result<void> randomize(const nsw_randomize_config &config) noexcept {
        return result<void>(nsw_net_randomize(get(), &config));
    }
    /// Adds a unit to a shortcut network made with `spare_units`. See nsw_net_grow.
    result<void> grow(style of_unit, span<const float> incoming, float bias,
                      span<const float> outgoing) noexcept {
        return result<void>(nsw_net_grow(
            get(), static_cast<std::uint32_t>(of_unit.activation), of_unit.steepness,
            incoming.data(), incoming.size(), bias, outgoing.data(), outgoing.size()));
    }
};

/// In the place of a node: the bias.
inline constexpr std::uint32_t bias_node = NSW_NODE_BIAS;

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_NET_HPP
