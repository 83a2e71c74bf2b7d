/*
 * Workers that run side by side give what they give one after the other,
 * whatever the pool does; the exact mode gives one result on every kernel.
 */
#include <pthread.h>
#include <string.h>

#include "support.h"

enum { SAMPLES = 96, WORKERS = 5 };

static float inputs[SAMPLES * SMALL_INPUTS], targets[SAMPLES];
static const nsw_data MANY = NSW_DATA(inputs, SAMPLES * SMALL_INPUTS, targets, SAMPLES);

static void make_samples(void) {
    uint32_t state = 5;
    for (size_t i = 0; i < SAMPLES; i++) {
        inputs[2 * i] = random_signed(&state);
        inputs[2 * i + 1] = random_signed(&state);
        targets[i] = inputs[2 * i] * inputs[2 * i + 1] > 0.0f ? 1.0f : 0.0f;
    }
}

/* ---- pools --------------------------------------------------------------------------- */

typedef struct pool {
    nsw_parallel table;
    size_t calls, most_parts;
    /* to call back into, or NULL */
    nsw_trainer *trainer;
    nsw_net *net;
} pool;

static void counted(pool *p, size_t parts) {
    p->calls++;
    p->most_parts = parts > p->most_parts ? parts : p->most_parts;
}

static void backwards(void *ctx, size_t parts, nsw_work work, void *work_ctx) {
    counted(ctx, parts);
    while (parts > 0) {
        work(work_ctx, --parts);
    }
}

/* Every part twice, and parts that there are not. */
static void too_often(void *ctx, size_t parts, nsw_work work, void *work_ctx) {
    counted(ctx, parts);
    for (size_t part = 0; part < 2 * parts; part++) {
        work(work_ctx, part / 2);
    }
    work(work_ctx, parts);
    work(work_ctx, SIZE_MAX);
    work(NULL, 0);
}

/* Does what it must for some calls, then leaves out a part. */
static void forgetful(void *ctx, size_t parts, nsw_work work, void *work_ctx) {
    pool *p = ctx;
    counted(p, parts);
    for (size_t part = p->calls > 4; part < parts; part++) {
        work(work_ctx, part);
    }
}

typedef struct task {
    nsw_work work;
    void *work_ctx;
    size_t part;
} task;

static void *run_task(void *arg) {
    task *t = arg;
    t->work(t->work_ctx, t->part);
    return NULL;
}

static void with_threads(void *ctx, size_t parts, nsw_work work, void *work_ctx) {
    counted(ctx, parts);
    pthread_t threads[WORKERS];
    task tasks[WORKERS];
    REQUIRE(parts <= WORKERS);
    for (size_t part = 0; part < parts; part++) {
        tasks[part] = (task){work, work_ctx, part};
        REQUIRE(pthread_create(&threads[part], NULL, run_task, &tasks[part]) == 0);
    }
    for (size_t part = 0; part < parts; part++) {
        REQUIRE(pthread_join(threads[part], NULL) == 0);
    }
}

static void calling_back(void *ctx, size_t parts, nsw_work work, void *work_ctx) {
    pool *p = ctx;
    float number = 0.0f;
    CHECK_STATUS(nsw_trainer_epoch(p->trainer, p->net, &MANY, &number), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_net_get_weight(p->net, 0, 2, &number), NSW_ERR_BUSY);
    nsw_trainer_destroy(p->trainer);
    nsw_net_destroy(p->net);
    backwards(ctx, parts, work, work_ctx);
}

/* ---- workers --------------------------------------------------------------------------- */

static guarded trained(uint32_t algorithm, uint32_t workers, pool *p, const nsw_parallel *table) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer_config cfg = small_trainer_config(net, algorithm);
    cfg.workers = workers;
    cfg.block = 4;
    cfg.batch_size = algorithm == NSW_ALGORITHM_ADAM ? 40 : 0;
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 10;
    params.validation = &XOR_DATA;
    params.parallel = table;
    if (p != NULL) {
        p->net = net;
        p->trainer = trainer;
    }
    CHECK_OK(nsw_trainer_train(trainer, net, &MANY, &params, NULL));
    guarded bytes = net_bytes(net);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    return bytes;
}

