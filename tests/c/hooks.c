/*
 * Hooks: what the logger is told, what the progress callback sees and can do,
 * and that a hook which calls back into its object gets NSW_ERR_BUSY and does
 * no harm.
 */
#include <math.h>
#include <string.h>

#include "support.h"

/* ---- the logger --------------------------------------------------------------- */

typedef struct recorder {
    nsw_logger table;
    unsigned lines, at_level[NSW_LOG_DEBUG + 1];
    nsw_net *net; /* to call back into, or NULL */
    nsw_status called_back;
} recorder;

static void record(void *ctx, uint32_t level, const char *text, size_t text_len) {
    recorder *r = ctx;
    r->lines++;
    CHECK(level >= NSW_LOG_ERROR && level <= NSW_LOG_DEBUG);
    if (level <= NSW_LOG_DEBUG) {
        r->at_level[level]++;
    }
    CHECK(text != NULL && text_len > 0 && text_len < 1000);
    CHECK(memchr(text, '\0', text_len) == NULL && memchr(text, '\n', text_len) == NULL);
    if (r->net != NULL) {
        float out[1];
        r->called_back = nsw_net_forward(r->net, XOR_INPUTS, 2, out, 1, NULL);
        nsw_net_destroy(r->net); /* in use: left alone */
    }
}

static void recorder_init(recorder *r, uint32_t max_level) {
    memset(r, 0, sizeof *r);
    r->table.size = sizeof r->table;
    r->table.ctx = r;
    r->table.log = record;
    r->table.max_level = max_level;
    r->called_back = 1;
}

/* A refused net: a line at the error level. */
static void refused(const nsw_logger *logger) {
    nsw_net_config cfg = small_config(1);
    nsw_net *net = NULL;
    cfg.inputs = 0;
    cfg.logger = logger;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &net), NSW_ERR_NN_SHAPE);
}

/* A quantised net: a line at the information level. */
static void quantised(nsw_net *net, const nsw_logger *logger) {
    nsw_qnet_config cfg = small_qnet_config(net);
    nsw_qnet *qnet = NULL;
    cfg.logger = logger;
    CHECK_OK(nsw_qnet_create(&cfg, NULL, &qnet));
    nsw_qnet_destroy(qnet);
}

static void levels_are_filtered(void) {
    nsw_net *net = small_net(1, NULL);
    for (uint32_t max_level = 0; max_level <= NSW_LOG_DEBUG; max_level++) {
        uint32_t most = max_level == 0 ? NSW_LOG_INFO : max_level;
        recorder r;
        recorder_init(&r, max_level);
        refused(&r.table);
        quantised(net, &r.table);
        CHECK_NOTE(r.at_level[NSW_LOG_ERROR] >= 1, "max_level %u", max_level);
        CHECK_NOTE((r.at_level[NSW_LOG_INFO] >= 1) == (most >= NSW_LOG_INFO), "max_level %u",
                   max_level);
        for (uint32_t level = most + 1; level <= NSW_LOG_DEBUG; level++) {
            CHECK_NOTE(r.at_level[level] == 0, "max_level %u, level %u", max_level, level);
        }
    }
    recorder r;
    recorder_init(&r, NSW_LOG_DEBUG + 1);
    nsw_net_config cfg = small_config(1);
    nsw_net *none = NULL;
    cfg.logger = &r.table;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &none), NSW_ERR_INVALID);
    recorder_init(&r, NSW_LOG_INFO);
    r.table.log = NULL;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &none), NSW_ERR_NULL);
    CHECK(none == NULL);
    nsw_net_destroy(net);
}

