/*
 * FANN's text files and scales: what is written is read again, what it says
 * about training survives, and bad files are refused with a line to look at.
 */
#include <math.h>
#include <string.h>

#include "support.h"

enum { INPUTS = 3, OUTPUTS = 2 };

static nsw_net *scaled_net(void) {
    static const nsw_layer LAYERS[] = {
        NSW_LAYER(4, NSW_ACTIVATION_TANH),
        NSW_LAYER(OUTPUTS, NSW_ACTIVATION_SIGMOID),
    };
    nsw_net_config cfg = NSW_NET_CONFIG_INIT;
    cfg.inputs = INPUTS;
    cfg.layers = LAYERS;
    cfg.layer_count = COUNT_OF(LAYERS);
    cfg.seed = 5;
    cfg.scaling = 1;
    nsw_net *net = NULL;
    REQUIRE_OK(nsw_net_create(&cfg, NULL, &net));
    return net;
}

static guarded fann_text(const nsw_net *net, const nsw_fann_settings *settings) {
    size_t len = 0;
    CHECK_STATUS(nsw_net_save_fann(net, settings, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    guarded text = guarded_new(len, 1, 0);
    CHECK_STATUS(nsw_net_save_fann(net, settings, text.data, len - 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, text.len);
    CHECK_OK(nsw_net_save_fann(net, settings, text.data, text.len, &len));
    CHECK_SIZE(len, text.len);
    CHECK(memcmp(text.data, "FANN_FLO_2.1\n", 13) == 0);
    return text;
}

static void what_is_written_is_read(void) {
    nsw_net *net = scaled_net();
    nsw_scale scale = NSW_SCALE_INIT;
    scale.mean = 3.0f;
    scale.deviation = 2.0f;
    scale.minimum = -1.0f;
    scale.factor = 1.0f;
    CHECK_OK(nsw_net_set_scale(net, 1, &scale));

    nsw_fann_settings settings = NSW_FANN_SETTINGS_INIT;
    CHECK_OK(nsw_fann_settings_default(&settings));
    CHECK(settings.learning_rate == 0.7f && settings.training_algorithm == 2);
    CHECK_SIZE(settings.cascade_activation_steepnesses_count, 4);
    CHECK(settings.cascade_activation_steepnesses[1] == 0.5f);
    settings.learning_rate = 0.25f;
    settings.cascade_activation_functions_count = 2;
    settings.cascade_activation_functions[1] = 8;

    guarded text = fann_text(net, &settings);
    nsw_fann_settings again = NSW_FANN_SETTINGS_INIT;
    CHECK_OK(nsw_fann_settings_read(text.data, text.len, &again));
    CHECK(again.learning_rate == 0.25f);
    CHECK_SIZE(again.cascade_activation_functions_count, 2);
    CHECK_SIZE(again.cascade_activation_functions[1], 8);

    size_t size = 0, align = 0;
    CHECK_OK(nsw_net_load_fann_footprint(text.data, text.len, NULL, &size, &align));
    counting memory;
    counting_init(&memory);
    nsw_net *loaded = NULL;
    REQUIRE_OK(nsw_net_load_fann(text.data, text.len, NULL, &memory.hook, &loaded));
    CHECK_SIZE(memory.last_size, size);
    CHECK_SIZE(memory.last_align, align);
    float difference = 1.0f;
    CHECK_OK(nsw_net_difference(net, loaded, &difference));
    CHECK(difference == 0.0f);
    nsw_scale told = NSW_SCALE_INIT;
    CHECK_OK(nsw_net_get_scale(loaded, 1, &told));
    CHECK(told.mean == 3.0f && told.deviation == 2.0f);
    const float x[INPUTS] = {0.3f, -0.7f, 0.1f};
    float y[2][OUTPUTS];
    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(loaded, &info));
    CHECK(info.exact == 1);
    CHECK_OK(nsw_net_set_exact(net, 1));
    CHECK_OK(nsw_net_forward(net, x, INPUTS, y[0], OUTPUTS, NULL));
    CHECK_OK(nsw_net_forward(loaded, x, INPUTS, y[1], OUTPUTS, NULL));
    CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0);
    nsw_net_destroy(loaded);

    memory.fail_at = memory.calls + 1;
    CHECK_STATUS(nsw_net_load_fann(text.data, text.len, NULL, &memory.hook, &loaded),
                 NSW_ERR_OUT_OF_MEMORY);
    CHECK(loaded == NULL);
    counting_finish(&memory);
    guarded_free(&text);
    /* NULL: FANN's own settings. */
    text = fann_text(net, NULL);
    CHECK_OK(nsw_fann_settings_read(text.data, text.len, &again));
    CHECK(again.learning_rate == 0.7f);
    guarded_free(&text);
    nsw_net_destroy(net);
}

static char last_line[128];

static void listen(void *ctx, uint32_t level, const char *text, size_t len) {
    (void)ctx;
    (void)level;
    len = len < sizeof last_line - 1 ? len : sizeof last_line - 1;
    memcpy(last_line, text, len);
    last_line[len] = 0;
}

static void bad_files_are_refused(void) {
    nsw_net *net = scaled_net();
    guarded text = fann_text(net, NULL);
    nsw_net *loaded = NULL;
    size_t size = 0, align = 0;
    /* Every beginning of a file is refused, and nothing beyond it is read. */
    for (size_t len = 0; len + 2 < text.len; len += 1 + len / 16) {
        guarded part = guarded_new(len, 1, 0);
        memcpy(part.data, text.data, len);
        CHECK(nsw_net_load_fann(part.data, len, NULL, NULL, &loaded) != NSW_OK);
        CHECK(loaded == NULL);
        CHECK(nsw_net_load_fann_footprint(part.data, len, NULL, &size, &align) != NSW_OK);
        guarded_free(&part);
    }
    const char fixed[] = "FANN_FIX_2.0\n";
    CHECK_STATUS(nsw_net_load_fann((const uint8_t *)fixed, 13, NULL, NULL, &loaded),
                 NSW_ERR_MODEL_VERSION);
    CHECK_STATUS(nsw_net_load_fann((const uint8_t *)"text", 4, NULL, NULL, &loaded),
                 NSW_ERR_MODEL_MAGIC);
    CHECK_STATUS(nsw_net_load_fann(NULL, 4, NULL, NULL, &loaded), NSW_ERR_NULL);

    nsw_logger logger = NSW_LOGGER_INIT;
    logger.log = listen;
    guarded broken = guarded_new(text.len, 1, 0);
    memcpy(broken.data, text.data, text.len);
    /* The third line is learning_rate=... */
    size_t at = 0;
    for (int lines = 0; lines < 2; at++) lines += broken.data[at] == '\n';
    REQUIRE(memcmp(broken.data + at, "learning_rate=", 14) == 0);
    broken.data[at + 14] = 'x';
    CHECK_STATUS(nsw_net_load_fann(broken.data, broken.len, &logger, NULL, &loaded),
                 NSW_ERR_MODEL_INVALID);
    CHECK_NOTE(strstr(last_line, "line 3") != NULL, "%s", last_line);
    guarded_free(&broken);

    nsw_fann_settings settings = NSW_FANN_SETTINGS_INIT;
    CHECK_STATUS(nsw_fann_settings_default(NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_fann_settings_read(text.data, 13, &settings), NSW_ERR_MODEL_TRUNCATED);
    CHECK_STATUS(nsw_fann_settings_read(text.data, text.len, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_fann_settings_default(&settings));
    settings.cascade_activation_functions_count = NSW_FANN_LIST + 1;
    CHECK_STATUS(nsw_net_save_fann(net, &settings, text.data, text.len, NULL), NSW_ERR_INVALID);
    settings.cascade_activation_functions_count = 0;
    settings.size = 3;
    CHECK_STATUS(nsw_net_save_fann(net, &settings, text.data, text.len, NULL),
                 NSW_ERR_STRUCT_SIZE);
    CHECK_OK(nsw_net_set_style(net, 1, NSW_ACTIVATION_SOFTMAX, 1.0f));
    CHECK_STATUS(nsw_net_set_exact(net, 1), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_net_set_exact(NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_net_save_fann(net, NULL, text.data, text.len, NULL), NSW_ERR_UNSUPPORTED);
    guarded_free(&text);
    nsw_net_destroy(net);
}

static void scales_fit_and_are_undone(void) {
    nsw_net *net = scaled_net();
    const float inputs[] = {10.0f, 5.0f, -2.0f, 20.0f, 5.0f, 2.0f};
    const float targets[] = {100.0f, 1.0f, 300.0f, 3.0f};
    CHECK_OK(nsw_net_fit_input_scales(net, inputs, COUNT_OF(inputs), -1.0f, 1.0f));
    CHECK_OK(nsw_net_fit_output_scales(net, targets, COUNT_OF(targets), 0.0f, 1.0f));
    nsw_scale scale = NSW_SCALE_INIT;
    CHECK_OK(nsw_net_get_scale(net, 0, &scale));
    CHECK(scale.mean == 15.0f && scale.deviation == 5.0f);
    CHECK(scale.minimum == -1.0f && scale.factor == 1.0f);
    CHECK_OK(nsw_net_get_scale(net, INPUTS, &scale));
    CHECK(scale.mean == 200.0f && scale.minimum == 0.0f && scale.factor == 0.5f);

    float rows[COUNT_OF(inputs)];
    memcpy(rows, inputs, sizeof rows);
    CHECK_OK(nsw_net_scale_inputs(net, rows, COUNT_OF(rows)));
    /* A column that is all the same comes to lie in the middle. */
    const float expected[] = {-1.0f, 0.0f, -1.0f, 1.0f, 0.0f, 1.0f};
    CHECK(memcmp(rows, expected, sizeof rows) == 0);
    float answers[COUNT_OF(targets)];
    memcpy(answers, targets, sizeof answers);
    CHECK_OK(nsw_net_scale_targets(net, answers, COUNT_OF(answers)));
    CHECK(answers[0] == 0.0f && answers[2] == 1.0f);
    CHECK_OK(nsw_net_unscale_outputs(net, answers, COUNT_OF(answers)));
    CHECK(memcmp(answers, targets, sizeof answers) == 0);

    /* What is refused changes nothing. */
    const float bad[] = {1.0f, INFINITY, 2.0f};
    CHECK_STATUS(nsw_net_fit_input_scales(net, bad, 3, -1.0f, 1.0f), NSW_ERR_NN_NOT_FINITE);
    CHECK_STATUS(nsw_net_fit_input_scales(net, inputs, 4, -1.0f, 1.0f), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_net_fit_input_scales(net, NULL, 0, -1.0f, 1.0f), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_net_fit_output_scales(net, targets, 4, 1.0f, 1.0f), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_net_fit_output_scales(net, targets, 4, NAN, 1.0f), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_net_scale_inputs(net, rows, 4), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_net_scale_targets(net, rows, 3), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_net_unscale_outputs(net, NULL, 2), NSW_ERR_NULL);
    CHECK_OK(nsw_net_unscale_outputs(net, NULL, 0));
    CHECK_STATUS(nsw_net_get_scale(net, INPUTS + OUTPUTS, &scale), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_net_get_scale(net, 0, NULL), NSW_ERR_NULL);
    scale.deviation = NAN;
    CHECK_STATUS(nsw_net_set_scale(net, 0, &scale), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_net_set_scale(net, 0, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_net_get_scale(net, 0, &scale));
    CHECK(scale.mean == 15.0f && scale.deviation == 5.0f);
    nsw_net_destroy(net);

    nsw_net *plain = small_net(1, NULL);
    float two[2] = {1.0f, 2.0f};
    CHECK_STATUS(nsw_net_get_scale(plain, 0, &scale), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_net_set_scale(plain, 0, &scale), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_net_fit_input_scales(plain, two, 2, -1.0f, 1.0f), NSW_ERR_UNSUPPORTED);
    CHECK_STATUS(nsw_net_scale_inputs(plain, two, 2), NSW_ERR_UNSUPPORTED);
    nsw_net_destroy(plain);
}

int main(void) {
    what_is_written_is_read();
    bad_files_are_refused();
    scales_fit_and_are_undone();
    return check_report("fann");
}
