/*
 * Memory: an object asks its allocator exactly once, for exactly what its
 * footprint says; every allocation is made to fail once and to come back
 * misaligned once; nothing leaks and nothing of the caller's is written to.
 */
#include <math.h>
#include <string.h>

#include "support.h"

/* Where the objects under test come from. */
static nsw_net *net, *shortcut;
static guarded f32_model, i8_model;

/* ---- one adaptor a way of making an object ----------------------------------------- */

typedef struct made {
    nsw_net *net;
    nsw_trainer *trainer;
    nsw_qnet *qnet;
    nsw_cascade *cascade;
} made;

typedef nsw_status make_call(const nsw_allocator *mem, made *out);
typedef nsw_status footprint_call(size_t *size, size_t *align);

static nsw_status make_net(const nsw_allocator *mem, made *out) {
    nsw_net_config cfg = small_config(3);
    return nsw_net_create(&cfg, mem, &out->net);
}

static nsw_status footprint_net(size_t *size, size_t *align) {
    nsw_net_config cfg = small_config(3);
    return nsw_net_footprint(&cfg, size, align);
}

static nsw_status make_net_batch(const nsw_allocator *mem, made *out) {
    nsw_net_config cfg = small_config(3);
    cfg.batch = 7;
    return nsw_net_create(&cfg, mem, &out->net);
}

static nsw_status footprint_net_batch(size_t *size, size_t *align) {
    nsw_net_config cfg = small_config(3);
    cfg.batch = 7;
    return nsw_net_footprint(&cfg, size, align);
}

static nsw_status make_net_load(const nsw_allocator *mem, made *out) {
    return nsw_net_load(f32_model.data, f32_model.len, mem, &out->net);
}

static nsw_status footprint_net_load(size_t *size, size_t *align) {
    return nsw_net_load_footprint(f32_model.data, f32_model.len, size, align);
}

static nsw_status make_net_view(const nsw_allocator *mem, made *out) {
    return nsw_net_view(f32_model.data, f32_model.len, mem, &out->net);
}

static nsw_status footprint_net_view(size_t *size, size_t *align) {
    return nsw_net_view_footprint(f32_model.data, f32_model.len, size, align);
}

static nsw_status make_net_copy(const nsw_allocator *mem, made *out) {
    return nsw_net_copy(net, mem, &out->net);
}

static nsw_status footprint_net_copy(size_t *size, size_t *align) {
    return nsw_net_copy_footprint(net, size, align);
}

#define TRAINER_CALLS(name, algorithm_)                                                  \
    static nsw_status make_##name(const nsw_allocator *mem, made *out) {                 \
        nsw_trainer_config cfg = small_trainer_config(net, algorithm_);                  \
        cfg.keep_best = 1;                                                               \
        return nsw_trainer_create(&cfg, mem, &out->trainer);                             \
    }                                                                                    \
    static nsw_status footprint_##name(size_t *size, size_t *align) {                    \
        nsw_trainer_config cfg = small_trainer_config(net, algorithm_);                  \
        cfg.keep_best = 1;                                                               \
        return nsw_trainer_footprint(&cfg, size, align);                                 \
    }

TRAINER_CALLS(irprop, NSW_ALGORITHM_IRPROP_MINUS)
TRAINER_CALLS(sgd, NSW_ALGORITHM_SGD)
TRAINER_CALLS(adam, NSW_ALGORITHM_ADAM)
TRAINER_CALLS(adamw, NSW_ALGORITHM_ADAMW)
TRAINER_CALLS(irprop_plus, NSW_ALGORITHM_IRPROP_PLUS)
TRAINER_CALLS(incremental, NSW_ALGORITHM_INCREMENTAL)
TRAINER_CALLS(batch, NSW_ALGORITHM_BATCH)
TRAINER_CALLS(rprop, NSW_ALGORITHM_RPROP)
TRAINER_CALLS(quickprop, NSW_ALGORITHM_QUICKPROP)
TRAINER_CALLS(sarprop, NSW_ALGORITHM_SARPROP)

static nsw_status make_qnet(const nsw_allocator *mem, made *out) {
    nsw_qnet_config cfg = small_qnet_config(net);
    return nsw_qnet_create(&cfg, mem, &out->qnet);
}

