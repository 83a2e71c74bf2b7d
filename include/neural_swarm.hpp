// neural-swarm for C++17 and later: owners for the handles of neural_swarm.h.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Header-only, and as thin as it can be: an object of this header is a handle and nothing
// else, a call is the C call. What the functions do, need and answer is documented in
// neural_swarm.h; here stands what C++ adds.
//
// Ownership  arena, net, trainer and qnet are move-only and destroy their handle at the end of
//            their life. get() lends the C handle, release() gives it away, and from_handle()
//            takes one over, so both headers can be used side by side. A moved-from object is
//            empty: its calls answer NSW_ERR_NULL.
// Errors     Whatever can fail returns a nsw::result. Neither exceptions nor RTTI are needed.
//            With NSW_EXCEPTIONS defined before the inclusion, result::value() of an error
//            throws nsw::error; without it, it prints the error's text to stderr and calls
//            std::abort. Each setting has types of its own (see the inline namespaces
//            below), so the files of one program may differ in it.
// Buffers    nsw::span<T>: std::span from C++20 on, before that a plain pointer with a length,
//            made from arrays, std::array, std::vector and the like.
// Lifetime   Nothing here keeps what it is given. What the C header says must outlive a call or
//            an object must do so here too: an allocator's context outlives the objects made
//            with it, a model's bytes outlive the view of them, a buffer its arena, an arena the
//            objects in it.

#ifndef NEURAL_SWARM_HPP
#define NEURAL_SWARM_HPP

#include "neural_swarm_base.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

// ---- configurations -----------------------------------------------------------------------------
//
// The structs of the C header, which set their own size, with setters for what C++ has types
// for. All other fields are the C ones.

/// One dense layer.
inline nsw_layer dense(std::uint32_t units, activation act, init weights = init::automatic) noexcept {
    nsw_layer layer = NSW_LAYER(units, static_cast<std::uint32_t>(act));
    layer.init = static_cast<std::uint32_t>(weights);
    return layer;
}

/// The memory that an object takes: one block.
struct footprint {
    std::size_t size;
    std::size_t align;
};

// ---- what all objects share ---------------------------------------------------------------------

namespace detail {

/// The C functions of each type of object.
template <class Handle>
struct functions;

template <>
struct functions<nsw_arena> {
    static constexpr auto destroy = &nsw_arena_destroy;
};

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

template <>
struct functions<nsw_trainer> {
    using config = nsw_trainer_config;
    static constexpr auto footprint = &nsw_trainer_footprint;
    static constexpr auto create = &nsw_trainer_create;
    static constexpr auto destroy = &nsw_trainer_destroy;
};

template <>
struct functions<nsw_qnet> {
    using config = nsw_qnet_config;
    using info = nsw_qnet_info;
    static constexpr auto footprint = &nsw_qnet_footprint;
    static constexpr auto create = &nsw_qnet_create;
    static constexpr auto destroy = &nsw_qnet_destroy;
    static constexpr auto load_footprint = &nsw_qnet_load_footprint;
    static constexpr auto load = &nsw_qnet_load;
    static constexpr auto view_footprint = &nsw_qnet_view_footprint;
    static constexpr auto view = &nsw_qnet_view;
    static constexpr auto save = &nsw_qnet_save;
    static constexpr auto describe = &nsw_qnet_describe;
    static constexpr auto set_kernel = &nsw_qnet_set_kernel;
    static constexpr auto forward = &nsw_qnet_forward;
};

/// A handle with its owner's duties. `Self` is the class that derives from it.
template <class Self, class Handle>
class owner {
public:
    /// Takes over a handle of the C API; null makes an empty object.
    [[nodiscard]] static Self from_handle(Handle *handle) noexcept {
        Self self;
        self.owner::handle_ = handle;
        return self;
    }

    owner(owner &&other) noexcept : handle_(other.release()) {}
    owner &operator=(owner &&other) noexcept {
        if (this != &other) {
            reset();
            handle_ = other.release();
        }
        return *this;
    }
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    ~owner() { functions<Handle>::destroy(handle_); }

