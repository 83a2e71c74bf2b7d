/*
 * Text to task: a router that is trained here, texts that it knows and others, slots, and hostile input.
 */
#include <math.h>
#include <string.h>

#include "support.h"

static const nsw_name TASKS[] = {NSW_NAME("go"), NSW_NAME("land"), NSW_NAME("picture")};

static nsw_sample sample_of(const char *string, uint32_t task) {
    nsw_sample sample = NSW_SAMPLE_INIT;
    sample.task = task;
    sample.text = string;
    sample.text_len = strlen(string);
    return sample;
}

#define SAMPLES 12

static void samples_into(nsw_sample samples[SAMPLES]) {
    static const struct {
        const char *text;
        uint32_t task;
    } ALL[SAMPLES] = {
        {"go home", 0},         {"fly to the lake", 0},   {"move to base", 0},
        {"land now", 1},        {"set down at base", 1},  {"land near the lake", 1},
        {"take a picture", 2},  {"photograph the lake", 2}, {"send me an image", 2},
        {"what is love", NSW_ROUTE_NONE}, {"tell me a joke", NSW_ROUTE_NONE},
        {"order a pizza", NSW_ROUTE_NONE},
    };
    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = sample_of(ALL[i].text, ALL[i].task);
    }
}

static nsw_router_config small(void) {
    nsw_router_config cfg = NSW_ROUTER_CONFIG_INIT;
    cfg.width = 32;
    cfg.blocks = 100;
    cfg.epochs = 30;
    return cfg;
}

/* A trained model; free with guarded_free. */
static guarded trained(void) {
    nsw_sample samples[SAMPLES];
    nsw_router_config cfg = small();
    size_t len = 0, written = 0;
    samples_into(samples);
    CHECK_STATUS(nsw_router_train(&cfg, TASKS, 3, samples, SAMPLES, NULL, 0, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len > 1600 && len < 3000);
    guarded model = guarded_new(len, 1, 1);
    CHECK_STATUS(nsw_router_train(&cfg, TASKS, 3, samples, SAMPLES, model.data, len - 1, &written),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_router_train(&cfg, TASKS, 3, samples, SAMPLES, model.data, len, &written));
    CHECK_SIZE(written, len);
    return model;
}

static nsw_router *router_over(const guarded *model) {
    nsw_router *router = NULL;
    REQUIRE_OK(nsw_router_create(model->data, model->len, NULL, &router));
    return router;
}

static nsw_route routed(const nsw_router *router, const char *string) {
    nsw_route route = NSW_ROUTE_INIT;
    CHECK_OK(nsw_router_route(router, text(string), strlen(string), &route));
    CHECK(route.best < 3 && route.confidence >= 0 && route.confidence <= 1);
    return route;
}

static void routing(void) {
    guarded model = trained();
    nsw_router *router = router_over(&model);
    uint32_t count = 0;
    CHECK_OK(nsw_router_tasks(router, &count));
    CHECK(count == 3);
    for (uint32_t task = 0; task < 3; task++) {
        const char *name = NULL;
        size_t len = 0;
        CHECK_OK(nsw_router_name(router, task, &name, &len));
        CHECK(len == TASKS[task].len && memcmp(name, TASKS[task].text, len) == 0);
    }
    const char *name = NULL;
    size_t len = 0;
    CHECK_STATUS(nsw_router_name(router, 3, &name, &len), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_router_name(router, 0, NULL, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_name(router, 0, &name, NULL), NSW_ERR_NULL);
    CHECK(routed(router, "Go HOME!").task == 0);
    CHECK(routed(router, "land now, please").task == 1);
    CHECK(routed(router, "take a picture of it").task == 2);
    CHECK(routed(router, "what is love").task == NSW_ROUTE_NONE);
    CHECK(routed(router, "").task == NSW_ROUTE_NONE);
    CHECK(routed(router, "\xFF\x80 \xC2").best < 3);

    static uint8_t longest[NSW_ROUTE_MAX_TEXT + 1];
    nsw_route route = NSW_ROUTE_INIT;
    memset(longest, 'a', sizeof longest);
    CHECK_OK(nsw_router_route(router, longest, NSW_ROUTE_MAX_TEXT, &route));
    CHECK_STATUS(nsw_router_route(router, longest, sizeof longest, &route), NSW_ERR_LENGTH);
    CHECK_STATUS(nsw_router_route(router, NULL, 1, &route), NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_route(router, longest, 1, NULL), NSW_ERR_NULL);
    route.size = 4;
    CHECK_STATUS(nsw_router_route(router, longest, 1, &route), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_router_route(NULL, longest, 1, &route), NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_tasks(router, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_threshold(router, NULL), NSW_ERR_NULL);
    nsw_router_destroy(router);
    nsw_router_destroy(NULL);
    guarded_free(&model);
}

static void threshold(void) {
    guarded model = trained();
    nsw_sample samples[SAMPLES];
    samples_into(samples);
    float low = -1, high = -1, read = -1;
    CHECK_OK(nsw_router_calibrate(model.data, model.len, samples, SAMPLES, 0, &low));
    CHECK_OK(nsw_router_calibrate(model.data, model.len, samples, SAMPLES, 0.5f, &high));
    CHECK(low > 0 && high > low && high <= 1);
    nsw_router *router = router_over(&model);
    CHECK_OK(nsw_router_threshold(router, &read));
    CHECK(read == high);
    unsigned refused = 0;
    for (size_t i = 0; i < 9; i++) {
        refused += routed(router, samples[i].text).task == NSW_ROUTE_NONE;
    }
    CHECK_NOTE(refused >= 3 && refused <= 4, "%u", refused);
    nsw_router_destroy(router);
    /* What fails changes nothing. */
    snapshot before = snapshot_take(model.data, model.len);
    static char long_text[NSW_ROUTE_MAX_TEXT + 2];
    memset(long_text, 'a', sizeof long_text - 1);
    nsw_sample bad = sample_of(long_text, 0);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, &bad, 1, 0, &low), NSW_ERR_LENGTH);
    bad = sample_of("go \xFF", 0);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, &bad, 1, 0, &low), NSW_ERR_INVALID);
    bad = sample_of("go", NSW_ROUTE_NONE);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, &bad, 1, 0, &low), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, samples, SAMPLES, 1, &low),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, samples, SAMPLES, 0, NULL),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len - 1, samples, SAMPLES, 0, &low),
                 NSW_ERR_TASK_FORMAT);
    CHECK_STATUS(nsw_router_calibrate(NULL, 9, samples, SAMPLES, 0, &low), NSW_ERR_NULL);
    /* What is written lies apart from what is read. */
    bad = sample_of("go", 0);
    bad.text = (const char *)model.data + 1, bad.text_len = 2;
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, &bad, 1, 0, &low), NSW_ERR_INVALID);
    bad = sample_of("go", 0);
    float *inside = (float *)(void *)&bad.task;
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, &bad, 1, 0, inside), NSW_ERR_INVALID);
    inside = (float *)(void *)(model.data + (4 - (uintptr_t)model.data % 4) % 4);
    CHECK_STATUS(nsw_router_calibrate(model.data, model.len, &bad, 1, 0, inside), NSW_ERR_INVALID);
    CHECK(bad.task == 0);
    CHECK(snapshot_unchanged(&before));
    snapshot_free(&before);
    guarded_free(&model);
}

