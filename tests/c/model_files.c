/*
 * Models as bytes: what is saved comes back bit for bit, and what is damaged
 * in any way is refused with a status, whichever function it is given to.
 */
#include <string.h>

#include "support.h"

/* Where the checksum of a model lies: CRC-32 as in zip, over all other bytes. */
#define CRC_AT 12u
#define HEADER_BYTES 32u

static nsw_net *net;
static nsw_qnet *qnet;
static guarded f32_model, i8_model;

static uint32_t crc32_of(const uint8_t *bytes, size_t len) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++) {
        if (i >= CRC_AT && i < CRC_AT + 4) {
            continue;
        }
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

static void fix_crc(uint8_t *bytes, size_t len) {
    uint32_t crc = crc32_of(bytes, len);
    for (size_t i = 0; i < 4; i++) {
        bytes[CRC_AT + i] = (uint8_t)(crc >> (8 * i));
    }
}

/* ---- one way to read a model, and what it says ---------------------------------- */

typedef struct reading {
    nsw_status load, view, load_footprint, view_footprint;
} reading;

/* A model that loads must also run, whatever is in it. */
static void run_net(nsw_net *n) {
    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(n, &info));
    float *in = calloc(info.inputs, sizeof *in), *out = calloc(info.outputs, sizeof *out);
    REQUIRE(in != NULL && out != NULL);
    CHECK_OK(nsw_net_forward(n, in, info.inputs, out, info.outputs, NULL));
    free(in);
    free(out);
    nsw_net_destroy(n);
}

static void run_qnet(nsw_qnet *q) {
    nsw_qnet_info info = NSW_QNET_INFO_INIT;
    CHECK_OK(nsw_qnet_describe(q, &info));
    int8_t *in = malloc(info.inputs), *out = malloc(info.outputs);
    REQUIRE(in != NULL && out != NULL);
    static const int extremes[] = {-128, 127, 0, 77};
    for (size_t i = 0; i < COUNT_OF(extremes); i++) {
        memset(in, extremes[i], info.inputs);
        CHECK_OK(nsw_qnet_forward_i8(q, in, info.inputs, out, info.outputs, NULL));
    }
    free(in);
    free(out);
    nsw_qnet_destroy(q);
}

static reading read_net(const uint8_t *bytes, size_t len) {
    reading r;
    size_t size, align;
    nsw_net *n = net; /* must become NULL or a new one */
    r.load_footprint = nsw_net_load_footprint(bytes, len, &size, &align);
    r.view_footprint = nsw_net_view_footprint(bytes, len, &size, &align);
    r.load = nsw_net_load(bytes, len, NULL, &n);
    CHECK((r.load == NSW_OK) == (n != NULL) && n != net);
    if (r.load == NSW_OK) {
        run_net(n);
    }
    n = net;
    r.view = nsw_net_view(bytes, len, NULL, &n);
    CHECK((r.view == NSW_OK) == (n != NULL) && n != net);
    if (r.view == NSW_OK) {
        run_net(n);
    }
    return r;
}

static reading read_qnet(const uint8_t *bytes, size_t len) {
    reading r;
    size_t size, align;
    nsw_qnet *q = qnet;
    r.load_footprint = nsw_qnet_load_footprint(bytes, len, &size, &align);
    r.view_footprint = nsw_qnet_view_footprint(bytes, len, &size, &align);
    r.load = nsw_qnet_load(bytes, len, NULL, &q);
    CHECK((r.load == NSW_OK) == (q != NULL) && q != qnet);
    if (r.load == NSW_OK) {
        run_qnet(q);
    }
    q = qnet;
    r.view = nsw_qnet_view(bytes, len, NULL, &q);
    CHECK((r.view == NSW_OK) == (q != NULL) && q != qnet);
    if (r.view == NSW_OK) {
        run_qnet(q);
    }
    return r;
}

static const struct {
    const char *name;
    reading (*read)(const uint8_t *bytes, size_t len);
    const guarded *model;
} KINDS[] = {
    {"f32", read_net, &f32_model},
    {"int8", read_qnet, &i8_model},
};

