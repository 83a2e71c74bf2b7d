/*
 * Samples: made in every way that there is, lent and copied, changed where they
 * may be, written and read again; bad files are refused with a line to look at.
 */
#include <math.h>
#include <string.h>

#include "support.h"

#define BYTES(text) ((const uint8_t *)(text)), (sizeof(text) - 1)

static nsw_dataset_info info_of(const nsw_dataset *dataset) {
    nsw_dataset_info info = NSW_DATASET_INFO_INIT;
    REQUIRE_OK(nsw_dataset_describe(dataset, &info));
    return info;
}

static nsw_data data_of(const nsw_dataset *dataset) {
    nsw_data data = NSW_DATA_INIT;
    REQUIRE_OK(nsw_dataset_data(dataset, &data));
    return data;
}

static void check_same(const nsw_data *a, const nsw_data *b) {
    REQUIRE(a->inputs_len == b->inputs_len && a->targets_len == b->targets_len);
    CHECK(memcmp(a->inputs, b->inputs, a->inputs_len * sizeof(float)) == 0);
    CHECK(memcmp(a->targets, b->targets, a->targets_len * sizeof(float)) == 0);
}

static nsw_dataset *view_of_xor(const nsw_allocator *mem) {
    nsw_dataset *view = NULL;
    REQUIRE_OK(nsw_dataset_view(&XOR_DATA, 2, 1, mem, &view));
    return view;
}

/* ---- one adaptor a way of making a dataset ------------------------------------------ */

static const char FANN_XOR[] = "4 2 1\n0 0\n0\n0 1\n1\n1 0\n1\n1 1\n0\n";
static const char CSV_XOR[] = "a,b,\"c\"\r\n0,0,0\r\n\r\n0,1,1\n1,\"0\",1\n1,1,0";
static const uint8_t IDX_INPUTS[] = {0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 1, 1};
static const uint8_t IDX_TARGETS[] = {0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 1, 0};

static nsw_dataset *lent;

static nsw_status make_view(const nsw_allocator *mem, nsw_dataset **out) {
    return nsw_dataset_view(&XOR_DATA, 2, 1, mem, out);
}

static nsw_status footprint_view(size_t *size, size_t *align) {
    return nsw_dataset_view_footprint(&XOR_DATA, 2, 1, size, align);
}

static nsw_status make_copy(const nsw_allocator *mem, nsw_dataset **out) {
    return nsw_dataset_copy(lent, mem, out);
}

static nsw_status footprint_copy(size_t *size, size_t *align) {
    return nsw_dataset_copy_footprint(lent, size, align);
}

static nsw_status make_merge(const nsw_allocator *mem, nsw_dataset **out) {
    return nsw_dataset_merge(lent, lent, mem, out);
}

static nsw_status footprint_merge(size_t *size, size_t *align) {
    return nsw_dataset_merge_footprint(lent, lent, size, align);
}

static nsw_status make_fann(const nsw_allocator *mem, nsw_dataset **out) {
    return nsw_dataset_load_fann(BYTES(FANN_XOR), NULL, mem, out);
}

static nsw_status footprint_fann(size_t *size, size_t *align) {
    return nsw_dataset_load_fann_footprint(BYTES(FANN_XOR), NULL, size, align);
}

static nsw_status make_csv(const nsw_allocator *mem, nsw_dataset **out) {
    nsw_csv_config cfg = NSW_CSV_CONFIG_INIT;
    cfg.header = 1;
    return nsw_dataset_load_csv(BYTES(CSV_XOR), &cfg, mem, out);
}

static nsw_status footprint_csv(size_t *size, size_t *align) {
    nsw_csv_config cfg = NSW_CSV_CONFIG_INIT;
    cfg.header = 1;
    return nsw_dataset_load_csv_footprint(BYTES(CSV_XOR), &cfg, size, align);
}

static nsw_status make_idx(const nsw_allocator *mem, nsw_dataset **out) {
    const nsw_idx_config cfg = NSW_IDX_CONFIG_INIT;
    return nsw_dataset_load_idx(IDX_INPUTS, sizeof IDX_INPUTS, IDX_TARGETS, sizeof IDX_TARGETS,
                                &cfg, mem, out);
}

static nsw_status footprint_idx(size_t *size, size_t *align) {
    const nsw_idx_config cfg = NSW_IDX_CONFIG_INIT;
    return nsw_dataset_load_idx_footprint(IDX_INPUTS, sizeof IDX_INPUTS, IDX_TARGETS,
                                          sizeof IDX_TARGETS, &cfg, size, align);
}

