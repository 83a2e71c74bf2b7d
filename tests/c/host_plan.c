/*
 * Planning domains, problems and plans as text.
 */
#include "task.h"

static const char DOMAIN[] = "(define (domain trips) (:requirements :typing :hierarchy)\n"
                             " (:types place)\n"
                             " (:predicates (at ?p - place) (road ?a ?b - place))\n"
                             " (:task visit :parameters (?p - place))\n"
                             " (:method there :parameters (?p - place) :task (visit ?p)\n"
                             "  :precondition (at ?p) :ordered-subtasks ())\n"
                             " (:method by-road :parameters (?p ?a ?b - place) :task (visit ?p)\n"
                             "  :precondition (and (at ?a) (road ?a ?b))\n"
                             "  :ordered-subtasks (and (drive ?a ?b) (visit ?p)))\n"
                             " (:action drive :parameters (?a ?b - place)\n"
                             "  :precondition (and (at ?a) (road ?a ?b))\n"
                             "  :effect (and (not (at ?a)) (at ?b))))\n";
static const char PROBLEM[] = "(define (problem far) (:domain trips)\n"
                              " (:objects home town sea - place)\n"
                              " (:htn :ordered-subtasks (visit sea))\n"
                              " (:init (at home) (road home town) (road town sea)))\n";
static const char PLAN[] = "==>\n"
                           "0 drive home town\n"
                           "1 drive town sea\n"
                           "root 2\n"
                           "2 visit sea -> by-road 0 3\n"
                           "3 visit sea -> by-road 1 4\n"
                           "4 visit sea -> there\n"
                           "<==\n";

static nsw_status read_texts(const char *domain, const char *problem, nsw_host_hddl_error *error,
                             const nsw_allocator *mem, nsw_host_hddl **hddl) {
    nsw_host_hddl_config config = NSW_HOST_HDDL_CONFIG_INIT;
    config.domain = domain;
    config.domain_len = domain == NULL ? 0 : strlen(domain);
    config.problem = problem;
    config.problem_len = problem == NULL ? 0 : strlen(problem);
    config.error = error;
    return nsw_host_hddl_create(&config, mem, hddl);
}

static nsw_plan_model *open_model(const nsw_host_hddl *hddl) {
    nsw_plan_model *model = NULL;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    REQUIRE_OK(nsw_host_hddl_model(hddl, &bytes, &len));
    REQUIRE_OK(nsw_plan_model_create(bytes, len, NULL, &model));
    return model;
}

