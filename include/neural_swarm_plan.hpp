// neural-swarm for C++17 and later: planning, what is to be done becomes what to do. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_PLAN_HPP
#define NEURAL_SWARM_PLAN_HPP

#include <optional>
#include <string_view>

#include "neural_swarm_object.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_plan_builder> {
    using config = nsw_plan_builder_config;
    static constexpr auto footprint = &nsw_plan_builder_footprint;
    static constexpr auto create = &nsw_plan_builder_create;
    static constexpr auto destroy = &nsw_plan_builder_destroy;
};

template <>
struct functions<nsw_plan_model> {
    static constexpr auto destroy = &nsw_plan_model_destroy;
};

template <>
struct functions<nsw_planner> {
    using config = nsw_planner_config;
    static constexpr auto footprint = &nsw_planner_footprint;
    static constexpr auto create = &nsw_planner_create;
    static constexpr auto destroy = &nsw_planner_destroy;
};

template <>
struct functions<nsw_plan_verifier> {
    using config = nsw_plan_verifier_config;
    static constexpr auto footprint = &nsw_plan_verifier_footprint;
    static constexpr auto create = &nsw_plan_verifier_create;
    static constexpr auto destroy = &nsw_plan_verifier_destroy;
};

} // namespace detail

/// A number of a type, an object, a predicate, a task or a method; or an argument.
using plan_id = std::uint16_t;

/// An argument: variable `index` of the action or method.
constexpr plan_id plan_variable(std::uint8_t index) noexcept {
    return static_cast<plan_id>(NSW_PLAN_VARIABLE + index);
}

/// What a condition is made of. See NSW_PLAN_AND and the like.
enum class plan_part : std::uint32_t {
    all = NSW_PLAN_AND,
    any = NSW_PLAN_OR,
    none = NSW_PLAN_NOT,
    imply = NSW_PLAN_IMPLY
};

/// How a search stands. See NSW_PLAN_RUNNING and the like.
enum class plan_outcome : std::uint32_t {
    running = NSW_PLAN_RUNNING,
    found = NSW_PLAN_FOUND,
    no_plan = NSW_PLAN_NONE,
    out_of_memory = NSW_PLAN_OUT_OF_MEMORY
};

/// What a number or a name is of. See NSW_PLAN_TYPES and the like.
enum class plan_kind : std::uint32_t {
    types = NSW_PLAN_TYPES,
    objects = NSW_PLAN_OBJECTS,
    predicates = NSW_PLAN_PREDICATES,
    tasks = NSW_PLAN_TASKS,
    methods = NSW_PLAN_METHODS
};

/// How much a builder has room for: set what is needed. See nsw_plan_builder_config.
struct plan_builder_config : nsw_plan_builder_config {
    plan_builder_config() noexcept : nsw_plan_builder_config{} {
        size = sizeof(nsw_plan_builder_config);
    }
};