static nsw_status make_empty(const nsw_allocator *mem, nsw_dataset **out) {
    nsw_dataset_config cfg = NSW_DATASET_CONFIG_INIT;
    cfg.inputs = 2;
    cfg.outputs = 1;
    cfg.capacity = 4;
    return nsw_dataset_create(&cfg, mem, out);
}

static nsw_status footprint_empty(size_t *size, size_t *align) {
    nsw_dataset_config cfg = NSW_DATASET_CONFIG_INIT;
    cfg.inputs = 2;
    cfg.outputs = 1;
    cfg.capacity = 4;
    return nsw_dataset_footprint(&cfg, size, align);
}

static const struct {
    const char *name;
    nsw_status (*make)(const nsw_allocator *mem, nsw_dataset **out);
    nsw_status (*footprint)(size_t *size, size_t *align);
    size_t samples;
    uint32_t read_only;
} MAKERS[] = {
    {"view", make_view, footprint_view, 4, 1},     {"copy", make_copy, footprint_copy, 4, 0},
    {"merge", make_merge, footprint_merge, 8, 0},  {"load_fann", make_fann, footprint_fann, 4, 0},
    {"load_csv", make_csv, footprint_csv, 4, 0},   {"load_idx", make_idx, footprint_idx, 4, 0},
    {"create", make_empty, footprint_empty, 0, 0},
};

static void every_maker_takes_one_block_of_its_footprint(void) {
    for (size_t i = 0; i < COUNT_OF(MAKERS); i++) {
        size_t size = 0, align = 0;
        CHECK_OK(MAKERS[i].footprint(&size, &align));
        CHECK_STATUS(MAKERS[i].footprint(NULL, &align), NSW_ERR_NULL);
        counting memory;
        counting_init(&memory);
        nsw_dataset *made = NULL;
        REQUIRE_OK(MAKERS[i].make(&memory.hook, &made));
        CHECK_NOTE(memory.calls == 1, "%s", MAKERS[i].name);
        CHECK_SIZE(memory.last_size, size);
        CHECK_SIZE(memory.last_align, align);
        nsw_dataset_info info = info_of(made);
        CHECK_NOTE(info.samples == MAKERS[i].samples, "%s", MAKERS[i].name);
        CHECK(info.inputs == 2 && info.outputs == 1 && info.read_only == MAKERS[i].read_only);
        if (info.samples == 4) {
            nsw_data data = data_of(made);
            check_same(&data, &XOR_DATA);
        }
        nsw_dataset_destroy(made);
        memory.fail_at = 2;
        made = (nsw_dataset *)(void *)&memory;
        CHECK_STATUS(MAKERS[i].make(&memory.hook, &made), NSW_ERR_OUT_OF_MEMORY);
        CHECK(made == NULL);
        memory.fail_at = 0;
        memory.misalign_at = 3;
        CHECK_STATUS(MAKERS[i].make(&memory.hook, &made), NSW_ERR_ALLOCATOR);
        CHECK(made == NULL);
        CHECK_STATUS(MAKERS[i].make(&memory.hook, NULL), NSW_ERR_NULL);
        counting_finish(&memory);
    }
}

static void what_is_lent_is_not_copied_and_not_changed(void) {
    nsw_dataset *view = view_of_xor(NULL);
    nsw_data data = data_of(view), first = NSW_DATA_INIT, rest = NSW_DATA_INIT;
    CHECK(data.inputs == XOR_INPUTS && data.targets == XOR_TARGETS && data.weights == NULL);
    CHECK_OK(nsw_dataset_subset(view, 1, 2, &data));
    CHECK(data.inputs == XOR_INPUTS + 2 && data.inputs_len == 4 && data.targets_len == 2);
    CHECK_OK(nsw_dataset_subset(view, 4, 0, &data));
    CHECK_SIZE(data.inputs_len, 0);
    CHECK_STATUS(nsw_dataset_subset(view, 3, 2, &data), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_subset(view, 1, SIZE_MAX, &data), NSW_ERR_INVALID);
    CHECK_OK(nsw_dataset_split(view, 3, &first, &rest));
    CHECK(first.inputs_len == 6 && rest.inputs == XOR_INPUTS + 6 && rest.targets_len == 1);
    CHECK_STATUS(nsw_dataset_split(view, 5, &first, &rest), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_split(view, 3, NULL, &rest), NSW_ERR_NULL);
    CHECK_STATUS(nsw_dataset_shuffle(view, 1), NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_dataset_append(view, &XOR_DATA), NSW_ERR_READ_ONLY);
    nsw_dataset_destroy(view);

    const float weights[4] = {1, 1, 1, 1};
    nsw_data bad = XOR_DATA;
    bad.weights = weights;
    bad.weights_len = 4;
    CHECK_STATUS(nsw_dataset_view(&bad, 2, 1, NULL, &view), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_dataset_view(&XOR_DATA, 3, 1, NULL, &view), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_dataset_view(&XOR_DATA, 0, 1, NULL, &view), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_view(NULL, 2, 1, NULL, &view), NSW_ERR_NULL);
}

