/*
 * Plans: a domain from calls, its model read in place, a plan that is found, and verified.
 */
#include "plan.h"

/* What the counting hooks saw. */
typedef struct seen {
    size_t asked;
    size_t stops;
    const house *h;
} seen;

static void rank(void *ctx, const nsw_plan_state *state, uint16_t task, const uint16_t *args,
                 size_t arg_count, const uint16_t *methods, size_t method_count, float *scores) {
    seen *s = ctx;
    uint32_t holds = 9;
    size_t count = 9;
    s->asked++;
    CHECK(task == s->h->reach && arg_count == 1 && args[0] == s->h->attic);
    CHECK(method_count == 2 && methods[0] == s->h->there && methods[1] == s->h->on);
    CHECK(scores[0] == 0 && scores[1] == 0);
    CHECK_OK(nsw_plan_state_count(state, s->h->at, &count));
    CHECK_SIZE(count, 1);
    CHECK_OK(nsw_plan_state_holds(state, s->h->at, args, 1, &holds));
    /* The one that does not fit comes first: found all the same. */
    scores[holds ? 0 : 1] = 1;
}

static uint32_t stop(void *ctx, const nsw_planner_stats *stats) {
    seen *s = ctx;
    s->stops++;
    CHECK(stats->size == sizeof *stats && stats->nodes <= s->stops + 1);
    return s->stops == 2;
}

static nsw_planner *make(const nsw_plan_model *model, size_t memory, const nsw_allocator *mem) {
    nsw_planner_config config = NSW_PLANNER_CONFIG_INIT;
    nsw_planner *planner = NULL;
    size_t size = 0, align = 0;
    config.model = model;
    config.memory = memory;
    REQUIRE_OK(nsw_planner_footprint(&config, &size, &align));
    CHECK_NOTE(size <= memory + 2048 && align >= 4, "%u bytes", (unsigned)size);
    REQUIRE_OK(nsw_planner_create(&config, mem, &planner));
    return planner;
}

/* The actions of a plan: go hall stairs, and so on. */
static void check_plan(const nsw_plan *plan, const nsw_plan_model *model, const house *h) {
    const uint16_t expected[][3] = {{h->flip, h->hall, NSW_PLAN_OPEN},
                                    {h->go, h->hall, h->stairs},
                                    {h->go, h->stairs, h->attic},
                                    {h->flip, h->attic, NSW_PLAN_OPEN},
                                    {h->dark, NSW_PLAN_OPEN, NSW_PLAN_OPEN}};
    CHECK_SIZE(plan->order_count, COUNT_OF(expected));
    for (size_t i = 0; i < plan->order_count && i < COUNT_OF(expected); i++) {
        const nsw_plan_step *step = &plan->steps[plan->order[i]];
        CHECK(step->task == expected[i][0] && step->method == NSW_PLAN_NO_METHOD);
        for (size_t a = 0; a < 2; a++) {
            uint16_t object = 0;
            nsw_status status = nsw_plan_argument(plan, model, plan->order[i], a, &object);
            CHECK(object == expected[i][a + 1]);
            CHECK_STATUS(status, object == NSW_PLAN_OPEN ? NSW_ERR_INVALID : NSW_OK);
        }
    }
    /* All in a row, as the method of night has it. */
    for (size_t i = 0; i < plan->order_count; i++) {
        for (size_t j = 0; j < plan->order_count; j++) {
            uint32_t yes = 9;
            CHECK_OK(nsw_plan_is_before(plan, model, plan->order[i], plan->order[j], &yes));
            CHECK(yes == (i < j));
        }
    }
    uint32_t yes = 9;
    CHECK_STATUS(nsw_plan_is_before(plan, model, 0, plan->step_count, &yes), NSW_ERR_INVALID);
    CHECK(yes == 0);
    CHECK_STATUS(nsw_plan_is_before(plan, NULL, 0, 0, &yes), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_is_before(NULL, model, 0, 0, &yes), NSW_ERR_NULL);
    /* night, and reach three times: there is a tree above them. */
    CHECK_SIZE(plan->step_count, COUNT_OF(expected) + 4);
    size_t roots = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        roots += plan->steps[i].parent == NSW_PLAN_ROOT;
        CHECK(plan->steps[i].parent == NSW_PLAN_ROOT || plan->steps[i].parent < i);
    }
    CHECK_SIZE(roots, 1);
    CHECK(plan->steps[0].task == h->night && plan->steps[0].parent == NSW_PLAN_ROOT);
}