    /// The C handle, still owned here; null when empty.
    [[nodiscard]] Handle *get() noexcept { return handle_; }
    [[nodiscard]] const Handle *get() const noexcept { return handle_; }
    /// Gives the handle away: the caller destroys it.
    [[nodiscard]] Handle *release() noexcept { return std::exchange(handle_, nullptr); }
    /// Destroys the object now.
    void reset() noexcept { functions<Handle>::destroy(std::exchange(handle_, nullptr)); }
    /// Whether there is an object.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

protected:
    owner() noexcept : handle_(nullptr) {}

    /// The object that a C function makes.
    template <class Call>
    static result<Self> made_by(Call &&call) noexcept {
        Handle *handle = nullptr;
        const nsw_status status = call(&handle);
        return result_of(status, from_handle(handle));
    }
    /// What a footprint function tells.
    template <class Call>
    static result<footprint> footprint_of(Call &&call) noexcept {
        footprint f{0, 0};
        const nsw_status status = call(&f.size, &f.align);
        return result_of(status, f);
    }
    /// How much a function wrote.
    template <class Call>
    static result<std::size_t> length_of(Call &&call) noexcept {
        std::size_t len = 0;
        const nsw_status status = call(&len);
        return result_of(status, len);
    }

private:
    Handle *handle_;
};

/// What is made from a configuration.
template <class Self, class Handle>
class object : public owner<Self, Handle> {
    using api = functions<Handle>;

public:
    /// The memory that create() takes: the one block that it asks `mem` for.
    static result<nsw::footprint> footprint(const typename api::config &config) noexcept {
        return owner<Self, Handle>::footprint_of([&](std::size_t *size, std::size_t *align) {
            return api::footprint(&config, size, align);
        });
    }
    /// Makes an object. A null `mem` means the system's heap.
    static result<Self> create(const typename api::config &config,
                               const nsw_allocator *mem = nullptr) noexcept {
        return owner<Self, Handle>::made_by(
            [&](Handle **out) { return api::create(&config, mem, out); });
    }
};

/// What can be stored as a model: nets of both kinds.
template <class Self, class Handle>
class model : public object<Self, Handle> {
    using api = functions<Handle>;
    using base = owner<Self, Handle>;

public:
    /// The memory that load() takes for this model.
    static result<nsw::footprint> load_footprint(span<const std::uint8_t> bytes) noexcept {
        return base::footprint_of([&](std::size_t *size, std::size_t *align) {
            return api::load_footprint(bytes.data(), bytes.size(), size, align);
        });
    }
    /// From a model, which is copied.
    static result<Self> load(span<const std::uint8_t> bytes,
                             const nsw_allocator *mem = nullptr) noexcept {
        return base::made_by(
            [&](Handle **out) { return api::load(bytes.data(), bytes.size(), mem, out); });
    }

    /// The memory that view() takes for this model: without its parameters.
    static result<nsw::footprint> view_footprint(span<const std::uint8_t> bytes) noexcept {
        return base::footprint_of([&](std::size_t *size, std::size_t *align) {
            return api::view_footprint(bytes.data(), bytes.size(), size, align);
        });
    }
    /// Reads the model where it is, in flash for example: `bytes` must be aligned to
    /// NSW_MODEL_ALIGN, and stay as they are until the network is destroyed.
    static result<Self> view(span<const std::uint8_t> bytes,
                             const nsw_allocator *mem = nullptr) noexcept {
        return base::made_by(
            [&](Handle **out) { return api::view(bytes.data(), bytes.size(), mem, out); });
    }

    /// Bytes that save() needs.
    result<std::size_t> saved_size() const noexcept {
        return base::length_of([&](std::size_t *len) {
            const nsw_status status = api::save(this->get(), nullptr, 0, len);
            // Which is the answer to having no buffer at all.
            return status == NSW_ERR_BUFFER_TOO_SMALL ? NSW_OK : status;
        });
    }
    /// Writes the network as a model; returns its length.
    result<std::size_t> save(span<std::uint8_t> buf) const noexcept {
        return base::length_of([&](std::size_t *len) {
            return api::save(this->get(), buf.data(), buf.size(), len);
        });
    }
    /// The same to a std::vector<std::uint8_t>, or anything with resize(), data() and size(),
    /// which becomes as long as the model.
    template <class Bytes>
    result<void> save_to(Bytes &out) const {
        const result<std::size_t> size = saved_size();
        if (!size) {
            return result<void>(size.status());
        }
        out.resize(*size);
        return result<void>(save(span<std::uint8_t>(out.data(), out.size())).status());
    }