static void samples_are_added_and_shuffled(void) {
    nsw_dataset *dataset = NULL;
    REQUIRE_OK(make_empty(NULL, &dataset));
    CHECK_SIZE(info_of(dataset).capacity, 4);
    CHECK_OK(nsw_dataset_append(dataset, DATA(XOR_INPUTS, 2, XOR_TARGETS, 1)));
    nsw_data own = data_of(dataset);
    CHECK_STATUS(nsw_dataset_append(dataset, &own), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_append(dataset, &XOR_DATA), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_dataset_append(dataset, DATA(XOR_INPUTS, 3, XOR_TARGETS, 1)),
                 NSW_ERR_LENGTH);
    CHECK_OK(nsw_dataset_append(dataset, DATA(XOR_INPUTS + 2, 6, XOR_TARGETS + 1, 3)));
    own = data_of(dataset);
    check_same(&own, &XOR_DATA);
    bool moved = false;
    for (uint64_t seed = 0; seed < 8; seed++) {
        CHECK_OK(nsw_dataset_shuffle(dataset, seed));
        for (size_t i = 0; i < 4; i++) {
            /* Still exclusive or, each sample once. */
            bool a = own.inputs[2 * i] > 0.5f, b = own.inputs[2 * i + 1] > 0.5f;
            CHECK((a != b) == (own.targets[i] > 0.5f));
            moved = moved || own.inputs[2 * i] != XOR_INPUTS[2 * i];
            for (size_t k = 0; k < i; k++) {
                CHECK(memcmp(own.inputs + 2 * i, own.inputs + 2 * k, 2 * sizeof(float)) != 0);
            }
        }
    }
    CHECK(moved);
    nsw_dataset_destroy(dataset);

    nsw_dataset_config cfg = NSW_DATASET_CONFIG_INIT;
    size_t size, align;
    CHECK_STATUS(nsw_dataset_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.inputs = 1;
    cfg.capacity = SIZE_MAX;
    CHECK_STATUS(nsw_dataset_footprint(&cfg, &size, &align), NSW_ERR_OVERFLOW);
    cfg.capacity = 1;
    cfg.reserved = 1;
    CHECK_STATUS(nsw_dataset_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.size = 8;
    CHECK_STATUS(nsw_dataset_footprint(&cfg, &size, &align), NSW_ERR_STRUCT_SIZE);
}

static void what_is_written_is_read(void) {
    float numbers[12];
    uint32_t state = 7;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        numbers[i] = ldexpf(random_signed(&state), (int)(random_next(&state) % 200) - 100);
    }
    const nsw_data samples = NSW_DATA(numbers, 8, numbers + 8, 4);
    nsw_dataset *dataset = NULL, *again = NULL;
    REQUIRE_OK(nsw_dataset_view(&samples, 2, 1, NULL, &dataset));
    for (int csv = 0; csv < 2; csv++) {
        size_t len = 0;
        CHECK_STATUS(csv ? nsw_dataset_save_csv(dataset, ';', NULL, 0, &len)
                         : nsw_dataset_save_fann(dataset, NULL, 0, &len),
                     NSW_ERR_BUFFER_TOO_SMALL);
        guarded text = guarded_new(len, 1, 0);
        CHECK_OK(csv ? nsw_dataset_save_csv(dataset, ';', text.data, text.len, &len)
                     : nsw_dataset_save_fann(dataset, text.data, text.len, &len));
        CHECK_SIZE(len, text.len);
        nsw_csv_config cfg = NSW_CSV_CONFIG_INIT;
        cfg.delimiter = ';';
        REQUIRE_OK(csv ? nsw_dataset_load_csv(text.data, text.len, &cfg, NULL, &again)
                       : nsw_dataset_load_fann(text.data, text.len, NULL, NULL, &again));
        nsw_data read = data_of(again);
        check_same(&read, &samples);
        nsw_dataset_destroy(again);
        guarded_free(&text);
    }
    size_t len;
    CHECK_STATUS(nsw_dataset_save_csv(dataset, '.', NULL, 0, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_save_csv(dataset, 300, NULL, 0, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_save_fann(dataset, (uint8_t *)(void *)numbers, sizeof numbers * 9, &len),
                 NSW_ERR_INVALID);
    nsw_dataset_destroy(dataset);
}

static char said[192];

static void keep(void *ctx, uint32_t level, const char *text, size_t len) {
    (void)ctx, (void)level;
    snprintf(said, sizeof said, "%.*s", (int)len, text);
}

static void bad_files_are_refused_and_said_why(void) {
    nsw_logger logger = NSW_LOGGER_INIT;
    logger.log = keep;
    nsw_csv_config csv = NSW_CSV_CONFIG_INIT;
    csv.logger = &logger;
    nsw_idx_config idx = NSW_IDX_CONFIG_INIT;
    idx.logger = &logger;
    nsw_dataset *made = NULL;
#define REFUSED(call, error, note)                                                        \
    do {                                                                                  \
        said[0] = 0;                                                                      \
        CHECK_STATUS(call, error);                                                        \
        CHECK(made == NULL);                                                              \
        CHECK_NOTE(strstr(said, note) != NULL, "said: %s", said);                         \
    } while (0)
#define FANN(text) nsw_dataset_load_fann(BYTES(text), &logger, NULL, &made)
    REFUSED(FANN("4 2\n"), NSW_ERR_DATA_HEADER, "line 2");
    REFUSED(FANN("4000000000 4000000000 1\n1 2\n"), NSW_ERR_DATA_TRUNCATED, "line 1");
    REFUSED(FANN("1 2 1\n0.25 1.5\n"), NSW_ERR_DATA_TRUNCATED, "line");
    REFUSED(FANN("1 2 1\n1 2\n3 4\n"), NSW_ERR_DATA_LENGTH, "line 3");
    REFUSED(FANN("1 2 1\n1 2\nx\n"), NSW_ERR_DATA_NUMBER, "line 3");
    REFUSED(FANN("1 2 1\n1 nan\n3\n"), NSW_ERR_NN_NOT_FINITE, "line 2");
#define CSV(text) nsw_dataset_load_csv(BYTES(text), &csv, NULL, &made)
    REFUSED(CSV("\n\n"), NSW_ERR_DATA_HEADER, "no rows");
    REFUSED(CSV("1,2\n3\n"), NSW_ERR_DATA_ROW, "line 2");
    REFUSED(CSV("1,2\n3,\"4\n"), NSW_ERR_DATA_ROW, "quotes");
    REFUSED(CSV("1,2\n3,four\n"), NSW_ERR_DATA_NUMBER, "four");
    csv.class_names = (const uint8_t *)"cat,dog";
    csv.class_names_len = 7;
    REFUSED(CSV("1,dog\n3,cow\n"), NSW_ERR_DATA_LABEL, "line 2");
    csv.classes = 2;
    REFUSED(CSV("1,dog\n"), NSW_ERR_INVALID, "");
    csv.class_names_len = 0;
    REFUSED(CSV("1,2\n"), NSW_ERR_DATA_LABEL, "line 1");
#define IDX(bytes, len) nsw_dataset_load_idx(bytes, len, NULL, 0, &idx, NULL, &made)
    REFUSED(IDX((const uint8_t *)"\x1f\x8b\x08", 4), NSW_ERR_DATA_HEADER, "gzip");
    REFUSED(IDX(IDX_INPUTS, sizeof IDX_INPUTS - 1), NSW_ERR_DATA_TRUNCATED, "fewer");
    REFUSED(IDX(IDX_INPUTS, 7), NSW_ERR_DATA_TRUNCATED, "dimensions");
    idx.reserved = 1;
    REFUSED(IDX(IDX_INPUTS, sizeof IDX_INPUTS), NSW_ERR_INVALID, "");
    CHECK_STATUS(nsw_dataset_load_fann(NULL, 3, NULL, NULL, &made), NSW_ERR_NULL);
    CHECK_STATUS(nsw_dataset_load_csv(BYTES("1,2"), NULL, NULL, &made), NSW_ERR_NULL);
}

static void columns_are_chosen_and_labels_spread(void) {
    static const uint32_t inputs[] = {2}, targets[] = {0};
    nsw_csv_config cfg = NSW_CSV_CONFIG_INIT;
    cfg.delimiter = '\t';
    cfg.inputs = inputs;
    cfg.inputs_len = 1;
    cfg.targets = targets;
    cfg.targets_len = 1;
    cfg.class_names = (const uint8_t *)"cat\tdog";
    cfg.class_names_len = 7;
    nsw_dataset *made = NULL;
    REQUIRE_OK(nsw_dataset_load_csv(BYTES("dog\t?\t3\ncat\t\t4\n"), &cfg, NULL, &made));
    nsw_data data = data_of(made);
    static const float want[] = {3, 4}, classes[] = {0, 1, 1, 0};
    check_same(&data, DATA(want, 2, classes, 4));
    nsw_dataset_destroy(made);

    nsw_csv_config plain = NSW_CSV_CONFIG_INIT;
    plain.no_targets = 1;
    REQUIRE_OK(nsw_dataset_load_csv(BYTES("3,4"), &plain, NULL, &made));
    CHECK(info_of(made).inputs == 2 && info_of(made).outputs == 0);
    nsw_dataset_destroy(made);
    plain.last = 1;
    CHECK_STATUS(nsw_dataset_load_csv(BYTES("3,4"), &plain, NULL, &made), NSW_ERR_INVALID);

    nsw_idx_config idx = NSW_IDX_CONFIG_INIT;
    idx.scale = 0.5f;
    idx.classes = 2;
    REQUIRE_OK(nsw_dataset_load_idx(IDX_INPUTS, sizeof IDX_INPUTS, IDX_TARGETS,
                                    sizeof IDX_TARGETS, &idx, NULL, &made));
    data = data_of(made);
    CHECK_SIZE(data.targets_len, 8);
    CHECK(data.inputs[3] == 0.5f && data.targets[0] == 1.0f && data.targets[3] == 1.0f);
    nsw_dataset_destroy(made);
}

static void samples_are_scaled_by_the_networks_scales(void) {
    static const float inputs[] = {1, 5, 2, 5, 3, 5, 6, 5}, targets[] = {-10, 0, 10, 40};
    nsw_dataset *view = NULL, *dataset = NULL;
    REQUIRE_OK(nsw_dataset_view(DATA(inputs, 8, targets, 4), 2, 1, NULL, &view));
    REQUIRE_OK(nsw_dataset_copy(view, NULL, &dataset));
    nsw_net_config cfg = small_config(1);
    cfg.scaling = 1;
    nsw_net *net = NULL, *without = small_net(1, NULL);
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));

    nsw_column column = NSW_COLUMN_INIT;
    CHECK_OK(nsw_dataset_column(view, 0, &column));
    CHECK(column.min == 1.0f && column.max == 6.0f && column.mean == 3.0f);
    CHECK(fabsf(column.deviation - sqrtf(3.5f)) < 1e-6f);
    CHECK_STATUS(nsw_dataset_column(view, 3, &column), NSW_ERR_INVALID);

    nsw_fit range = NSW_FIT_INIT, standard = NSW_FIT_INIT;
    range.low = -1.0f;
    range.high = 1.0f;
    standard.method = NSW_FIT_STANDARD;
    CHECK_OK(nsw_dataset_fit_scales(view, &range, &standard, net));
    nsw_scale scale = NSW_SCALE_INIT, told = NSW_SCALE_INIT;
    CHECK_OK(nsw_dataset_fit(view, 0, &range, &scale));
    CHECK_OK(nsw_net_get_scale(net, 0, &told));
    CHECK(memcmp(&scale, &told, sizeof scale) == 0);

    CHECK_OK(nsw_dataset_scale(dataset, net));
    nsw_data data = data_of(dataset);
    CHECK(data.inputs[0] == -1.0f && data.inputs[6] == 1.0f && data.inputs[1] == 0.0f);
    CHECK_OK(nsw_dataset_column(dataset, 2, &column));
    CHECK(fabsf(column.mean) < 1e-6f && fabsf(column.deviation - 1.0f) < 1e-6f);
    CHECK_OK(nsw_dataset_unscale(dataset, net));
    for (size_t i = 0; i < 8; i++) {
        CHECK(fabsf(data.inputs[i] - inputs[i]) < 1e-5f);
    }
    /* Without targets the scale of the output stays. */
    CHECK_OK(nsw_net_get_scale(net, 2, &told));
    CHECK_OK(nsw_dataset_fit_scales(view, &standard, NULL, net));
    CHECK_OK(nsw_net_get_scale(net, 2, &scale));
    CHECK(memcmp(&scale, &told, sizeof scale) == 0);
    CHECK_OK(nsw_dataset_scale_column(dataset, 2, &told));
    CHECK_OK(nsw_dataset_column(dataset, 2, &column));
    CHECK(fabsf(column.mean) < 1e-6f);

    CHECK_STATUS(nsw_dataset_scale(view, net), NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_dataset_scale_column(view, 0, &told), NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_dataset_scale_column(dataset, 3, &told), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dataset_scale(dataset, without), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_dataset_unscale(dataset, without), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_dataset_fit_scales(view, &range, NULL, without), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_dataset_fit_scales(view, NULL, NULL, net), NSW_ERR_NULL);
    range.high = -1.0f;
    CHECK_STATUS(nsw_dataset_fit(view, 0, &range, &scale), NSW_ERR_INVALID);
    range.method = 3;
    CHECK_STATUS(nsw_dataset_fit(view, 0, &range, &scale), NSW_ERR_INVALID);
    nsw_net_destroy(net);
    nsw_net_destroy(without);
    nsw_dataset_destroy(view);
    nsw_dataset_destroy(dataset);
}

static void it_trains_a_network(void) {
    nsw_dataset *dataset = NULL;
    REQUIRE_OK(make_fann(NULL, &dataset));
    nsw_net *net = small_net(3, NULL);
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_IRPROP_MINUS, NULL);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    params.max_epochs = 300;
    nsw_data data = data_of(dataset);
    nsw_train_report report = NSW_TRAIN_REPORT_INIT;
    CHECK_OK(nsw_trainer_train(trainer, net, &data, &params, &report));
    CHECK(report.loss < 0.01f);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(net);
    nsw_dataset_destroy(dataset);
}

