// neural-swarm for C++17 and later: text to task. Included by neural_swarm.hpp, which says how all of it is
// used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_ROUTE_HPP
#define NEURAL_SWARM_ROUTE_HPP

#include <optional>
#include <string_view>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_router> {
    static constexpr auto destroy = &nsw_router_destroy;
};

/// A text as the bytes that functions take.
inline const std::uint8_t *bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const std::uint8_t *>(text.data());
}

} // namespace detail

/// A name, which must outlive this. See nsw_name.
struct name : nsw_name {
    name(std::string_view of) noexcept : nsw_name{} {
        size = sizeof(nsw_name);
        len = static_cast<std::uint32_t>(of.size());
        text = of.data();
    }
};

/// A unit of a number, whose name must outlive this. See nsw_unit.
struct unit : nsw_unit {
    unit(std::string_view of, double times) noexcept : nsw_unit{} {
        size = sizeof(nsw_unit);
        name_len = static_cast<std::uint32_t>(of.size());
        name = of.data();
        factor = times;
    }
};

/// What is looked for in a text; what it is made of must outlive it. See nsw_pattern.
struct pattern : nsw_pattern {
    /// A number with one of these units; without any, one that has no unit.
    static pattern number(span<const unit> units) noexcept {
        pattern made(NSW_SLOT_NUMBER);
        made.units = units.data();
        made.unit_count = units.size();
        return made;
    }
    /// One of these names.
    static pattern one_of(span<const name> all) noexcept {
        pattern made(NSW_SLOT_NAME);
        made.names = all.data();
        made.name_count = all.size();
        return made;
    }
    /// Latitude and longitude.
    static pattern coordinates() noexcept { return pattern(NSW_SLOT_COORDINATES); }
    /// Hours, minutes, seconds, days.
    static pattern duration() noexcept { return pattern(NSW_SLOT_DURATION); }
    /// A word and a number behind it.
    static pattern identifier(std::string_view word) noexcept {
        pattern made(NSW_SLOT_IDENTIFIER);
        made.prefix = word.data();
        made.prefix_len = word.size();
        return made;
    }

private:
    explicit pattern(std::uint32_t of) noexcept : nsw_pattern{} {
        size = sizeof(nsw_pattern);
        kind = of;
    }
};

/// A slot of a task. See nsw_slot.
struct slot : nsw_slot {
    slot() noexcept : nsw_slot{} { size = sizeof(nsw_slot); }
    /// Whether something fills it.
    explicit operator bool() const noexcept { return kind != NSW_SLOT_EMPTY; }
};

/// Fills a slot for each pattern; returns how many were filled. See nsw_route_fill.
inline result<std::size_t> fill(std::string_view text, span<const pattern> patterns,
                                span<slot> slots) noexcept {
    std::size_t filled = 0;
    const nsw_status status = nsw_route_fill(detail::bytes_of(text), text.size(), patterns.data(),
                                             patterns.size(), slots.data(), slots.size(), &filled);
    return detail::result_of(status, filled);
}

/// What a text asks for.
struct route {
    /// The task, unless the text is out of scope.
    std::optional<std::uint32_t> task;
    /// The task that is nearest, also if the text is out of scope.
    std::uint32_t best;
    /// How likely that one is, 0 to 1.
    float confidence;
};

/// What a router is to be, and how it is trained. The defaults unless more is set; see
/// nsw_router_config.
struct router_config : nsw_router_config {
    router_config() noexcept : nsw_router_config{} { size = sizeof(nsw_router_config); }
};

/// A text, which must outlive this, and the task that it asks for; none: out of scope.
struct sample : nsw_sample {
    sample(std::string_view of, std::optional<std::uint32_t> for_task) noexcept : nsw_sample{} {
        size = sizeof(nsw_sample);
        task = for_task.value_or(NSW_ROUTE_NONE);
        text = of.data();
        text_len = of.size();
    }
};

/// Which of a domain's tasks a text asks for, if any. See nsw_router.
class router : public detail::owner<router, nsw_router> {
public:
    /// The memory that create() takes for this model: without the model.
    static result<nsw::footprint> footprint(span<const std::uint8_t> model) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_router_footprint(model.data(), model.size(), size, align);
        });
    }
    /// Reads the model where it is: it must stay as it is until the router is destroyed.
    static result<router> create(span<const std::uint8_t> model,
                                 const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_router **out) {
            return nsw_router_create(model.data(), model.size(), mem, out);
        });
    }
    /// Trains a router; returns its model's length. With an empty buffer it tells the length in
    /// NSW_ERR_BUFFER_TOO_SMALL alone: see trained_size().
    static result<std::size_t> train(const router_config &config, span<const name> tasks,
                                     span<const sample> samples,
                                     span<std::uint8_t> model) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_router_train(&config, tasks.data(), tasks.size(), samples.data(),
                                    samples.size(), model.data(), model.size(), len);
        });
    }
    /// Bytes that train() needs.
    static result<std::size_t> trained_size(const router_config &config, span<const name> tasks,
                                            span<const sample> samples) noexcept {
        return length_of([&](std::size_t *len) {
            const nsw_status status =
                nsw_router_train(&config, tasks.data(), tasks.size(), samples.data(),
                                 samples.size(), nullptr, 0, len);
            // Which is the answer to having no buffer at all.
            return status == NSW_ERR_BUFFER_TOO_SMALL ? NSW_OK : status;
        });
    }
    /// Sets a model's threshold; returns it. See nsw_router_calibrate.
    static result<float> calibrate(span<std::uint8_t> model, span<const sample> samples,
                                   float refused) noexcept {
        float threshold = 0;
        const nsw_status status = nsw_router_calibrate(model.data(), model.size(), samples.data(),
                                                       samples.size(), refused, &threshold);
        return detail::result_of(status, threshold);
    }

    /// How many tasks it knows.
    result<std::uint32_t> tasks() const noexcept {
        std::uint32_t count = 0;
        const nsw_status status = nsw_router_tasks(get(), &count);
        return detail::result_of(status, count);
    }
    /// The name of a task, in the model.
    result<std::string_view> name_of(std::uint32_t task) const noexcept {
        const char *found = nullptr;
        std::size_t len = 0;
        const nsw_status status = nsw_router_name(get(), task, &found, &len);
        return detail::result_of(status, std::string_view(found, len));
    }
    /// The confidence below which a text is out of scope.
    result<float> threshold() const noexcept {
        float least = 0;
        const nsw_status status = nsw_router_threshold(get(), &least);
        return detail::result_of(status, least);
    }
    /// Which task a text asks for.
    result<nsw::route> route(std::string_view text) const noexcept {
        nsw_route found = NSW_ROUTE_INIT;
        const nsw_status status =
            nsw_router_route(get(), detail::bytes_of(text), text.size(), &found);
        nsw::route made{std::nullopt, found.best, found.confidence};
        if (found.task != NSW_ROUTE_NONE) {
            made.task = found.task;
        }
        return detail::result_of(status, made);
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_ROUTE_HPP
