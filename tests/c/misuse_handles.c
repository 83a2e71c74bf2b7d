/*
 * Every function that takes a handle, with every kind of wrong handle: NULL,
 * misaligned, zeroed memory, rubbish, an object of each other type, a
 * destroyed object. Afterwards the right handle must work as if nothing had
 * happened.
 */
#include <string.h>

#include "support.h"

enum { ARENA, NET, TRAINER, QNET, DATASET, CASCADE, KINDS };

/* Room for an arena with any small object in it. */
#define OBJECT_BYTES 65536u

static const char *const KIND_NAMES[KINDS] = {"arena", "net",     "trainer",
                                              "qnet",  "dataset", "cascade"};

/* One good object of each kind, which the calls below lean on. */
static struct {
    guarded arena_memory;
    void *object[KINDS];
    nsw_net *shortcut; /* the cascade's */
} good;

/* ---- one adaptor a handle parameter --------------------------------------- */

typedef nsw_status handle_call(void *handle);

static nsw_status arena_allocator(void *h) {
    nsw_allocator out = NSW_ALLOCATOR_INIT;
    return nsw_arena_allocator(h, &out);
}

static nsw_status arena_usage(void *h) {
    size_t used, high, capacity;
    return nsw_arena_usage(h, &used, &high, &capacity);
}

static nsw_status net_save(void *h) {
    uint8_t bytes[1024];
    size_t len;
    return nsw_net_save(h, bytes, sizeof bytes, &len);
}

static nsw_status net_describe(void *h) {
    nsw_net_info info = NSW_NET_INFO_INIT;
    return nsw_net_describe(h, &info);
}

static nsw_status net_set_kernel(void *h) {
    return nsw_net_set_kernel(h, NSW_KERNEL_AUTO);
}

static nsw_status net_forward(void *h) {
    float output[SMALL_OUTPUTS];
    size_t len;
    return nsw_net_forward(h, XOR_INPUTS, SMALL_INPUTS, output, COUNT_OF(output), &len);
}

static nsw_status net_forward_batch(void *h) {
    float outputs[4];
    size_t len;
    return nsw_net_forward_batch(h, XOR_INPUTS, 8, 4, outputs, COUNT_OF(outputs), &len);
}

static nsw_status net_layer(void *h) {
    nsw_layer_info info = NSW_LAYER_INFO_INIT;
    return nsw_net_layer(h, 0, &info);
}

static nsw_status net_get_weights(void *h) {
    float weights[SMALL_PARAMETERS];
    size_t len;
    return nsw_net_get_weights(h, weights, COUNT_OF(weights), &len);
}

static nsw_status net_set_weights(void *h) {
    const float weights[SMALL_PARAMETERS] = {0.5f};
    return nsw_net_set_weights(h, weights, COUNT_OF(weights));
}

static nsw_status net_connection(void *h) {
    nsw_connection found = NSW_CONNECTION_INIT;
    return nsw_net_connection(h, 0, &found);
}

static nsw_status net_connections(void *h) {
    nsw_connection found = NSW_CONNECTION_INIT;
    size_t len;
    return nsw_net_connections(h, 0, &found, 1, &len);
}

static nsw_status net_get_weight(void *h) {
    float weight;
    return nsw_net_get_weight(h, 0, 2, &weight);
}

static nsw_status net_set_weight(void *h) {
    return nsw_net_set_weight(h, NSW_NODE_BIAS, 2, 0.25f);
}

static nsw_status net_set_style(void *h) {
    return nsw_net_set_style(h, 0, NSW_ACTIVATION_TANH, 1.0f);
}

static nsw_status net_get_unit_style(void *h) {
    uint32_t activation;
    float steepness;
    return nsw_net_get_unit_style(h, 0, 0, &activation, &steepness);
}

static nsw_status net_copy_footprint(void *h) {
    size_t size, align;
    return nsw_net_copy_footprint(h, &size, &align);
}

static nsw_status net_same_shape(void *h) {
    uint32_t same;
    return nsw_net_same_shape(h, good.object[NET], &same);
}