static void wrong_handles_are_answered(void) {
    uint8_t zeros[512] = {0};
    nsw_net *net = small_net(1, NULL);
    const struct {
        const void *handle;
        nsw_status expected;
    } wrong[] = {
        {NULL, NSW_ERR_NULL},
        {(uint8_t *)lent + 1, NSW_ERR_ALIGNMENT},
        {zeros + 16 - (uintptr_t)zeros % 16, NSW_ERR_HANDLE},
        {net, NSW_ERR_HANDLE},
        {lent, NSW_OK},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const nsw_dataset *handle = wrong[i].handle;
        size_t size, align;
        nsw_dataset_info info = NSW_DATASET_INFO_INIT;
        nsw_data data = NSW_DATA_INIT;
        nsw_dataset *made = NULL;
        CHECK_STATUS(nsw_dataset_describe(handle, &info), wrong[i].expected);
        CHECK_STATUS(nsw_dataset_data(handle, &data), wrong[i].expected);
        CHECK_STATUS(nsw_dataset_copy_footprint(handle, &size, &align), wrong[i].expected);
        CHECK_STATUS(nsw_dataset_merge_footprint(lent, handle, &size, &align), wrong[i].expected);
        CHECK_STATUS(nsw_dataset_merge(handle, lent, NULL, &made), wrong[i].expected);
        nsw_dataset_destroy(made);
    }
    nsw_dataset_destroy((nsw_dataset *)(void *)net);
    CHECK_STATUS(nsw_net_describe(net, &(nsw_net_info)NSW_NET_INFO_INIT), NSW_OK);
    nsw_net_destroy(net);
}

int main(void) {
    lent = view_of_xor(NULL);
    every_maker_takes_one_block_of_its_footprint();
    what_is_lent_is_not_copied_and_not_changed();
    samples_are_added_and_shuffled();
    what_is_written_is_read();
    bad_files_are_refused_and_said_why();
    columns_are_chosen_and_labels_spread();
    samples_are_scaled_by_the_networks_scales();
    it_trains_a_network();
    wrong_handles_are_answered();
    nsw_dataset_destroy(lent);
    return check_report("dataset");
}