/* A plan as text; free it. */
static char *written(const nsw_plan_model *model, const nsw_plan *plan, uint32_t form) {
    size_t len = 0;
    CHECK_STATUS(nsw_host_plan_write(model, plan, form, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    char *text = malloc(len + 1);
    REQUIRE(text != NULL);
    text[len] = 7;
    CHECK_STATUS(nsw_host_plan_write(model, plan, form, text, len - 1, &len),
                 NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_host_plan_write(model, plan, form, text, len, &len));
    CHECK(text[len] == 7);
    text[len] = 0;
    return text;
}

static void from_text_to_text(void) {
    counting memory;
    counting_init(&memory);
    nsw_host_hddl *hddl = NULL;
    nsw_host_hddl_error error = NSW_HOST_HDDL_ERROR_INIT;
    nsw_host_hddl_config config = NSW_HOST_HDDL_CONFIG_INIT;
    size_t size = 0, align = 0;
    CHECK_OK(nsw_host_hddl_footprint(&config, &size, &align));
    error.line = 7;
    REQUIRE_OK(read_texts(DOMAIN, PROBLEM, &error, &memory.hook, &hddl));
    CHECK(memory.last_size == size && memory.last_align == align);
    CHECK(error.line == 0 && error.status == NSW_OK);
    CHECK_STATUS(nsw_host_hddl_warning(hddl, 0, &error), NSW_DONE);
    nsw_plan_model *model = open_model(hddl);

    nsw_planner_config how = NSW_PLANNER_CONFIG_INIT;
    nsw_planner *planner = NULL;
    nsw_plan plan = NSW_PLAN_INIT, again = NSW_PLAN_INIT;
    uint32_t outcome = 0;
    how.model = model;
    REQUIRE_OK(nsw_planner_create(&how, &memory.hook, &planner));
    CHECK_OK(nsw_planner_run(planner, 1000, NULL, NULL, &outcome));
    CHECK(outcome == NSW_PLAN_FOUND);
    CHECK_OK(nsw_planner_plan(planner, &plan));
    char *text = written(model, &plan, NSW_HOST_PLAN_TEXT);
    CHECK_NOTE(strcmp(text, PLAN) == 0, "%.200s", text);
    char *dot = written(model, &plan, NSW_HOST_PLAN_DOT);
    CHECK(strncmp(dot, "digraph", 7) == 0 && strstr(dot, "drive town sea") != NULL);
    char *svg = written(model, &plan, NSW_HOST_PLAN_SVG);
    CHECK(strncmp(svg, "<svg", 4) == 0 && strstr(svg, "drive town sea") != NULL);

    /* The text is a plan again, and the same text. */
    nsw_host_plan_config from = NSW_HOST_PLAN_CONFIG_INIT;
    nsw_host_plan *read = NULL;
    uint32_t line = 0;
    from.model = model;
    from.text = text;
    from.text_len = strlen(text);
    from.error = &error;
    CHECK_OK(nsw_host_plan_footprint(&from, &size, &align));
    REQUIRE_OK(nsw_host_plan_create(&from, &memory.hook, &read));
    CHECK_OK(nsw_host_plan_view(read, &again));
    CHECK(again.step_count == plan.step_count && again.order_count == 2);
    char *twice = written(model, &again, NSW_HOST_PLAN_TEXT);
    CHECK(strcmp(twice, text) == 0);
    for (size_t i = 0; i < again.step_count; i++) {
        CHECK_OK(nsw_host_plan_line(read, i, &line));
        CHECK(line >= 2 && line <= 7 && line != 4);
    }
    CHECK_STATUS(nsw_host_plan_line(read, again.step_count, &line), NSW_ERR_INVALID);

    nsw_plan_verifier_config room = NSW_PLAN_VERIFIER_CONFIG_INIT;
    nsw_plan_verifier *verifier = NULL;
    nsw_plan_refusal refusal = NSW_PLAN_REFUSAL_INIT;
    room.steps = room.facts = room.words = 64;
    REQUIRE_OK(nsw_plan_verifier_create(&room, &memory.hook, &verifier));
    CHECK_OK(nsw_plan_verifier_verify(verifier, model, &again, &refusal));

    /* One that names what is not there is not written. */
    nsw_plan_step steps[8];
    REQUIRE(plan.step_count <= COUNT_OF(steps));
    for (unsigned what = 0; what < 4; what++) {
        memcpy(steps, plan.steps, plan.step_count * sizeof steps[0]);
        nsw_plan wrong = plan;
        wrong.steps = steps;
        if (what == 0) {
            steps[0].task = 99;
        } else if (what == 1) {
            steps[0].method = 99;
        } else if (what == 2) {
            steps[0].parent = 1;
        } else {
            steps[0].bound = 4000000000u;
        }
        for (uint32_t form = NSW_HOST_PLAN_TEXT; form <= NSW_HOST_PLAN_SVG; form++) {
            CHECK_STATUS(nsw_host_plan_write(model, &wrong, form, NULL, 0, &size),
                         NSW_ERR_TASK_PLAN);
        }
    }
    CHECK_STATUS(nsw_host_plan_write(model, &plan, 3, NULL, 0, &size), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_plan_write(NULL, &plan, 0, NULL, 0, &size), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_plan_write(model, NULL, 0, NULL, 0, &size), NSW_ERR_NULL);

    free(text), free(dot), free(svg), free(twice);
    nsw_plan_verifier_destroy(verifier);
    nsw_host_plan_destroy(read);
    nsw_planner_destroy(planner);
    nsw_plan_model_destroy(model);
    nsw_host_hddl_destroy(hddl);
    counting_finish(&memory);
}

/* What is kept for later versions is 0 today. */
static void reserved_fields(void) {
    nsw_host_hddl_config texts = NSW_HOST_HDDL_CONFIG_INIT;
    nsw_host_hddl *hddl = NULL;
    size_t size = 0, align = 0;
    texts.domain = DOMAIN;
    texts.domain_len = strlen(DOMAIN);
    texts.problem = PROBLEM;
    texts.problem_len = strlen(PROBLEM);
    texts.reserved = 1;
    CHECK_STATUS(nsw_host_hddl_footprint(&texts, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_hddl_create(&texts, NULL, &hddl), NSW_ERR_INVALID);
    CHECK(hddl == NULL);
    texts.reserved = 0;
    REQUIRE_OK(nsw_host_hddl_create(&texts, NULL, &hddl));

    nsw_plan_model *model = open_model(hddl);
    nsw_host_plan_config from = NSW_HOST_PLAN_CONFIG_INIT;
    nsw_host_plan *plan = NULL;
    from.model = model;
    from.text = PLAN;
    from.text_len = strlen(PLAN);
    from.reserved = 1;
    CHECK_STATUS(nsw_host_plan_footprint(&from, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_plan_create(&from, NULL, &plan), NSW_ERR_INVALID);
    CHECK(plan == NULL);
    from.reserved = 0;
    CHECK_OK(nsw_host_plan_create(&from, NULL, &plan));
    nsw_host_plan_destroy(plan);
    nsw_plan_model_destroy(model);
    nsw_host_hddl_destroy(hddl);
}

static void wrong_texts(void) {
    static const struct {
        const char *domain, *problem;
        nsw_status status;
        uint32_t file, line;
        const char *says;
    } rows[] = {
        {"(define (domain d)\n (:action a :parameters ()\n", PROBLEM, NSW_ERR_TASK_FORMAT,
         NSW_HOST_HDDL_DOMAIN, 3, ""},
        {"(define (domain d)\n (:durative-action a))\n", PROBLEM, NSW_ERR_UNSUPPORTED,
         NSW_HOST_HDDL_DOMAIN, 2, "durative"},
        {DOMAIN, "(define (problem p) (:domain trips)\n (:htn :ordered-subtasks (visit nowhere)))", NSW_ERR_TASK_DOMAIN,
         NSW_HOST_HDDL_PROBLEM, 2, "nowhere"},
        {DOMAIN, NULL, NSW_ERR_TASK_FORMAT, NSW_HOST_HDDL_PROBLEM, 1, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        nsw_host_hddl *hddl = (nsw_host_hddl *)(void *)&i;
        nsw_host_hddl_error error = NSW_HOST_HDDL_ERROR_INIT;
        nsw_status status = read_texts(rows[i].domain, rows[i].problem, &error, NULL, &hddl);
        CHECK_NOTE(status == rows[i].status && error.status == status, "row %u: %d, %.200s",
                   (unsigned)i, (int)status, error.message);
        CHECK_NOTE(error.file == rows[i].file && error.line == rows[i].line && error.column > 0,
                   "row %u: %u:%u", (unsigned)i, (unsigned)error.line, (unsigned)error.column);
        CHECK(hddl == NULL && error.message_len == strlen(error.message));
        CHECK(strstr(error.message, rows[i].says) != NULL);
        CHECK_STATUS(read_texts(rows[i].domain, rows[i].problem, NULL, NULL, &hddl), status);
    }
    nsw_host_hddl *hddl = NULL;
    counting memory;
    counting_init(&memory);
    memory.fail_at = 1;
    CHECK_STATUS(read_texts(DOMAIN, PROBLEM, NULL, &memory.hook, &hddl), NSW_ERR_OUT_OF_MEMORY);
    CHECK(hddl == NULL);
    counting_finish(&memory);
    CHECK_STATUS(nsw_host_hddl_create(NULL, NULL, &hddl), NSW_ERR_NULL);

    /* What is odd, though it is read. */
    nsw_host_hddl_error warning = NSW_HOST_HDDL_ERROR_INIT;
    REQUIRE_OK(read_texts(DOMAIN,
                          "(define (problem p) (:domain other) (:objects home - place)\n"
                          " (:htn :ordered-subtasks (visit home)) (:init (at home)))",
                          NULL, NULL, &hddl));
    CHECK_OK(nsw_host_hddl_warning(hddl, 0, &warning));
    CHECK(warning.file == NSW_HOST_HDDL_PROBLEM && warning.line == 1);
    CHECK(strstr(warning.message, "other") != NULL);
    CHECK_STATUS(nsw_host_hddl_warning(hddl, 1, &warning), NSW_DONE);

    nsw_plan_model *model = open_model(hddl);
    static const struct {
        const char *text;
        nsw_status status;
        uint32_t line;
    } plans[] = {{"no plan at all", NSW_ERR_TASK_FORMAT, 1},
                 {"==>\n0 drive home home\nroot 1\n1 visit mars -> there\n<==\n", NSW_ERR_TASK_PLAN, 4},
                 {"==>\nroot 1\n1 visit home -> nohow\n<==\n", NSW_ERR_TASK_PLAN, 3}};
    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        nsw_host_plan_config from = NSW_HOST_PLAN_CONFIG_INIT;
        nsw_host_plan *plan = NULL;
        from.model = model;
        from.text = plans[i].text;
        from.text_len = strlen(plans[i].text);
        from.error = &warning;
        nsw_status status = nsw_host_plan_create(&from, NULL, &plan);
        CHECK_NOTE(status == plans[i].status && warning.line == plans[i].line, "row %u: %d, %u: %.200s",
                   (unsigned)i, (int)status, (unsigned)warning.line, warning.message);
        CHECK(plan == NULL && warning.file == NSW_HOST_HDDL_PLAN);
        from.model = NULL;
        CHECK_STATUS(nsw_host_plan_create(&from, NULL, &plan), NSW_ERR_NULL);
    }
    nsw_plan_model_destroy(model);
    nsw_host_hddl_destroy(hddl);
}

/* Two texts of which there is a warning, and a plan of them. */
static void bad_handles(void) {
    static const char odd[] = "(define (problem p) (:domain other) (:objects home town sea - place)\n"
                              " (:htn :ordered-subtasks (visit sea))\n"
                              " (:init (at home) (road home town) (road town sea)))";
    nsw_host_hddl_config texts = NSW_HOST_HDDL_CONFIG_INIT;
    nsw_host_hddl *hddl = NULL;
    texts.domain = DOMAIN;
    texts.domain_len = strlen(DOMAIN);
    texts.problem = odd;
    texts.problem_len = strlen(odd);
    CHECK_MADE(host_hddl, &texts);
    CHECK_SIZED(host_hddl, &texts);
    REQUIRE_OK(nsw_host_hddl_create(&texts, NULL, &hddl));
    nsw_host_hddl_error warning = NSW_HOST_HDDL_ERROR_INIT;
    CHECK_STATUS(nsw_host_hddl_warning(NULL, 0, &warning), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_hddl_warning(OTHER(host_hddl), 0, &warning), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_host_hddl_warning(hddl, 0, NULL), NSW_ERR_NULL);
    warning.size--;
    CHECK_STATUS(nsw_host_hddl_warning(hddl, 0, &warning), NSW_ERR_STRUCT_SIZE);
    CHECK(warning.line == 0);

    const uint8_t byte = 0, *bytes = &byte;
    size_t len = 7;
    CHECK_STATUS(nsw_host_hddl_model(NULL, &bytes, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_hddl_model(OTHER(host_hddl), &bytes, &len), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_host_hddl_model(hddl, NULL, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_hddl_model(hddl, &bytes, NULL), NSW_ERR_NULL);
    CHECK(bytes == NULL);

    nsw_plan_model *model = open_model(hddl);
    nsw_host_plan_config from = NSW_HOST_PLAN_CONFIG_INIT;
    nsw_host_plan *plan = NULL;
    from.model = model;
    from.text = PLAN;
    from.text_len = strlen(PLAN);
    CHECK_MADE(host_plan, &from);
    CHECK_SIZED(host_plan, &from);
    from.model = OTHER(plan_model);
    CHECK_STATUS(nsw_host_plan_create(&from, NULL, &plan), NSW_ERR_HANDLE);
    from.model = model;
    REQUIRE_OK(nsw_host_plan_create(&from, NULL, &plan));
    nsw_plan view = NSW_PLAN_INIT;
    uint32_t line = 7;
    CHECK_STATUS(nsw_host_plan_view(NULL, &view), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_plan_view(OTHER(host_plan), &view), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_host_plan_view(plan, NULL), NSW_ERR_NULL);
    view.size--;
    CHECK_STATUS(nsw_host_plan_view(plan, &view), NSW_ERR_STRUCT_SIZE);
    CHECK(view.steps == NULL);
    CHECK_STATUS(nsw_host_plan_line(NULL, 0, &line), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_plan_line(OTHER(host_plan), 0, &line), NSW_ERR_HANDLE);
    CHECK(line == 7);
    CHECK_STATUS(nsw_host_plan_line(plan, 0, NULL), NSW_ERR_NULL);
    nsw_host_plan_destroy(plan);
    nsw_plan_model_destroy(model);
    nsw_host_hddl_destroy(hddl);
}

int main(void) {
    from_text_to_text();
    wrong_texts();
    reserved_fields();
    bad_handles();
    return check_report("host_plan");
}
