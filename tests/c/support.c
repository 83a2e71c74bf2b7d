#include "support.h"

#include <string.h>

/* Guards that may not even be read, where a tool can enforce that. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define FORBID(p, n) __asan_poison_memory_region((p), (n))
#define PERMIT(p, n) __asan_unpoison_memory_region((p), (n))
#elif defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
/* Outside valgrind these are a few instructions without effect. */
#define FORBID(p, n) (void)VALGRIND_MAKE_MEM_NOACCESS((p), (n))
#define PERMIT(p, n) (void)VALGRIND_MAKE_MEM_DEFINED((p), (n))
#endif
#endif
#ifndef FORBID
#define FORBID(p, n) ((void)(p), (void)(n))
#define PERMIT(p, n) ((void)(p), (void)(n))
#endif

#define GUARD_BYTES 64u
#define GUARD_VALUE 0xA5u
#define FRESH_VALUE 0xCDu
#define STALE_VALUE 0xDDu

/* ---- checks -------------------------------------------------------------- */

unsigned long check_count;
unsigned long check_failures;

/* A test that fails in a loop should not drown its first message. */
#define SHOWN_FAILURES 50u

static bool shown(const char *file, int line) {
    check_failures++;
    if (check_failures == SHOWN_FAILURES + 1) {
        fprintf(stderr, "(further failures are only counted)\n");
    }
    if (check_failures > SHOWN_FAILURES) {
        return false;
    }
    fprintf(stderr, "%s:%d: ", file, line);
    return true;
}

void check_that(int ok, const char *file, int line, const char *what) {
    check_count++;
    if (!ok && shown(file, line)) {
        fprintf(stderr, "failed: %s\n", what);
    }
}

void check_status(nsw_status got, nsw_status expected, const char *file, int line,
                  const char *what) {
    check_count++;
    if (got != expected && shown(file, line)) {
        fprintf(stderr, "%s\n    is %d (%s), not %d (%s)\n", what, (int)got,
                nsw_status_str(got), (int)expected, nsw_status_str(expected));
    }
}

void check_size(size_t got, size_t expected, const char *file, int line, const char *what) {
    check_count++;
    if (got != expected && shown(file, line)) {
        fprintf(stderr, "%s\n    is %zu, not %zu\n", what, got, expected);
    }
}

