// neural-swarm for C++17 and later: owners for the handles of neural_swarm.h.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Header-only, and as thin as it can be: an object of this header is a handle and nothing
// else, a call is the C call. What the functions do, need and answer is documented in
// neural_swarm.h; here stands what C++ adds.
//
// Ownership  arena, net, trainer, qnet and the like are move-only and destroy their handle at the end of
//            their life. get() lends the C handle, release() gives it away, and from_handle()
//            takes one over, so both headers can be used side by side. A moved-from object is
//            empty: its calls answer NSW_ERR_NULL.
// Errors     Whatever can fail returns a nsw::result. Neither exceptions nor RTTI are needed.
//            With NSW_EXCEPTIONS defined before the inclusion, result::value() of an error
//            throws nsw::error; without it, it prints the error's text to stderr and calls
//            std::abort. Each setting has types of its own (see the inline namespaces
//            below), so the files of one program may differ in it.
// Configs    The structs of the C header, which set their own size, with setters for what C++
//            has types for. All other fields are the C ones.
// Buffers    nsw::span<T>: std::span from C++20 on, before that a plain pointer with a length,
//            made from arrays, std::array, std::vector and the like.
// Lifetime   Nothing here keeps what it is given. What the C header says must outlive a call or
//            an object must do so here too: an allocator's context outlives the objects made
//            with it, a model's bytes outlive the view of them, a buffer its arena, an arena the
//            objects in it.

#ifndef NEURAL_SWARM_HPP
#define NEURAL_SWARM_HPP

#include "neural_swarm_assign.hpp"
#include "neural_swarm_auction.hpp"
#include "neural_swarm_balance.hpp"
#include "neural_swarm_capability.hpp"
#include "neural_swarm_cascade.hpp"
#include "neural_swarm_channel.hpp"
#include "neural_swarm_dataset.hpp"
#include "neural_swarm_framing.hpp"
#include "neural_swarm_group.hpp"
#include "neural_swarm_link.hpp"
#include "neural_swarm_locks.hpp"
#ifndef NSW_NO_STD
#include "neural_swarm_host.hpp"
#include "neural_swarm_host_local.hpp"
#include "neural_swarm_host_plan.hpp"
#include "neural_swarm_member.hpp"
#include "neural_swarm_wfcommons.hpp"
#endif
#include "neural_swarm_kernel.hpp"
#include "neural_swarm_net.hpp"
#include "neural_swarm_node.hpp"
#include "neural_swarm_noise.hpp"
#include "neural_swarm_plan.hpp"
#include "neural_swarm_quant.hpp"
#include "neural_swarm_raft.hpp"
#include "neural_swarm_route.hpp"
#include "neural_swarm_schedule.hpp"
#include "neural_swarm_store.hpp"
#include "neural_swarm_train.hpp"
#include "neural_swarm_workflow.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_arena> {
    static constexpr auto destroy = &nsw_arena_destroy;
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

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#undef NSW_HPP_ON_ERROR
#undef NSW_HPP_SPAN
#undef NSW_HPP_TRY
#undef NSW_HPP_CATCH_ALL

#endif // NEURAL_SWARM_HPP