/* What a replay told, and what was seen of it. */
typedef struct replayed {
    size_t told;
    const house *h;
    float rows[8][64];
} replayed;

static void watch(void *ctx, const nsw_plan_state *state, uint16_t task, const uint16_t *args,
                  size_t arg_count, uint16_t method) {
    replayed *r = ctx;
    uint32_t holds = 9;
    size_t count = 9;
    REQUIRE(r->told < COUNT_OF(r->rows));
    float *row = r->rows[r->told];
    CHECK(r->told == 0 ? task == r->h->night && arg_count == 0 : task == r->h->reach);
    CHECK_OK(nsw_plan_state_count(state, r->h->lit, &count));
    /* One lamp is out when the way up begins. */
    CHECK_SIZE(count, r->told == 0 ? 2 : 1);
    CHECK_OK(nsw_plan_state_features(state, task, args, arg_count, row, 64));
    if (task == r->h->reach) {
        /* There at last. */
        CHECK_OK(nsw_plan_state_holds(state, r->h->at, args, 1, &holds));
        CHECK(args[0] == r->h->attic && method == (holds ? r->h->there : r->h->on));
    }
    /* What is no task, no object, or not so many arguments. */
    const uint16_t bad[] = {99, 99};
    CHECK_STATUS(nsw_plan_state_features(state, 99, args, arg_count, row, 64), NSW_ERR_TASK_DOMAIN);
    CHECK_STATUS(nsw_plan_state_features(state, r->h->reach, bad, 1, row, 64), NSW_ERR_TASK_DOMAIN);
    CHECK_STATUS(nsw_plan_state_features(state, r->h->reach, bad, 2, row, 64), NSW_ERR_TASK_DOMAIN);
    CHECK_STATUS(nsw_plan_state_features(state, task, args, arg_count, NULL, 64), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_state_features(NULL, task, args, arg_count, row, 64), NSW_ERR_NULL);
    CHECK_OK(nsw_plan_state_holds(state, 99, args, arg_count, &holds));
    CHECK(holds == 0);
    CHECK_OK(nsw_plan_state_holds(state, r->h->at, bad, 1, &holds));
    CHECK(holds == 0);
    CHECK_OK(nsw_plan_state_count(state, 99, &count));
    CHECK_SIZE(count, 0);
    r->told++;
}

static void replay(nsw_plan_verifier *verifier, const nsw_plan *plan, const nsw_plan_model *model,
                   const house *h) {
    nsw_plan_refusal refusal = NSW_PLAN_REFUSAL_INIT;
    static replayed r;
    memset(&r, 0, sizeof r);
    r.h = h;
    CHECK_OK(nsw_plan_verifier_replay(verifier, model, plan, watch, &r, &refusal));
    /* night, and reach three times, each seen otherwise than the last. */
    CHECK_SIZE(r.told, 4);
    CHECK(refusal.why == 0);
    for (size_t i = 0; i < 4; i++) {
        size_t marks = 0;
        for (size_t j = 0; j < 64; j++) {
            CHECK(r.rows[i][j] == 0 || r.rows[i][j] == 1);
            marks += r.rows[i][j] != 0;
        }
        CHECK(marks > 3);
        CHECK(i == 0 || memcmp(r.rows[i], r.rows[i - 1], sizeof r.rows[i]) != 0);
    }
    CHECK_STATUS(nsw_plan_verifier_replay(verifier, model, plan, NULL, &r, &refusal), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_verifier_replay(NULL, model, plan, watch, &r, &refusal), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_verifier_replay(verifier, NULL, plan, watch, &r, &refusal), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_verifier_replay(verifier, model, NULL, watch, &r, &refusal), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_verifier_replay(verifier, model, plan, watch, &r, NULL), NSW_ERR_NULL);
    CHECK_SIZE(r.told, 4);
}