    /// What the network is.
    result<typename api::info> describe() const noexcept {
        typename api::info info{};
        info.size = sizeof info;
        const nsw_status status = api::describe(this->get(), &info);
        return result_of(status, info);
    }
    /// Makes the network run on other kernels.
    result<void> set_kernel(kernel which) noexcept {
        return result<void>(api::set_kernel(this->get(), static_cast<std::uint32_t>(which)));
    }
    /// Runs one sample of real values; returns the number of outputs. (How many there will be:
    /// describe().) The spans may not overlap.
    result<std::size_t> forward(span<const float> input, span<float> output) noexcept {
        return base::length_of([&](std::size_t *len) {
            return api::forward(this->get(), input.data(), input.size(), output.data(),
                                output.size(), len);
        });
    }
};

} // namespace detail

// ---- arena --------------------------------------------------------------------------------------

/// How full an arena is, in bytes.
struct arena_usage {
    std::size_t used;
    std::size_t high_water;
    std::size_t capacity;
};

/// An allocator over a buffer of yours, which must outlive it, as it must outlive the objects in
/// it. See nsw_arena_create.
class arena : public detail::owner<arena, nsw_arena> {
public:
    static result<arena> create(void *buf, std::size_t len) noexcept {
        return made_by([&](nsw_arena **out) { return nsw_arena_create(buf, len, out); });
    }
    static result<arena> create(span<std::byte> buf) noexcept {
        return create(buf.data(), buf.size());
    }
    static result<arena> create(span<std::uint8_t> buf) noexcept {
        return create(buf.data(), buf.size());
    }

    /// The hook to create objects with; valid as long as the arena, also when it moves.
    result<nsw_allocator> allocator() noexcept {
        nsw_allocator hook = NSW_ALLOCATOR_INIT;
        const nsw_status status = nsw_arena_allocator(get(), &hook);
        return detail::result_of(status, hook);
    }
    result<arena_usage> usage() const noexcept {
        arena_usage u{0, 0, 0};
        const nsw_status status = nsw_arena_usage(get(), &u.used, &u.high_water, &u.capacity);
        return detail::result_of(status, u);
    }
};

// ---- net ----------------------------------------------------------------------------------------

/// What a new network is to be: set `inputs` and the layers. `seed` and `batch` are fields.
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
};

/// A network of dense layers in float32. See nsw_net_create.
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
};

// ---- trainer ------------------------------------------------------------------------------------

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
};

/// When to stop: set `max_epochs`, and `target_loss` if you like.
struct train_params : nsw_train_params {
    train_params() noexcept : nsw_train_params{} { size = sizeof(nsw_train_params); }
    explicit train_params(std::uint32_t epochs, float target = 0.0f) noexcept : train_params() {
        max_epochs = epochs;
        target_loss = target;
    }
};

/// A training in progress: the algorithm's memory between updates. See nsw_trainer_create.
class trainer : public detail::object<trainer, nsw_trainer> {
public:
    /// Trains `target` on rows of inputs and as many rows of targets until `params` says stop.
    result<nsw_train_report> train(net &target, span<const float> inputs, span<const float> targets,
                                   const nsw_train_params &params) noexcept {
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        const nsw_status status =
            nsw_trainer_train(get(), target.get(), inputs.data(), inputs.size(), targets.data(),
                              targets.size(), &params, &report);
        return detail::result_of(status, report);
    }

    /// The same with a callable in the place of params.progress and params.ctx: called after
    /// each epoch with a const nsw_progress &, it returns true to stop, or nothing. What it
    /// throws stops the training too, and comes out of this function.
    template <class Callable>
    result<nsw_train_report> train(net &target, span<const float> inputs, span<const float> targets,
                                   const nsw_train_params &params, Callable &&progress) {
        using called = std::remove_reference_t<Callable>;
        watcher<called> watch{&progress};
        nsw_train_params with_hook = params;
        with_hook.ctx = &watch;
        with_hook.progress = &watcher<called>::call;
        result<nsw_train_report> report = train(target, inputs, targets, with_hook);
#ifdef __cpp_exceptions
        if (watch.thrown) {
            std::rethrow_exception(watch.thrown);
        }
#endif
        return report;
    }

