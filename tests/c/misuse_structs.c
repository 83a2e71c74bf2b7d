/*
 * The `size` field of every struct that crosses the ABI: 0 and too small are
 * refused, an older (shorter) caller works and is neither read nor written
 * beyond its own length, a newer (longer) one works as long as what this
 * library does not know is zero.
 */
#include <string.h>

#include "support.h"

static nsw_net *net;
static nsw_trainer *trainer;
static nsw_qnet *qnet;
static nsw_dataset *dataset;
static nsw_net *shortcut;
static nsw_cascade *cascade;
static counting memory;

/* ---- one adaptor a struct parameter: a call that succeeds with the right struct --- */

typedef nsw_status struct_call(void *arg);

static nsw_status use_allocator(void *arg) {
    nsw_net_config cfg = small_config(1);
    nsw_net *n = NULL;
    nsw_status status = nsw_net_create(&cfg, arg, &n);
    CHECK((status == NSW_OK) == (n != NULL));
    nsw_net_destroy(n);
    return status;
}

static nsw_status use_logger(void *arg) {
    nsw_net_config cfg = small_config(1);
    nsw_net *n = NULL;
    cfg.logger = arg;
    nsw_status status = nsw_net_create(&cfg, NULL, &n);
    nsw_net_destroy(n);
    return status;
}

static nsw_status use_net_config(void *arg) {
    nsw_net *n = NULL;
    nsw_status status = nsw_net_create(arg, NULL, &n);
    CHECK((status == NSW_OK) == (n != NULL));
    nsw_net_destroy(n);
    return status;
}

static nsw_status use_net_config_footprint(void *arg) {
    size_t size, align;
    return nsw_net_footprint(arg, &size, &align);
}

static nsw_status use_layer(void *arg) {
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    nsw_net *n = NULL;
    cfg.inputs = 2;
    cfg.layers = arg;
    cfg.layer_count = 1;
    nsw_status status = nsw_net_create(&cfg, NULL, &n);
    nsw_net_destroy(n);
    return status;
}

static nsw_status use_trainer_config(void *arg) {
    nsw_trainer *t = NULL;
    nsw_status status = nsw_trainer_create(arg, NULL, &t);
    CHECK((status == NSW_OK) == (t != NULL));
    nsw_trainer_destroy(t);
    return status;
}

static nsw_status use_train_params(void *arg) {
    return nsw_trainer_train(trainer, net, &XOR_DATA, arg, NULL);
}

static nsw_status use_data(void *arg) {
    float loss;
    return nsw_trainer_loss(trainer, net, arg, &loss);
}

static nsw_status use_validation(void *arg) {
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;
    params.validation = arg;
    return nsw_trainer_train(trainer, net, &XOR_DATA, &params, NULL);
}

static nsw_status use_parallel(void *arg) {
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;
    params.parallel = arg;
    return nsw_trainer_train(trainer, net, &XOR_DATA, &params, NULL);
}

static nsw_status use_randomize_config(void *arg) {
    return nsw_net_randomize(net, arg);
}

static nsw_status use_qnet_config(void *arg) {
    nsw_qnet *q = NULL;
    nsw_status status = nsw_qnet_create(arg, NULL, &q);
    CHECK((status == NSW_OK) == (q != NULL));
    nsw_qnet_destroy(q);
    return status;
}

static nsw_status use_cascade_config(void *arg) {
    nsw_cascade *c = NULL;
    nsw_status status = nsw_cascade_create(arg, NULL, &c);
    CHECK((status == NSW_OK) == (c != NULL));
    nsw_cascade_destroy(c);
    return status;
}

static nsw_status use_cascade_config_footprint(void *arg) {
    size_t size, align;
    return nsw_cascade_footprint(arg, &size, &align);
}

static nsw_status use_cascade_logger(void *arg) {
    nsw_cascade_config cfg = small_cascade_config(shortcut);
    cfg.logger = arg;
    return use_cascade_config_footprint(&cfg);
}

static nsw_status use_cascade_params(void *arg) {
    return nsw_cascade_train(cascade, shortcut, &XOR_DATA, arg, NULL);
}

static nsw_status use_cascade_data(void *arg) {
    nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
    return nsw_cascade_train(cascade, shortcut, arg, &params, NULL);
}

static nsw_status use_cascade_validation(void *arg) {
    nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
    params.validation = arg;
    return nsw_cascade_train(cascade, shortcut, &XOR_DATA, &params, NULL);
}