int check_report(const char *name) {
    printf("%s: %lu checks, %lu failed\n", name, check_count, check_failures);
    return check_failures == 0 && check_count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool quick(void) {
    const char *value = getenv("NSW_TEST_QUICK");
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

/* ---- guarded memory ------------------------------------------------------ */

guarded guarded_new(size_t len, size_t align, size_t offset) {
    guarded g;
    /* Room for the guards and for moving `data` up to its alignment. */
    g.raw_len = 2 * GUARD_BYTES + align + offset + len;
    g.raw = malloc(g.raw_len);
    REQUIRE(g.raw != NULL);
    uintptr_t start = (uintptr_t)g.raw + GUARD_BYTES;
    start = (start + align - 1) & ~(uintptr_t)(align - 1);
    g.data = g.raw + (start - (uintptr_t)g.raw) + offset;
    g.len = len;
    memset(g.raw, GUARD_VALUE, g.raw_len);
    memset(g.data, FRESH_VALUE, len);
    FORBID(g.raw, (size_t)(g.data - g.raw));
    FORBID(g.data + len, g.raw_len - (size_t)(g.data - g.raw) - len);
    return g;
}

static bool all_guard(uint8_t *from, const uint8_t *to) {
    size_t n = (size_t)(to - from);
    bool intact = true;
    PERMIT(from, n);
    for (size_t i = 0; i < n; i++) {
        intact = intact && from[i] == GUARD_VALUE;
    }
    FORBID(from, n);
    return intact;
}

bool guarded_intact(const guarded *g) {
    bool before = all_guard(g->raw, g->data);
    bool after = all_guard(g->data + g->len, g->raw + g->raw_len);
    return before && after;
}

void guarded_free(guarded *g) {
    CHECK(guarded_intact(g));
    PERMIT(g->raw, g->raw_len);
    free(g->raw);
    memset(g, 0, sizeof *g);
}

void memory_looked_at(const void *place, size_t len) {
    (void)place, (void)len;
#ifdef VALGRIND_MAKE_MEM_DEFINED
    (void)VALGRIND_MAKE_MEM_DEFINED(place, len);
#endif
}

snapshot snapshot_take(const void *place, size_t len) {
    snapshot s = {place, malloc(len > 0 ? len : 1), len};
    REQUIRE(s.copy != NULL);
    memcpy(s.copy, place, len);
    return s;
}

bool snapshot_unchanged(const snapshot *s) {
    /* An object has padding, and valgrind minds a comparison of bytes that nobody has set. Copies
       are compared, so that it goes on minding any other use of them. */
    snapshot now = snapshot_take(s->place, s->len);
    PERMIT(now.copy, now.len);
    PERMIT(s->copy, s->len);
    bool same = memcmp(now.copy, s->copy, s->len) == 0;
    snapshot_free(&now);
    return same;
}

void snapshot_free(snapshot *s) {
    free(s->copy);
    memset(s, 0, sizeof *s);
}

/* ---- the counting allocator ----------------------------------------------- */

static void *counting_alloc(void *ctx, size_t size, size_t align) {
    counting *c = ctx;
    c->calls++;
    c->last_size = size;
    c->last_align = align;
    CHECK(size > 0);
    CHECK(align > 0 && (align & (align - 1)) == 0);
    if (c->calls == c->fail_at) {
        return NULL;
    }
    bool misalign = c->calls == c->misalign_at;
    for (size_t i = 0; i < COUNTING_BLOCKS; i++) {
        counted_block *b = &c->blocks[i];
        if (b->given == NULL) {
            /* A misaligned block has all `size` bytes too: the fault is in its start alone. */
            b->memory = guarded_new(size, align < 2 ? 2 : align, misalign ? 1 : 0);
            b->given = b->memory.data;
            b->size = size;
            b->align = align;
            c->live++;
            c->live_bytes += size;
            return b->given;
        }
    }
    FAIL("more live blocks than the counting allocator has room for");
    return NULL;
}

static void counting_free(void *ctx, void *ptr, size_t size, size_t align) {
    counting *c = ctx;
    for (size_t i = 0; i < COUNTING_BLOCKS; i++) {
        counted_block *b = &c->blocks[i];
        if (ptr != NULL && b->given == ptr) {
            CHECK_SIZE(size, b->size);
            CHECK_SIZE(align, b->align);
            bool in_order =
                size == b->size && align == b->align && guarded_intact(&b->memory);
            c->in_order = c->in_order && in_order;
            c->live--;
            c->live_bytes -= b->size;
            memset(b->memory.data, STALE_VALUE, b->size);
            guarded_free(&b->memory);
            memset(b, 0, sizeof *b);
            return;
        }
    }
    c->in_order = false;
    FAIL("free of a block that is not out");
}

void counting_init(counting *c) {
    memset(c, 0, sizeof *c);
    c->hook.size = sizeof c->hook;
    c->hook.ctx = c;
    c->hook.alloc = counting_alloc;
    c->hook.free = counting_free;
    c->in_order = true;
}

void counting_finish(counting *c) {
    CHECK_SIZE(c->live, 0);
    CHECK_SIZE(c->live_bytes, 0);
    CHECK(c->in_order);
}

/* ---- small networks -------------------------------------------------------- */

const float XOR_INPUTS[8] = {0.0f, 0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 1.0f, 1.0f};
const float XOR_TARGETS[4] = {0.0f, 1.0f, 1.0f, 0.0f};
const nsw_data XOR_DATA = NSW_DATA(XOR_INPUTS, 8, XOR_TARGETS, 4);

static const nsw_layer SMALL_LAYERS[] = {
    NSW_LAYER(5, NSW_ACTIVATION_TANH),
    NSW_LAYER(1, NSW_ACTIVATION_SIGMOID),
};

nsw_net_config small_config(uint64_t seed) {
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = SMALL_INPUTS;
    cfg.layers = SMALL_LAYERS;
    cfg.layer_count = COUNT_OF(SMALL_LAYERS);
    cfg.seed = seed;
    return cfg;
}

nsw_net *small_net(uint64_t seed, const nsw_allocator *mem) {
    nsw_net_config cfg = small_config(seed);
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, mem, &net));
    REQUIRE(net != NULL);
    return net;
}