static void training_refuses(void) {
    nsw_sample samples[SAMPLES];
    uint8_t *buf = malloc(1 << 20);
    size_t len = 0;
    samples_into(samples);
    REQUIRE(buf != NULL);
#define TRAINS(cfg, tasks, samples_, count)                                              \
    nsw_router_train((cfg), TASKS, (tasks), (samples_), (count), buf, 1 << 20, &len)
    nsw_router_config cfg = small();
    cfg.width = 17;
    CHECK_STATUS(TRAINS(&cfg, 3, samples, SAMPLES), NSW_ERR_INVALID);
    cfg = small(), cfg.rate = NAN;
    CHECK_STATUS(TRAINS(&cfg, 3, samples, SAMPLES), NSW_ERR_INVALID);
    cfg = small(), cfg.dropout = 1;
    CHECK_STATUS(TRAINS(&cfg, 3, samples, SAMPLES), NSW_ERR_INVALID);
    cfg = small(), cfg.reserved = 1;
    CHECK_STATUS(TRAINS(&cfg, 3, samples, SAMPLES), NSW_ERR_INVALID);
    cfg = small();
    CHECK_STATUS(TRAINS(&cfg, 2, samples, SAMPLES), NSW_ERR_INVALID);
    CHECK_STATUS(TRAINS(&cfg, 0, samples, SAMPLES), NSW_ERR_INVALID);
    CHECK_STATUS(TRAINS(&cfg, 3, samples, 0), NSW_ERR_INVALID);
    /* More than there may be: also when only the length is asked for. */
    static nsw_name many[4097];
    static char long_name[257];
    memset(long_name, 'x', 256);
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = (nsw_name)NSW_NAME("x");
    }
    CHECK_STATUS(nsw_router_train(&cfg, many, 4097, samples, SAMPLES, NULL, 0, &len),
                 NSW_ERR_INVALID);
    CHECK_STATUS(nsw_router_train(&cfg, many, 4096, samples, SAMPLES, NULL, 0, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    many[0].text = long_name, many[0].len = 256;
    CHECK_STATUS(nsw_router_train(&cfg, many, 3, samples, SAMPLES, NULL, 0, &len), NSW_ERR_INVALID);
    many[0].len = 255;
    CHECK_STATUS(nsw_router_train(&cfg, many, 3, samples, SAMPLES, NULL, 0, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(TRAINS(&cfg, 3, NULL, 1), NSW_ERR_NULL);
    CHECK_STATUS(TRAINS(NULL, 3, samples, SAMPLES), NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_train(&cfg, NULL, 3, samples, SAMPLES, buf, 1 << 20, &len),
                 NSW_ERR_NULL);
    CHECK_STATUS(nsw_router_train(&cfg, TASKS, 3, samples, SAMPLES, NULL, 1 << 20, &len),
                 NSW_ERR_NULL);
    samples[3].text = "\xC3";
    samples[3].text_len = 1;
    CHECK_STATUS(TRAINS(&cfg, 3, samples, SAMPLES), NSW_ERR_INVALID);
    samples[3].size = 4;
    CHECK_STATUS(TRAINS(&cfg, 3, samples, SAMPLES), NSW_ERR_STRUCT_SIZE);
    samples_into(samples);
    /* The same seed, the same bytes; no chance at all is a setting, too. */
    cfg.dropout = NSW_ZERO, cfg.smoothing = NSW_ZERO;
    CHECK_OK(TRAINS(&cfg, 3, samples, SAMPLES));
    snapshot once = snapshot_take(buf, len);
    CHECK_OK(TRAINS(&cfg, 3, samples, SAMPLES));
    CHECK(snapshot_unchanged(&once));
    cfg.seed = 1;
    CHECK_OK(TRAINS(&cfg, 3, samples, SAMPLES));
    CHECK(!snapshot_unchanged(&once));
    snapshot_free(&once);
    free(buf);
}

/* Each byte of a model changed, each length cut: refused, and nothing is read beside it. */
static void hostile_models(void) {
    guarded model = trained();
    nsw_router *router = NULL;
    size_t size = 0, align = 0;
    for (size_t len = 0; len < model.len; len += quick() ? 97 : 1) {
        guarded cut = guarded_new(len, 1, 0);
        memcpy(cut.data, model.data, len);
        CHECK_STATUS(nsw_router_create(cut.data, len, NULL, &router), NSW_ERR_TASK_FORMAT);
        CHECK(router == NULL);
        guarded_free(&cut);
    }
    for (size_t at = 0; at < model.len; at += quick() ? 31 : 1) {
        model.data[at] ^= 0x10;
        nsw_status status = nsw_router_footprint(model.data, model.len, &size, &align);
        CHECK(status == (at == 4 || at == 5 ? NSW_ERR_UNSUPPORTED : NSW_ERR_TASK_FORMAT));
        model.data[at] ^= 0x10;
    }
    CHECK_STATUS(nsw_router_create(NULL, 5, NULL, &router), NSW_ERR_NULL);
    for (size_t fail = 0; fail < 3; fail++) {
        counting c;
        counting_init(&c);
        c.fail_at = fail == 1, c.misalign_at = fail == 2;
        nsw_status status = nsw_router_create(model.data, model.len, &c.hook, &router);
        CHECK(status == (fail == 0   ? NSW_OK
                         : fail == 1 ? NSW_ERR_OUT_OF_MEMORY
                                     : NSW_ERR_ALLOCATOR));
        CHECK_OK(nsw_router_footprint(model.data, model.len, &size, &align));
        CHECK(c.last_size == size && c.last_align == align);
        CHECK((router != NULL) == (fail == 0));
        nsw_router_destroy(router);
        counting_finish(&c);
    }
    guarded_free(&model);
}

/* ---- slots ------------------------------------------------------------------------------- */

static const nsw_unit METRES[] = {NSW_UNIT("m", 1), NSW_UNIT("km", 1000)};
static const nsw_name PLACES[] = {NSW_NAME("base"), NSW_NAME("the lake")};

enum { PATTERNS = 6 };

static void patterns_into(nsw_pattern patterns[PATTERNS]) {
    static const uint32_t KINDS[PATTERNS] = {NSW_SLOT_IDENTIFIER, NSW_SLOT_COORDINATES,
                                             NSW_SLOT_DURATION,   NSW_SLOT_NUMBER,
                                             NSW_SLOT_NAME,       NSW_SLOT_NUMBER};
    for (size_t i = 0; i < PATTERNS; i++) {
        nsw_pattern p = NSW_PATTERN_INIT;
        p.kind = KINDS[i];
        patterns[i] = p;
    }
    patterns[0].prefix = "drone", patterns[0].prefix_len = 5;
    patterns[3].units = METRES, patterns[3].unit_count = COUNT_OF(METRES);
    patterns[4].names = PLACES, patterns[4].name_count = COUNT_OF(PLACES);
}

static void slots(void) {
    nsw_pattern patterns[PATTERNS];
    nsw_slot found[PATTERNS] = {NSW_SLOT_INIT};
    size_t filled = 0;
    patterns_into(patterns);
    const char *string = "Drone 3 to 46.5 N 7.5 E at 1.5 km for 10 min, The Lake, twice: 2";
    CHECK_OK(nsw_route_fill(text(string), strlen(string), patterns, PATTERNS, found, PATTERNS,
                            &filled));
    CHECK_SIZE(filled, PATTERNS);
    CHECK(found[0].kind == NSW_SLOT_IDENTIFIER && found[0].number == 3 && found[0].len == 7);
    CHECK(found[1].kind == NSW_SLOT_COORDINATES && found[1].value == 46.5 &&
          found[1].longitude == 7.5);
    CHECK(found[2].kind == NSW_SLOT_DURATION && found[2].value == 600);
    CHECK(found[3].kind == NSW_SLOT_NUMBER && found[3].value == 1500 && found[3].index == 1);
    CHECK(found[4].kind == NSW_SLOT_NAME && found[4].index == 1);
    CHECK(found[5].kind == NSW_SLOT_NUMBER && found[5].value == 2);
    for (size_t i = 0; i < PATTERNS; i++) {
        CHECK(found[i].size == sizeof(nsw_slot));
    }
    /* Nothing is guessed. */
    static const char *const NOTHING[] = {"", "drone, go", "1/2 km", "1 000 m", "drone #-7"};
    for (size_t i = 0; i < COUNT_OF(NOTHING); i++) {
        CHECK_OK(nsw_route_fill(text(NOTHING[i]), strlen(NOTHING[i]), patterns, PATTERNS, found,
                                PATTERNS, &filled));
        CHECK_NOTE(filled == 0 || (i == 4 && filled == 1), "%s: %u", NOTHING[i], (unsigned)filled);
        CHECK(found[0].kind == NSW_SLOT_EMPTY && found[3].kind == NSW_SLOT_EMPTY &&
              found[3].value == 0 && found[3].len == 0);
    }
    CHECK_OK(nsw_route_fill(text("two hundred and fifty m"), 23, patterns, PATTERNS, found, PATTERNS,
                            NULL));
    CHECK(found[3].value == 250);
}

static void slots_refuse(void) {
    nsw_pattern patterns[PATTERNS];
    nsw_slot found[PATTERNS] = {NSW_SLOT_INIT};
    static uint8_t longest[NSW_ROUTE_MAX_TEXT + 1];
    patterns_into(patterns);
#define FILLS(len, count, slots_, cap) \
    nsw_route_fill(longest, (len), patterns, (count), (slots_), (cap), NULL)
    memset(longest, '1', sizeof longest);
    CHECK_OK(FILLS(NSW_ROUTE_MAX_TEXT, PATTERNS, found, PATTERNS));
    CHECK_OK(nsw_route_fill(longest, 1, NULL, 0, NULL, 0, NULL));
    CHECK_STATUS(FILLS(sizeof longest, PATTERNS, found, PATTERNS), NSW_ERR_LENGTH);
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS - 1), NSW_ERR_LENGTH);
    CHECK_STATUS(FILLS(1, PATTERNS, NULL, PATTERNS), NSW_ERR_NULL);
    CHECK_STATUS(nsw_route_fill(NULL, 1, patterns, 1, found, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_route_fill(longest, 1, NULL, 1, found, 1, NULL), NSW_ERR_NULL);
    patterns[5].kind = 6;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_INVALID);
    patterns[5].kind = NSW_SLOT_EMPTY;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_INVALID);
    patterns_into(patterns);
    patterns[0].prefix = NULL;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_NULL);
    patterns[0].prefix = "dr\xF0ne";
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_INVALID);
    patterns_into(patterns);
    nsw_name bad = NSW_NAME("x");
    bad.size = 3;
    patterns[4].names = &bad, patterns[4].name_count = 1;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_STRUCT_SIZE);
    patterns[4].names = NULL;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_NULL);
    patterns_into(patterns);
    nsw_unit no_name = NSW_UNIT_INIT;
    no_name.name_len = 2;
    patterns[3].units = &no_name, patterns[3].unit_count = 1;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_NULL);
    patterns_into(patterns);
    patterns[1].size = 5000;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_STRUCT_SIZE);
    patterns_into(patterns);
    found[0].size = 7;
    CHECK_STATUS(FILLS(1, PATTERNS, found, PATTERNS), NSW_ERR_STRUCT_SIZE);
    found[0].size = sizeof found[0];
    /* What is written lies apart from what is read. */
    union {
        uint8_t text[256];
        char name[256];
        nsw_slot slots[PATTERNS / 2];
        nsw_unit unit;
        nsw_name names[2];
        nsw_pattern pattern;
        size_t filled;
    } shared;
    size_t other = 5;
    memset(&shared, '1', sizeof shared);
    shared.slots[0].size = sizeof shared.slots[0];
    nsw_pattern one = patterns[3];