/// Makes a planning domain and a problem into the bytes of a model. See nsw_plan_builder, which says what
/// comes after what.
class plan_builder : public detail::object<plan_builder, nsw_plan_builder> {
public:
    result<plan_id> add_type(std::string_view name) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_type(get(), name.data(), name.size(), out);
        });
    }
    result<void> subtype(plan_id child, plan_id parent) noexcept {
        return result<void>(nsw_plan_builder_subtype(get(), child, parent));
    }
    result<plan_id> either(span<const plan_id> types) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_either(get(), types.data(), types.size(), out);
        });
    }
    result<plan_id> object(std::string_view name, plan_id type) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_object(get(), name.data(), name.size(), type, out);
        });
    }
    result<void> also(plan_id object, plan_id type) noexcept {
        return result<void>(nsw_plan_builder_also(get(), object, type));
    }
    result<plan_id> predicate(std::string_view name, span<const plan_id> types) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_predicate(get(), name.data(), name.size(), types.data(),
                                              types.size(), out);
        });
    }
    result<plan_id> action(std::string_view name, span<const plan_id> types) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_action(get(), name.data(), name.size(), types.data(),
                                           types.size(), out);
        });
    }
    result<plan_id> task(std::string_view name, span<const plan_id> types) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_task(get(), name.data(), name.size(), types.data(),
                                         types.size(), out);
        });
    }
    result<plan_id> method(std::string_view name, plan_id task, span<const plan_id> args,
                           span<const plan_id> types) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_method(get(), name.data(), name.size(), task, args.data(),
                                           args.size(), types.data(), types.size(), out);
        });
    }
    result<void> network(span<const plan_id> types = {}) noexcept {
        return result<void>(nsw_plan_builder_network(get(), types.data(), types.size()));
    }
    result<void> goal() noexcept { return result<void>(nsw_plan_builder_goal(get())); }
    result<void> fact(plan_id predicate, span<const plan_id> objects) noexcept {
        return result<void>(
            nsw_plan_builder_fact(get(), predicate, objects.data(), objects.size()));
    }

    // Conditions.
    result<void> open(plan_part part) noexcept {
        return result<void>(nsw_plan_builder_open(get(), static_cast<std::uint32_t>(part)));
    }
    result<plan_id> quantifier(bool for_all, plan_id type) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_quantifier(get(), for_all ? 1 : 0, type, out);
        });
    }
    result<void> close() noexcept { return result<void>(nsw_plan_builder_close(get())); }
    result<void> atom(plan_id predicate, span<const plan_id> args) noexcept {
        return result<void>(nsw_plan_builder_atom(get(), predicate, args.data(), args.size()));
    }
    result<void> equal(plan_id a, plan_id b) noexcept {
        return result<void>(nsw_plan_builder_equal(get(), a, b));
    }

    // Effects.
    result<void> add(plan_id predicate, span<const plan_id> args) noexcept {
        return result<void>(nsw_plan_builder_add(get(), predicate, args.data(), args.size()));
    }
    result<void> remove(plan_id predicate, span<const plan_id> args) noexcept {
        return result<void>(nsw_plan_builder_delete(get(), predicate, args.data(), args.size()));
    }
    result<plan_id> when(span<const plan_id> types = {}) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_when(get(), types.data(), types.size(), out);
        });
    }
    result<void> then() noexcept { return result<void>(nsw_plan_builder_then(get())); }
    result<void> end_when() noexcept { return result<void>(nsw_plan_builder_end_when(get())); }

    // Subtasks.
    result<plan_id> subtask(plan_id task, span<const plan_id> args) noexcept {
        return id([&](plan_id *out) {
            return nsw_plan_builder_subtask(get(), task, args.data(), args.size(), out);
        });
    }
    result<void> ordered() noexcept { return result<void>(nsw_plan_builder_ordered(get())); }
    result<void> before(plan_id first, plan_id second) noexcept {
        return result<void>(nsw_plan_builder_before(get(), first, second));
    }

    /// The most bytes that finish() needs.
    result<std::size_t> model_len() const noexcept {
        return length_of([&](std::size_t *len) { return nsw_plan_builder_model_len(get(), len); });
    }
    /// Writes the model to where a multiple of 4 begins; returns its length.
    result<std::size_t> finish(span<std::uint8_t> out) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_plan_builder_finish(get(), out.data(), out.size(), len);
        });
    }

private:
    template <class Call>
    static result<plan_id> id(Call &&call) noexcept {
        plan_id made = 0;
        const nsw_status status = call(&made);
        return detail::result_of(status, made);
    }
};

/// A subtask of a method: its task, and its arguments in the model's bytes.
struct plan_subtask {
    plan_id task;
    span<const plan_id> args;
};

/// A planning domain with a problem, read in place. See nsw_plan_model.
class plan_model : public detail::owner<plan_model, nsw_plan_model> {
public:
    /// The memory that view() takes.
    static result<nsw::footprint> view_footprint() noexcept {
        return footprint_of([](std::size_t *size, std::size_t *align) {
            return nsw_plan_model_footprint(size, align);
        });
    }
    /// Opens a model whose bytes stay where they are. A null `mem` means the system's heap.
    static result<plan_model> view(span<const std::uint8_t> bytes,
                                   const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_plan_model **out) {
            return nsw_plan_model_create(bytes.data(), bytes.size(), mem, out);
        });
    }

    result<nsw_plan_model_info> describe() const noexcept {
        nsw_plan_model_info info = NSW_PLAN_MODEL_INFO_INIT;
        const nsw_status status = nsw_plan_model_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// The name of a number; empty if it has none.
    result<std::string_view> name(plan_kind kind, plan_id number) const noexcept {
        const char *text = nullptr;
        std::size_t len = 0;
        const nsw_status status = nsw_plan_model_name(get(), static_cast<std::uint32_t>(kind),
                                                      number, &text, &len);
        return detail::result_of(status, std::string_view(len == 0 ? "" : text, len));
    }
    /// The number with this name; none if there is none.
    result<std::optional<plan_id>> find(plan_kind kind, std::string_view name) const noexcept {
        plan_id number = 0;
        const nsw_status status = nsw_plan_model_find(get(), static_cast<std::uint32_t>(kind),
                                                      name.data(), name.size(), &number);
        return detail::unless_done(status, number);
    }
    /// Whether an object is of a type.
    result<bool> is(plan_id object, plan_id type) const noexcept {
        std::uint32_t yes = 0;
        const nsw_status status = nsw_plan_model_is(get(), object, type, &yes);
        return detail::result_of(status, yes != 0);
    }
    result<nsw_plan_predicate_info> predicate(plan_id number) const noexcept {
        nsw_plan_predicate_info info = NSW_PLAN_PREDICATE_INFO_INIT;
        const nsw_status status = nsw_plan_model_predicate(get(), number, &info);
        return detail::result_of(status, info);
    }
    result<nsw_plan_task_info> task(plan_id number) const noexcept {
        nsw_plan_task_info info = NSW_PLAN_TASK_INFO_INIT;
        const nsw_status status = nsw_plan_model_task(get(), number, &info);
        return detail::result_of(status, info);
    }
    result<nsw_plan_method_info> method(plan_id number) const noexcept {
        nsw_plan_method_info info = NSW_PLAN_METHOD_INFO_INIT;
        const nsw_status status = nsw_plan_model_method(get(), number, &info);
        return detail::result_of(status, info);
    }
    result<plan_subtask> subtask(plan_id method, std::size_t index) const noexcept {
        plan_id task = 0;
        const plan_id *args = nullptr;
        std::size_t count = 0;
        const nsw_status status =
            nsw_plan_model_subtask(get(), method, index, &task, &args, &count);
        return detail::result_of(status, plan_subtask{task, span<const plan_id>(args, count)});
    }
};