static void verify(const nsw_plan *plan, const nsw_plan_model *model, const nsw_allocator *mem,
                   const house *h) {
    nsw_plan_verifier_config config = NSW_PLAN_VERIFIER_CONFIG_INIT;
    nsw_plan_verifier *verifier = NULL;
    nsw_plan_refusal refusal = NSW_PLAN_REFUSAL_INIT;
    size_t size = 0, align = 0;
    config.steps = 20;
    config.facts = 20;
    config.words = 40;
    CHECK_OK(nsw_plan_verifier_footprint(&config, &size, &align));
    REQUIRE_OK(nsw_plan_verifier_create(&config, mem, &verifier));
    refusal.why = 99;
    CHECK_OK(nsw_plan_verifier_verify(verifier, model, plan, &refusal));
    CHECK(refusal.why == 0 && refusal.step == NSW_PLAN_ROOT);
    replay(verifier, plan, model, h);

    /* Each action is needed: without its last one, and with two in the wrong order. */
    uint32_t order[8];
    nsw_plan wrong = *plan;
    memcpy(order, plan->order, plan->order_count * sizeof order[0]);
    wrong.order = order;
    wrong.order_count--;
    CHECK_STATUS(nsw_plan_verifier_verify(verifier, model, &wrong, &refusal), NSW_ERR_TASK_PLAN);
    CHECK(refusal.why == NSW_PLAN_BAD_ACTIONS);
    wrong.order_count++;
    order[1] = plan->order[2];
    order[2] = plan->order[1];
    CHECK_STATUS(nsw_plan_verifier_verify(verifier, model, &wrong, &refusal), NSW_ERR_TASK_PLAN);
    CHECK(refusal.why == NSW_PLAN_BAD_ORDER || refusal.why == NSW_PLAN_BAD_PRECONDITION ||
          refusal.why == NSW_PLAN_BAD_METHOD_PRECONDITION);
    CHECK(refusal.step < plan->step_count);
    const char *text = NULL;
    size_t len = 0;
    CHECK_OK(nsw_plan_why_text(NSW_PLAN_TOO_OPEN, &text, &len));
    CHECK_OK(nsw_plan_why_text(refusal.why, &text, &len));
    CHECK(len > 10 && memchr(text, 0, len) == NULL);
    CHECK_STATUS(nsw_plan_why_text(0, &text, &len), NSW_ERR_INVALID);
    CHECK(text == NULL && len == 0);
    nsw_plan_verifier_destroy(verifier);

    /* One that is too small. */
    config.steps = 3;
    REQUIRE_OK(nsw_plan_verifier_create(&config, mem, &verifier));
    CHECK_STATUS(nsw_plan_verifier_verify(verifier, model, plan, &refusal), NSW_ERR_CAPACITY);
    CHECK(refusal.why == NSW_PLAN_TOO_LARGE);
    nsw_plan_verifier_destroy(verifier);
}