#define OVERLAPS(text_, pattern_, slots_, filled_)                                                \
    CHECK_STATUS(nsw_route_fill((text_), 8, (pattern_), 1, (slots_), 1, (filled_)), NSW_ERR_INVALID)
    OVERLAPS(shared.text + sizeof(nsw_slot) - 1, &one, shared.slots, &other);
    OVERLAPS(shared.text, &one, found, &shared.filled);
    OVERLAPS(longest, &one, shared.slots, &shared.filled);
    one = patterns[0];
    one.prefix = shared.name + 9;
    OVERLAPS(longest, &one, shared.slots, &other);
    OVERLAPS(longest, &one, found, (size_t *)(void *)(shared.text + 8));
    nsw_unit unit = NSW_UNIT("m", 1);
    unit.name = shared.name + 9;
    one = patterns[3];
    one.units = &unit, one.unit_count = 1;
    OVERLAPS(longest, &one, shared.slots, &other);
    nsw_name name = NSW_NAME("x");
    name.text = shared.name + 9;
    one = patterns[4];
    one.names = &name, one.name_count = 1;
    OVERLAPS(longest, &one, shared.slots, &other);
    nsw_name twice[2] = {NSW_NAME("x"), NSW_NAME("y")};
    memcpy(shared.names, twice, sizeof twice);
    one.names = shared.names, one.name_count = 2;
    OVERLAPS(longest, &one, found, &shared.filled);
    shared.pattern = one;
    OVERLAPS(longest, &shared.pattern, found, &shared.filled);
    CHECK_SIZE(other, 5);
    /* Side by side is apart. */
    shared.slots[0].size = sizeof shared.slots[0];
    CHECK_OK(nsw_route_fill(shared.text + sizeof(nsw_slot), 8, patterns + 1, 1, shared.slots, 1,
                            &other));
    /* Any bytes: slots lie inside of the text, apart from each other. */
    uint32_t random = 9;
    static const char LETTERS[] = "0129.,-+ NSEWnsew mhd#drone/half and\xC2\xB0";
    for (unsigned turn = 0; turn < (quick() ? 200u : 20000u); turn++) {
        guarded line = guarded_new(24, 1, 0);
        size_t filled = 0;
        for (size_t i = 0; i < line.len; i++) {
            line.data[i] = (uint8_t)LETTERS[random_next(&random) % (sizeof LETTERS - 1)];
        }
        CHECK_OK(nsw_route_fill(line.data, line.len, patterns, PATTERNS, found, PATTERNS, &filled));
        uint32_t taken = 0;
        for (size_t i = 0; i < PATTERNS; i++) {
            if (found[i].kind != NSW_SLOT_EMPTY) {
                CHECK(found[i].len > 0 && found[i].start + found[i].len <= line.len);
                uint32_t own = ((1u << found[i].len) - 1) << found[i].start;
                CHECK((own & taken) == 0);
                taken |= own;
                filled--;
            }
        }
        CHECK_SIZE(filled, 0);
        guarded_free(&line);
    }
}

int main(void) {
    routing();
    threshold();
    training_refuses();
    hostile_models();
    slots();
    slots_refuse();
    return check_report("route");
}