static nsw_status net_same_shape_other(void *h) {
    uint32_t same;
    return nsw_net_same_shape(good.object[NET], h, &same);
}

static nsw_status net_difference(void *h) {
    float most;
    return nsw_net_difference(h, good.object[NET], &most);
}

static nsw_status net_difference_other(void *h) {
    float most;
    return nsw_net_difference(good.object[NET], h, &most);
}

static nsw_status net_randomize(void *h) {
    nsw_randomize_config how = NSW_RANDOMIZE_CONFIG_INIT;
    return nsw_net_randomize(h, &how);
}

/* Only one made for it has units with styles of their own. */
static nsw_status net_set_unit_style(void *h) {
    nsw_status status = nsw_net_set_unit_style(h, 0, 0, NSW_ACTIVATION_TANH, 1.0f);
    return status == NSW_ERR_UNSUPPORTED ? NSW_OK : status;
}

/* Only shortcut networks grow. */
static nsw_status net_grow(void *h) {
    const float weights[SMALL_INPUTS] = {0.0f, 0.0f};
    nsw_status status = nsw_net_grow(h, NSW_ACTIVATION_TANH, 1.0f, weights, SMALL_INPUTS, 0.0f,
                                     weights, SMALL_OUTPUTS);
    return status == NSW_ERR_CAPACITY ? NSW_OK : status;
}

static nsw_status net_copy(void *h) {
    nsw_net *copy = NULL;
    nsw_status status = nsw_net_copy(h, NULL, &copy);
    CHECK((status == NSW_OK) == (copy != NULL));
    nsw_net_destroy(copy);
    return status;
}

static nsw_status trainer_train(void *h) {
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    params.max_epochs = 1;
    return nsw_trainer_train(h, good.object[NET], &XOR_DATA, &params, &report);
}

static nsw_status trainer_train_net(void *h) {
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    params.max_epochs = 1;
    return nsw_trainer_train(good.object[TRAINER], h, &XOR_DATA, &params, &report);
}

static nsw_status trainer_epoch(void *h) {
    float loss;
    return nsw_trainer_epoch(h, good.object[NET], &XOR_DATA, &loss);
}

static nsw_status trainer_epoch_net(void *h) {
    float loss;
    return nsw_trainer_epoch(good.object[TRAINER], h, &XOR_DATA, &loss);
}

static nsw_status trainer_loss(void *h) {
    float loss;
    return nsw_trainer_loss(h, good.object[NET], &XOR_DATA, &loss);
}

static nsw_status trainer_loss_net(void *h) {
    float loss;
    return nsw_trainer_loss(good.object[TRAINER], h, &XOR_DATA, &loss);
}

static nsw_status trainer_set_learning_rate(void *h) {
    return nsw_trainer_set_learning_rate(h, 0.01f);
}

static nsw_status trainer_test(void *h) {
    float loss;
    uint64_t bit_fail;
    return nsw_trainer_test(h, good.object[NET], &XOR_DATA, &loss, &bit_fail);
}

static nsw_status trainer_test_net(void *h) {
    float loss;
    uint64_t bit_fail;
    return nsw_trainer_test(good.object[TRAINER], h, &XOR_DATA, &loss, &bit_fail);
}

static nsw_status trainer_epochs(void *h) {
    uint64_t epochs;
    return nsw_trainer_epochs(h, &epochs);
}

static nsw_status trainer_save_state(void *h) {
    uint8_t bytes[1024];
    size_t len;
    return nsw_trainer_save_state(h, bytes, sizeof bytes, &len);
}

static nsw_status trainer_load_state(void *h) {
    uint8_t bytes[1024];
    size_t len;
    CHECK_OK(nsw_trainer_save_state(good.object[TRAINER], bytes, sizeof bytes, &len));
    return nsw_trainer_load_state(h, bytes, len);
}

static nsw_status trainer_footprint_net(void *h) {
    nsw_trainer_config cfg = small_trainer_config(h, NSW_ALGORITHM_SGD);
    size_t size, align;
    return nsw_trainer_footprint(&cfg, &size, &align);
}