static nsw_status use_dataset_config(void *arg) {
    nsw_dataset *d = NULL;
    nsw_status status = nsw_dataset_create(arg, NULL, &d);
    CHECK((status == NSW_OK) == (d != NULL));
    nsw_dataset_destroy(d);
    return status;
}

static nsw_status use_csv_config(void *arg) {
    size_t size, align;
    return nsw_dataset_load_csv_footprint((const uint8_t *)"1,2", 3, arg, &size, &align);
}

static nsw_status use_idx_config(void *arg) {
    static const uint8_t one[] = {0, 0, 8, 1, 0, 0, 0, 1, 7};
    size_t size, align;
    return nsw_dataset_load_idx_footprint(one, sizeof one, NULL, 0, arg, &size, &align);
}

static nsw_status use_fit(void *arg) {
    nsw_scale scale = NSW_SCALE_INIT;
    return nsw_dataset_fit(dataset, 0, arg, &scale);
}

static nsw_status fill_allocator(void *arg) {
    static uint64_t room[512];
    nsw_arena *arena = NULL;
    REQUIRE_OK(nsw_arena_create(room, sizeof room, &arena));
    nsw_status status = nsw_arena_allocator(arena, arg);
    nsw_arena_destroy(arena);
    return status;
}

static nsw_status fill_net_info(void *arg) {
    return nsw_net_describe(net, arg);
}

static nsw_status fill_layer_info(void *arg) {
    return nsw_net_layer(net, 1, arg);
}

static nsw_status fill_connection(void *arg) {
    return nsw_net_connection(net, 3, arg);
}

static nsw_status fill_connections(void *arg) {
    return nsw_net_connections(net, 3, arg, 1, NULL);
}

static nsw_status fill_qnet_info(void *arg) {
    return nsw_qnet_describe(qnet, arg);
}

static nsw_status fill_dataset_info(void *arg) {
    return nsw_dataset_describe(dataset, arg);
}

static nsw_status fill_column(void *arg) {
    return nsw_dataset_column(dataset, 0, arg);
}

static nsw_status fill_data(void *arg) {
    return nsw_dataset_data(dataset, arg);
}

static nsw_status fill_train_report(void *arg) {
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 1;
    return nsw_trainer_train(trainer, net, &XOR_DATA, &params, arg);
}

static nsw_status fill_cascade_report(void *arg) {
    nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
    return nsw_cascade_train(cascade, shortcut, &XOR_DATA, &params, arg);
}

static nsw_status use_framer_config(void *arg) {
    nsw_framer *framer = NULL;
    nsw_status status = nsw_framer_create(arg, NULL, &framer);
    nsw_framer_destroy(framer);
    return status;
}

static nsw_status fill_frame(void *arg) {
    static const uint8_t line[] = {1, 0, 9};
    size_t taken;
    nsw_framer *framer = NULL;
    nsw_framer_config cfg = NSW_FRAMER_CONFIG_INIT;
    cfg.max_frame = 9;
    REQUIRE_OK(nsw_framer_create(&cfg, NULL, &framer));
    CHECK_OK(nsw_framer_push(framer, line, sizeof line, &taken));
    nsw_status status = nsw_framer_next(framer, arg);
    nsw_framer_destroy(framer);
    return status;
}

static nsw_status use_address(void *arg) {
    char text[64];
    return nsw_host_address_text(arg, text, sizeof text, NULL);
}

static nsw_status fill_address(void *arg) {
    return nsw_host_address_parse("127.0.0.1:4000", 14, arg);
}

static nsw_status use_host_tcp_config(void *arg) {
    nsw_host_tcp *tcp = NULL;
    nsw_status status = nsw_host_tcp_create(arg, NULL, &tcp);
    nsw_host_tcp_destroy(tcp);
    return status;
}

/* ---- the table ------------------------------------------------------------------- */

