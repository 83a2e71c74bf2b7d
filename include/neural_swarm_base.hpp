// neural-swarm for C++17 and later: results, spans, constants and hooks. Included by
// neural_swarm.hpp, which has the objects and says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_BASE_HPP
#define NEURAL_SWARM_BASE_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "neural_swarm.h"

#if !defined(__cplusplus) || __cplusplus < 201703L
#error "neural_swarm.hpp needs C++17; neural_swarm.h does with C++98"
#endif

#if __cplusplus >= 202002L && defined(__has_include)
#if __has_include(<span>)
#define NSW_HPP_STD_SPAN 1
#include <span>
#endif
#endif

#ifdef NSW_EXCEPTIONS
#include <stdexcept>
#else
#include <cstdio>
#endif

// Exceptions of the caller's own callables need care whatever NSW_EXCEPTIONS says.
#ifdef __cpp_exceptions
#define NSW_HPP_TRY try
#define NSW_HPP_CATCH_ALL catch (...)
#include <exception>
#else
#define NSW_HPP_TRY if constexpr (true)
#define NSW_HPP_CATCH_ALL else
#endif

// Inline functions of one name must have one definition in a program. What depends on the
// settings therefore lies in inline namespaces that are named after them.
#if defined(NSW_EXCEPTIONS) && !defined(__cpp_exceptions)
#error "NSW_EXCEPTIONS is defined, but the compiler's exceptions are off"
#elif defined(NSW_EXCEPTIONS)
#define NSW_HPP_ON_ERROR throwing
#elif defined(__cpp_exceptions)
#define NSW_HPP_ON_ERROR aborting
#else
#define NSW_HPP_ON_ERROR aborting_without_exceptions
#endif
#ifdef NSW_HPP_STD_SPAN
#define NSW_HPP_SPAN with_std_span
#else
#define NSW_HPP_SPAN with_own_span
#endif

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

// ---- version and status ---------------------------------------------------------------------

/// The version of the library that is linked: (major << 16) | (minor << 8) | patch.
inline std::uint32_t version() noexcept { return nsw_version(); }
/// The same as text such as "0.1.0".
inline const char *version_str() noexcept { return nsw_version_str(); }
/// The ABI number of the library that is linked. It can be used by this program only if it
/// equals NSW_ABI_VERSION.
inline std::uint32_t abi_version() noexcept { return nsw_abi_version(); }
/// The text of a status; static, never null.
inline const char *status_str(nsw_status status) noexcept { return nsw_status_str(status); }

// ---- result -----------------------------------------------------------------------------------

#ifdef NSW_EXCEPTIONS
/// What result::value() throws. what() is the status's text.
class error : public std::runtime_error {
public:
    explicit error(nsw_status status) : std::runtime_error(nsw_status_str(status)), status_(status) {}
    /// The NSW_ERR_ code.
    nsw_status status() const noexcept { return status_; }

private:
    nsw_status status_;
};
#endif

namespace detail {

/// The end of value() on an error.
[[noreturn]] inline void no_value(nsw_status status) {
#ifdef NSW_EXCEPTIONS
    throw error(status);
#else
    std::fprintf(stderr, "neural-swarm: value() of an error: %s (%ld)\n", nsw_status_str(status),
                 static_cast<long>(status));
    std::abort();
#endif
}

} // namespace detail

/// A value, or the status that says why there is none.
template <class T>
class [[nodiscard]] result {
    static_assert(std::is_object_v<T> && std::is_nothrow_move_constructible_v<T>,
                  "a result holds an object that moves without failing");

public:
    using value_type = T;

    /// A value.
    result(T value) noexcept : status_(NSW_OK) { ::new (&storage_.value) T(std::move(value)); }
    /// An error. NSW_OK has no value to go with it and becomes NSW_ERR_INVALID.
    static result failure(nsw_status status) noexcept {
        return result(failed{}, status == NSW_OK ? NSW_ERR_INVALID : status);
    }