static void found_and_verified(void) {
    house h;
    guarded bytes = house_bytes(&h);
    counting memory;
    counting_init(&memory);
    nsw_plan_model *model = NULL;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_plan_model_footprint(&size, &align));
    REQUIRE_OK(nsw_plan_model_create(bytes.data, bytes.len, &memory.hook, &model));
    CHECK(memory.last_size == size && memory.last_align == align);

    nsw_planner *planner = make(model, 65536, &memory.hook);
    nsw_planner_stats stats = NSW_PLANNER_STATS_INIT;
    uint32_t outcome = 77;
    nsw_plan plan = NSW_PLAN_INIT;
    CHECK_STATUS(nsw_planner_plan(planner, &plan), NSW_ERR_TASK_STATE);
    const size_t calls = memory.calls;
    CHECK_OK(nsw_planner_step(planner, 1, &outcome));
    CHECK(outcome == NSW_PLAN_RUNNING);
    seen s = {0, 0, &h};
    CHECK_OK(nsw_planner_run(planner, 1, stop, &s, &outcome));
    CHECK(outcome == NSW_PLAN_RUNNING && s.stops == 2);
    CHECK_OK(nsw_planner_step_with(planner, 1000, rank, &s, &outcome));
    CHECK(outcome == NSW_PLAN_FOUND && s.asked > 0);
    CHECK_OK(nsw_planner_run(planner, 1, NULL, NULL, &outcome));
    CHECK(outcome == NSW_PLAN_FOUND);
    CHECK_OK(nsw_planner_plan(planner, &plan));
    CHECK_SIZE(memory.calls, calls); /* nothing is asked for after creation */
    CHECK_OK(nsw_planner_describe(planner, &stats));
    CHECK(stats.nodes > 5 && stats.attempts == 1 && stats.stack <= stats.stack_capacity);
    check_plan(&plan, model, &h);
    verify(&plan, model, &memory.hook, &h);

    /* The model's object may go before its planner. */
    nsw_plan_model_destroy(model);
    CHECK_OK(nsw_planner_plan(planner, &plan));
    CHECK_SIZE(plan.order_count, 5);
    nsw_planner_destroy(planner);
    counting_finish(&memory);
    guarded_free(&bytes);
}

static void there_is_none(void) {
    nsw_plan_builder_config config = house_room();
    nsw_plan_builder *b = NULL;
    house h;
    uint8_t bytes[4096 + 4];
    uint8_t *at = bytes + (4 - (uintptr_t)bytes % 4) % 4;
    size_t len = 0, most = 0;
    REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
    house_build(b, &h);
    /* And to be in the hall, at the same time. */
    REQUIRE_OK(nsw_plan_builder_atom(b, h.at, IDS(h.hall)));
    CHECK_OK(nsw_plan_builder_model_len(b, &most));
    CHECK_OK(nsw_plan_builder_finish(b, at, 4096, &len));
    CHECK(len <= most && len % 4 == 0);
    nsw_plan_builder_destroy(b);

    nsw_plan_model *model = NULL;
    REQUIRE_OK(nsw_plan_model_create(at, len, NULL, &model));
    nsw_planner *planner = make(model, 65536, NULL);
    nsw_plan plan = NSW_PLAN_INIT;
    uint32_t outcome = 77;
    CHECK_OK(nsw_planner_run(planner, 100, NULL, NULL, &outcome));
    CHECK(outcome == NSW_PLAN_NONE);
    CHECK_STATUS(nsw_planner_plan(planner, &plan), NSW_ERR_TASK_NO_PLAN);
    nsw_planner_destroy(planner);
    nsw_plan_model_destroy(model);
}