static nsw_allocator allocator;
static nsw_logger logger = NSW_LOGGER_INIT;
static nsw_net_config net_config;
static nsw_layer layer = NSW_LAYER(3, NSW_ACTIVATION_TANH);
static nsw_trainer_config trainer_config;
static nsw_train_params train_params = NSW_TRAIN_PARAMS_INIT;
static nsw_data data;
static nsw_parallel parallel = NSW_PARALLEL_INIT;
static nsw_randomize_config randomize_config = NSW_RANDOMIZE_CONFIG_INIT;
static nsw_qnet_config qnet_config;
static nsw_cascade_config cascade_config;
static nsw_cascade_params cascade_params = NSW_CASCADE_PARAMS_INIT;
static nsw_cascade_report cascade_report = NSW_CASCADE_REPORT_INIT;
static nsw_dataset_config dataset_config = NSW_DATASET_CONFIG_INIT;
static nsw_csv_config csv_config = NSW_CSV_CONFIG_INIT;
static nsw_idx_config idx_config = NSW_IDX_CONFIG_INIT;
static nsw_fit fit = NSW_FIT_INIT;
static nsw_dataset_info dataset_info = NSW_DATASET_INFO_INIT;
static nsw_column column = NSW_COLUMN_INIT;
static nsw_net_info net_info = NSW_NET_INFO_INIT;
static nsw_layer_info layer_info = NSW_LAYER_INFO_INIT;
static nsw_connection connection = NSW_CONNECTION_INIT;
static nsw_qnet_info qnet_info = NSW_QNET_INFO_INIT;
static nsw_train_report train_report = NSW_TRAIN_REPORT_INIT;
static nsw_framer_config framer_config = NSW_FRAMER_CONFIG_INIT;
static nsw_frame frame = NSW_FRAME_INIT;
static nsw_address address = NSW_ADDRESS_INIT;
static nsw_host_tcp_config host_tcp_config = NSW_HOST_TCP_CONFIG_INIT;

static void run_in_turn(void *ctx, size_t parts, nsw_work work, void *work_ctx) {
    (void)ctx;
    for (size_t part = 0; part < parts; part++) {
        work(work_ctx, part);
    }
}

static void ignore_log(void *ctx, uint32_t level, const char *text, size_t len) {
    (void)ctx, (void)level, (void)text, (void)len;
}

/*
 * `least` is what every caller has to have: up to the fields without which the struct says
 * nothing. It never rises, so it stays as it is here when a struct grows. `step` is what its
 * length must be a multiple of.
 */