static bool all(reading r, nsw_status status) {
    return r.load == status && r.view == status && r.load_footprint == status &&
           r.view_footprint == status;
}

static bool all_refuse(reading r) {
    return r.load < 0 && r.view < 0 && r.load_footprint < 0 && r.view_footprint < 0;
}

/* ---- round trips -------------------------------------------------------------------- */

static void float_round_trip(void) {
    nsw_net *loaded = NULL, *viewed = NULL;
    REQUIRE_OK(nsw_net_load(f32_model.data, f32_model.len, NULL, &loaded));
    REQUIRE_OK(nsw_net_view(f32_model.data, f32_model.len, NULL, &viewed));
    uint32_t state = 5;
    for (int i = 0; i < 100; i++) {
        float in[2] = {random_signed(&state) * 4.0f, random_signed(&state) * 4.0f};
        float a, b, c;
        CHECK_OK(nsw_net_forward(net, in, 2, &a, 1, NULL));
        CHECK_OK(nsw_net_forward(loaded, in, 2, &b, 1, NULL));
        CHECK_OK(nsw_net_forward(viewed, in, 2, &c, 1, NULL));
        CHECK(memcmp(&a, &b, sizeof a) == 0 && memcmp(&a, &c, sizeof a) == 0);
    }
    guarded again = net_bytes(loaded), view_again = net_bytes(viewed);
    CHECK(again.len == f32_model.len && memcmp(again.data, f32_model.data, again.len) == 0);
    CHECK(view_again.len == f32_model.len &&
          memcmp(view_again.data, f32_model.data, again.len) == 0);
    guarded_free(&again);
    guarded_free(&view_again);

    nsw_net_info info = NSW_NET_INFO_INIT;
    CHECK_OK(nsw_net_describe(loaded, &info));
    CHECK(info.inputs == SMALL_INPUTS && info.outputs == SMALL_OUTPUTS && info.layers == 2);
    CHECK_SIZE(info.parameters, SMALL_PARAMETERS);
    CHECK(!info.read_only && info.kernel != NSW_KERNEL_AUTO);
    CHECK_OK(nsw_net_describe(viewed, &info));
    CHECK(info.read_only);
    CHECK_SIZE(info.parameters, SMALL_PARAMETERS);
    nsw_net_destroy(loaded);
    nsw_net_destroy(viewed);
}

static void int8_round_trip(void) {
    nsw_qnet *loaded = NULL, *viewed = NULL;
    REQUIRE_OK(nsw_qnet_load(i8_model.data, i8_model.len, NULL, &loaded));
    REQUIRE_OK(nsw_qnet_view(i8_model.data, i8_model.len, NULL, &viewed));
    int step = quick() ? 16 : 1;
    for (int x = -128; x <= 127; x += step) {
        for (int y = -128; y <= 127; y += 5 * step) {
            int8_t in[2] = {(int8_t)x, (int8_t)y}, a, b, c;
            CHECK_OK(nsw_qnet_forward_i8(qnet, in, 2, &a, 1, NULL));
            CHECK_OK(nsw_qnet_forward_i8(loaded, in, 2, &b, 1, NULL));
            CHECK_OK(nsw_qnet_forward_i8(viewed, in, 2, &c, 1, NULL));
            CHECK(a == b && a == c);
        }
    }
    guarded again = qnet_bytes(loaded), view_again = qnet_bytes(viewed);
    CHECK(again.len == i8_model.len && memcmp(again.data, i8_model.data, again.len) == 0);
    CHECK(view_again.len == i8_model.len &&
          memcmp(view_again.data, i8_model.data, again.len) == 0);
    guarded_free(&again);
    guarded_free(&view_again);
    nsw_qnet_info a = NSW_QNET_INFO_INIT, b = NSW_QNET_INFO_INIT, c = NSW_QNET_INFO_INIT;
    CHECK_OK(nsw_qnet_describe(qnet, &a));
    CHECK_OK(nsw_qnet_describe(loaded, &b));
    CHECK_OK(nsw_qnet_describe(viewed, &c));
    CHECK(memcmp(&a, &b, sizeof a) == 0 && memcmp(&a, &c, sizeof a) == 0);
    CHECK_SIZE(a.model_size, i8_model.len);
    CHECK(a.inputs == SMALL_INPUTS && a.outputs == SMALL_OUTPUTS && a.layers == 2);
    nsw_qnet_destroy(loaded);
    nsw_qnet_destroy(viewed);
}