    /// One epoch; returns its mean loss.
    result<float> epoch(net &target, span<const float> inputs,
                        span<const float> targets) noexcept {
        float mean = 0.0f;
        const nsw_status status =
            nsw_trainer_epoch(get(), target.get(), inputs.data(), inputs.size(), targets.data(),
                              targets.size(), &mean);
        return detail::result_of(status, mean);
    }

    /// The mean loss over samples, without training.
    result<float> loss(const net &target, span<const float> inputs,
                       span<const float> targets) noexcept {
        float mean = 0.0f;
        const nsw_status status =
            nsw_trainer_loss(get(), target.get(), inputs.data(), inputs.size(), targets.data(),
                             targets.size(), &mean);
        return detail::result_of(status, mean);
    }

    /// From one epoch to the next. NSW_ERR_UNSUPPORTED for iRPROP-, which has no rate.
    result<void> set_learning_rate(float rate) noexcept {
        return result<void>(nsw_trainer_set_learning_rate(get(), rate));
    }

private:
    /// Lives on the stack of train(), and so does not outlive the callable.
    template <class Callable>
    struct watcher {
        Callable *callable;
#ifdef __cpp_exceptions
        std::exception_ptr thrown{};
#endif

        static std::int32_t ask(Callable &callable, const nsw_progress &progress) {
            if constexpr (std::is_void_v<decltype(callable(progress))>) {
                callable(progress);
                return 0;
            } else {
                return callable(progress) ? 1 : 0;
            }
        }
        static std::int32_t call(void *ctx, const nsw_progress *progress) noexcept {
            watcher *self = static_cast<watcher *>(ctx);
#ifdef __cpp_exceptions
            try {
                return ask(*self->callable, *progress);
            } catch (...) {
                self->thrown = std::current_exception();
                return 1;
            }
#else
            return ask(*self->callable, *progress);
#endif
        }
    };
};

// ---- qnet ---------------------------------------------------------------------------------------

/// What to quantise: a trained network, and calibration samples.
struct qnet_config : nsw_qnet_config {
    qnet_config() noexcept : nsw_qnet_config{} { size = sizeof(nsw_qnet_config); }
    qnet_config(nsw::net &of_net, span<const float> rows) noexcept : qnet_config() {
        set_net(of_net);
        set_samples(rows);
    }
    /// Only referred to, while the config is used.
    qnet_config &set_net(nsw::net &value) noexcept {
        net = value.get();
        return *this;
    }
    /// Rows of the network's inputs: only referred to, while the config is used.
    qnet_config &set_samples(span<const float> rows) noexcept {
        samples = rows.data();
        samples_len = rows.size();
        return *this;
    }
};

/// A network quantised to int8; it runs on integer arithmetic alone. See nsw_qnet_create.
class qnet : public detail::model<qnet, nsw_qnet> {
public:
    /// Runs one sample on integers alone; returns the number of outputs.
    result<std::size_t> forward_i8(span<const std::int8_t> input,
                                   span<std::int8_t> output) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_forward_i8(get(), input.data(), input.size(), output.data(),
                                       output.size(), len);
        });
    }
    /// Any number of real values as the network's input has them; returns their number.
    result<std::size_t> quantize_input(span<const float> values,
                                       span<std::int8_t> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_quantize_input(get(), values.data(), values.size(), out.data(),
                                           out.size(), len);
        });
    }
    /// Any number of values of the network's output as real ones; returns their number.
    result<std::size_t> dequantize_output(span<const std::int8_t> values,
                                          span<float> out) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_qnet_dequantize_output(get(), values.data(), values.size(), out.data(),
                                              out.size(), len);
        });
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#undef NSW_HPP_ON_ERROR
#undef NSW_HPP_SPAN
#undef NSW_HPP_TRY
#undef NSW_HPP_CATCH_ALL

#endif // NEURAL_SWARM_HPP