static const struct {
    const char *name;
    struct_call *call;
    const void *value;
    size_t now, least, step;
    bool output;
} STRUCTS[] = {
    {"nsw_allocator", use_allocator, &allocator, sizeof allocator,
     sizeof(nsw_allocator), 1, false},
    {"nsw_logger", use_logger, &logger, sizeof logger, sizeof(nsw_logger), 1, false},
    {"nsw_net_config", use_net_config, &net_config, sizeof net_config,
     offsetof(nsw_net_config, logger), 1, false},
    {"nsw_net_config (footprint)", use_net_config_footprint, &net_config, sizeof net_config,
     offsetof(nsw_net_config, logger), 1, false},
    {"nsw_layer", use_layer, &layer, sizeof layer, offsetof(nsw_layer, init), 4, false},
    {"nsw_trainer_config", use_trainer_config, &trainer_config, sizeof trainer_config,
     offsetof(nsw_trainer_config, logger), 1, false},
    {"nsw_train_params", use_train_params, &train_params, sizeof train_params,
     offsetof(nsw_train_params, target_loss), 1, false},
    {"nsw_data", use_data, &data, sizeof data, offsetof(nsw_data, weights), 1, false},
    {"nsw_data (validation)", use_validation, &data, sizeof data, offsetof(nsw_data, weights), 1,
     false},
    {"nsw_parallel", use_parallel, &parallel, sizeof parallel, sizeof(nsw_parallel), 1, false},
    {"nsw_randomize_config", use_randomize_config, &randomize_config, sizeof randomize_config,
     offsetof(nsw_randomize_config, seed), 1, false},
    {"nsw_qnet_config", use_qnet_config, &qnet_config, sizeof qnet_config,
     offsetof(nsw_qnet_config, logger), 1, false},
    {"nsw_cascade_config", use_cascade_config, &cascade_config, sizeof cascade_config,
     offsetof(nsw_cascade_config, logger), 1, false},
    {"nsw_cascade_config (footprint)", use_cascade_config_footprint, &cascade_config,
     sizeof cascade_config, offsetof(nsw_cascade_config, logger), 1, false},
    {"nsw_logger (cascade)", use_cascade_logger, &logger, sizeof logger, sizeof(nsw_logger), 1,
     false},
    {"nsw_cascade_params", use_cascade_params, &cascade_params, sizeof cascade_params,
     offsetof(nsw_cascade_params, target_loss), 1, false},
    {"nsw_data (cascade)", use_cascade_data, &data, sizeof data, offsetof(nsw_data, weights), 1,
     false},
    {"nsw_data (cascade's validation)", use_cascade_validation, &data, sizeof data,
     offsetof(nsw_data, weights), 1, false},
    {"nsw_cascade_report", fill_cascade_report, &cascade_report, sizeof cascade_report,
     offsetof(nsw_cascade_report, bit_fail), 1, true},
    {"nsw_dataset_config", use_dataset_config, &dataset_config, sizeof dataset_config,
     sizeof(nsw_dataset_config), 1, false},
    {"nsw_csv_config", use_csv_config, &csv_config, sizeof csv_config,
     offsetof(nsw_csv_config, inputs), 1, false},
    {"nsw_idx_config", use_idx_config, &idx_config, sizeof idx_config,
     offsetof(nsw_idx_config, logger), 1, false},
    {"nsw_fit", use_fit, &fit, sizeof fit, sizeof(nsw_fit), 1, false},
    {"nsw_dataset_info", fill_dataset_info, &dataset_info, sizeof dataset_info,
     sizeof(nsw_dataset_info), 1, true},
    {"nsw_column", fill_column, &column, sizeof column, sizeof(nsw_column), 1, true},
    {"nsw_data (output)", fill_data, &data, sizeof data, offsetof(nsw_data, weights), 1, true},
    {"nsw_allocator (output)", fill_allocator, &allocator, sizeof allocator,
     sizeof(nsw_allocator), 1, true},
    {"nsw_net_info", fill_net_info, &net_info, sizeof net_info,
     offsetof(nsw_net_info, parameters), 1, true},
    {"nsw_layer_info", fill_layer_info, &layer_info, sizeof layer_info,
     offsetof(nsw_layer_info, activation), 1, true},
    {"nsw_connection", fill_connection, &connection, sizeof connection, sizeof(nsw_connection), 1,
     true},
    {"nsw_connection (array)", fill_connections, &connection, sizeof connection,
     sizeof(nsw_connection), 4, true},
    {"nsw_qnet_info", fill_qnet_info, &qnet_info, sizeof qnet_info,
     offsetof(nsw_qnet_info, model_size), 1, true},
    {"nsw_train_report", fill_train_report, &train_report, sizeof train_report,
     offsetof(nsw_train_report, stopped_by), 1, true},
    {"nsw_framer_config", use_framer_config, &framer_config, sizeof framer_config,
     sizeof(nsw_framer_config), 1, false},
    {"nsw_frame", fill_frame, &frame, sizeof frame, sizeof(nsw_frame), 1, true},
    {"nsw_address", use_address, &address, sizeof address, sizeof(nsw_address), 1, false},
    {"nsw_address (output)", fill_address, &address, sizeof address, sizeof(nsw_address), 1, true},
    {"nsw_host_tcp_config", use_host_tcp_config, &host_tcp_config, sizeof host_tcp_config,
     sizeof(nsw_host_tcp_config), 1, false},
};

static void set_size(guarded *g, uint32_t size) {
    memcpy(g->data, &size, sizeof size); /* `size` is the first member of every struct */
}

/* The struct in exactly `len` bytes of guarded memory, cut short or extended with zeros. */
static guarded struct_of(size_t index, size_t len) {
    guarded g = guarded_new(len, 16, 0);
    size_t known = STRUCTS[index].now < len ? STRUCTS[index].now : len;
    memset(g.data, 0, len);
    memcpy(g.data, STRUCTS[index].value, known);
    set_size(&g, (uint32_t)len);
    return g;
}

#define EXPECT(index, g, expected)                                                        \
    do {                                                                                  \
        nsw_status got_ = STRUCTS[index].call((g).data);                                  \
        CHECK_NOTE(got_ == (expected), "%s in %zu bytes: got %d (%s)",                    \
                   STRUCTS[index].name, (g).len, (int)got_, nsw_status_str(got_));        \
    } while (0)

static void right_size(size_t i) {
    guarded g = struct_of(i, STRUCTS[i].now);
    EXPECT(i, g, NSW_OK);
    uint32_t size;
    memcpy(&size, g.data, sizeof size);
    CHECK_NOTE(size == STRUCTS[i].now, "%s: size is the caller's", STRUCTS[i].name);
    guarded_free(&g);
}