nsw_trainer_config small_trainer_config(const nsw_net *net, uint32_t algorithm) {
    nsw_trainer_config cfg = NSW_TRAINER_CONFIG_INIT;
    cfg.net = net;
    cfg.algorithm = algorithm;
    cfg.seed = 7;
    return cfg;
}

nsw_trainer *small_trainer(const nsw_net *net, uint32_t algorithm, const nsw_allocator *mem) {
    nsw_trainer_config cfg = small_trainer_config(net, algorithm);
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, mem, &trainer));
    REQUIRE(trainer != NULL);
    return trainer;
}

nsw_net *small_cascade_net(uint32_t spare, const nsw_allocator *mem) {
    static const nsw_layer LAYERS[] = {NSW_LAYER(SMALL_OUTPUTS, NSW_ACTIVATION_SIGMOID)};
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = SMALL_INPUTS;
    cfg.layers = LAYERS;
    cfg.layer_count = 1;
    cfg.topology = NSW_TOPOLOGY_SHORTCUT;
    cfg.spare_units = spare;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, mem, &net));
    return net;
}

nsw_cascade_config small_cascade_config(const nsw_net *net) {
    static const uint32_t ACTIVATIONS[] = {NSW_ACTIVATION_TANH};
    static const float STEEPNESSES[] = {1.0f};
    nsw_cascade_config cfg = NSW_CASCADE_CONFIG_INIT;
    cfg.net = net;
    cfg.max_samples = 4;
    cfg.activations = ACTIVATIONS;
    cfg.activations_len = 1;
    cfg.steepnesses = STEEPNESSES;
    cfg.steepnesses_len = 1;
    return cfg;
}

nsw_cascade *small_cascade(const nsw_net *net, const nsw_allocator *mem) {
    nsw_cascade_config cfg = small_cascade_config(net);
    nsw_cascade *cascade = NULL;
    REQUIRE_OK(nsw_cascade_create(&cfg, mem, &cascade));
    REQUIRE(cascade != NULL);
    return cascade;
}

nsw_qnet_config small_qnet_config(nsw_net *net) {
    nsw_qnet_config cfg = NSW_QNET_CONFIG_INIT;
    cfg.net = net;
    cfg.samples = XOR_INPUTS;
    cfg.samples_len = COUNT_OF(XOR_INPUTS);
    return cfg;
}

nsw_qnet *small_qnet(nsw_net *net, const nsw_allocator *mem) {
    nsw_qnet_config cfg = small_qnet_config(net);
    nsw_qnet *qnet = NULL;
    REQUIRE_OK(nsw_qnet_create(&cfg, mem, &qnet));
    REQUIRE(qnet != NULL);
    return qnet;
}

guarded net_bytes(const nsw_net *net) {
    size_t needed = 0, len = 0;
    CHECK_STATUS(nsw_net_save(net, NULL, 0, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    REQUIRE(needed > 0);
    guarded bytes = guarded_new(needed, 64, 0);
    REQUIRE_OK(nsw_net_save(net, bytes.data, bytes.len, &len));
    CHECK_SIZE(len, needed);
    return bytes;
}

guarded qnet_bytes(const nsw_qnet *net) {
    size_t needed = 0, len = 0;
    CHECK_STATUS(nsw_qnet_save(net, NULL, 0, &needed), NSW_ERR_BUFFER_TOO_SMALL);
    REQUIRE(needed > 0);
    guarded bytes = guarded_new(needed, 64, 0);
    REQUIRE_OK(nsw_qnet_save(net, bytes.data, bytes.len, &len));
    CHECK_SIZE(len, needed);
    return bytes;
}

uint32_t random_next(uint32_t *state) {
    uint32_t x = *state != 0 ? *state : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

float random_signed(uint32_t *state) {
    return (float)(random_next(state) >> 8) / 8388608.0f - 1.0f;
}