static nsw_status trainer_create_net(void *h) {
    nsw_trainer_config cfg = small_trainer_config(h, NSW_ALGORITHM_SGD);
    nsw_trainer *trainer = NULL;
    nsw_status status = nsw_trainer_create(&cfg, NULL, &trainer);
    CHECK((status == NSW_OK) == (trainer != NULL));
    nsw_trainer_destroy(trainer);
    return status;
}

static nsw_status qnet_footprint_net(void *h) {
    nsw_qnet_config cfg = small_qnet_config(h);
    size_t size, align;
    return nsw_qnet_footprint(&cfg, &size, &align);
}

static nsw_status qnet_create_net(void *h) {
    nsw_qnet_config cfg = small_qnet_config(h);
    nsw_qnet *qnet = NULL;
    nsw_status status = nsw_qnet_create(&cfg, NULL, &qnet);
    CHECK((status == NSW_OK) == (qnet != NULL));
    nsw_qnet_destroy(qnet);
    return status;
}

static nsw_status qnet_save(void *h) {
    uint8_t bytes[1024];
    size_t len;
    return nsw_qnet_save(h, bytes, sizeof bytes, &len);
}

static nsw_status qnet_describe(void *h) {
    nsw_qnet_info info = NSW_QNET_INFO_INIT;
    return nsw_qnet_describe(h, &info);
}

static nsw_status qnet_set_kernel(void *h) {
    return nsw_qnet_set_kernel(h, NSW_KERNEL_AUTO);
}

static nsw_status qnet_forward_i8(void *h) {
    const int8_t input[SMALL_INPUTS] = {1, -1};
    int8_t output[SMALL_OUTPUTS];
    size_t len;
    return nsw_qnet_forward_i8(h, input, SMALL_INPUTS, output, COUNT_OF(output), &len);
}

static nsw_status qnet_forward(void *h) {
    float output[SMALL_OUTPUTS];
    size_t len;
    return nsw_qnet_forward(h, XOR_INPUTS, SMALL_INPUTS, output, COUNT_OF(output), &len);
}

static nsw_status qnet_quantize_input(void *h) {
    int8_t out[SMALL_INPUTS];
    size_t len;
    return nsw_qnet_quantize_input(h, XOR_INPUTS, SMALL_INPUTS, out, COUNT_OF(out), &len);
}

static nsw_status qnet_dequantize_output(void *h) {
    const int8_t values[SMALL_OUTPUTS] = {3};
    float out[SMALL_OUTPUTS];
    size_t len;
    return nsw_qnet_dequantize_output(h, values, SMALL_OUTPUTS, out, COUNT_OF(out), &len);
}

/* Three samples of its own, and room for one. */
static nsw_dataset *small_dataset(const nsw_allocator *mem) {
    nsw_dataset_config cfg = NSW_DATASET_CONFIG_INIT;
    cfg.inputs = 2;
    cfg.outputs = 1;
    cfg.capacity = 4;
    nsw_dataset *dataset = NULL;
    REQUIRE_OK(nsw_dataset_create(&cfg, mem, &dataset));
    CHECK_OK(nsw_dataset_append(dataset, DATA(XOR_INPUTS, 6, XOR_TARGETS, 3)));
    return dataset;
}

static nsw_status dataset_describe(void *h) {
    nsw_dataset_info info = NSW_DATASET_INFO_INIT;
    return nsw_dataset_describe(h, &info);
}

static nsw_status dataset_append(void *h) {
    return nsw_dataset_append(h, DATA(NULL, 0, NULL, 0));
}

static nsw_status dataset_split(void *h) {
    nsw_data first = NSW_DATA_INIT, rest = NSW_DATA_INIT;
    return nsw_dataset_split(h, 1, &first, &rest);
}

static nsw_status dataset_subset(void *h) {
    nsw_data data = NSW_DATA_INIT;
    return nsw_dataset_subset(h, 1, 1, &data);
}