    result(result &&other) noexcept : status_(other.status_) {
        if (ok()) {
            ::new (&storage_.value) T(std::move(other.storage_.value));
        }
    }
    result &operator=(result &&other) noexcept {
        if (this != &other) {
            this->~result();
            ::new (this) result(std::move(other));
        }
        return *this;
    }
    result(const result &) = delete;
    result &operator=(const result &) = delete;
    ~result() {
        if (ok()) {
            storage_.value.~T();
        }
    }

    /// Whether there is a value.
    [[nodiscard]] bool ok() const noexcept { return status_ == NSW_OK; }
    explicit operator bool() const noexcept { return ok(); }
    /// NSW_OK or the NSW_ERR_ code.
    [[nodiscard]] nsw_status status() const noexcept { return status_; }
    /// The status's text.
    [[nodiscard]] const char *message() const noexcept { return nsw_status_str(status_); }

    /// The value. On an error: throws nsw::error with NSW_EXCEPTIONS, else aborts.
    T &value() & { return required(); }
    const T &value() const & {
        if (!ok()) {
            detail::no_value(status_);
        }
        return storage_.value;
    }
    /// `auto net = nsw::net::create(config).value();` moves it out.
    T &&value() && { return std::move(required()); }
    /// The value, or another one on an error.
    T value_or(T other) && noexcept {
        return ok() ? T(std::move(storage_.value)) : std::move(other);
    }

    /// As value().
    T &operator*() & { return required(); }
    const T &operator*() const & { return value(); }
    T &&operator*() && { return std::move(required()); }
    T *operator->() { return &required(); }
    const T *operator->() const { return &value(); }

private:
    struct failed {};
    union storage {
        // Some compilers warn of an uninitialised value where they cannot see that there is none.
        storage() noexcept : none{} {}
        ~storage() {}
        unsigned char none[sizeof(T)];
        T value;
    };

    result(failed, nsw_status status) noexcept : status_(status) {}

    T &required() {
        if (!ok()) {
            detail::no_value(status_);
        }
        return storage_.value;
    }

    storage storage_;
    nsw_status status_;
};

/// Done, or the status that says why not.
template <>
class [[nodiscard]] result<void> {
public:
    using value_type = void;

    result() noexcept : status_(NSW_OK) {}
    /// What a C function answered.
    explicit result(nsw_status status) noexcept : status_(status) {}
    static result failure(nsw_status status) noexcept {
        return result(status == NSW_OK ? NSW_ERR_INVALID : status);
    }

    [[nodiscard]] bool ok() const noexcept { return status_ == NSW_OK; }
    explicit operator bool() const noexcept { return ok(); }
    [[nodiscard]] nsw_status status() const noexcept { return status_; }
    [[nodiscard]] const char *message() const noexcept { return nsw_status_str(status_); }
    /// Nothing. On an error: throws nsw::error with NSW_EXCEPTIONS, else aborts.
    void value() const {
        if (!ok()) {
            detail::no_value(status_);
        }
    }

private:
    nsw_status status_;
};

namespace detail {

/// `value` if the C function answered NSW_OK.
template <class T>
result<T> result_of(nsw_status status, T value) noexcept {
    return status == NSW_OK ? result<T>(std::move(value)) : result<T>::failure(status);
}

/// `value` if the C function answered NSW_OK, nothing if it was NSW_DONE.
template <class T>
result<std::optional<T>> unless_done(nsw_status status, T value) noexcept {
    std::optional<T> found;
    if (status == NSW_OK) {
        found = std::move(value);
    }
    return result_of(status == NSW_DONE ? NSW_OK : status, std::move(found));
}

} // namespace detail

// ---- span ---------------------------------------------------------------------------------------