static nsw_status footprint_qnet(size_t *size, size_t *align) {
    nsw_qnet_config cfg = small_qnet_config(net);
    return nsw_qnet_footprint(&cfg, size, align);
}

static nsw_status make_qnet_load(const nsw_allocator *mem, made *out) {
    return nsw_qnet_load(i8_model.data, i8_model.len, mem, &out->qnet);
}

static nsw_status footprint_qnet_load(size_t *size, size_t *align) {
    return nsw_qnet_load_footprint(i8_model.data, i8_model.len, size, align);
}

static nsw_status make_qnet_view(const nsw_allocator *mem, made *out) {
    return nsw_qnet_view(i8_model.data, i8_model.len, mem, &out->qnet);
}

static nsw_status footprint_qnet_view(size_t *size, size_t *align) {
    return nsw_qnet_view_footprint(i8_model.data, i8_model.len, size, align);
}

static nsw_status make_cascade(const nsw_allocator *mem, made *out) {
    nsw_cascade_config cfg = small_cascade_config(shortcut);
    return nsw_cascade_create(&cfg, mem, &out->cascade);
}

static nsw_status footprint_cascade(size_t *size, size_t *align) {
    nsw_cascade_config cfg = small_cascade_config(shortcut);
    return nsw_cascade_footprint(&cfg, size, align);
}

static nsw_status make_cascade_slow(const nsw_allocator *mem, made *out) {
    nsw_cascade_config cfg = small_cascade_config(shortcut);
    cfg.no_cache = 1;
    cfg.block = 3;
    cfg.algorithm = NSW_ALGORITHM_QUICKPROP;
    return nsw_cascade_create(&cfg, mem, &out->cascade);
}

static nsw_status footprint_cascade_slow(size_t *size, size_t *align) {
    nsw_cascade_config cfg = small_cascade_config(shortcut);
    cfg.no_cache = 1;
    cfg.block = 3;
    cfg.algorithm = NSW_ALGORITHM_QUICKPROP;
    return nsw_cascade_footprint(&cfg, size, align);
}

static const struct {
    const char *name;
    make_call *make;
    footprint_call *footprint;
} MAKERS[] = {
    {"net_create", make_net, footprint_net},
    {"net_create (batch)", make_net_batch, footprint_net_batch},
    {"net_load", make_net_load, footprint_net_load},
    {"net_view", make_net_view, footprint_net_view},
    {"trainer_create (irprop)", make_irprop, footprint_irprop},
    {"trainer_create (sgd)", make_sgd, footprint_sgd},
    {"net_copy", make_net_copy, footprint_net_copy},
    {"trainer_create (adam)", make_adam, footprint_adam},
    {"trainer_create (adamw)", make_adamw, footprint_adamw},
    {"trainer_create (irprop+)", make_irprop_plus, footprint_irprop_plus},
    {"trainer_create (incremental)", make_incremental, footprint_incremental},
    {"trainer_create (batch)", make_batch, footprint_batch},
    {"trainer_create (rprop)", make_rprop, footprint_rprop},
    {"trainer_create (quickprop)", make_quickprop, footprint_quickprop},
    {"trainer_create (sarprop)", make_sarprop, footprint_sarprop},
    {"qnet_create", make_qnet, footprint_qnet},
    {"qnet_load", make_qnet_load, footprint_qnet_load},
    {"qnet_view", make_qnet_view, footprint_qnet_view},
    {"cascade_create", make_cascade, footprint_cascade},
    {"cascade_create (no cache)", make_cascade_slow, footprint_cascade_slow},
};

/* *out must become NULL on failure, so it starts as something else. */
static made unset(void) {
    made m = {(nsw_net *)f32_model.data, (nsw_trainer *)f32_model.data,
              (nsw_qnet *)f32_model.data, (nsw_cascade *)f32_model.data};
    return m;
}

static bool is_cascade(size_t i) {
    return strncmp(MAKERS[i].name, "cascade", 7) == 0;
}

static bool nothing_made(size_t i, const made *m) {
    bool is_net = strncmp(MAKERS[i].name, "net", 3) == 0;
    bool is_qnet = strncmp(MAKERS[i].name, "qnet", 4) == 0;
    if (is_cascade(i)) return m->cascade == NULL;
    return is_net ? m->net == NULL : is_qnet ? m->qnet == NULL : m->trainer == NULL;
}

