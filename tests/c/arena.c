/* The arena: an allocator over the caller's buffer. */
#include <string.h>

#include "support.h"

#define BUFFER_BYTES 4096u

static nsw_arena *arena_over(const guarded *buffer, nsw_allocator *mem) {
    nsw_arena *arena = NULL;
    REQUIRE_OK(nsw_arena_create(buffer->data, buffer->len, &arena));
    REQUIRE(arena != NULL);
    nsw_allocator table = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_allocator(arena, &table));
    *mem = table;
    return arena;
}

static size_t used(const nsw_arena *arena) {
    size_t n = 0;
    CHECK_OK(nsw_arena_usage(arena, &n, NULL, NULL));
    return n;
}

static size_t high_water(const nsw_arena *arena) {
    size_t n = 0;
    CHECK_OK(nsw_arena_usage(arena, NULL, &n, NULL));
    return n;
}

static size_t capacity(const nsw_arena *arena) {
    size_t n = 0;
    CHECK_OK(nsw_arena_usage(arena, NULL, NULL, &n));
    return n;
}

/* What the hooks hand out: aligned, inside the buffer, not overlapping. */
static void blocks_are_sound(void) {
    for (size_t offset = 0; offset < 16; offset++) {
        guarded buffer = guarded_new(BUFFER_BYTES, 64, offset);
        nsw_allocator mem;
        nsw_arena *arena = arena_over(&buffer, &mem);
        uint8_t *last_end = buffer.data;
        for (size_t align = 1; align <= 64; align *= 2) {
            size_t size = align * 3 + 1;
            uint8_t *block = mem.alloc(mem.ctx, size, align);
            REQUIRE(block != NULL);
            CHECK((uintptr_t)block % align == 0);
            CHECK(block >= last_end && block + size <= buffer.data + buffer.len);
            memset(block, 0xEE, size);
            last_end = block + size;
        }
        CHECK(used(arena) > 0 && used(arena) <= capacity(arena));
        CHECK(guarded_intact(&buffer));
        nsw_arena_destroy(arena);
        guarded_free(&buffer);
    }
}

/* Every byte up to the capacity is handed out, and not one more. */
static void exhaustion(void) {
    for (size_t offset = 0; offset < 8; offset++) {
        guarded buffer = guarded_new(BUFFER_BYTES - offset, 16, offset);
        nsw_allocator mem;
        nsw_arena *arena = arena_over(&buffer, &mem);
        size_t room = capacity(arena);
        CHECK(room <= buffer.len);
        size_t got = 0;
        while (mem.alloc(mem.ctx, 1, 1) != NULL) {
            got++;
            REQUIRE(got <= buffer.len);
        }
        CHECK_SIZE(got, room);
        CHECK_SIZE(used(arena), room);
        CHECK_SIZE(high_water(arena), room);
        nsw_net_config cfg = small_config(1);
        nsw_net *net = (nsw_net *)buffer.data;
        CHECK_STATUS(nsw_net_create(&cfg, &mem, &net), NSW_ERR_OUT_OF_MEMORY);
        CHECK(net == NULL);
        nsw_arena_destroy(arena);
        guarded_free(&buffer);
    }
}