#ifdef NSW_HPP_STD_SPAN
template <class T>
using span = std::span<T>;
#else
/// A pointer and a number of elements, owned by somebody else.
template <class T>
class span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr span() noexcept : data_(nullptr), size_(0) {}
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N>
    constexpr span(std::enable_if_t<true, T> (&array)[N]) noexcept : data_(array), size_(N) {}
    /// Whatever has data() and size(): std::array, std::vector, another span.
    template <class C,
              class = std::enable_if_t<
                  !std::is_same_v<std::remove_cv_t<std::remove_reference_t<C>>, span> &&
                  std::is_convertible_v<
                      std::remove_pointer_t<decltype(std::declval<C &>().data())> (*)[], T (*)[]> &&
                  std::is_convertible_v<decltype(std::declval<C &>().size()), std::size_t> &&
                  // As in C++20: a temporary container may be read, not written.
                  (std::is_lvalue_reference_v<C> || std::is_const_v<T>)>>
    constexpr span(C &&container) noexcept
        : data_(container.data()), size_(static_cast<std::size_t>(container.size())) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    /// `count` elements from the `from`-th on; they must be there.
    constexpr span subspan(std::size_t from, std::size_t count) const noexcept {
        return span(data_ + from, count);
    }
    constexpr span first(std::size_t count) const noexcept { return span(data_, count); }

private:
    T *data_;
    std::size_t size_;
};
#endif

// ---- constants ----------------------------------------------------------------------------------

enum class activation : std::uint32_t {
    linear = NSW_ACTIVATION_LINEAR,
    sigmoid = NSW_ACTIVATION_SIGMOID,
    tanh = NSW_ACTIVATION_TANH,
    relu = NSW_ACTIVATION_RELU,
    softmax = NSW_ACTIVATION_SOFTMAX,
    leaky_relu = NSW_ACTIVATION_LEAKY_RELU,
    gelu = NSW_ACTIVATION_GELU,
    silu = NSW_ACTIVATION_SILU,
    threshold = NSW_ACTIVATION_THRESHOLD,
    threshold_symmetric = NSW_ACTIVATION_THRESHOLD_SYMMETRIC,
    sigmoid_stepwise = NSW_ACTIVATION_SIGMOID_STEPWISE,
    tanh_stepwise = NSW_ACTIVATION_TANH_STEPWISE,
    gaussian = NSW_ACTIVATION_GAUSSIAN,
    gaussian_symmetric = NSW_ACTIVATION_GAUSSIAN_SYMMETRIC,
    elliot = NSW_ACTIVATION_ELLIOT,
    elliot_symmetric = NSW_ACTIVATION_ELLIOT_SYMMETRIC,
    linear_piece = NSW_ACTIVATION_LINEAR_PIECE,
    linear_piece_symmetric = NSW_ACTIVATION_LINEAR_PIECE_SYMMETRIC,
    sin = NSW_ACTIVATION_SIN,
    sin_symmetric = NSW_ACTIVATION_SIN_SYMMETRIC,
    cos = NSW_ACTIVATION_COS,
    cos_symmetric = NSW_ACTIVATION_COS_SYMMETRIC
};

enum class init : std::uint32_t {
    automatic = NSW_INIT_AUTO,
    xavier = NSW_INIT_XAVIER,
    he = NSW_INIT_HE
};

enum class topology : std::uint32_t {
    layered = NSW_TOPOLOGY_LAYERED,
    shortcut = NSW_TOPOLOGY_SHORTCUT
};

enum class randomize : std::uint32_t {
    automatic = NSW_RANDOMIZE_AUTO,
    xavier = NSW_RANDOMIZE_XAVIER,
    he = NSW_RANDOMIZE_HE,
    uniform = NSW_RANDOMIZE_UNIFORM,
    nguyen_widrow = NSW_RANDOMIZE_NGUYEN_WIDROW
};

enum class kernel : std::uint32_t {
    automatic = NSW_KERNEL_AUTO,
    portable = NSW_KERNEL_PORTABLE,
    avx2 = NSW_KERNEL_AVX2,
    neon = NSW_KERNEL_NEON,
    avx512 = NSW_KERNEL_AVX512,
    neon_dot = NSW_KERNEL_NEON_DOT,
    dsp = NSW_KERNEL_DSP
};

enum class rounding : std::uint32_t {
    once = NSW_ROUNDING_SINGLE,
    twice = NSW_ROUNDING_DOUBLE
};

