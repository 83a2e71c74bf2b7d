// neural-swarm for C++17 and later: what all objects share. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_OBJECT_HPP
#define NEURAL_SWARM_OBJECT_HPP

#include "neural_swarm_base.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

/// The memory that an object takes: one block.
struct footprint {
    std::size_t size;
    std::size_t align;
};

// ---- what all objects share ---------------------------------------------------------------------

namespace detail {

/// The C functions of each type of object: specialised beside the objects.
template <class Handle>
struct functions;

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

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_OBJECT_HPP