/* A refusal is explained to whoever asked to be told. */
static void refusals_are_explained(void) {
    recorder r;
    recorder_init(&r, NSW_LOG_ERROR);
    nsw_net *net = small_net(1, NULL);
    nsw_trainer_config trainer_cfg = small_trainer_config(net, NSW_ALGORITHM_SGD);
    trainer_cfg.learning_rate = -1.0f;
    trainer_cfg.logger = &r.table;
    nsw_trainer *trainer = NULL;
    CHECK_STATUS(nsw_trainer_create(&trainer_cfg, NULL, &trainer), NSW_ERR_INVALID);
    CHECK(r.lines >= 1);
    unsigned before = r.lines;
    const float odd[3] = {0.0f, 1.0f, 0.0f};
    nsw_qnet_config qnet_cfg = small_qnet_config(net);
    qnet_cfg.samples = odd;
    qnet_cfg.samples_len = COUNT_OF(odd);
    qnet_cfg.logger = &r.table;
    nsw_qnet *qnet = NULL;
    CHECK_STATUS(nsw_qnet_create(&qnet_cfg, NULL, &qnet), NSW_ERR_LENGTH);
    CHECK(r.lines > before);
    nsw_net_destroy(net);
}

/* The net that is being quantised is busy while the logger hears of it. */
static void a_logger_that_calls_back(void) {
    nsw_net *net = small_net(1, NULL);
    recorder r;
    recorder_init(&r, NSW_LOG_DEBUG);
    r.net = net;
    quantised(net, &r.table);
    CHECK(r.lines > 0);
    CHECK_STATUS(r.called_back, NSW_ERR_BUSY);
    float out[1];
    CHECK_OK(nsw_net_forward(net, XOR_INPUTS, 2, out, 1, NULL));
    nsw_net_destroy(net);
}

/* The table and its ctx are needed during the call only. */
static void the_logger_may_go_away(void) {
    recorder r;
    recorder_init(&r, NSW_LOG_DEBUG);
    nsw_net_config cfg = small_config(1);
    cfg.logger = &r.table;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    nsw_trainer_config trainer_cfg = small_trainer_config(net, NSW_ALGORITHM_SGD);
    trainer_cfg.logger = &r.table;
    nsw_trainer *trainer = NULL;
    REQUIRE_OK(nsw_trainer_create(&trainer_cfg, NULL, &trainer));
    unsigned before = r.lines;
    memset(&r.table, 0x5A, sizeof r.table);
    float loss;
    CHECK_OK(nsw_trainer_epoch(trainer, net, &XOR_DATA, &loss));
    CHECK_STATUS(nsw_trainer_epoch(trainer, net, DATA(XOR_INPUTS, 7, XOR_TARGETS, 4), &loss),
                 NSW_ERR_LENGTH);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    CHECK(r.lines == before);
}

/* ---- the progress callback -------------------------------------------------------- */

typedef struct watcher {
    uint32_t calls;
    uint32_t stop_at;  /* 0: never */
    int32_t stop_with; /* what it returns then */
    float last_loss;
    /* to call back into, or NULL */
    nsw_trainer *trainer;
    nsw_net *net;
} watcher;

/* Everything that looks into the network or changes it. */
static void call_back_to_edit(nsw_net *net) {
    float numbers[SMALL_PARAMETERS] = {0};
    size_t size, align;
    uint32_t code;
    nsw_layer_info layer = NSW_LAYER_INFO_INIT;
    nsw_connection connection = NSW_CONNECTION_INIT;
    nsw_randomize_config randomize = NSW_RANDOMIZE_CONFIG_INIT;
    nsw_net *copy = NULL, *other = small_net(1, NULL);
#define BUSY(call) CHECK_STATUS(call, NSW_ERR_BUSY)
    BUSY(nsw_net_layer(net, 0, &layer));
    BUSY(nsw_net_get_weights(net, numbers, COUNT_OF(numbers), NULL));
    BUSY(nsw_net_set_weights(net, numbers, COUNT_OF(numbers)));
    BUSY(nsw_net_connection(net, 0, &connection));
    BUSY(nsw_net_connections(net, 0, &connection, 1, NULL));
    BUSY(nsw_net_get_weight(net, 0, 2, numbers));
    BUSY(nsw_net_set_weight(net, 0, 2, 1.0f));
    BUSY(nsw_net_set_style(net, 0, NSW_ACTIVATION_SIN, 1.0f));
    BUSY(nsw_net_set_unit_style(net, 0, 0, NSW_ACTIVATION_SIN, 1.0f));
    BUSY(nsw_net_get_unit_style(net, 0, 0, &code, numbers));
    BUSY(nsw_net_copy_footprint(net, &size, &align));
    BUSY(nsw_net_copy(net, NULL, &copy));
    BUSY(nsw_net_same_shape(net, other, &code));
    BUSY(nsw_net_same_shape(other, net, &code));
    BUSY(nsw_net_difference(net, other, numbers));
    BUSY(nsw_net_difference(other, net, numbers));
    BUSY(nsw_net_randomize(net, &randomize));
    BUSY(nsw_net_grow(net, NSW_ACTIVATION_TANH, 1.0f, numbers, 2, 0.0f, numbers, 1));
#undef BUSY
    CHECK(copy == NULL);
    nsw_net_destroy(other);
}