static void who_runs_the_workers_changes_nothing(void) {
    static void (*const RUN[])(void *, size_t, nsw_work, void *) = {
        backwards, too_often, with_threads, calling_back, NULL,
    };
    static const uint32_t ALGORITHMS[] = {NSW_ALGORITHM_IRPROP_PLUS, NSW_ALGORITHM_RPROP,
                                          NSW_ALGORITHM_ADAM};
    for (size_t a = 0; a < COUNT_OF(ALGORITHMS); a++) {
        for (uint32_t workers = 0; workers <= WORKERS; workers++) {
            guarded in_turn = trained(ALGORITHMS[a], workers, NULL, NULL);
            for (size_t r = 0; r < COUNT_OF(RUN); r++) {
                pool p = {NSW_PARALLEL_INIT, 0, 0, NULL, NULL};
                p.table.ctx = &p;
                p.table.run = RUN[r];
                p.table.threads = 3; /* for the library's own */
                guarded bytes = trained(ALGORITHMS[a], workers, &p, &p.table);
                CHECK_NOTE(memcmp(in_turn.data, bytes.data, bytes.len) == 0,
                           "algorithm %u, %u workers, pool %zu", ALGORITHMS[a], workers, r);
                CHECK(p.most_parts <= workers || p.most_parts <= 1);
                CHECK(workers < 2 || RUN[r] == NULL || p.most_parts == workers);
                guarded_free(&bytes);
            }
            guarded_free(&in_turn);
        }
    }
}

static void forgotten_work_is_an_error(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer_config cfg = small_trainer_config(net, NSW_ALGORITHM_RPROP);
    cfg.workers = 3;
    cfg.block = 4;
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    pool p = {NSW_PARALLEL_INIT, 0, 0, NULL, NULL};
    p.table.ctx = &p;
    p.table.run = forgetful;
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 10;
    params.parallel = &p.table;
    CHECK_STATUS(nsw_trainer_train(trainer, net, &MANY, &params, NULL), NSW_ERR_HOOK);
    CHECK_SIZE(p.calls, 5);
    /* The objects can be used on. */
    params.parallel = NULL;
    CHECK_OK(nsw_trainer_train(trainer, net, &MANY, &params, NULL));
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
}

static void workers_are_limited(void) {
    nsw_net *net = small_net(1, NULL);
    nsw_trainer_config cfg = small_trainer_config(net, NSW_ALGORITHM_RPROP);
    nsw_trainer *trainer = NULL;
    size_t one = 0, sixteen = 0, align = 0;
    CHECK_OK(nsw_trainer_footprint(&cfg, &one, &align));
    cfg.workers = 16;
    CHECK_OK(nsw_trainer_footprint(&cfg, &sixteen, &align));
    CHECK(sixteen > one);
    static const uint32_t BAD[] = {17, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(BAD); i++) {
        cfg.workers = BAD[i];
        CHECK_STATUS(nsw_trainer_create(&cfg, NULL, &trainer), NSW_ERR_INVALID);
        CHECK(trainer == NULL);
    }
    nsw_net_destroy(net);
}

/* ---- quantisation-aware training ------------------------------------------------------------ */

static void aware_training_is_another_one(void) {
    nsw_net *nets[2] = {small_net(4, NULL), small_net(4, NULL)};
    size_t sizes[2], align = 0;
    for (uint32_t aware = 0; aware < 2; aware++) {
        nsw_trainer_config cfg = small_trainer_config(nets[aware], NSW_ALGORITHM_ADAM);
        cfg.quantization_aware = aware;
        nsw_trainer *trainer = NULL;
        CHECK_OK(nsw_trainer_footprint(&cfg, &sizes[aware], &align));
        REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
        nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
        params.max_epochs = 5;
        CHECK_OK(nsw_trainer_train(trainer, nets[aware], &XOR_DATA, &params, NULL));
        nsw_trainer_destroy(trainer);
        cfg.exact = 1;
        cfg.algorithm = NSW_ALGORITHM_RPROP;
        CHECK_STATUS(nsw_trainer_create(&cfg, NULL, &trainer),
                     aware ? NSW_ERR_UNSUPPORTED : NSW_OK);
        nsw_trainer_destroy(trainer);
    }
    float difference = 0.0f;
    CHECK_OK(nsw_net_difference(nets[0], nets[1], &difference));
    CHECK(difference > 0.0f && difference < 0.1f);
    CHECK(sizes[1] > sizes[0]);
    nsw_net_destroy(nets[0]);
    nsw_net_destroy(nets[1]);
}

