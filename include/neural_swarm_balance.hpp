// neural-swarm for C++17 and later: which worker gets a request, and how many workers there should be.
// Included by neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_BALANCE_HPP
#define NEURAL_SWARM_BALANCE_HPP

#include <optional>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_balancer> {
    using config = nsw_balancer_config;
    static constexpr auto footprint = &nsw_balancer_footprint;
    static constexpr auto create = &nsw_balancer_create;
    static constexpr auto destroy = &nsw_balancer_destroy;
};

template <>
struct functions<nsw_gauge> {
    using config = nsw_gauge_config;
    static constexpr auto footprint = &nsw_gauge_footprint;
    static constexpr auto create = &nsw_gauge_create;
    static constexpr auto destroy = &nsw_gauge_destroy;
};

template <>
struct functions<nsw_autoscaler> {
    using config = nsw_autoscaler_config;
    static constexpr auto footprint = &nsw_autoscaler_footprint;
    static constexpr auto create = &nsw_autoscaler_create;
    static constexpr auto destroy = &nsw_autoscaler_destroy;
};

} // namespace detail

/// How a worker is chosen. See NSW_BALANCER_PREDICTED_WORK and the like.
enum class policy : std::uint32_t {
    predicted_work = NSW_BALANCER_PREDICTED_WORK,
    round_robin = NSW_BALANCER_ROUND_ROBIN,
    power_of_two = NSW_BALANCER_POWER_OF_TWO,
    peak_ewma = NSW_BALANCER_PEAK_EWMA,
    least_loaded = NSW_BALANCER_LEAST_LOADED,
    prequal = NSW_BALANCER_PREQUAL,
    prequal_sync = NSW_BALANCER_PREQUAL_SYNC
};

/// What a dispatcher is made for. The defaults unless more is set; see nsw_balancer_config.
struct balancer_config : nsw_balancer_config {
    explicit balancer_config(std::uint32_t worker_count,
                             nsw::policy how = nsw::policy::predicted_work) noexcept
        : nsw_balancer_config{} {
        size = sizeof(nsw_balancer_config);
        workers = worker_count;
        nsw_balancer_config::policy = static_cast<std::uint32_t>(how);
    }
};

/// What a worker's gauge is made for. The defaults unless more is set; see nsw_gauge_config.
struct gauge_config : nsw_gauge_config {
    gauge_config() noexcept : nsw_gauge_config{} { size = sizeof(nsw_gauge_config); }
};

/// How replicas are to be scaled. The defaults unless more is set; see nsw_autoscaler_config.
struct autoscaler_config : nsw_autoscaler_config {
    autoscaler_config() noexcept : nsw_autoscaler_config{} {
        size = sizeof(nsw_autoscaler_config);
    }
};

/// What a worker says when it is asked. See nsw_answer.
struct answer : nsw_answer {
    answer() noexcept : nsw_answer{} { size = sizeof(nsw_answer); }
};

/// A choice.
struct pick {
    std::uint32_t worker;
    /// The work that the request is expected to be: to be sent with it, for the worker's gauge.
    float work;
};

/// What is known of a request that has ended.
struct ended {
    /// The worker that had it.
    std::uint32_t worker;
    /// How long it was in flight.
    std::uint64_t latency_us;
};

/// A dispatcher: which worker gets a request. See nsw_balancer.
class balancer : public detail::object<balancer, nsw_balancer> {
public:
    /// Requests in flight.
    result<std::uint32_t> in_flight() const noexcept {
        std::uint32_t count = 0;
        const nsw_status status = nsw_balancer_in_flight(get(), &count);
        return detail::result_of(status, count);
    }
    /// Whether the answers to probes are to be waited for before a pick.
    result<bool> waits() const noexcept {
        std::uint32_t yes = 0;
        const nsw_status status = nsw_balancer_waits(get(), &yes);
        return detail::result_of(status, yes == 1);
    }
    /// Whether a worker may be chosen. See nsw_balancer_set_available.
    result<void> set_available(std::uint32_t worker, bool available) noexcept {
        return result<void>(nsw_balancer_set_available(get(), worker, available ? 1 : 0));
    }
    /// What is in a worker's battery, and the share of time that it is awake.
    result<void> set_power(std::uint32_t worker, float battery, float duty) noexcept {
        return result<void>(nsw_balancer_set_power(get(), worker, battery, duty));
    }