static void silly_requests(void) {
    guarded buffer = guarded_new(BUFFER_BYTES, 16, 0);
    nsw_allocator mem;
    nsw_arena *arena = arena_over(&buffer, &mem);
    size_t before = used(arena);
    CHECK(mem.alloc(mem.ctx, SIZE_MAX, 1) == NULL);
    CHECK(mem.alloc(mem.ctx, SIZE_MAX / 2, 16) == NULL);
    CHECK(mem.alloc(mem.ctx, SIZE_MAX - 15, 16) == NULL);
    CHECK(mem.alloc(mem.ctx, BUFFER_BYTES + 1, 1) == NULL);
    CHECK(mem.alloc(mem.ctx, 16, 3) == NULL); /* not a power of two */
    CHECK(mem.alloc(mem.ctx, 16, 0) == NULL);
    CHECK(mem.alloc(NULL, 16, 16) == NULL);
    mem.free(mem.ctx, NULL, 0, 1);
    CHECK_SIZE(used(arena), before);
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

/* A block freed in the opposite order of its making is used again. */
static void last_in_first_out(void) {
    guarded buffer = guarded_new(BUFFER_BYTES, 16, 5);
    nsw_allocator mem;
    nsw_arena *arena = arena_over(&buffer, &mem);
    void *a = mem.alloc(mem.ctx, 100, 8);
    size_t with_a = used(arena);
    void *b = mem.alloc(mem.ctx, 200, 32);
    size_t with_b = used(arena);
    CHECK(a != NULL && b != NULL && with_b > with_a);
    mem.free(mem.ctx, b, 200, 32);
    CHECK(used(arena) < with_b);
    void *again = mem.alloc(mem.ctx, 200, 32);
    CHECK(again == b);
    mem.free(mem.ctx, again, 200, 32);
    mem.free(mem.ctx, a, 100, 8);
    CHECK_SIZE(used(arena), 0);
    CHECK_SIZE(high_water(arena), with_b);
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

/* Out of order, space may stay taken, but not beyond the last free. */
static void reset_when_all_is_free(void) {
    guarded buffer = guarded_new(BUFFER_BYTES, 16, 0);
    nsw_allocator mem;
    nsw_arena *arena = arena_over(&buffer, &mem);
    for (int round = 0; round < 50; round++) {
        void *a = mem.alloc(mem.ctx, 500, 16);
        void *b = mem.alloc(mem.ctx, 500, 16);
        void *c = mem.alloc(mem.ctx, 500, 16);
        REQUIRE(a != NULL && b != NULL && c != NULL);
        mem.free(mem.ctx, a, 500, 16);
        mem.free(mem.ctx, c, 500, 16);
        mem.free(mem.ctx, b, 500, 16);
        CHECK_SIZE(used(arena), 0);
    }
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

/* The same for real objects, made and destroyed in any order. */
static void objects_in_an_arena(void) {
    guarded buffer = guarded_new(65536, 16, 1);
    nsw_allocator mem;
    nsw_arena *arena = arena_over(&buffer, &mem);
    size_t first_high = 0;
    for (int round = 0; round < 20; round++) {
        nsw_net *net = small_net((uint64_t)round, &mem);
        nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_ADAM, &mem);
        nsw_qnet *qnet = small_qnet(net, &mem);
        float loss = 0.0f;
        CHECK_OK(nsw_trainer_epoch(trainer, net, &XOR_DATA, &loss));
        CHECK_OK(nsw_qnet_forward(qnet, XOR_INPUTS, 2, &loss, 1, NULL));
        if (round == 0) {
            first_high = high_water(arena);
        }
        if (round % 2 == 0) {
            nsw_qnet_destroy(qnet);
            nsw_trainer_destroy(trainer);
            nsw_net_destroy(net);
        } else {
            nsw_net_destroy(net);
            nsw_trainer_destroy(trainer);
            nsw_qnet_destroy(qnet);
        }
        CHECK_SIZE(used(arena), 0);
        CHECK_SIZE(high_water(arena), first_high);
    }
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

/* The smallest buffer that an arena fits in; below it, an error and no write outside. */
static void tiny_buffers(void) {
    size_t smallest = 0;
    for (size_t len = 0; len <= 512; len++) {
        guarded buffer = guarded_new(len, 16, 0);
        nsw_arena *arena = (nsw_arena *)(void *)&smallest;
        nsw_status status = nsw_arena_create(buffer.data, len, &arena);
        if (status != NSW_OK) {
            CHECK(arena == NULL);
            CHECK_NOTE(smallest == 0, "%zu bytes do not fit, %zu did", len, smallest);
            CHECK_STATUS(status, NSW_ERR_OUT_OF_MEMORY);
        } else {
            smallest = smallest == 0 ? len : smallest;
            CHECK(capacity(arena) <= len);
            nsw_arena_destroy(arena);
        }
        guarded_free(&buffer);
    }
    CHECK(smallest > 0 && smallest <= 256);
}

/* Arenas may lie inside one another: the block of one is the buffer of the next. */
static void an_arena_in_an_arena(void) {
    guarded buffer = guarded_new(BUFFER_BYTES, 16, 0);
    nsw_allocator outer_mem, inner_mem;
    nsw_arena *outer = arena_over(&buffer, &outer_mem);
    guarded block = {outer_mem.alloc(outer_mem.ctx, 2048, 16), 2048, NULL, 0};
    REQUIRE(block.data != NULL);
    nsw_arena *inner = arena_over(&block, &inner_mem);
    nsw_net *net = small_net(1, &inner_mem);
    CHECK((uint8_t *)net > block.data && (uint8_t *)net < block.data + block.len);
    nsw_net_destroy(net);
    nsw_arena_destroy(inner);
    outer_mem.free(outer_mem.ctx, block.data, block.len, 16);
    CHECK_SIZE(used(outer), 0);
    nsw_arena_destroy(outer);
    guarded_free(&buffer);
}

/* After its destruction the buffer is the caller's again, for a new arena too. */
static void a_buffer_used_again(void) {
    guarded buffer = guarded_new(BUFFER_BYTES, 16, 0);
    size_t room = 0;
    for (int round = 0; round < 3; round++) {
        nsw_allocator mem;
        nsw_arena *arena = arena_over(&buffer, &mem);
        CHECK_SIZE(used(arena), 0);
        CHECK_SIZE(high_water(arena), 0);
        CHECK(round == 0 || capacity(arena) == room);
        room = capacity(arena);
        nsw_net *net = small_net(1, &mem);
        nsw_net_destroy(net);
        nsw_arena_destroy(arena);
        memset(buffer.data, 0x77, buffer.len);
    }
    guarded_free(&buffer);
}

/* The wrong order: the object's block has nowhere to go back to, and that is all. */
static void the_arena_destroyed_first(void) {
    guarded buffer = guarded_new(BUFFER_BYTES, 16, 0);
    nsw_allocator mem;
    nsw_arena *arena = arena_over(&buffer, &mem);
    nsw_net *net = small_net(1, &mem);
    nsw_arena_destroy(arena);
    CHECK(mem.alloc(mem.ctx, 16, 8) == NULL);
    nsw_net_destroy(net);
    guarded_free(&buffer);
}

int main(void) {
    the_arena_destroyed_first();
    blocks_are_sound();
    exhaustion();
    silly_requests();
    last_in_first_out();
    reset_when_all_is_free();
    objects_in_an_arena();
    tiny_buffers();
    an_arena_in_an_arena();
    a_buffer_used_again();
    return check_report("arena");
}