/* A loaded copy does not need the bytes any more. */
static void a_load_is_a_copy(void) {
    guarded f32 = net_bytes(net), i8 = qnet_bytes(qnet);
    nsw_net *n = NULL;
    nsw_qnet *q = NULL;
    REQUIRE_OK(nsw_net_load(f32.data, f32.len, NULL, &n));
    REQUIRE_OK(nsw_qnet_load(i8.data, i8.len, NULL, &q));
    memset(f32.data, 0x5A, f32.len);
    memset(i8.data, 0x5A, i8.len);
    guarded_free(&f32);
    guarded_free(&i8);
    float a, b;
    CHECK_OK(nsw_net_forward(net, XOR_INPUTS + 2, 2, &a, 1, NULL));
    CHECK_OK(nsw_net_forward(n, XOR_INPUTS + 2, 2, &b, 1, NULL));
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    CHECK_OK(nsw_qnet_forward(qnet, XOR_INPUTS + 2, 2, &a, 1, NULL));
    CHECK_OK(nsw_qnet_forward(q, XOR_INPUTS + 2, 2, &b, 1, NULL));
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    nsw_net_destroy(n);
    nsw_qnet_destroy(q);
}

/* A view holds no copy: less memory than a load, by about the model. */
static void a_view_holds_no_copy(void) {
    size_t load, view, align;
    CHECK_OK(nsw_net_load_footprint(f32_model.data, f32_model.len, &load, &align));
    CHECK_OK(nsw_net_view_footprint(f32_model.data, f32_model.len, &view, &align));
    CHECK(view + SMALL_PARAMETERS * sizeof(float) <= load);
    CHECK_OK(nsw_qnet_load_footprint(i8_model.data, i8_model.len, &load, &align));
    CHECK_OK(nsw_qnet_view_footprint(i8_model.data, i8_model.len, &view, &align));
    CHECK(view + i8_model.len <= load);
}

/* A view cannot be trained; it can be quantised. */
static void a_view_is_read_only(void) {
    snapshot before = snapshot_take(f32_model.data, f32_model.len);
    nsw_net *viewed = NULL;
    REQUIRE_OK(nsw_net_view(f32_model.data, f32_model.len, NULL, &viewed));
    nsw_trainer *trainer = small_trainer(net, NSW_ALGORITHM_SGD, NULL);
    nsw_train_params params = NSW_TRAIN_PARAMS_INIT;
    float loss;
    params.max_epochs = 1;
    CHECK_STATUS(nsw_trainer_train(trainer, viewed, &XOR_DATA, &params, NULL),
                 NSW_ERR_READ_ONLY);
    CHECK_STATUS(nsw_trainer_epoch(trainer, viewed, &XOR_DATA, &loss),
                 NSW_ERR_READ_ONLY);
    CHECK_OK(nsw_trainer_loss(trainer, viewed, &XOR_DATA, &loss));
    nsw_trainer_config cfg = small_trainer_config(viewed, NSW_ALGORITHM_SGD);
    nsw_trainer *none = NULL;
    CHECK_STATUS(nsw_trainer_create(&cfg, NULL, &none), NSW_ERR_READ_ONLY);
    nsw_qnet *q = small_qnet(viewed, NULL);
    nsw_qnet_destroy(q);
    CHECK(snapshot_unchanged(&before));
    snapshot_free(&before);
    nsw_trainer_destroy(trainer);
    nsw_net_destroy(viewed);
}

/* ---- what is refused ------------------------------------------------------------------ */

