// neural-swarm for C++17 and later: training. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_TRAIN_HPP
#define NEURAL_SWARM_TRAIN_HPP

#include "neural_swarm_net.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_trainer> {
    using config = nsw_trainer_config;
    static constexpr auto footprint = &nsw_trainer_footprint;
    static constexpr auto create = &nsw_trainer_create;
    static constexpr auto destroy = &nsw_trainer_destroy;
};

/// Trains with a callable in the place of params.progress and params.ctx.
template <class Progress, class Trainer, class Net, class Data, class Params, class Callable>
auto train_with(Trainer &trainer, Net &target, const Data &samples, Params params,
                Callable &&progress) {
    using guest_type = guest<std::remove_reference_t<Callable>>;
    guest_type watch{&progress};
    params.ctx = &watch;
    params.progress = [](void *ctx, const Progress *now) noexcept -> std::int32_t {
        return static_cast<guest_type *>(ctx)->enough(*now) ? 1 : 0;
    };
    auto report = trainer.train(target, samples, params);
    watch.finish();
    return report;
}

} // namespace detail

/// How a trainer works. Every field that is not set has its default.
struct trainer_config : nsw_trainer_config {
    trainer_config() noexcept : nsw_trainer_config{} { size = sizeof(nsw_trainer_config); }
    explicit trainer_config(const nsw::net &for_net) noexcept : trainer_config() {
        set_net(for_net);
    }
    /// The network to train, or one of the same shape: only referred to, while the config is used.
    trainer_config &set_net(const nsw::net &value) noexcept {
        net = value.get();
        return *this;
    }
    trainer_config &set_algorithm(nsw::algorithm value) noexcept {
        algorithm = static_cast<std::uint32_t>(value);
        return *this;
    }
    trainer_config &set_loss(nsw::loss value) noexcept {
        loss = static_cast<std::uint32_t>(value);
        return *this;
    }
    trainer_config &set_error_function(nsw::error_function value) noexcept {
        error_function = static_cast<std::uint32_t>(value);
        return *this;
    }
    trainer_config &set_schedule(nsw::schedule value) noexcept {
        schedule = static_cast<std::uint32_t>(value);
        return *this;
    }
};

/// Samples with what the network should answer: only referred to, while a call uses them.
struct data : nsw_data {
    /// Rows of inputs, as many rows of targets, and how much each counts: nothing means 1 each.
    data(span<const float> inputs_rows, span<const float> targets_rows,
         span<const float> sample_weights = {}) noexcept
        : nsw_data{} {
        size = sizeof(nsw_data);
        inputs = inputs_rows.data();
        inputs_len = inputs_rows.size();
        targets = targets_rows.data();
        targets_len = targets_rows.size();
        weights = sample_weights.empty() ? nullptr : sample_weights.data();
        weights_len = sample_weights.size();
    }
    /// What the C API lends.
    data(const nsw_data &lent) noexcept : nsw_data(lent) {}
};

/// What a test finds.
struct test_result {
    float loss;
    std::uint64_t bit_fail;
};

/// When to stop: set `max_epochs`, and what you like of the rest.
struct train_params : nsw_train_params {
    train_params() noexcept : nsw_train_params{} { size = sizeof(nsw_train_params); }
    explicit train_params(std::uint32_t epochs, float target = 0.0f) noexcept : train_params() {
        max_epochs = epochs;
        target_loss = target;
    }
    /// Samples to judge by after each epoch: only referred to, while the params are used. With
    /// `epochs` training stops when their loss has not become smaller for so many.
    train_params &set_validation(const nsw_data &value, std::uint32_t epochs = 0) noexcept {
        validation = &value;
        patience = epochs;
        return *this;
    }
    train_params &set_validation(const nsw_data &&, std::uint32_t = 0) = delete;
    /// Runs the trainer's workers side by side: only referred to, while the params are used.
    train_params &set_parallel(const nsw_parallel &value) noexcept {
        parallel = &value;
        return *this;
    }
    train_params &set_parallel(const nsw_parallel &&) = delete;
    /// Stop when at most so many outputs failed in an epoch.
    train_params &set_target_bit_fail(std::uint64_t value) noexcept {
        target_bit_fail = value;
        stop_at_bit_fail = 1;
        return *this;
    }
};

/// A training in progress: the algorithm's memory between updates. See nsw_trainer_create.
class trainer : public detail::object<trainer, nsw_trainer> {
public:
    /// Trains `target` until `params` says stop.
    result<nsw_train_report> train(net &target, const data &samples,
                                   const nsw_train_params &params) noexcept {
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        const nsw_status status =
            nsw_trainer_train(get(), target.get(), &samples, &params, &report);
        return detail::result_of(status, report);
    }

    /// The same with a callable in the place of params.progress and params.ctx: called after
    /// each epoch with a const nsw_progress &, it returns true to stop, or nothing. What it
    /// throws stops the training too, and comes out of this function.
    template <class Callable>
    result<nsw_train_report> train(net &target, const data &samples,
                                   const nsw_train_params &params, Callable &&progress) {
        return detail::train_with<nsw_progress>(*this, target, samples, params,
                                                std::forward<Callable>(progress));
    }

    /// One epoch; returns its mean loss.
    result<float> epoch(net &target, const data &samples) noexcept {
        float mean = 0.0f;
        const nsw_status status = nsw_trainer_epoch(get(), target.get(), &samples, &mean);
        return detail::result_of(status, mean);
    }

    /// The mean loss over samples, without training.
    result<float> loss(const net &target, const data &samples) noexcept {
        float mean = 0.0f;
        const nsw_status status = nsw_trainer_loss(get(), target.get(), &samples, &mean);
        return detail::result_of(status, mean);
    }
    /// The same, and how many outputs fail.
    result<test_result> test(const net &target, const data &samples) noexcept {
        test_result found{0.0f, 0};
        const nsw_status status =
            nsw_trainer_test(get(), target.get(), &samples, &found.loss, &found.bit_fail);
        return detail::result_of(status, found);
    }

    /// Epochs that it has done in its life.
    result<std::uint64_t> epochs() const noexcept {
        std::uint64_t done = 0;
        const nsw_status status = nsw_trainer_epochs(get(), &done);
        return detail::result_of(status, done);
    }
    /// Bytes that save_state() needs.
    result<std::size_t> state_size() const noexcept {
        return length_of([&](std::size_t *len) {
            const nsw_status status = nsw_trainer_save_state(get(), nullptr, 0, len);
            // Which is the answer to having no buffer at all.
            return status == NSW_ERR_BUFFER_TOO_SMALL ? NSW_OK : status;
        });
    }
    /// Writes what the trainer remembers; returns its length.
    result<std::size_t> save_state(span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_trainer_save_state(get(), buf.data(), buf.size(), len);
        });
    }
    /// Goes on where another trainer stood.
    result<void> load_state(span<const std::uint8_t> state) noexcept {
        return result<void>(nsw_trainer_load_state(get(), state.data(), state.size()));
    }

    /// From one epoch to the next. NSW_ERR_UNSUPPORTED for the RPROP family, which has no rate.
    result<void> set_learning_rate(float rate) noexcept {
        return result<void>(nsw_trainer_set_learning_rate(get(), rate));
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_TRAIN_HPP
