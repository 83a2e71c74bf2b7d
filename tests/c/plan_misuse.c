/*
 * Plans: what is out of range, out of order, damaged or nothing at all is refused.
 */
#include "plan.h"

static void builders(void) {
    nsw_plan_builder_config config = house_room();
    nsw_plan_builder *b = (nsw_plan_builder *)&config;
    size_t size = 0, align = 0;
    config.names = 10;
    CHECK_STATUS(nsw_plan_builder_create(&config, NULL, &b), NSW_ERR_CAPACITY);
    CHECK(b == NULL);
    config.names = 11;
    CHECK_OK(nsw_plan_builder_footprint(&config, &size, &align));
    REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
    nsw_plan_builder_destroy(b);
    config.objects = NSW_PLAN_MAX_OBJECTS + 1;
    CHECK_STATUS(nsw_plan_builder_footprint(&config, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_plan_builder_create(&config, NULL, &b), NSW_ERR_INVALID);
    CHECK(b == NULL);
    config = house_room();
    config.size = 3;
    CHECK_STATUS(nsw_plan_builder_footprint(&config, &size, &align), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_plan_builder_footprint(NULL, &size, &align), NSW_ERR_NULL);

    /* Each number of allocations that can fail does, once. */
    config = house_room();
    counting memory;
    counting_init(&memory);
    memory.fail_at = 1;
    CHECK_STATUS(nsw_plan_builder_create(&config, &memory.hook, &b), NSW_ERR_OUT_OF_MEMORY);
    CHECK(b == NULL);
    memory.fail_at = 0;
    REQUIRE_OK(nsw_plan_builder_create(&config, &memory.hook, &b));
    nsw_plan_builder_destroy(b);
    CHECK_STATUS(nsw_plan_builder_goal(NULL), NSW_ERR_NULL);
    counting_finish(&memory);
}

/* Arguments that are found to be wrong before the builder sees them: such an error stays as all others do. */
static nsw_status bad_argument(nsw_plan_builder *b, size_t index, uint16_t *id) {
    uint16_t *odd = (uint16_t *)(void *)((uint8_t *)id + 1);
    switch (index) {
    case 0: return nsw_plan_builder_type(b, NULL, 4, id);
    case 1: return nsw_plan_builder_type(b, "\xff\xfe", 2, id);
    case 2: return nsw_plan_builder_predicate(b, NAME("p"), NULL, 2, id);
    case 3: return nsw_plan_builder_open(b, 4);
    case 4: return nsw_plan_builder_either(b, NULL, 1, id);
    case 5: return nsw_plan_builder_object(b, "\xff", 1, 0, id);
    case 6: return nsw_plan_builder_action(b, NAME("a"), NULL, 1, id);
    case 7: return nsw_plan_builder_task(b, NULL, 1, NULL, 0, id);
    case 8: return nsw_plan_builder_method(b, NAME("m"), 0, NULL, 1, NULL, 0, id);
    case 9: return nsw_plan_builder_network(b, NULL, 1);
    case 10: return nsw_plan_builder_fact(b, 0, NULL, 1);
    case 11: return nsw_plan_builder_quantifier(b, 1, 0, NULL);
    case 12: return nsw_plan_builder_atom(b, 0, NULL, 1);
    case 13: return nsw_plan_builder_add(b, 0, NULL, 1);
    case 14: return nsw_plan_builder_delete(b, 0, NULL, 1);
    case 15: return nsw_plan_builder_when(b, NULL, 1, id);
    case 16: return nsw_plan_builder_subtask(b, 0, NULL, 1, id);
    /* Nothing is added whose number could not be told. */
    case 17: return nsw_plan_builder_type(b, NAME("t"), odd);
    case 18: return nsw_plan_builder_subtask(b, 0, NULL, 0, odd);
    default: return nsw_plan_builder_quantifier(b, 1, 0, odd);
    }
}

static void bad_arguments(void) {
    for (size_t i = 0; i < 20; i++) {
        nsw_plan_builder_config config = house_room();
        nsw_plan_builder *b = NULL;
        uint8_t bytes[2048];
        uint16_t ids[2] = {7, 7};
        size_t len = 0, before = 0, after = 0;
        REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
        REQUIRE_OK(nsw_plan_builder_task(b, NAME("t"), NULL, 0, NULL));
        REQUIRE_OK(nsw_plan_builder_network(b, NULL, 0));
        CHECK_OK(nsw_plan_builder_model_len(b, &before));
        nsw_status status = bad_argument(b, i, ids);
        nsw_status expected = i == 1 || i == 3 || i == 5 ? NSW_ERR_INVALID : NSW_ERR_NULL;
        if (i >= 17) {
            expected = NSW_ERR_ALIGNMENT;
        }
        CHECK_NOTE(status == expected, "call %u", (unsigned)i);
        int silent = i == 3 || (i >= 9 && i <= 14) || i >= 17;
        CHECK_NOTE(ids[0] == (silent ? 7 : 65535), "call %u", (unsigned)i);
        CHECK_OK(nsw_plan_builder_model_len(b, &after));
        CHECK_SIZE(after, before);
        /* It stays, whatever comes. */
        CHECK_STATUS(nsw_plan_builder_type(b, NAME("room"), ids), expected);
        CHECK(ids[0] == 65535);
        CHECK_STATUS(nsw_plan_builder_object(b, NULL, 1, 9, NULL), expected);
        CHECK_STATUS(nsw_plan_builder_finish(b, bytes, sizeof bytes, &len), expected);
        CHECK_SIZE(len, 0);
        nsw_plan_builder_destroy(b);
    }
}

/* A number may be told where an argument was, and nothing is added to what is finished. */
static void places(void) {
    nsw_plan_builder_config config = house_room();
    nsw_plan_builder *b = NULL;
    uint16_t id = 0;
    union {
        uint32_t words[64];
        uint8_t bytes[256];
    } first, second;
    size_t len = 0, again = 0;
    REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
    CHECK_OK(nsw_plan_builder_type(b, NAME("room"), &id));
    CHECK(id == 1);
    CHECK_OK(nsw_plan_builder_either(b, &id, 1, &id));
    CHECK(id == 2);
    CHECK_OK(nsw_plan_builder_goal(b));
    /* Neither of these is the domain's fault. */
    CHECK_STATUS(nsw_plan_builder_finish(b, NULL, 64, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_builder_finish(b, first.bytes + 1, 64, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_plan_builder_finish(b, first.bytes, 4, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_plan_builder_finish(b, first.bytes, sizeof first, &len));
    CHECK_STATUS(nsw_plan_builder_type(b, NAME("lamp"), &id), NSW_ERR_TASK_STATE);
    CHECK(id == 65535);
    CHECK_STATUS(nsw_plan_builder_object(b, NULL, 1, 0, NULL), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_plan_builder_network(b, NULL, 0), NSW_ERR_TASK_STATE);
    CHECK_OK(nsw_plan_builder_finish(b, second.bytes, sizeof second, &again));
    CHECK_SIZE(again, len);
    CHECK(memcmp(first.bytes, second.bytes, len) == 0);
    nsw_plan_builder_destroy(b);
}

/* One wrong call after a beginning that is right. */
typedef nsw_status (*wrong)(nsw_plan_builder *b, uint16_t predicate, uint16_t action, uint16_t task);

#define WRONG(name, ...)                                                                          \
    static nsw_status name(nsw_plan_builder *b, uint16_t p, uint16_t a, uint16_t t) {             \
        (void)p, (void)a, (void)t;                                                                \
        __VA_ARGS__;                                                                              \
    }
WRONG(too_few, return nsw_plan_builder_atom(b, p, NULL, 0))
WRONG(no_predicate, return nsw_plan_builder_atom(b, 9, IDS(V(0))))
WRONG(no_variable, return nsw_plan_builder_atom(b, p, IDS(V(1))))
WRONG(no_object, return nsw_plan_builder_equal(b, V(0), 5))
WRONG(nothing_open, return nsw_plan_builder_close(b))
WRONG(no_when, return nsw_plan_builder_then(b))
WRONG(no_end, return nsw_plan_builder_end_when(b))
WRONG(no_method, return nsw_plan_builder_subtask(b, a, IDS(V(0)), NULL))
WRONG(not_compound, return nsw_plan_builder_method(b, NAME("m"), a, IDS(V(0)), IDS(0), NULL))
WRONG(other_arity, return nsw_plan_builder_method(b, NAME("m"), t, IDS(V(0)), IDS(0), NULL))
WRONG(no_parent, return nsw_plan_builder_subtype(b, 0, 9))
WRONG(no_one, return nsw_plan_builder_also(b, 9, 0))
WRONG(no_fact, return nsw_plan_builder_fact(b, p, IDS(9)))
WRONG(no_order, nsw_plan_builder_network(b, NULL, 0); return nsw_plan_builder_before(b, 0, 1))
WRONG(two_goals, nsw_plan_builder_goal(b); return nsw_plan_builder_goal(b))
WRONG(effect_of_goal, nsw_plan_builder_goal(b); return nsw_plan_builder_add(b, p, IDS(V(0))))

static void calls(void) {
    static const wrong all[] = {too_few,      no_predicate, no_variable,  no_object,
                                nothing_open, no_when,      no_end,       no_method,
                                not_compound, other_arity,  no_parent,    no_one,
                                no_fact,      no_order,     two_goals,    effect_of_goal};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        nsw_plan_builder_config config = house_room();
        nsw_plan_builder *b = NULL;
        uint16_t predicate = 0, action = 0, task = 0;
        uint8_t bytes[2048];
        REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
        REQUIRE_OK(nsw_plan_builder_object(b, NAME("o"), NSW_PLAN_OBJECT, NULL));
        REQUIRE_OK(nsw_plan_builder_predicate(b, NAME("p"), IDS(0), &predicate));
        REQUIRE_OK(nsw_plan_builder_task(b, NAME("t"), NULL, 0, &task));
        REQUIRE_OK(nsw_plan_builder_action(b, NAME("a"), IDS(0), &action));
        CHECK_NOTE(all[i](b, predicate, action, task) == NSW_ERR_TASK_DOMAIN, "call %u",
                   (unsigned)i);
        CHECK_STATUS(nsw_plan_builder_finish(b, bytes, sizeof bytes, NULL), NSW_ERR_TASK_DOMAIN);
        nsw_plan_builder_destroy(b);
    }

    /* A subtask before itself. */
    nsw_plan_builder_config config = house_room();
    nsw_plan_builder *b = NULL;
    uint16_t action = 0;
    uint8_t bytes[2048];
    REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
    REQUIRE_OK(nsw_plan_builder_action(b, NAME("a"), NULL, 0, &action));
    REQUIRE_OK(nsw_plan_builder_network(b, NULL, 0));
    REQUIRE_OK(nsw_plan_builder_subtask(b, action, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_subtask(b, action, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_before(b, 0, 1));
    REQUIRE_OK(nsw_plan_builder_before(b, 1, 0));
    CHECK_STATUS(nsw_plan_builder_finish(b, bytes, sizeof bytes, NULL), NSW_ERR_TASK_CYCLE);
    nsw_plan_builder_destroy(b);
}

/* A builder with room for less is full somewhere, and says so. */
static void full(void) {
    static const size_t fields[] = {
        offsetof(nsw_plan_builder_config, types),      offsetof(nsw_plan_builder_config, links),
        offsetof(nsw_plan_builder_config, objects),    offsetof(nsw_plan_builder_config, predicates),
        offsetof(nsw_plan_builder_config, tasks),      offsetof(nsw_plan_builder_config, methods),
        offsetof(nsw_plan_builder_config, code),       offsetof(nsw_plan_builder_config, facts),
        offsetof(nsw_plan_builder_config, names),
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        nsw_plan_builder_config config = house_room();
        uint32_t *field = (uint32_t *)(void *)((uint8_t *)&config + fields[i]);
        nsw_plan_builder *b = NULL;
        uint16_t type = 0, object = 0, predicate = 0, task = 0;
        *field = i == 8 ? 12 : 0; /* no bytes for names mean that there are none */
        REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
        nsw_plan_builder_type(b, NAME("type"), &type);
        nsw_plan_builder_subtype(b, type, NSW_PLAN_OBJECT);
        nsw_plan_builder_object(b, NAME("object"), type, &object);
        nsw_plan_builder_predicate(b, NAME("predicate"), IDS(type), &predicate);
        nsw_plan_builder_fact(b, predicate, IDS(object));
        nsw_plan_builder_task(b, NAME("task"), NULL, 0, &task);
        nsw_plan_builder_method(b, NAME("method"), task, NULL, 0, NULL, 0, NULL);
        uint8_t bytes[2048];
        CHECK_NOTE(nsw_plan_builder_finish(b, bytes, sizeof bytes, NULL) == NSW_ERR_CAPACITY,
                   "field %u", (unsigned)i);
        nsw_plan_builder_destroy(b);
    }
}

/* Each byte of a model is looked at: whatever it becomes, it is refused or still a model. */
static void models(void) {
    house h;
    guarded bytes = house_bytes(&h);
    nsw_plan_model *model = (nsw_plan_model *)&h;
    CHECK_STATUS(nsw_plan_model_create(NULL, 100, NULL, &model), NSW_ERR_NULL);
    CHECK(model == NULL);
    guarded beside = guarded_new(bytes.len, 4, 1);
    memcpy(beside.data, bytes.data, bytes.len);
    CHECK_STATUS(nsw_plan_model_create(beside.data, beside.len, NULL, &model), NSW_ERR_ALIGNMENT);
    guarded_free(&beside);
    nsw_plan_model_info info = NSW_PLAN_MODEL_INFO_INIT;
    REQUIRE_OK(nsw_plan_model_create(bytes.data, bytes.len, NULL, &model));
    CHECK_OK(nsw_plan_model_describe(model, &info));
    nsw_plan_model_destroy(model);
    for (size_t len = 0; len < bytes.len; len += 1) {
        nsw_status expected = len == info.len_without_names ? NSW_OK : NSW_ERR_TASK_FORMAT;
        CHECK_STATUS(nsw_plan_model_create(bytes.data, len, NULL, &model), expected);
        nsw_plan_model_destroy(model);
    }
    size_t refused = 0;
    for (size_t at = 0; at < bytes.len; at++) {
        bytes.data[at] ^= (uint8_t)(1u << at % 8);
        nsw_status status = nsw_plan_model_create(bytes.data, bytes.len, NULL, &model);
        CHECK(status == NSW_OK || status == NSW_ERR_TASK_FORMAT);
        refused += status != NSW_OK;
        nsw_planner_config config = NSW_PLANNER_CONFIG_INIT;
        nsw_planner *planner = NULL;
        uint32_t outcome = 0;
        config.model = model;
        config.memory = 65536;
        if (status == NSW_OK && nsw_planner_create(&config, NULL, &planner) == NSW_OK) {
            CHECK_OK(nsw_planner_step(planner, 50, &outcome));
        }
        nsw_planner_destroy(planner);
        nsw_plan_model_destroy(model);
        bytes.data[at] ^= (uint8_t)(1u << at % 8);
    }
    CHECK(refused > bytes.len / 4);
    guarded_free(&bytes);
}

/* What is asked of a model by numbers that are none, and told where it cannot be. */
static void questions(void) {
    house h;
    guarded bytes = house_bytes(&h);
    nsw_plan_model *model = NULL;
    nsw_plan_model_info info = NSW_PLAN_MODEL_INFO_INIT;
    nsw_plan_predicate_info predicate = NSW_PLAN_PREDICATE_INFO_INIT;
    nsw_plan_task_info task = NSW_PLAN_TASK_INFO_INIT;
    nsw_plan_method_info method = NSW_PLAN_METHOD_INFO_INIT;
    const uint16_t *args = NULL;
    size_t count = 0;
    uint16_t id = 0;
    uint32_t is = 9;
    REQUIRE_OK(nsw_plan_model_create(bytes.data, bytes.len, NULL, &model));
    REQUIRE_OK(nsw_plan_model_describe(model, &info));
    const uint16_t objects = (uint16_t)info.objects, types = (uint16_t)info.types;
    const uint16_t predicates = (uint16_t)info.predicates, tasks = (uint16_t)info.tasks;
    /* The initial network is the last that is asked for as a method. */
    const uint16_t methods = (uint16_t)(info.methods + 1);

    CHECK_STATUS(nsw_plan_model_is(model, objects, 0, &is), NSW_ERR_TASK_UNKNOWN);
    CHECK(is == 0);
    is = 9;
    CHECK_STATUS(nsw_plan_model_is(model, 0, types, &is), NSW_ERR_TASK_UNKNOWN);
    CHECK(is == 0);
    CHECK_STATUS(nsw_plan_model_is(model, 0, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_is(OTHER(plan_model), 0, 0, &is), NSW_ERR_HANDLE);

    CHECK_STATUS(nsw_plan_model_predicate(model, predicates, &predicate), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_plan_model_predicate(model, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_predicate(NULL, 0, &predicate), NSW_ERR_NULL);
    predicate.size--;
    CHECK_STATUS(nsw_plan_model_predicate(model, 0, &predicate), NSW_ERR_STRUCT_SIZE);
    CHECK(predicate.types == NULL);
    CHECK_STATUS(nsw_plan_model_task(model, tasks, &task), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_plan_model_task(model, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_task(NULL, 0, &task), NSW_ERR_NULL);
    task.size--;
    CHECK_STATUS(nsw_plan_model_task(model, 0, &task), NSW_ERR_STRUCT_SIZE);
    CHECK(task.types == NULL);
    CHECK_STATUS(nsw_plan_model_method(model, methods, &method), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_plan_model_method(model, 0, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_method(NULL, 0, &method), NSW_ERR_NULL);
    method.size--;
    CHECK_STATUS(nsw_plan_model_method(model, 0, &method), NSW_ERR_STRUCT_SIZE);
    CHECK(method.args == NULL);
    CHECK_STATUS(nsw_plan_model_subtask(model, methods, 0, &id, &args, &count),
                 NSW_ERR_TASK_UNKNOWN);
    CHECK(args == NULL && count == 0);

    const char *name = NULL;
    CHECK_STATUS(nsw_plan_model_name(model, 9, 0, &name, &count), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_plan_model_name(model, 0, 0, NULL, &count), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_name(model, 0, 0, &name, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_find(model, 9, NAME("hall"), &id), NSW_ERR_INVALID);
    CHECK(id == 65535);
    CHECK_STATUS(nsw_plan_model_find(model, 1, NAME("\xFF"), &id), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_plan_model_find(model, 1, NULL, 4, &id), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_find(model, 1, NAME("hall"), NULL), NSW_ERR_NULL);
    nsw_plan_model_destroy(model);
    guarded_free(&bytes);
}

static void planners(void) {
    house h;
    guarded bytes = house_bytes(&h);
    nsw_plan_model *model = NULL;
    REQUIRE_OK(nsw_plan_model_create(bytes.data, bytes.len, NULL, &model));
    nsw_planner_config config = NSW_PLANNER_CONFIG_INIT;
    nsw_planner *planner = (nsw_planner *)&h;
    size_t size = 0, align = 0;
    uint32_t outcome = 77;
    CHECK_STATUS(nsw_planner_footprint(&config, &size, &align), NSW_ERR_NULL);
    config.model = (nsw_plan_model *)(void *)&h;
    CHECK_STATUS(nsw_planner_footprint(&config, &size, &align), NSW_ERR_HANDLE);
    config.model = model;
    config.memory = 64;
    CHECK_STATUS(nsw_planner_create(&config, NULL, &planner), NSW_ERR_CAPACITY);
    CHECK(planner == NULL);
    /* From nothing to enough: a clear end each time. */
    size_t found = 0;
    for (config.memory = 256; config.memory < 20000; config.memory += 97) {
        nsw_status status = nsw_planner_create(&config, NULL, &planner);
        if (status != NSW_OK) {
            CHECK_STATUS(status, NSW_ERR_CAPACITY);
            continue;
        }
        CHECK_OK(nsw_planner_run(planner, 100, NULL, NULL, &outcome));
        CHECK(outcome == NSW_PLAN_FOUND || outcome == NSW_PLAN_OUT_OF_MEMORY);
        found += outcome == NSW_PLAN_FOUND;
        nsw_plan plan = NSW_PLAN_INIT;
        status = nsw_planner_plan(planner, &plan);
        CHECK(status == NSW_ERR_OUT_OF_MEMORY || (status == NSW_OK && outcome == NSW_PLAN_FOUND));
        nsw_planner_destroy(planner);
    }
    CHECK(found > 10);

    REQUIRE_OK(nsw_planner_create(&config, NULL, &planner));
    CHECK_STATUS(nsw_planner_step(NULL, 1, &outcome), NSW_ERR_NULL);
    CHECK_STATUS(nsw_planner_step(planner, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_planner_step_with(planner, 1, NULL, NULL, &outcome), NSW_ERR_NULL);
    CHECK_STATUS(nsw_planner_run(planner, 0, NULL, NULL, &outcome), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_planner_step((nsw_planner *)(void *)model, 1, &outcome), NSW_ERR_HANDLE);
    nsw_planner_stats stats = NSW_PLANNER_STATS_INIT;
    CHECK_STATUS(nsw_planner_describe(NULL, &stats), NSW_ERR_NULL);
    CHECK_STATUS(nsw_planner_describe(OTHER(planner), &stats), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_planner_describe(planner, NULL), NSW_ERR_NULL);
    stats.size--;
    CHECK_STATUS(nsw_planner_describe(planner, &stats), NSW_ERR_STRUCT_SIZE);
    CHECK(stats.stack_capacity == 0);
    CHECK_STATUS(nsw_plan_state_holds(NULL, 0, NULL, 0, &outcome), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_state_count(NULL, 0, &size), NSW_ERR_NULL);
    /* No state: another object, and what is beside its place. */
    const nsw_plan_state *other = (const nsw_plan_state *)(const void *)planner;
    const nsw_plan_state *odd = (const nsw_plan_state *)(const void *)((const char *)planner + 1);
    uint32_t holds = 9;
    float row[64];
    CHECK_STATUS(nsw_plan_state_holds(other, 0, NULL, 0, &holds), NSW_ERR_HANDLE);
    CHECK(holds == 0);
    CHECK_STATUS(nsw_plan_state_count(other, 0, &size), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_plan_state_features(other, 0, NULL, 0, row, 64), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_plan_state_holds(odd, 0, NULL, 0, &holds), NSW_ERR_ALIGNMENT);
    CHECK_OK(nsw_planner_step(planner, 1000, &outcome));
    CHECK(outcome == NSW_PLAN_FOUND);

    /* Plans that are none. */
    nsw_plan plan = NSW_PLAN_INIT;
    uint16_t object = 0;
    plan.size = 8;
    CHECK_STATUS(nsw_planner_plan(planner, &plan), NSW_ERR_STRUCT_SIZE);
    plan.size = sizeof plan;
    CHECK_OK(nsw_planner_plan(planner, &plan));
    nsw_plan_step steps[16];
    REQUIRE(plan.step_count <= COUNT_OF(steps));
    memcpy(steps, plan.steps, plan.step_count * sizeof steps[0]);
    for (size_t i = 0; i < plan.step_count; i++) {
        CHECK(steps[i].reserved == 0);
    }
    plan.steps = steps;
    CHECK_STATUS(nsw_plan_argument(&plan, model, 99, 0, &object), NSW_ERR_INVALID);
    steps[0].task = 99;
    CHECK_STATUS(nsw_plan_argument(&plan, model, 0, 0, &object), NSW_ERR_TASK_PLAN);
    steps[1].bound = 1000000;
    CHECK_STATUS(nsw_plan_argument(&plan, model, 1, 0, &object), NSW_ERR_TASK_PLAN);
    CHECK(object == NSW_PLAN_OPEN);
    nsw_plan_verifier_config room = NSW_PLAN_VERIFIER_CONFIG_INIT;
    nsw_plan_verifier *verifier = NULL;
    nsw_plan_refusal refusal = NSW_PLAN_REFUSAL_INIT;
    room.steps = room.facts = room.words = 64;
    REQUIRE_OK(nsw_plan_verifier_create(&room, NULL, &verifier));
    CHECK_STATUS(nsw_plan_verifier_verify(verifier, model, &plan, &refusal), NSW_ERR_TASK_PLAN);
    CHECK(refusal.why != 0);
    plan.steps = NULL;
    CHECK_STATUS(nsw_plan_verifier_verify(verifier, model, &plan, &refusal), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_verifier_verify(verifier, NULL, &plan, &refusal), NSW_ERR_NULL);
    nsw_plan_verifier_destroy(verifier);
    nsw_planner_destroy(planner);
    nsw_plan_model_destroy(model);
    CHECK_STATUS(nsw_plan_model_describe(NULL, NULL), NSW_ERR_NULL);
    guarded_free(&bytes);
}

int main(void) {
    builders();
    bad_arguments();
    places();
    calls();
    full();
    models();
    questions();
    planners();
    return check_report("plan_misuse");
}