/// Argument `argument` of a step's task. See nsw_plan_argument.
inline result<plan_id> plan_argument(const nsw_plan &plan, const plan_model &model,
                                     std::size_t step, std::size_t argument) noexcept {
    plan_id object = 0;
    const nsw_status status = nsw_plan_argument(&plan, model.get(), step, argument, &object);
    return detail::result_of(status, object);
}

/// Whether the methods' orderings put a step before another. See nsw_plan_is_before.
inline result<bool> plan_is_before(const nsw_plan &plan, const plan_model &model,
                                   std::size_t first, std::size_t second) noexcept {
    std::uint32_t yes = 0;
    const nsw_status status = nsw_plan_is_before(&plan, model.get(), first, second, &yes);
    return detail::result_of(status, yes != 0);
}

/// What a planner is made for. See nsw_planner_config.
struct planner_config : nsw_planner_config {
    explicit planner_config(const plan_model &of, std::size_t bytes = 0) noexcept
        : nsw_planner_config{} {
        size = sizeof(nsw_planner_config);
        model = of.get();
        memory = bytes;
    }
};

/// The state in which a task is to be decomposed, while an order runs. See nsw_plan_state.
class plan_state {
public:
    explicit plan_state(const nsw_plan_state *state) noexcept : state_(state) {}
    /// Whether a fact holds.
    result<bool> holds(plan_id predicate, span<const plan_id> args) const noexcept {
        std::uint32_t yes = 0;
        const nsw_status status =
            nsw_plan_state_holds(state_, predicate, args.data(), args.size(), &yes);
        return detail::result_of(status, yes != 0);
    }
    /// How many facts of a predicate hold.
    result<std::size_t> count(plan_id predicate) const noexcept {
        std::size_t count = 0;
        const nsw_status status = nsw_plan_state_count(state_, predicate, &count);
        return detail::result_of(status, count);
    }
    /// What a task looks like in it: the input of a network. See nsw_plan_state_features.
    result<void> features(plan_id task, span<const plan_id> args,
                          span<float> row) const noexcept {
        return result<void>(nsw_plan_state_features(state_, task, args.data(), args.size(),
                                                    row.data(), row.size()));
    }

private:
    const nsw_plan_state *state_;
};