static void too_small(size_t i) {
    /* 0 to 3 included: not even `size` itself would fit. */
    for (uint32_t size = 0; size < STRUCTS[i].least; size++) {
        guarded g = struct_of(i, STRUCTS[i].now);
        set_size(&g, size);
        snapshot before = snapshot_take(g.data, g.len);
        EXPECT(i, g, NSW_ERR_STRUCT_SIZE);
        CHECK_NOTE(snapshot_unchanged(&before), "%s with size %u", STRUCTS[i].name, size);
        snapshot_free(&before);
        guarded_free(&g);
    }
}

/* A size that no version will ever have is garbage; nothing that far away may be read. */
static void garbage_sizes(size_t i) {
    static const uint32_t SIZES[] = {4097, 65536, INT32_MAX, UINT32_MAX - 3, UINT32_MAX};
    for (size_t k = 0; k < COUNT_OF(SIZES); k++) {
        guarded g = struct_of(i, STRUCTS[i].now);
        set_size(&g, SIZES[k]);
        EXPECT(i, g, NSW_ERR_STRUCT_SIZE);
        guarded_free(&g);
    }
}

/* The guards right after the short struct show that no byte beyond it is touched. */
static void older_caller(size_t i) {
    for (size_t len = STRUCTS[i].least; len < STRUCTS[i].now; len += STRUCTS[i].step) {
        guarded g = struct_of(i, len);
        EXPECT(i, g, NSW_OK);
        guarded_free(&g);
    }
}

static void newer_caller(size_t i) {
    static const size_t EXTRA[] = {1, 4, 8, 40};
    for (size_t k = 0; k < COUNT_OF(EXTRA); k++) {
        if (EXTRA[k] % STRUCTS[i].step != 0) {
            continue;
        }
        guarded g = struct_of(i, STRUCTS[i].now + EXTRA[k]);
        snapshot rest = snapshot_take(g.data + STRUCTS[i].now, EXTRA[k]);
        EXPECT(i, g, NSW_OK);
        CHECK_NOTE(snapshot_unchanged(&rest), "%s: bytes beyond what is known",
                   STRUCTS[i].name);
        snapshot_free(&rest);
        guarded_free(&g);
        if (!STRUCTS[i].output) {
            for (size_t byte = STRUCTS[i].now; byte < STRUCTS[i].now + EXTRA[k]; byte++) {
                g = struct_of(i, STRUCTS[i].now + EXTRA[k]);
                g.data[byte] = 1;
                EXPECT(i, g, NSW_ERR_STRUCT_SIZE);
                guarded_free(&g);
            }
        }
    }
}

/* A caller's struct given as input is never written to. */
static void inputs_are_not_written(size_t i) {
    if (!STRUCTS[i].output) {
        guarded g = struct_of(i, STRUCTS[i].now);
        snapshot before = snapshot_take(g.data, g.len);
        EXPECT(i, g, NSW_OK);
        CHECK_NOTE(snapshot_unchanged(&before), "%s", STRUCTS[i].name);
        snapshot_free(&before);
        guarded_free(&g);
    }
}

static void misaligned_struct(size_t i) {
    guarded g = guarded_new(STRUCTS[i].now, 16, 1);
    memcpy(g.data, STRUCTS[i].value, STRUCTS[i].now);
    set_size(&g, (uint32_t)STRUCTS[i].now);
    EXPECT(i, g, NSW_ERR_ALIGNMENT);
    guarded_free(&g);
}

/* The array of layers has the stride of its first element: callers of another
   length can be served too, and a ragged array is refused. */
static void layer_stride(void) {
    const size_t stride = sizeof(nsw_layer) + 8;
    guarded g = guarded_new(3 * stride, 16, 0);
    const nsw_layer wanted[3] = {
        NSW_LAYER(5, NSW_ACTIVATION_RELU),
        NSW_LAYER(4, NSW_ACTIVATION_TANH),
        NSW_LAYER(2, NSW_ACTIVATION_LINEAR),
    };
    memset(g.data, 0, g.len);
    for (size_t i = 0; i < 3; i++) {
        nsw_layer l = wanted[i];
        l.size = (uint32_t)stride;
        memcpy(g.data + i * stride, &l, sizeof l);
    }
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = 3;
    cfg.seed = 5;
    cfg.layers = (const void *)g.data;
    cfg.layer_count = 3;
    nsw_net *wide = NULL, *plain = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &wide));
    cfg.layers = wanted;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &plain));
    guarded a = net_bytes(wide), b = net_bytes(plain);
    CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    guarded_free(&a);
    guarded_free(&b);
    nsw_net_destroy(wide);
    nsw_net_destroy(plain);

    nsw_net *none = NULL;
    nsw_layer ragged = wanted[1];
    memcpy(g.data + stride, &ragged, sizeof ragged);
    cfg.layers = (const void *)g.data;
    CHECK_STATUS(nsw_net_create(&cfg, NULL, &none), NSW_ERR_STRUCT_SIZE);
    CHECK(none == NULL);
    guarded_free(&g);
}