    /// A request has come: as many workers may be asked as are asked for one.
    result<void> prepare(std::uint64_t now_us) noexcept {
        return result<void>(nsw_balancer_prepare(get(), now_us));
    }
    /// The next worker that is to be asked; none if there is none now.
    result<std::optional<std::uint32_t>> next_probe(std::uint64_t now_us) noexcept {
        std::uint32_t worker = 0;
        const nsw_status status = nsw_balancer_next_probe(get(), now_us, &worker);
        return detail::unless_done(status, worker);
    }
    /// When next_probe() would name a worker although no request has come; none if never.
    result<std::optional<std::uint64_t>> next_probe_at() const noexcept {
        std::uint64_t at_us = 0;
        const nsw_status status = nsw_balancer_next_probe_at(get(), &at_us);
        return detail::unless_done(status, at_us);
    }
    /// A worker has answered.
    result<void> probed(std::uint32_t worker, const nsw_answer &told,
                        std::uint64_t now_us) noexcept {
        return result<void>(nsw_balancer_probed(get(), worker, &told, now_us));
    }

    /// The work that a request is expected to be.
    result<float> predict(span<const float> features) noexcept {
        float work = 0;
        const nsw_status status =
            nsw_balancer_predict(get(), features.data(), features.size(), &work);
        return detail::result_of(status, work);
    }
    /// The worker for a request with these features.
    result<nsw::pick> pick(span<const float> features, std::uint64_t now_us) noexcept {
        nsw::pick chosen{0, 0};
        const nsw_status status = nsw_balancer_pick(get(), features.data(), features.size(), now_us,
                                                    &chosen.worker, &chosen.work);
        return detail::result_of(status, chosen);
    }
    /// A request is on its way to a worker.
    result<void> sent(std::uint64_t request, std::uint32_t worker, span<const float> features,
                      std::uint64_t now_us) noexcept {
        return result<void>(nsw_balancer_sent(get(), request, worker, features.data(),
                                              features.size(), now_us));
    }
    /// A request has come back; `work` is 0 where it is not known. See nsw_balancer_done.
    result<ended> done(std::uint64_t request, float work, std::uint64_t now_us) noexcept {
        ended end{0, 0};
        const nsw_status status =
            nsw_balancer_done(get(), request, work, now_us, &end.worker, &end.latency_us);
        return detail::result_of(status, end);
    }
    /// A request will not come back. See nsw_balancer_failed.
    result<ended> failed(std::uint64_t request, std::uint64_t now_us) noexcept {
        ended end{0, 0};
        const nsw_status status =
            nsw_balancer_failed(get(), request, now_us, &end.worker, &end.latency_us);
        return detail::result_of(status, end);
    }
};

/// Spreads a value over all of `hats` by hat functions. See nsw_log_hats.
inline result<void> log_hats(float value, float low, float high, span<float> hats) noexcept {
    return result<void>(nsw_log_hats(value, low, high, hats.data(), hats.size(), nullptr));
}

/// What a worker measures of itself. See nsw_gauge.
class gauge : public detail::object<gauge, nsw_gauge> {
public:
    /// Requests that are here.
    result<std::uint32_t> in_flight() const noexcept {
        std::uint32_t count = 0;
        const nsw_status status = nsw_gauge_in_flight(get(), &count);
        return detail::result_of(status, count);
    }
    /// A request has come that is expected to be so much work.
    result<void> arrived(std::uint64_t request, float work, std::uint64_t now_us) noexcept {
        return result<void>(nsw_gauge_arrived(get(), request, work, now_us));
    }
    /// So much of a request is done by now.
    result<void> progressed(std::uint64_t request, float done, std::uint64_t now_us) noexcept {
        return result<void>(nsw_gauge_progressed(get(), request, done, now_us));
    }
    /// A request is finished, and was so much work; 0 where that is not known.
    result<void> finished(std::uint64_t request, float work, std::uint64_t now_us) noexcept {
        return result<void>(nsw_gauge_finished(get(), request, work, now_us));
    }
    /// A request is gone without a result.
    result<void> dropped(std::uint64_t request, std::uint64_t now_us) noexcept {
        return result<void>(nsw_gauge_dropped(get(), request, now_us));
    }
    /// What is to be told to a dispatcher that asks.
    result<nsw::answer> answer(std::uint64_t now_us) noexcept {
        nsw::answer told;
        const nsw_status status = nsw_gauge_answer(get(), now_us, &told);
        return detail::result_of(status, told);
    }
};

/// What an autoscaler wishes.
struct scaled {
    /// How many replicas there should be.
    std::uint32_t replicas;
    /// The load that they are meant for.
    float load;
};

/// Wishes for replicas, one each period. See nsw_autoscaler.
class autoscaler : public detail::object<autoscaler, nsw_autoscaler> {
public:
    /// A period has passed with this load in all, on `current` replicas.
    result<scaled> step(float load, std::uint32_t current) noexcept {
        scaled wish{0, 0};
        const nsw_status status =
            nsw_autoscaler_step(get(), load, current, &wish.replicas, &wish.load);
        return detail::result_of(status, wish);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_BALANCE_HPP