enum class algorithm : std::uint32_t {
    irprop_minus = NSW_ALGORITHM_IRPROP_MINUS,
    sgd = NSW_ALGORITHM_SGD,
    adam = NSW_ALGORITHM_ADAM,
    adamw = NSW_ALGORITHM_ADAMW,
    irprop_plus = NSW_ALGORITHM_IRPROP_PLUS,
    incremental = NSW_ALGORITHM_INCREMENTAL,
    batch = NSW_ALGORITHM_BATCH,
    rprop = NSW_ALGORITHM_RPROP,
    quickprop = NSW_ALGORITHM_QUICKPROP,
    sarprop = NSW_ALGORITHM_SARPROP
};

enum class loss : std::uint32_t {
    mse = NSW_LOSS_MSE,
    cross_entropy = NSW_LOSS_CROSS_ENTROPY
};

enum class error_function : std::uint32_t {
    linear = NSW_ERROR_FUNCTION_LINEAR,
    tanh = NSW_ERROR_FUNCTION_TANH
};

enum class schedule : std::uint32_t {
    constant = NSW_SCHEDULE_CONSTANT,
    step = NSW_SCHEDULE_STEP,
    exponential = NSW_SCHEDULE_EXPONENTIAL,
    cosine = NSW_SCHEDULE_COSINE,
    warmup_cosine = NSW_SCHEDULE_WARMUP_COSINE
};

enum class stop : std::uint32_t {
    epochs = NSW_STOP_EPOCHS,
    loss = NSW_STOP_LOSS,
    callback = NSW_STOP_CALLBACK,
    bit_fail = NSW_STOP_BIT_FAIL,
    validation = NSW_STOP_VALIDATION
};

enum class log_level : std::uint32_t {
    error = NSW_LOG_ERROR,
    warn = NSW_LOG_WARN,
    info = NSW_LOG_INFO,
    debug = NSW_LOG_DEBUG
};

// ---- hooks --------------------------------------------------------------------------------------

/// The allocator hook over an object of yours with
///
///     void *allocate(std::size_t bytes, std::size_t alignment);
///     void deallocate(void *ptr, std::size_t bytes, std::size_t alignment);
///
/// as std::pmr::memory_resource has them. allocate() says that there is no memory with nullptr
/// or by throwing. Only a reference is kept: `resource` must outlive every object made with the
/// hook, so a temporary is refused.
template <class Resource>
nsw_allocator allocator_of(Resource &resource) noexcept {
    static_assert(!std::is_const_v<Resource>, "an allocator changes");
    nsw_allocator hook = NSW_ALLOCATOR_INIT;
    hook.ctx = &resource;
    hook.alloc = [](void *ctx, std::size_t size, std::size_t align) noexcept -> void * {
        NSW_HPP_TRY { return static_cast<Resource *>(ctx)->allocate(size, align); }
        NSW_HPP_CATCH_ALL { return nullptr; }
    };
    // Giving memory back cannot fail: an exception from here ends the program.
    hook.free = [](void *ctx, void *ptr, std::size_t size, std::size_t align) noexcept {
        static_cast<Resource *>(ctx)->deallocate(ptr, size, align);
    };
    return hook;
}
template <class Resource>
nsw_allocator allocator_of(const Resource &&) = delete;

/// The logger hook over a callable of yours: void(nsw::log_level, const char *text, std::size_t
/// text_len). The text has no terminating zero. Only a reference is kept: the callable must
/// live as long as the hook is used (a configuration's logger: during the call), so a temporary
/// is refused. A log line that cannot be told is lost: what the callable throws is swallowed.
template <class Callable>
nsw_logger logger_of(Callable &callable, log_level max_level = log_level::info) noexcept {
    nsw_logger hook = NSW_LOGGER_INIT;
    hook.max_level = static_cast<std::uint32_t>(max_level);
    hook.ctx = const_cast<void *>(static_cast<const volatile void *>(&callable));
    hook.log = [](void *ctx, std::uint32_t level, const char *text, std::size_t len) noexcept {
        NSW_HPP_TRY {
            (*static_cast<Callable *>(ctx))(static_cast<log_level>(level), text, len);
        }
        NSW_HPP_CATCH_ALL {}
    };
    return hook;
}
template <class Callable>
nsw_logger logger_of(const Callable &&, log_level = log_level::info) = delete;