static void call_back(const watcher *w) {
    float out[4];
    uint8_t bytes[1024];
    nsw_net_info info = NSW_NET_INFO_INIT;
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;
    nsw_trainer *t = NULL;
    nsw_qnet *q = NULL;
    nsw_trainer_config trainer_cfg = small_trainer_config(w->net, NSW_ALGORITHM_SGD);
    nsw_qnet_config qnet_cfg = small_qnet_config(w->net);
    CHECK_STATUS(nsw_net_forward(w->net, XOR_INPUTS, 2, out, 1, NULL), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_net_forward_batch(w->net, XOR_INPUTS, 8, 4, out, 4, NULL), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_net_save(w->net, bytes, sizeof bytes, NULL), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_net_describe(w->net, &info), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_net_set_kernel(w->net, NSW_KERNEL_PORTABLE), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_create(&trainer_cfg, NULL, &t), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_qnet_create(&qnet_cfg, NULL, &q), NSW_ERR_BUSY);
    CHECK(t == NULL && q == NULL);
    CHECK_STATUS(nsw_trainer_train(w->trainer, w->net, &XOR_DATA, &params, NULL),
                 NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_epoch(w->trainer, w->net, &XOR_DATA, out),
                 NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_loss(w->trainer, w->net, &XOR_DATA, out),
                 NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_set_learning_rate(w->trainer, 0.5f), NSW_ERR_BUSY);
    call_back_to_edit(w->net);
    uint64_t number = 0;
    CHECK_STATUS(nsw_trainer_test(w->trainer, w->net, &XOR_DATA, out, &number), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_epochs(w->trainer, &number), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_save_state(w->trainer, bytes, sizeof bytes, NULL), NSW_ERR_BUSY);
    CHECK_STATUS(nsw_trainer_load_state(w->trainer, bytes, sizeof bytes), NSW_ERR_BUSY);
    nsw_trainer_destroy(w->trainer);
    nsw_net_destroy(w->net);
}

static int32_t watch(void *ctx, const nsw_progress *progress) {
    watcher *w = ctx;
    w->calls++;
    CHECK(progress->size >= offsetof(nsw_progress, loss) + sizeof progress->loss);
    CHECK_SIZE(progress->epoch, w->calls);
    CHECK(isfinite(progress->loss) && progress->loss >= 0.0f);
    CHECK_SIZE(progress->samples, 4);
    w->last_loss = progress->loss;
    if (w->net != NULL) {
        call_back(w);
    }
    return w->calls == w->stop_at ? w->stop_with : 0;
}

/* Trains a net of `seed` for some epochs, and returns it as bytes. */
static guarded train_watched(uint32_t algorithm, watcher *w, uint32_t epochs, bool calls_back,
                             nsw_train_report *report) {
    counting memory;
    counting_init(&memory);
    nsw_net *net = small_net(3, &memory.hook);
    nsw_trainer *trainer = small_trainer(net, algorithm, &memory.hook);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = epochs;
    if (w != NULL) {
        params.ctx = w;
        params.progress = watch;
        if (calls_back) {
            w->net = net;
            w->trainer = trainer;
        }
    }
    CHECK_OK(nsw_trainer_train(trainer, net, &XOR_DATA, &params, report));
    guarded bytes = net_bytes(net);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    counting_finish(&memory);
    return bytes;
}