/* ---- the exact mode ------------------------------------------------------------------------ */

static guarded trained_exactly(uint32_t algorithm, uint32_t kernel) {
    nsw_net *net = small_net(1, NULL);
    CHECK_OK(nsw_net_set_kernel(net, kernel));
    nsw_trainer_config cfg = small_trainer_config(net, algorithm);
    cfg.exact = 1;
    cfg.error_function = NSW_ERROR_FUNCTION_TANH;
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    float loss = 0.0f;
    for (int epoch = 0; epoch < 20; epoch++) {
        CHECK_OK(nsw_trainer_epoch(trainer, net, &MANY, &loss));
    }
    guarded bytes = net_bytes(net);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    return bytes;
}

/* (That it is libfann's result is shown by tests/training.rs.) */
static void exact_is_the_same_on_every_kernel(void) {
    for (uint32_t algorithm = NSW_ALGORITHM_INCREMENTAL; algorithm < ALGORITHM_COUNT;
         algorithm++) {
        guarded best = trained_exactly(algorithm, NSW_KERNEL_AUTO);
        guarded plain = trained_exactly(algorithm, NSW_KERNEL_PORTABLE);
        CHECK_NOTE(memcmp(best.data, plain.data, best.len) == 0, "algorithm %u", algorithm);
        guarded_free(&best);
        guarded_free(&plain);
    }
}

static nsw_status try_exact(nsw_trainer_config cfg) {
    nsw_trainer *trainer = NULL;
    cfg.exact = 1;
    nsw_status status = nsw_trainer_create(&cfg, NULL, &trainer);
    CHECK((status == NSW_OK) == (trainer != NULL));
    nsw_trainer_destroy(trainer);
    return status;
}

static void exact_is_for_what_fann_has(void) {
    nsw_net *net = small_net(1, NULL);
    for (uint32_t algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        CHECK_STATUS(try_exact(small_trainer_config(net, algorithm)),
                     algorithm >= NSW_ALGORITHM_INCREMENTAL ? NSW_OK : NSW_ERR_UNSUPPORTED);
    }
    nsw_trainer_config cfg = small_trainer_config(net, NSW_ALGORITHM_RPROP);
    cfg.loss = NSW_LOSS_CROSS_ENTROPY;
    CHECK_STATUS(try_exact(cfg), NSW_ERR_UNSUPPORTED);
    cfg = small_trainer_config(net, NSW_ALGORITHM_BATCH);
    cfg.workers = 2;
    CHECK_STATUS(try_exact(cfg), NSW_ERR_UNSUPPORTED);
    cfg.workers = 1;
    cfg.schedule = NSW_SCHEDULE_EXPONENTIAL;
    cfg.schedule_factor = 0.5f;
    CHECK_STATUS(try_exact(cfg), NSW_ERR_UNSUPPORTED);

    cfg = small_trainer_config(net, NSW_ALGORITHM_RPROP);
    cfg.exact = 1;
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&cfg, NULL, &trainer));
    const float weights[4] = {1.0f, 1.0f, 1.0f, 1.0f};
    nsw_data weighted = XOR_DATA;
    weighted.weights = weights;
    weighted.weights_len = 4;
    float loss = 0.0f;
    CHECK_STATUS(nsw_trainer_epoch(trainer, net, &weighted, &loss), NSW_ERR_UNSUPPORTED);
    nsw_trainer_destroy(trainer);
    CHECK_OK(nsw_net_set_style(net, 0, NSW_ACTIVATION_GELU, 1.0f));
    CHECK_STATUS(try_exact(small_trainer_config(net, NSW_ALGORITHM_RPROP)), NSW_ERR_UNSUPPORTED);
    nsw_net_destroy(net);
}

int main(void) {
    aware_training_is_another_one();
    make_samples();
    who_runs_the_workers_changes_nothing();
    forgotten_work_is_an_error();
    workers_are_limited();
    exact_is_the_same_on_every_kernel();
    exact_is_for_what_fann_has();
    return check_report("train_modes");
}