/// The library's own threads, at most so many at once; 0 means as many as the machine has.
inline nsw_parallel threads(std::uint32_t at_most = 0) noexcept {
    nsw_parallel hook = NSW_PARALLEL_INIT;
    hook.threads = at_most;
    return hook;
}
/// The hook over a thread pool of yours: a callable void(std::size_t parts, nsw_work work, void
/// *work_ctx) that calls work(work_ctx, part) for each part and waits for all calls, also before
/// it throws: that is swallowed, and work left undone is NSW_ERR_HOOK. Only a reference is kept,
/// so a temporary is refused.
template <class Callable>
nsw_parallel parallel_of(Callable &callable) noexcept {
    nsw_parallel hook = NSW_PARALLEL_INIT;
    hook.ctx = const_cast<void *>(static_cast<const volatile void *>(&callable));
    hook.run = [](void *ctx, std::size_t parts, nsw_work work, void *work_ctx) noexcept {
        NSW_HPP_TRY { (*static_cast<Callable *>(ctx))(parts, work, work_ctx); }
        NSW_HPP_CATCH_ALL {}
    };
    return hook;
}
template <class Callable>
nsw_parallel parallel_of(const Callable &&) = delete;

/// The source of randomness over a callable of yours: bool(nsw::span<std::uint8_t> out) fills all
/// of it, or says that it cannot with false or by throwing. Only a reference is kept: the callable
/// must outlive every object made with the hook, so a temporary is refused.
template <class Callable>
nsw_entropy entropy_of(Callable &callable) noexcept {
    nsw_entropy hook = NSW_ENTROPY_INIT;
    hook.ctx = const_cast<void *>(static_cast<const volatile void *>(&callable));
    hook.fill = [](void *ctx, std::uint8_t *out, std::size_t len) noexcept -> nsw_status {
        NSW_HPP_TRY {
            const bool filled = (*static_cast<Callable *>(ctx))(span<std::uint8_t>(out, len));
            return filled ? NSW_OK : NSW_ERR_HOOK;
        }
        NSW_HPP_CATCH_ALL { return NSW_ERR_HOOK; }
    };
    return hook;
}
template <class Callable>
nsw_entropy entropy_of(const Callable &&) = delete;

namespace detail {

/// Calls a callable for the library, which nothing may be thrown through. It lives on the stack of
/// the function that was given the callable, and so does not outlive that.
template <class Callable>
struct guest {
    Callable *callable;
#ifdef __cpp_exceptions
    std::exception_ptr thrown{};
#endif

    /// Whether the callable came to its end. After it has thrown once it is not called again.
    template <class... Args>
    bool call(Args &&...args) noexcept {
        return run([&] { (*callable)(std::forward<Args>(args)...); });
    }
    /// Whether the callable says that it is enough. One that says nothing never does; one that
    /// has thrown does.
    template <class Told>
    bool enough(const Told &told) noexcept {
        bool answer = true;
        run([&] {
            if constexpr (std::is_void_v<decltype((*callable)(told))>) {
                (*callable)(told);
                answer = false;
            } else {
                answer = static_cast<bool>((*callable)(told));
            }
        });
        return answer;
    }
    /// Throws what the callable has thrown.
    void finish() const {
#ifdef __cpp_exceptions
        if (thrown) {
            std::rethrow_exception(thrown);
        }
#endif
    }

    template <class Act>
    bool run(Act &&act) noexcept {
#ifdef __cpp_exceptions
        if (thrown) {
            return false;
        }
        try {
            act();
            return true;
        } catch (...) {
            thrown = std::current_exception();
            return false;
        }
#else
        act();
        return true;
#endif
    }
};

} // namespace detail

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_BASE_HPP