static void alignment_of_views(void) {
    for (size_t offset = 1; offset < 8; offset++) {
        guarded f32 = guarded_new(f32_model.len, 16, offset);
        guarded i8 = guarded_new(i8_model.len, 16, offset);
        memcpy(f32.data, f32_model.data, f32.len);
        memcpy(i8.data, i8_model.data, i8.len);
        nsw_status expected = offset % NSW_MODEL_ALIGN == 0 ? NSW_OK : NSW_ERR_ALIGNMENT;
        nsw_net *n = NULL;
        nsw_qnet *q = NULL;
        CHECK_STATUS(nsw_net_view(f32.data, f32.len, NULL, &n), expected);
        CHECK_STATUS(nsw_qnet_view(i8.data, i8.len, NULL, &q), expected);
        nsw_net_destroy(n);
        nsw_qnet_destroy(q);
        /* A copy may come from anywhere. */
        CHECK_OK(nsw_net_load(f32.data, f32.len, NULL, &n));
        CHECK_OK(nsw_qnet_load(i8.data, i8.len, NULL, &q));
        nsw_net_destroy(n);
        nsw_qnet_destroy(q);
        guarded_free(&f32);
        guarded_free(&i8);
    }
}

static void the_other_kind(void) {
    CHECK(all(read_net(i8_model.data, i8_model.len), NSW_ERR_MODEL_KIND));
    CHECK(all(read_qnet(f32_model.data, f32_model.len), NSW_ERR_MODEL_KIND));
    CHECK(all(read_net(f32_model.data, f32_model.len), NSW_OK));
    CHECK(all(read_qnet(i8_model.data, i8_model.len), NSW_OK));
}