static void progress_is_told(void) {
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    watcher w = {0};
    guarded bytes = train_watched(NSW_ALGORITHM_ADAM, &w, 10, false, &report);
    CHECK_SIZE(w.calls, 10);
    CHECK_SIZE(report.epochs, 10);
    CHECK_SIZE(report.stopped_by, NSW_STOP_EPOCHS);
    CHECK(report.loss == w.last_loss);
    guarded_free(&bytes);
}

static void progress_can_stop(void) {
    static const int32_t answers[] = {1, -1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        watcher w = {0};
        w.stop_at = 4;
        w.stop_with = answers[i];
        guarded stopped = train_watched(NSW_ALGORITHM_SGD, &w, 10, false, &report);
        CHECK_SIZE(w.calls, 4);
        CHECK_SIZE(report.epochs, 4);
        CHECK_SIZE(report.stopped_by, NSW_STOP_CALLBACK);
        CHECK(report.loss == w.last_loss);
        /* As if 4 epochs had been asked for. */
        guarded asked = train_watched(NSW_ALGORITHM_SGD, NULL, 4, false, NULL);
        CHECK(asked.len == stopped.len && memcmp(asked.data, stopped.data, asked.len) == 0);
        guarded_free(&asked);
        guarded_free(&stopped);
    }
}

static void progress_that_calls_back(void) {
    for (uint32_t algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        nsw_train_report report = NSW_TRAIN_REPORT_INIT;
        watcher w = {0};
        guarded disturbed = train_watched(algorithm, &w, 5, true, &report);
        guarded plain = train_watched(algorithm, NULL, 5, false, NULL);
        CHECK_SIZE(w.calls, 5);
        CHECK(plain.len == disturbed.len);
        CHECK(memcmp(plain.data, disturbed.data, plain.len) == 0);
        guarded_free(&disturbed);
        guarded_free(&plain);
    }
}

/* ---- the allocator ------------------------------------------------------------------ */

typedef struct meddler {
    counting memory;
    nsw_net *net;
    nsw_status on_alloc, on_free;
} meddler;

static nsw_status meddle(const meddler *m) {
    float out[1];
    return nsw_net_forward(m->net, XOR_INPUTS, 2, out, 1, NULL);
}

static void *meddling_alloc(void *ctx, size_t size, size_t align) {
    meddler *m = ctx;
    m->on_alloc = m->net != NULL ? meddle(m) : 1;
    return m->memory.hook.alloc(&m->memory, size, align);
}

static void meddling_free(void *ctx, void *ptr, size_t size, size_t align) {
    meddler *m = ctx;
    m->on_free = m->net != NULL ? meddle(m) : 1;
    m->memory.hook.free(&m->memory, ptr, size, align);
}

/* Hooks of the allocator that use the object which is being made from or freed. */
static void an_allocator_that_calls_back(void) {
    meddler m;
    memset(&m, 0, sizeof m);
    counting_init(&m.memory);
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    mem.ctx = &m;
    mem.alloc = meddling_alloc;
    mem.free = meddling_free;
    nsw_net *net = small_net(1, NULL);
    m.net = net;
    /* Memory is asked for before the net is touched: either answer would do no harm. */
    nsw_qnet *qnet = small_qnet(net, &mem);
    CHECK(m.on_alloc == NSW_OK || m.on_alloc == NSW_ERR_BUSY);
    nsw_qnet_destroy(qnet);
    CHECK_STATUS(m.on_free, NSW_OK); /* nothing keeps the net busy here */

    m.net = NULL;
    nsw_net *own = small_net(1, &mem);
    m.net = own;
    nsw_net_destroy(own);
    CHECK(m.on_free == NSW_ERR_DESTROYED || m.on_free == NSW_ERR_BUSY);
    counting_finish(&m.memory);
    nsw_net_destroy(net);
}

int main(void) {
    levels_are_filtered();
    refusals_are_explained();
    a_logger_that_calls_back();
    the_logger_may_go_away();
    progress_is_told();
    progress_can_stop();
    progress_that_calls_back();
    an_allocator_that_calls_back();
    return check_report("hooks");
}