static void what_a_model_holds(void) {
    house h;
    guarded bytes = house_bytes(&h);
    nsw_plan_model *model = NULL;
    REQUIRE_OK(nsw_plan_model_create(bytes.data, bytes.len, NULL, &model));
    nsw_plan_model_info info = NSW_PLAN_MODEL_INFO_INIT;
    CHECK_OK(nsw_plan_model_describe(model, &info));
    CHECK(info.types == 4 && info.objects == 5 && info.predicates == 4 && info.tasks == 5);
    CHECK(info.methods == 3 && info.len_without_names < bytes.len);

    const char *name = NULL;
    size_t name_len = 0;
    uint16_t number = 0;
    static const char *const first[] = {"object", "hall", "at", "go", "there"};
    for (uint32_t kind = NSW_PLAN_TYPES; kind <= NSW_PLAN_METHODS; kind++) {
        CHECK_OK(nsw_plan_model_name(model, kind, 0, &name, &name_len));
        CHECK(name_len == strlen(first[kind]) && memcmp(name, first[kind], name_len) == 0);
        CHECK_OK(nsw_plan_model_find(model, kind, name, name_len, &number));
        CHECK(number == 0);
        CHECK_STATUS(nsw_plan_model_find(model, kind, NAME("nobody"), &number), NSW_DONE);
        CHECK(number == 65535);
        CHECK_STATUS(nsw_plan_model_name(model, kind, 99, &name, &name_len), NSW_ERR_TASK_UNKNOWN);
        CHECK(name == NULL && name_len == 0);
    }
    CHECK_OK(nsw_plan_model_find(model, NSW_PLAN_OBJECTS, NAME("attic"), &number));
    CHECK(number == h.attic);

    uint32_t is = 9;
    CHECK_OK(nsw_plan_model_is(model, h.attic, h.room, &is));
    CHECK(is == 1);
    CHECK_OK(nsw_plan_model_is(model, h.attic, h.lamp, &is));
    CHECK(is == 0);
    CHECK_OK(nsw_plan_model_is(model, h.red, h.thing, &is));
    CHECK(is == 1);
    CHECK_OK(nsw_plan_model_is(model, h.red, NSW_PLAN_OBJECT, &is));
    CHECK(is == 1);

    nsw_plan_predicate_info predicate = NSW_PLAN_PREDICATE_INFO_INIT;
    CHECK_OK(nsw_plan_model_predicate(model, h.door, &predicate));
    CHECK(predicate.fluent == 0 && predicate.type_count == 2 && predicate.fact_count == 2);
    CHECK(predicate.types[0] == h.room && predicate.facts[0] == h.hall);
    CHECK(predicate.facts[1] == h.stairs && predicate.facts[3] == h.attic);
    CHECK_OK(nsw_plan_model_predicate(model, h.lit, &predicate));
    CHECK(predicate.fluent == 1 && predicate.fact_count == 2);

    nsw_plan_task_info task = NSW_PLAN_TASK_INFO_INIT;
    CHECK_OK(nsw_plan_model_task(model, h.go, &task));
    CHECK(task.primitive == 1 && task.type_count == 2 && task.method_count == 0);
    CHECK_OK(nsw_plan_model_task(model, h.reach, &task));
    CHECK(task.primitive == 0 && task.method_count == 2 && task.methods[0] == h.there);

    nsw_plan_method_info method = NSW_PLAN_METHOD_INFO_INIT;
    const uint16_t *args = NULL;
    size_t arg_count = 0;
    uint16_t subtask = 0;
    CHECK_OK(nsw_plan_model_method(model, h.on, &method));
    CHECK(method.task == h.reach && method.arg_count == 1 && method.args[0] == V(0));
    CHECK(method.type_count == 3 && method.ordered == 1 && method.subtask_count == 2);
    CHECK_OK(nsw_plan_model_subtask(model, h.on, 0, &subtask, &args, &arg_count));
    CHECK(subtask == h.go && arg_count == 2 && args[0] == V(1) && args[1] == V(2));
    CHECK_STATUS(nsw_plan_model_subtask(model, h.on, 2, &subtask, &args, &arg_count),
                 NSW_ERR_INVALID);
    /* Nothing is written unless all of it can be. */
    subtask = 77, args = NULL, arg_count = 77;
    const uint16_t **odd = (const uint16_t **)(void *)((uint8_t *)&args + 1);
    CHECK_STATUS(nsw_plan_model_subtask(model, h.on, 0, NULL, &args, &arg_count), NSW_ERR_NULL);
    CHECK_STATUS(nsw_plan_model_subtask(model, h.on, 0, &subtask, odd, &arg_count),
                 NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_plan_model_subtask(model, h.on, 0, &subtask, &args, NULL), NSW_ERR_NULL);
    CHECK(subtask == 77 && args == NULL && arg_count == 77);
    /* The initial network is behind the last method. */
    CHECK_OK(nsw_plan_model_method(model, (uint16_t)info.methods, &method));
    CHECK(method.task == UINT32_MAX && method.subtask_count == 1);
    CHECK_OK(nsw_plan_model_subtask(model, (uint16_t)info.methods, 0, &subtask, &args, &arg_count));
    CHECK(subtask == h.night && arg_count == 0);

    /* Without its names it is a model, too. */
    nsw_plan_model *bare = NULL;
    REQUIRE_OK(nsw_plan_model_create(bytes.data, info.len_without_names, NULL, &bare));
    CHECK_OK(nsw_plan_model_name(bare, NSW_PLAN_TASKS, 0, &name, &name_len));
    CHECK_SIZE(name_len, 0);
    nsw_plan_model_destroy(bare);
    nsw_plan_model_destroy(model);
    guarded_free(&bytes);
}