static nsw_status dataset_shuffle(void *h) {
    return nsw_dataset_shuffle(h, 1);
}

static nsw_status dataset_column(void *h) {
    nsw_column column = NSW_COLUMN_INIT;
    return nsw_dataset_column(h, 0, &column);
}

static nsw_status dataset_save_fann(void *h) {
    uint8_t text[256];
    size_t len;
    return nsw_dataset_save_fann(h, text, sizeof text, &len);
}

static nsw_status dataset_copy(void *h) {
    nsw_dataset *copy = NULL;
    nsw_status status = nsw_dataset_copy(h, NULL, &copy);
    CHECK((status == NSW_OK) == (copy != NULL));
    nsw_dataset_destroy(copy);
    return status;
}

static nsw_status dataset_merge_other(void *h) {
    nsw_dataset *merged = NULL;
    nsw_status status = nsw_dataset_merge(good.object[DATASET], h, NULL, &merged);
    CHECK((status == NSW_OK) == (merged != NULL));
    nsw_dataset_destroy(merged);
    return status;
}

static nsw_status cascade_train(void *h) {
    nsw_cascade_params params = NSW_CASCADE_PARAMS_INIT;
    return nsw_cascade_train(h, good.shortcut, &XOR_DATA, &params, NULL);
}

static const struct {
    const char *name;
    int kind;
    handle_call *call;
} CALLS[] = {
    {"arena_allocator", ARENA, arena_allocator},
    {"arena_usage", ARENA, arena_usage},
    {"net_save", NET, net_save},
    {"net_describe", NET, net_describe},
    {"net_set_kernel", NET, net_set_kernel},
    {"net_forward", NET, net_forward},
    {"net_forward_batch", NET, net_forward_batch},
    {"net_layer", NET, net_layer},
    {"net_get_weights", NET, net_get_weights},
    {"net_set_weights", NET, net_set_weights},
    {"net_connection", NET, net_connection},
    {"net_connections", NET, net_connections},
    {"net_get_weight", NET, net_get_weight},
    {"net_set_weight", NET, net_set_weight},
    {"net_set_style", NET, net_set_style},
    {"net_get_unit_style", NET, net_get_unit_style},
    {"net_copy_footprint", NET, net_copy_footprint},
    {"net_same_shape", NET, net_same_shape},
    {"net_same_shape (other)", NET, net_same_shape_other},
    {"net_difference", NET, net_difference},
    {"net_difference (other)", NET, net_difference_other},
    {"net_randomize", NET, net_randomize},
    {"net_set_unit_style", NET, net_set_unit_style},
    {"net_grow", NET, net_grow},
    {"net_copy", NET, net_copy},
    {"trainer_train", TRAINER, trainer_train},
    {"trainer_train (net)", NET, trainer_train_net},
    {"trainer_epoch", TRAINER, trainer_epoch},
    {"trainer_epoch (net)", NET, trainer_epoch_net},
    {"trainer_loss", TRAINER, trainer_loss},
    {"trainer_loss (net)", NET, trainer_loss_net},
    {"trainer_set_learning_rate", TRAINER, trainer_set_learning_rate},
    {"trainer_test", TRAINER, trainer_test},
    {"trainer_test (net)", NET, trainer_test_net},
    {"trainer_epochs", TRAINER, trainer_epochs},
    {"trainer_save_state", TRAINER, trainer_save_state},
    {"trainer_load_state", TRAINER, trainer_load_state},
    {"trainer_footprint (cfg.net)", NET, trainer_footprint_net},
    {"trainer_create (cfg.net)", NET, trainer_create_net},
    {"qnet_footprint (cfg.net)", NET, qnet_footprint_net},
    {"qnet_create (cfg.net)", NET, qnet_create_net},
    {"qnet_save", QNET, qnet_save},
    {"qnet_describe", QNET, qnet_describe},
    {"qnet_set_kernel", QNET, qnet_set_kernel},
    {"qnet_forward_i8", QNET, qnet_forward_i8},
    {"qnet_forward", QNET, qnet_forward},
    {"qnet_quantize_input", QNET, qnet_quantize_input},
    {"qnet_dequantize_output", QNET, qnet_dequantize_output},
    {"dataset_describe", DATASET, dataset_describe},
    {"dataset_append", DATASET, dataset_append},
    {"dataset_split", DATASET, dataset_split},
    {"dataset_subset", DATASET, dataset_subset},
    {"dataset_shuffle", DATASET, dataset_shuffle},
    {"dataset_column", DATASET, dataset_column},
    {"dataset_save_fann", DATASET, dataset_save_fann},
    {"dataset_copy", DATASET, dataset_copy},
    {"dataset_merge (other)", DATASET, dataset_merge_other},
    {"cascade_train", CASCADE, cascade_train},
};