/* An array that the library fills has the stride of its first element, too. */
static void connection_stride(void) {
    const size_t stride = sizeof(nsw_connection) + 8;
    guarded g = guarded_new(SMALL_PARAMETERS * stride, 16, 0);
    memset(g.data, 0x77, g.len);
    set_size(&g, (uint32_t)stride);
    size_t len = 0;
    CHECK_OK(nsw_net_connections(net, 0, (void *)g.data, SMALL_PARAMETERS, &len));
    CHECK_SIZE(len, SMALL_PARAMETERS);
    for (size_t i = 0; i < SMALL_PARAMETERS; i++) {
        nsw_connection wide, one = NSW_CONNECTION_INIT;
        memcpy(&wide, g.data + i * stride, sizeof wide);
        CHECK_OK(nsw_net_connection(net, i, &one));
        CHECK(wide.from == one.from && wide.to == one.to && wide.weight == one.weight);
        CHECK_SIZE(wide.size, stride);
        CHECK(g.data[i * stride + sizeof wide] == 0x77 && g.data[(i + 1) * stride - 1] == 0x77);
    }
    set_size(&g, (uint32_t)stride + 1); /* the second would not be aligned */
    CHECK_STATUS(nsw_net_connections(net, 0, (void *)g.data, 2, &len), NSW_ERR_STRUCT_SIZE);
    set_size(&g, (uint32_t)stride);
    CHECK_STATUS(nsw_net_connections(net, 0, (void *)g.data, SIZE_MAX / 2, &len),
                 NSW_ERR_OVERFLOW);
    guarded_free(&g);
}

/* What is 0 today may mean something tomorrow, so only 0 is taken. */
static void reserved_fields(void) {
    nsw_data d = data;
    nsw_qnet_config q = qnet_config;
    d.reserved = q.reserved = 1;
    CHECK_STATUS(use_data(&d), NSW_ERR_INVALID);
    CHECK_STATUS(use_validation(&d), NSW_ERR_INVALID);
    CHECK_STATUS(use_qnet_config(&q), NSW_ERR_INVALID);
    CHECK_STATUS(use_cascade_data(&d), NSW_ERR_INVALID);
}

int main(void) {
    counting_init(&memory);
    net = small_net(1, NULL);
    trainer = small_trainer(net, NSW_ALGORITHM_ADAM, NULL);
    qnet = small_qnet(net, NULL);
    shortcut = small_cascade_net(1, NULL);
    cascade = small_cascade(shortcut, NULL);
    /* Without its lists: a caller that has them has their lengths. */
    cascade_config.size = sizeof cascade_config;
    cascade_config.net = shortcut;
    cascade_config.max_samples = 4;
    allocator = memory.hook;
    logger.log = ignore_log;
    parallel.run = run_in_turn;
    logger.max_level = NSW_LOG_DEBUG;
    net_config = small_config(1);
    trainer_config = small_trainer_config(net, NSW_ALGORITHM_ADAM);
    train_params.max_epochs = 1;
    data = XOR_DATA;
    qnet_config = small_qnet_config(net);
    dataset_config.inputs = 2;
    fit.high = 1.0f;
    framer_config.max_frame = host_tcp_config.max_frame = 9;
    REQUIRE_OK(fill_address(&address));
    REQUIRE_OK(nsw_dataset_view(&XOR_DATA, 2, 1, NULL, &dataset));

    for (size_t i = 0; i < COUNT_OF(STRUCTS); i++) {
        right_size(i);
        too_small(i);
        garbage_sizes(i);
        older_caller(i);
        newer_caller(i);
        inputs_are_not_written(i);
        misaligned_struct(i);
        right_size(i);
    }
    reserved_fields();
    layer_stride();
    connection_stride();

    nsw_dataset_destroy(dataset);
    nsw_cascade_destroy(cascade);
    nsw_net_destroy(shortcut);
    nsw_qnet_destroy(qnet);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    counting_finish(&memory);
    return check_report("misuse_structs");
}