static void every_bit_flipped(size_t kind) {
    const guarded *model = KINDS[kind].model;
    guarded bytes = guarded_new(model->len, 64, 0);
    memcpy(bytes.data, model->data, model->len);
    for (size_t at = 0; at < bytes.len; at++) {
        for (unsigned bit = 0; bit < 8; bit += quick() ? 7 : 1) {
            bytes.data[at] ^= (uint8_t)(1u << bit);
            CHECK_NOTE(all_refuse(KINDS[kind].read(bytes.data, bytes.len)), "%s byte %zu bit %u",
                       KINDS[kind].name, at, bit);
            bytes.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    CHECK(all(KINDS[kind].read(bytes.data, bytes.len), NSW_OK));
    guarded_free(&bytes);
}

/* Each length has memory of its own, so that reading on past the end is noticed. */
static void every_truncation(size_t kind) {
    const guarded *model = KINDS[kind].model;
    for (size_t len = 0; len < model->len; len++) {
        guarded bytes = guarded_new(len, 64, 0);
        memcpy(bytes.data, model->data, len);
        reading r = KINDS[kind].read(bytes.data, len);
        /* Of nothing at all, it does not matter what is wrong with it. */
        CHECK_NOTE(len == 0 ? all_refuse(r) : all(r, NSW_ERR_MODEL_TRUNCATED),
                   "%s cut to %zu bytes", KINDS[kind].name, len);
        guarded_free(&bytes);
    }
}

static void trailing_bytes(size_t kind) {
    const guarded *model = KINDS[kind].model;
    for (size_t extra = 1; extra <= 8; extra++) {
        guarded bytes = guarded_new(model->len + extra, 64, 0);
        memset(bytes.data, 0, bytes.len);
        memcpy(bytes.data, model->data, model->len);
        CHECK_NOTE(all(KINDS[kind].read(bytes.data, bytes.len), NSW_ERR_MODEL_LENGTH),
                   "%s with %zu more bytes", KINDS[kind].name, extra);
        guarded_free(&bytes);
    }
}

static void header_fields(size_t kind) {
    const guarded *model = KINDS[kind].model;
    guarded bytes = guarded_new(model->len, 64, 0);
    memcpy(bytes.data, model->data, model->len);
    bytes.data[0] ^= 0x20;
    CHECK(all(KINDS[kind].read(bytes.data, bytes.len), NSW_ERR_MODEL_MAGIC));
    bytes.data[0] ^= 0x20;
    bytes.data[4] ^= 0x40; /* a version far from now */
    CHECK(all(KINDS[kind].read(bytes.data, bytes.len), NSW_ERR_MODEL_VERSION));
    bytes.data[4] ^= 0x40;
    bytes.data[bytes.len - 1] ^= 1;
    CHECK(all(KINDS[kind].read(bytes.data, bytes.len), NSW_ERR_MODEL_CRC));
    guarded_free(&bytes);
}

/*
 * A forger can compute the checksum too. Then a changed byte may be a valid
 * model, but never a crash: what loads is also run, under the sanitizers'
 * eyes.
 */
static void forged(size_t kind) {
    static const uint8_t VALUES[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    const guarded *model = KINDS[kind].model;
    guarded bytes = guarded_new(model->len, 64, 0);
    memcpy(bytes.data, model->data, model->len);
    unsigned long accepted = 0, refused = 0;
    size_t values = quick() ? 2 : COUNT_OF(VALUES);
    for (size_t at = 0; at < bytes.len; at++) {
        if (at >= CRC_AT && at < CRC_AT + 4) {
            continue;
        }
        uint8_t good = bytes.data[at];
        for (size_t v = 0; v < values; v++) {
            bytes.data[at] = VALUES[COUNT_OF(VALUES) - 1 - v];
            fix_crc(bytes.data, bytes.len);
            reading r = KINDS[kind].read(bytes.data, bytes.len);
            CHECK_NOTE(all(r, r.load), "%s byte %zu: the four readers disagree",
                       KINDS[kind].name, at);
            *(r.load == NSW_OK ? &accepted : &refused) += 1;
        }
        bytes.data[at] = good;
    }
    /* Both happen, or this tests nothing. */
    CHECK(accepted > 0 && refused > 0);
    guarded_free(&bytes);
}

/* Counts and dimensions that do not belong to the bytes that follow. */
static void hostile_counts(size_t kind) {
    static const uint32_t VALUES[] = {0, 3, 255, 256, 65535, 65536, 0x7FFFFFFF, 0x80000000,
                                      0xFFFFFFFF};
    const guarded *model = KINDS[kind].model;
    /* inputs and layers in the header, units in the first record */
    static const size_t FIELDS[] = {16, 20, HEADER_BYTES};
    for (size_t f = 0; f < COUNT_OF(FIELDS); f++) {
        for (size_t v = 0; v < COUNT_OF(VALUES); v++) {
            guarded bytes = guarded_new(model->len, 64, 0);
            memcpy(bytes.data, model->data, model->len);
            for (size_t i = 0; i < 4; i++) {
                bytes.data[FIELDS[f] + i] = (uint8_t)(VALUES[v] >> (8 * i));
            }
            fix_crc(bytes.data, bytes.len);
            CHECK_NOTE(all_refuse(KINDS[kind].read(bytes.data, bytes.len)),
                       "%s field at %zu: %u", KINDS[kind].name, FIELDS[f], VALUES[v]);
            guarded_free(&bytes);
        }
    }
}

int main(void) {
    net = small_net(1, NULL);
    qnet = small_qnet(net, NULL);
    f32_model = net_bytes(net);
    i8_model = qnet_bytes(qnet);

    float_round_trip();
    int8_round_trip();
    a_load_is_a_copy();
    a_view_holds_no_copy();
    a_view_is_read_only();
    alignment_of_views();
    the_other_kind();
    for (size_t kind = 0; kind < COUNT_OF(KINDS); kind++) {
        every_bit_flipped(kind);
        every_truncation(kind);
        trailing_bytes(kind);
        header_fields(kind);
        forged(kind);
        hostile_counts(kind);
    }
    /* The checksum in this file is the library's. */
    uint8_t crc[4];
    memcpy(crc, f32_model.data + CRC_AT, sizeof crc);
    fix_crc(f32_model.data, f32_model.len);
    CHECK(memcmp(crc, f32_model.data + CRC_AT, sizeof crc) == 0);

    guarded_free(&f32_model);
    guarded_free(&i8_model);
    nsw_qnet_destroy(qnet);
    nsw_net_destroy(net);
    return check_report("model_files");
}