/// A planner for one model. See nsw_planner.
class planner : public detail::object<planner, nsw_planner> {
public:
    /// Searches on, at most so many nodes.
    result<plan_outcome> step(std::uint64_t nodes) noexcept {
        return outcome([&](std::uint32_t *out) { return nsw_planner_step(get(), nodes, out); });
    }
    /// The same with a say of `order(plan_state, task, args, methods, scores)`, which writes a score for each
    /// method: the lowest is tried first. What it throws comes out of this function, after the search has gone
    /// on without it: the scores stay as they are.
    template <class Order>
    result<plan_outcome> step_with(std::uint64_t nodes, Order &&order) {
        using guest_type = detail::guest<std::remove_reference_t<Order>>;
        const nsw_method_order rank = [](void *ctx, const nsw_plan_state *state, plan_id task,
                                         const plan_id *args, std::size_t arg_count,
                                         const plan_id *methods, std::size_t method_count,
                                         float *scores) noexcept {
            (void)static_cast<guest_type *>(ctx)->call(
                plan_state(state), task, span<const plan_id>(args, arg_count),
                span<const plan_id>(methods, method_count), span<float>(scores, method_count));
        };
        guest_type guest{&order};
        auto found = outcome([&](std::uint32_t *out) {
            return nsw_planner_step_with(get(), nodes, rank, &guest, out);
        });
        guest.finish();
        return found;
    }
    /// Searches on until there is an answer, or `stop(const nsw_planner_stats &)`, asked after every `nodes` nodes,
    /// says that it is enough. What it throws ends the search too, and comes out of this function.
    template <class Stop>
    result<plan_outcome> run(std::uint64_t nodes, Stop &&stop) {
        using guest_type = detail::guest<std::remove_reference_t<Stop>>;
        const nsw_planner_stop enough =
            [](void *ctx, const nsw_planner_stats *stats) noexcept -> std::uint32_t {
            return static_cast<guest_type *>(ctx)->enough(*stats) ? 1 : 0;
        };
        guest_type guest{&stop};
        auto found = outcome([&](std::uint32_t *out) {
            return nsw_planner_run(get(), nodes, enough, &guest, out);
        });
        guest.finish();
        return found;
    }
    /// The plan that was found, which lies in the planner until it is changed.
    result<nsw_plan> plan() noexcept {
        nsw_plan found = NSW_PLAN_INIT;
        const nsw_status status = nsw_planner_plan(get(), &found);
        return detail::result_of(status, found);
    }
    /// What it did so far.
    result<nsw_planner_stats> describe() const noexcept {
        nsw_planner_stats stats = NSW_PLANNER_STATS_INIT;
        const nsw_status status = nsw_planner_describe(get(), &stats);
        return detail::result_of(status, stats);
    }

private:
    template <class Call>
    static result<plan_outcome> outcome(Call &&call) noexcept {
        std::uint32_t out = NSW_PLAN_RUNNING;
        const nsw_status status = call(&out);
        return detail::result_of(status, static_cast<plan_outcome>(out));
    }
};

/// How much a verifier has room for. See nsw_plan_verifier_config.
struct plan_verifier_config : nsw_plan_verifier_config {
    plan_verifier_config(std::uint32_t plan_steps, std::uint32_t most_facts,
                         std::uint32_t fact_words) noexcept
        : nsw_plan_verifier_config{} {
        size = sizeof(nsw_plan_verifier_config);
        steps = plan_steps;
        facts = most_facts;
        words = fact_words;
    }
};

/// Says whether a plan does what it should. See nsw_plan_verifier.
class plan_verifier : public detail::object<plan_verifier, nsw_plan_verifier> {
public:
    /// NSW_ERR_TASK_PLAN, and `*refusal` (may be null) says what is wrong.
    result<void> verify(const plan_model &model, const nsw_plan &plan,
                        nsw_plan_refusal *refusal = nullptr) noexcept {
        nsw_plan_refusal own = NSW_PLAN_REFUSAL_INIT;
        return result<void>(nsw_plan_verifier_verify(get(), model.get(), &plan,
                                                     refusal != nullptr ? refusal : &own));
    }
    /// The same; tells `watch(plan_state, task, args, method)` how each task is decomposed. What it throws comes
    /// out of this function; it is told nothing more.
    template <class Watch>
    result<void> replay(const plan_model &model, const nsw_plan &plan, Watch &&watch,
                        nsw_plan_refusal *refusal = nullptr) {
        using guest_type = detail::guest<std::remove_reference_t<Watch>>;
        nsw_plan_refusal own = NSW_PLAN_REFUSAL_INIT;
        const nsw_plan_watch tell = [](void *ctx, const nsw_plan_state *state, plan_id task,
                                       const plan_id *args, std::size_t arg_count,
                                       plan_id method) noexcept {
            (void)static_cast<guest_type *>(ctx)->call(
                plan_state(state), task, span<const plan_id>(args, arg_count), method);
        };
        guest_type guest{&watch};
        const nsw_status status = nsw_plan_verifier_replay(
            get(), model.get(), &plan, tell, &guest, refusal != nullptr ? refusal : &own);
        guest.finish();
        return result<void>(status);
    }
    /// Why a plan is refused, in words.
    static result<std::string_view> why_text(std::uint32_t why) noexcept {
        const char *text = nullptr;
        std::size_t len = 0;
        const nsw_status status = nsw_plan_why_text(why, &text, &len);
        return detail::result_of(status, std::string_view(len == 0 ? "" : text, len));
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_PLAN_HPP