/* ---- making and destroying by kind ----------------------------------------- */

static void destroy(int kind, void *object) {
    switch (kind) {
    case ARENA: nsw_arena_destroy(object); break;
    case NET: nsw_net_destroy(object); break;
    case TRAINER: nsw_trainer_destroy(object); break;
    case QNET: nsw_qnet_destroy(object); break;
    case CASCADE: nsw_cascade_destroy(object); break;
    default: nsw_dataset_destroy(object); break;
    }
}

/* A destroyed object whose memory stays readable: it lies in an arena over `buffer`. */
static void *destroyed_object(int kind, guarded *buffer) {
    nsw_arena *arena = NULL;
    REQUIRE_OK(nsw_arena_create(buffer->data, buffer->len, &arena));
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_net *net = good.object[NET];
    void *object = NULL;
    switch (kind) {
    case ARENA: object = arena; break;
    case NET: object = small_net(2, &mem); break;
    case TRAINER: object = small_trainer(net, NSW_ALGORITHM_SGD, &mem); break;
    case QNET: object = small_qnet(net, &mem); break;
    case CASCADE: object = small_cascade(good.shortcut, &mem); break;
    default: object = small_dataset(&mem); break;
    }
    destroy(kind, object);
    return object;
}

static void make_good_objects(void) {
    good.arena_memory = guarded_new(OBJECT_BYTES, 16, 0);
    nsw_arena *arena = NULL;
    REQUIRE_OK(nsw_arena_create(good.arena_memory.data, good.arena_memory.len, &arena));
    nsw_net *net = small_net(1, NULL);
    good.object[ARENA] = arena;
    good.object[NET] = net;
    good.object[TRAINER] = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    good.object[QNET] = small_qnet(net, NULL);
    good.object[DATASET] = small_dataset(NULL);
    good.shortcut = small_cascade_net(2, NULL);
    good.object[CASCADE] = small_cascade(good.shortcut, NULL);
}

static void destroy_good_objects(void) {
    for (int kind = KINDS - 1; kind >= 0; kind--) {
        destroy(kind, good.object[kind]);
    }
    nsw_net_destroy(good.shortcut);
    guarded_free(&good.arena_memory);
}

/* ---- the tests -------------------------------------------------------------- */

#define EXPECT(index, handle, expected, what)                                             \
    do {                                                                                  \
        nsw_status got_ = CALLS[index].call(handle);                                      \
        CHECK_NOTE(got_ == (expected), "nsw_%s on %s: got %d (%s)", CALLS[index].name,    \
                   (what), (int)got_, nsw_status_str(got_));                              \
    } while (0)