/* Runs the object through its paces, so that all of its memory gets used. */
static void exercise(size_t i, made *m) {
    float out[4], loss;
    int8_t in_i8[2] = {100, -100}, out_i8[1];
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 3;
    params.validation = &XOR_DATA;
    if (strncmp(MAKERS[i].name, "net", 3) == 0) {
        CHECK_OK(nsw_net_forward(m->net, XOR_INPUTS, 2, out, 1, NULL));
        CHECK_OK(nsw_net_forward_batch(m->net, XOR_INPUTS, 8, 4, out, 4, NULL));
        CHECK_STATUS(nsw_net_save(m->net, NULL, 0, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    } else if (strncmp(MAKERS[i].name, "qnet", 4) == 0) {
        CHECK_OK(nsw_qnet_forward(m->qnet, XOR_INPUTS, 2, out, 1, NULL));
        CHECK_OK(nsw_qnet_forward_i8(m->qnet, in_i8, 2, out_i8, 1, NULL));
        CHECK_STATUS(nsw_qnet_save(m->qnet, NULL, 0, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    } else if (is_cascade(i)) {
        /* As far as it can grow. */
        nsw_net *pupil = small_cascade_net(3, NULL);
        nsw_cascade_params grow = NSW_CASCADE_PARAMS_INIT;
        grow.max_units = 3;
        CHECK_OK(nsw_cascade_train(m->cascade, pupil, &XOR_DATA, &grow, NULL));
        nsw_net_destroy(pupil);
    } else {
        nsw_net *pupil = small_net(4, NULL);
        CHECK_OK(nsw_trainer_train(m->trainer, pupil, &XOR_DATA, &params, NULL));
        CHECK_OK(nsw_trainer_epoch(m->trainer, pupil, &XOR_DATA, &loss));
        CHECK_OK(nsw_trainer_loss(m->trainer, pupil, &XOR_DATA, &loss));
        nsw_net_destroy(pupil);
    }
}

static void give_back(size_t i, made *m) {
    if (strncmp(MAKERS[i].name, "net", 3) == 0) {
        nsw_net_destroy(m->net);
    } else if (strncmp(MAKERS[i].name, "qnet", 4) == 0) {
        nsw_qnet_destroy(m->qnet);
    } else if (is_cascade(i)) {
        nsw_cascade_destroy(m->cascade);
    } else {
        nsw_trainer_destroy(m->trainer);
    }
}

/* ---- the tests ------------------------------------------------------------------------ */

static void one_allocation_of_the_footprint(size_t i) {
    size_t size = 0, align = 0;
    CHECK_OK(MAKERS[i].footprint(&size, &align));
    CHECK(size > 0 && align > 0 && (align & (align - 1)) == 0);
    counting memory;
    counting_init(&memory);
    made m = unset();
    CHECK_OK(MAKERS[i].make(&memory.hook, &m));
    CHECK_NOTE(memory.calls == 1, "%s: %zu allocations", MAKERS[i].name, memory.calls);
    CHECK_NOTE(memory.last_size == size, "%s: asked for %zu, footprint %zu", MAKERS[i].name,
               memory.last_size, size);
    CHECK_NOTE(memory.last_align == align, "%s: align %zu, footprint %zu", MAKERS[i].name,
               memory.last_align, align);
    exercise(i, &m);
    CHECK_NOTE(memory.calls == 1, "%s allocates after creation", MAKERS[i].name);
    /* The guards sit at the block's very end: the footprint is enough. */
    for (size_t k = 0; k < COUNTING_BLOCKS; k++) {
        if (memory.blocks[k].given != NULL) {
            CHECK_NOTE(guarded_intact(&memory.blocks[k].memory), "%s", MAKERS[i].name);
        }
    }
    give_back(i, &m);
    counting_finish(&memory);
}

/* The table need not outlive the call; only its `ctx` must. */
static void the_hook_table_is_copied(size_t i) {
    counting memory;
    counting_init(&memory);
    nsw_allocator table = memory.hook;
    made m = unset();
    CHECK_OK(MAKERS[i].make(&table, &m));
    memset(&table, 0x5A, sizeof table);
    give_back(i, &m);
    counting_finish(&memory);
}

static void every_allocation_fails_once(size_t i) {
    for (size_t n = 1; n < COUNTING_BLOCKS; n++) {
        counting memory;
        counting_init(&memory);
        memory.fail_at = n;
        made m = unset();
        nsw_status status = MAKERS[i].make(&memory.hook, &m);
        if (status == NSW_OK) {
            CHECK_NOTE(n > 1, "%s succeeded without its allocation", MAKERS[i].name);
            give_back(i, &m);
            counting_finish(&memory);
            return;
        }
        CHECK_STATUS(status, NSW_ERR_OUT_OF_MEMORY);
        CHECK_NOTE(nothing_made(i, &m), "%s", MAKERS[i].name);
        counting_finish(&memory);
    }
    FAIL("never succeeds");
}

static void a_misaligned_block_is_given_back(size_t i) {
    size_t size, align;
    CHECK_OK(MAKERS[i].footprint(&size, &align));
    CHECK(align > 1); /* else there would be no misaligned block */
    counting memory;
    counting_init(&memory);
    memory.misalign_at = 1;
    made m = unset();
    CHECK_STATUS(MAKERS[i].make(&memory.hook, &m), NSW_ERR_ALLOCATOR);
    CHECK_NOTE(nothing_made(i, &m), "%s", MAKERS[i].name);
    CHECK_SIZE(memory.calls, 1);
    counting_finish(&memory);
}

/* What goes wrong only when the block is there already: it must go back. */
static void a_failure_after_the_allocation(void) {
    float samples[8];
    memcpy(samples, XOR_INPUTS, sizeof samples);
    samples[5] = NAN;
    struct {
        const float *samples;
        size_t len;
        nsw_status expected;
    } cases[] = {
        {samples, 8, NSW_ERR_NN_NOT_FINITE},
        {samples, 3, NSW_ERR_LENGTH},
        {samples, 0, NSW_ERR_LENGTH},
        {NULL, 8, NSW_ERR_NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        counting memory;
        counting_init(&memory);
        nsw_qnet_config cfg = small_qnet_config(net);
        cfg.samples = cases[i].samples;
        cfg.samples_len = cases[i].len;
        nsw_qnet *qnet = (nsw_qnet *)f32_model.data;
        CHECK_STATUS(nsw_qnet_create(&cfg, &memory.hook, &qnet), cases[i].expected);
        CHECK(qnet == NULL);
        counting_finish(&memory);
    }
}

/* A table without functions is refused before anything is done with it. */
static void a_hook_table_with_holes(size_t i) {
    counting memory;
    counting_init(&memory);
    nsw_allocator no_alloc = memory.hook, no_free = memory.hook;
    no_alloc.alloc = NULL;
    no_free.free = NULL;
    made m = unset();
    CHECK_STATUS(MAKERS[i].make(&no_alloc, &m), NSW_ERR_NULL);
    CHECK(nothing_made(i, &m));
    m = unset();
    CHECK_STATUS(MAKERS[i].make(&no_free, &m), NSW_ERR_NULL);
    CHECK(nothing_made(i, &m));
    CHECK_SIZE(memory.calls, 0);
    counting_finish(&memory);
}

/* The system's heap: nothing to count here; the sanitizers and valgrind do. */
static void the_system_heap(size_t i) {
    made m = unset();
    CHECK_OK(MAKERS[i].make(NULL, &m));
    exercise(i, &m);
    give_back(i, &m);
}

/* An arena over exactly what is said to be needed, at any alignment of the buffer. */
static void an_arena_is_enough(size_t i) {
    size_t size, align, used = 0, high = 0, capacity = 0;
    CHECK_OK(MAKERS[i].footprint(&size, &align));
    guarded buffer = guarded_new(size + align + 512, 16, 3);
    nsw_arena *arena = NULL;
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    CHECK_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    CHECK_OK(nsw_arena_allocator(arena, &mem));
    made m = unset();
    CHECK_OK(MAKERS[i].make(&mem, &m));
    CHECK_OK(nsw_arena_usage(arena, &used, &high, &capacity));
    CHECK_NOTE(used >= size && used <= capacity, "%s", MAKERS[i].name);
    exercise(i, &m);
    give_back(i, &m);
    CHECK_OK(nsw_arena_usage(arena, &used, &high, &capacity));
    CHECK_SIZE(used, 0);
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

/* ---- what belongs to the caller ---------------------------------------------------------- */

/* All of it in guarded memory of just its length; the inputs must stay as they are. */
static void callers_memory_is_left_alone(void) {
    guarded inputs = guarded_new(sizeof XOR_INPUTS, 4, 0);
    guarded targets = guarded_new(sizeof XOR_TARGETS, 4, 0);
    guarded outputs = guarded_new(4 * sizeof(float), 4, 0);
    guarded quantised = guarded_new(2, 1, 0);
    guarded result = guarded_new(1, 1, 0);
    memcpy(inputs.data, XOR_INPUTS, sizeof XOR_INPUTS);
    memcpy(targets.data, XOR_TARGETS, sizeof XOR_TARGETS);
    const float *in = (const void *)inputs.data;
    const float *want = (const void *)targets.data;
    float *out = (void *)outputs.data;
    int8_t *in_i8 = (void *)quantised.data, *out_i8 = (void *)result.data;
    snapshot in_before = snapshot_take(inputs.data, inputs.len);
    snapshot want_before = snapshot_take(targets.data, targets.len);

    nsw_net *pupil = small_net(8, NULL);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 5;
    for (uint32_t algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        nsw_trainer *trainer = small_trainer(pupil, algorithm, NULL);
        CHECK_OK(nsw_trainer_train(trainer, pupil, DATA(in, 8, want, 4), &params, NULL));
        nsw_trainer_destroy(trainer);
    }
    CHECK_OK(nsw_net_forward(pupil, in, 2, out + 3, 1, NULL));
    CHECK_OK(nsw_net_forward_batch(pupil, in, 8, 4, out, 4, NULL));

    nsw_qnet_config cfg = NSW_QNET_CONFIG_INIT;
    cfg.net = pupil;
    cfg.samples = in;
    cfg.samples_len = 8;
    nsw_qnet *q = NULL;
    REQUIRE_OK(nsw_qnet_create(&cfg, NULL, &q));
    CHECK_OK(nsw_qnet_quantize_input(q, in + 6, 2, in_i8, 2, NULL));
    CHECK_OK(nsw_qnet_forward_i8(q, in_i8, 2, out_i8, 1, NULL));
    CHECK_OK(nsw_qnet_dequantize_output(q, out_i8, 1, out + 3, 1, NULL));
    CHECK_OK(nsw_qnet_forward(q, in, 2, out + 3, 1, NULL));

    CHECK(snapshot_unchanged(&in_before));
    CHECK(snapshot_unchanged(&want_before));
    snapshot_free(&in_before);
    snapshot_free(&want_before);
    nsw_qnet_destroy(q);
    nsw_net_destroy(pupil);
    guarded_free(&inputs);
    guarded_free(&targets);
    guarded_free(&outputs);
    guarded_free(&quantised);
    guarded_free(&result);
}

int main(void) {
    net = small_net(1, NULL);
    shortcut = small_cascade_net(3, NULL);
    f32_model = net_bytes(net);
    nsw_qnet *qnet = small_qnet(net, NULL);
    i8_model = qnet_bytes(qnet);
    nsw_qnet_destroy(qnet);
    snapshot f32_before = snapshot_take(f32_model.data, f32_model.len);
    snapshot i8_before = snapshot_take(i8_model.data, i8_model.len);

    for (size_t i = 0; i < COUNT_OF(MAKERS); i++) {
        one_allocation_of_the_footprint(i);
        the_hook_table_is_copied(i);
        every_allocation_fails_once(i);
        a_misaligned_block_is_given_back(i);
        a_hook_table_with_holes(i);
        the_system_heap(i);
        an_arena_is_enough(i);
    }
    a_failure_after_the_allocation();
    callers_memory_is_left_alone();

    CHECK(snapshot_unchanged(&f32_before));
    CHECK(snapshot_unchanged(&i8_before));
    snapshot_free(&f32_before);
    snapshot_free(&i8_before);
    guarded_free(&f32_model);
    guarded_free(&i8_model);
    nsw_net_destroy(net);
    nsw_net_destroy(shortcut);
    return check_report("alloc_failures");
}