/* Types with parents, objects of several, and what must come first or not matter. */
static void types_and_orders(void) {
    nsw_plan_builder_config config = house_room();
    nsw_plan_builder *b = NULL;
    uint16_t animal = 0, bird = 0, pet = 0, tweety = 0, task = 0, act = 0;
    uint8_t bytes[4096];
    size_t len = 0;
    REQUIRE((uintptr_t)bytes % 4 == 0);
    REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
    REQUIRE_OK(nsw_plan_builder_type(b, NAME("animal"), &animal));
    REQUIRE_OK(nsw_plan_builder_type(b, NAME("bird"), &bird));
    REQUIRE_OK(nsw_plan_builder_type(b, NAME("pet"), &pet));
    CHECK_OK(nsw_plan_builder_subtype(b, bird, animal));
    REQUIRE_OK(nsw_plan_builder_object(b, NAME("tweety"), bird, &tweety));
    CHECK_OK(nsw_plan_builder_also(b, tweety, pet));
    REQUIRE_OK(nsw_plan_builder_action(b, NAME("sing"), NULL, 0, &act));
    REQUIRE_OK(nsw_plan_builder_task(b, NAME("concert"), NULL, 0, &task));
    REQUIRE_OK(nsw_plan_builder_method(b, NAME("duet"), task, NULL, 0, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_subtask(b, act, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_subtask(b, act, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_network(b, NULL, 0));
    REQUIRE_OK(nsw_plan_builder_subtask(b, task, NULL, 0, NULL));
    CHECK_OK(nsw_plan_builder_finish(b, bytes, sizeof bytes, &len));
    nsw_plan_builder_destroy(b);

    nsw_plan_model *model = NULL;
    nsw_plan_method_info method = NSW_PLAN_METHOD_INFO_INIT;
    uint32_t is = 0;
    REQUIRE_OK(nsw_plan_model_create(bytes, len, NULL, &model));
    CHECK_OK(nsw_plan_model_is(model, tweety, animal, &is));
    CHECK(is == 1);
    CHECK_OK(nsw_plan_model_is(model, tweety, pet, &is));
    CHECK(is == 1);
    CHECK_OK(nsw_plan_model_method(model, 0, &method));
    CHECK(method.ordered == 0 && method.order_count == 0 && method.subtask_count == 2);
    nsw_planner *planner = make(model, 65536, NULL);
    nsw_plan plan = NSW_PLAN_INIT;
    uint32_t outcome = 0;
    CHECK_OK(nsw_planner_run(planner, 100, NULL, NULL, &outcome));
    CHECK(outcome == NSW_PLAN_FOUND);
    CHECK_OK(nsw_planner_plan(planner, &plan));
    CHECK_SIZE(plan.order_count, 2);
    nsw_planner_destroy(planner);
    nsw_plan_model_destroy(model);
}

int main(void) {
    found_and_verified();
    there_is_none();
    what_a_model_holds();
    types_and_orders();
    return check_report("plan");
}