static void wrong_handles_are_answered(void) {
    /* Larger than any header that the library may look at. */
    guarded zeros = guarded_new(1024, 64, 0), rubbish = guarded_new(1024, 64, 0);
    memset(zeros.data, 0, zeros.len);
    memset(rubbish.data, 0x5A, rubbish.len);
    guarded buffers[KINDS];
    void *destroyed[KINDS];
    for (int kind = 0; kind < KINDS; kind++) {
        buffers[kind] = guarded_new(OBJECT_BYTES, 16, 0);
        destroyed[kind] = destroyed_object(kind, &buffers[kind]);
    }
    for (size_t i = 0; i < COUNT_OF(CALLS); i++) {
        int kind = CALLS[i].kind;
        EXPECT(i, good.object[kind], NSW_OK, "the right object");
        EXPECT(i, NULL, NSW_ERR_NULL, "NULL");
        EXPECT(i, (uint8_t *)good.object[kind] + 1, NSW_ERR_ALIGNMENT, "a misaligned pointer");
        EXPECT(i, zeros.data, NSW_ERR_HANDLE, "zeroed memory");
        EXPECT(i, rubbish.data, NSW_ERR_HANDLE, "rubbish");
        EXPECT(i, destroyed[kind], NSW_ERR_DESTROYED, "a destroyed object");
        for (int other = 0; other < KINDS; other++) {
            if (other != kind) {
                EXPECT(i, good.object[other], NSW_ERR_HANDLE, KIND_NAMES[other]);
            }
        }
        EXPECT(i, good.object[kind], NSW_OK, "the right object, after all that");
    }
    for (size_t i = 0; i < zeros.len; i++) {
        REQUIRE(zeros.data[i] == 0 && rubbish.data[i] == 0x5A);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        guarded_free(&buffers[kind]);
    }
    guarded_free(&zeros);
    guarded_free(&rubbish);
}

/* destroy() has nothing to report with; it must leave alone what is not its own. */
static void destroy_ignores_what_it_may_not_destroy(void) {
    guarded zeros = guarded_new(1024, 64, 0);
    memset(zeros.data, 0, zeros.len);
    for (int kind = 0; kind < KINDS; kind++) {
        guarded buffer = guarded_new(OBJECT_BYTES, 16, 0);
        void *gone = destroyed_object(kind, &buffer);
        snapshot before = snapshot_take(buffer.data, buffer.len);
        destroy(kind, gone); /* the second time */
        destroy(kind, gone); /* and a third */
        CHECK_NOTE(snapshot_unchanged(&before), "kind %s", KIND_NAMES[kind]);
        destroy(kind, NULL);
        destroy(kind, zeros.data);
        destroy(kind, (uint8_t *)good.object[kind] + 1);
        for (int other = 0; other < KINDS; other++) {
            if (other != kind) {
                destroy(kind, good.object[other]);
            }
        }
        snapshot_free(&before);
        guarded_free(&buffer);
    }
    guarded_free(&zeros);
    for (size_t i = 0; i < COUNT_OF(CALLS); i++) {
        EXPECT(i, good.object[CALLS[i].kind], NSW_OK, "the object after others' destroy");
    }
}

/* A second destroy must not give the memory back a second time. */
static void double_destroy_frees_once(void) {
    guarded buffer = guarded_new(OBJECT_BYTES, 16, 0);
    nsw_arena *arena = NULL;
    REQUIRE_OK(nsw_arena_create(buffer.data, buffer.len, &arena));
    nsw_allocator mem = NSW_ALLOCATOR_INIT;
    REQUIRE_OK(nsw_arena_allocator(arena, &mem));
    nsw_net *first = small_net(1, &mem), *second = small_net(2, &mem);
    size_t used_by_both = 0, used = 0;
    CHECK_OK(nsw_arena_usage(arena, &used_by_both, NULL, NULL));
    nsw_net_destroy(second);
    nsw_net_destroy(second);
    nsw_net_destroy(second);
    CHECK_OK(nsw_arena_usage(arena, &used, NULL, NULL));
    CHECK(used > 0 && used < used_by_both);
    CHECK_OK(net_describe(first));
    nsw_net_destroy(first);
    nsw_net_destroy(first);
    CHECK_OK(nsw_arena_usage(arena, &used, NULL, NULL));
    CHECK_SIZE(used, 0);
    nsw_arena_destroy(arena);
    guarded_free(&buffer);
}

int main(void) {
    make_good_objects();
    wrong_handles_are_answered();
    destroy_ignores_what_it_may_not_destroy();
    double_destroy_frees_once();
    destroy_good_objects();
    return check_report("misuse_handles");
}
