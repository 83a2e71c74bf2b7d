/*
 * Workflows that run: each result once, retries, time outs, lost workers, tasks of tasks.
 */
#include "task.h"

enum { SECOND = 1000000 };

static nsw_workflow_config config_of(uint32_t tasks, uint32_t workers) {
    nsw_workflow_config cfg = NSW_WORKFLOW_CONFIG_INIT;
    cfg.tasks = tasks, cfg.workers = workers, cfg.subflows = 2;
    return cfg;
}

static nsw_workflow *made(const nsw_workflow_config *cfg) {
    nsw_workflow *flow = NULL;
    REQUIRE_OK(nsw_workflow_create(cfg, NULL, &flow));
    return flow;
}

static uint32_t add(nsw_workflow *flow, double work, uint32_t within) {
    nsw_task_options options = NSW_TASK_OPTIONS_INIT;
    uint32_t task = 99;
    options.work = work, options.within = within;
    CHECK_OK(nsw_workflow_add_task(flow, &options, &task));
    return task;
}

static nsw_action next(nsw_workflow *flow) {
    nsw_action action = NSW_ACTION_INIT;
    nsw_status status = nsw_workflow_next_action(flow, &action);
    CHECK(status == NSW_OK || (status == NSW_DONE && action.kind == 0));
    return action;
}

static uint32_t state_of(const nsw_workflow *flow, uint32_t task) {
    uint32_t state = 99;
    CHECK_OK(nsw_workflow_state(flow, task, &state));
    return state;
}

static void each_result_once(void) {
    nsw_workflow_config cfg = config_of(3, 2);
    nsw_workflow *flow = made(&cfg);
    uint32_t a = add(flow, 2, NSW_OUTERMOST), b = add(flow, 5, NSW_OUTERMOST);
    uint32_t c = add(flow, 4, NSW_OUTERMOST), attempt = 9, worker = 9, plans = 0;
    nsw_placement placement = NSW_PLACEMENT_INIT;
    double makespan = 0;
    size_t open = 0;
    CHECK_OK(nsw_workflow_set_links(flow, 0, INFINITY));
    CHECK_OK(nsw_workflow_set_link(flow, 0, 1, 0, INFINITY));
    CHECK_OK(nsw_workflow_add_edge(flow, a, b, 0));
    CHECK_OK(nsw_workflow_add_edge(flow, a, c, 0));
    CHECK_OK(nsw_workflow_start(flow, 100));
    CHECK_OK(nsw_workflow_makespan(flow, &makespan));
    CHECK_OK(nsw_workflow_plans(flow, &plans));
    CHECK_OK(nsw_workflow_open(flow, &open));
    CHECK(makespan == 7 && plans == 1 && open == 3);
    nsw_action action = next(flow);
    CHECK(action.kind == NSW_ACTION_START && action.task == a && action.attempt == 1);
    CHECK(action.worker == 0 && action.state == 0 && action.size == sizeof action);
    CHECK(next(flow).kind == 0);
    CHECK(state_of(flow, a) == NSW_TASK_ASSIGNED && state_of(flow, b) == NSW_TASK_PENDING);
    CHECK_OK(nsw_workflow_started(flow, a, 1, 200));
    CHECK(state_of(flow, a) == NSW_TASK_RUNNING);
    CHECK_STATUS(nsw_workflow_finished(flow, a, 2, 300), NSW_ERR_TASK_ATTEMPT);
    CHECK_STATUS(nsw_workflow_finished(flow, b, 0, 300), NSW_ERR_TASK_ATTEMPT);
    CHECK_STATUS(nsw_workflow_finished(flow, 9, 1, 300), NSW_ERR_TASK_UNKNOWN);
    CHECK_OK(nsw_workflow_finished(flow, a, 1, 3000100));
    CHECK_STATUS(nsw_workflow_finished(flow, a, 1, 3000100), NSW_ERR_TASK_ATTEMPT);
    CHECK_OK(nsw_workflow_placement(flow, a, &placement));
    CHECK(placement.worker == 0 && placement.start == 0.0001 && placement.finish == 3);
    action = next(flow);
    CHECK(action.kind == NSW_ACTION_SETTLED && action.task == a && action.state == NSW_TASK_DONE);
    CHECK(action.worker == NSW_NO_WORKER && action.attempt == 0);
    CHECK(next(flow).kind == NSW_ACTION_START && next(flow).kind == NSW_ACTION_START);
    CHECK_OK(nsw_workflow_attempt(flow, c, &attempt, &worker));
    CHECK(attempt == 1 && worker == 1);
    CHECK_OK(nsw_workflow_attempt(flow, b, &attempt, NULL));

    uint8_t picture[8192];
    size_t len = 0;
    CHECK_OK(nsw_workflow_gantt(flow, picture, sizeof picture, &len));
    picture[len] = 0;
    CHECK(strstr((char *)picture, "class=\"bar done\"") != NULL);
    CHECK(strstr((char *)picture, "class=\"bar running\"") != NULL);
    CHECK_STATUS(nsw_workflow_gantt(flow, picture, len - 1, &len), NSW_ERR_BUFFER_TOO_SMALL);

    CHECK_OK(nsw_workflow_finished(flow, b, 1, 7000100));
    CHECK_OK(nsw_workflow_finished(flow, c, 1, 7000100));
    CHECK(next(flow).kind == NSW_ACTION_SETTLED && next(flow).kind == NSW_ACTION_SETTLED);
    action = next(flow);
    CHECK(action.kind == NSW_ACTION_END && action.state == NSW_TASK_DONE);
    CHECK(next(flow).kind == 0);
    CHECK_STATUS(nsw_workflow_start(flow, 0), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_cancel_all(flow), NSW_ERR_TASK_STATE);
    nsw_workflow_destroy(flow);
}

static void again_and_again(void) {
    nsw_workflow_config cfg = config_of(1, 1);
    nsw_task_options options = NSW_TASK_OPTIONS_INIT;
    uint64_t wake = 0;
    cfg.backoff_us = 1000, cfg.backoff_most_us = 1500, cfg.jitter = NSW_ZERO, cfg.late = NSW_ZERO;
    nsw_workflow *flow = made(&cfg);
    options.work = 1, options.timeout_us = 3 * SECOND;
    CHECK_OK(nsw_workflow_add_task(flow, &options, NULL));
    CHECK_OK(nsw_workflow_start(flow, 0));
    CHECK(next(flow).kind == NSW_ACTION_START);
    CHECK_OK(nsw_workflow_failed(flow, 0, 1, 10));
    CHECK(state_of(flow, 0) == NSW_TASK_RETRYING);
    CHECK_OK(nsw_workflow_wake_at(flow, &wake));
    CHECK(wake == 1010);
    CHECK_OK(nsw_workflow_tick(flow, 1009));
    CHECK(next(flow).kind == 0);
    CHECK_OK(nsw_workflow_tick(flow, wake));
    nsw_action action = next(flow);
    CHECK(action.kind == NSW_ACTION_START && action.attempt == 2);
    /* The second takes too long, and comes too late. */
    CHECK_OK(nsw_workflow_wake_at(flow, &wake));
    CHECK(wake == 1010 + 3 * SECOND);
    CHECK_OK(nsw_workflow_tick(flow, wake));
    action = next(flow);
    CHECK(action.kind == NSW_ACTION_STOP && action.attempt == 2 && action.worker == 0);
    CHECK_STATUS(nsw_workflow_finished(flow, 0, 2, wake), NSW_ERR_TASK_ATTEMPT);
    CHECK_OK(nsw_workflow_wake_at(flow, &wake));
    CHECK(wake == 2510 + 3 * SECOND);
    CHECK_OK(nsw_workflow_tick(flow, wake));
    CHECK(next(flow).attempt == 3);
    CHECK_OK(nsw_workflow_tick(flow, wake + 3 * SECOND));
    CHECK(next(flow).kind == NSW_ACTION_STOP);
    action = next(flow);
    CHECK(action.kind == NSW_ACTION_SETTLED && action.state == NSW_TASK_TIMED_OUT);
    action = next(flow);
    CHECK(action.kind == NSW_ACTION_END && action.state == NSW_TASK_FAILED);
    CHECK_OK(nsw_workflow_wake_at(flow, &wake));
    CHECK(wake == UINT64_MAX);
    nsw_workflow_destroy(flow);
}

static void a_worker_is_lost(void) {
    nsw_workflow_config cfg = config_of(2, 2);
    nsw_workflow *flow = made(&cfg);
    nsw_placement placement = NSW_PLACEMENT_INIT;
    CHECK_OK(nsw_workflow_set_speed(flow, 0, 4));
    uint32_t a = add(flow, 2, NSW_OUTERMOST), b = add(flow, 2, NSW_OUTERMOST);
    CHECK_OK(nsw_workflow_set_seconds(flow, b, 1, INFINITY));
    CHECK_OK(nsw_workflow_add_edge(flow, a, b, 0));
    CHECK_OK(nsw_workflow_placement(flow, a, &placement));
    CHECK(placement.worker == NSW_NO_WORKER);
    CHECK_OK(nsw_workflow_start(flow, 0));
    CHECK(next(flow).worker == 0);
    CHECK_OK(nsw_workflow_worker_lost(flow, 0, SECOND));
    CHECK_STATUS(nsw_workflow_worker_lost(flow, 0, SECOND), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_worker_lost(flow, 2, SECOND), NSW_ERR_TASK_UNKNOWN);
    nsw_action stop = next(flow), start = next(flow);
    CHECK(stop.kind == NSW_ACTION_STOP && stop.worker == 0);
    CHECK(start.kind == NSW_ACTION_START && start.worker == 1 && start.attempt == 2);
    CHECK_STATUS(nsw_workflow_finished(flow, a, 1, 2 * SECOND), NSW_ERR_TASK_ATTEMPT);
    CHECK_OK(nsw_workflow_finished(flow, a, 2, 2 * SECOND));
    /* Worker 1 cannot do the other. */
    CHECK(next(flow).kind == NSW_ACTION_SETTLED);
    CHECK(next(flow).kind == 0 && state_of(flow, b) == NSW_TASK_READY);
    CHECK_OK(nsw_workflow_placement(flow, b, &placement));
    CHECK(placement.worker == NSW_NO_WORKER);
    CHECK_OK(nsw_workflow_worker_joined(flow, 0, 3 * SECOND));
    CHECK_STATUS(nsw_workflow_worker_joined(flow, 0, 3 * SECOND), NSW_ERR_TASK_STATE);
    CHECK(next(flow).task == b);
    CHECK_OK(nsw_workflow_cancel_all(flow));
    CHECK(next(flow).kind == NSW_ACTION_STOP && next(flow).state == NSW_TASK_CANCELLED);
    CHECK(next(flow).state == NSW_TASK_CANCELLED);
    nsw_workflow_destroy(flow);
}

static void tasks_of_tasks(void) {
    nsw_workflow_config cfg = config_of(4, 4);
    cfg.keep_going = 1;
    nsw_workflow *flow = made(&cfg);
    uint32_t sub = 0, inner = 0, none = 0;
    uint32_t alone = add(flow, 1, NSW_OUTERMOST);
    CHECK_OK(nsw_workflow_add_subflow(flow, NSW_OUTERMOST, 5, &sub));
    CHECK(sub != NSW_OUTERMOST);
    CHECK_OK(nsw_workflow_add_subflow(flow, sub, 0, &inner));
    CHECK_STATUS(nsw_workflow_add_subflow(flow, sub, 0, &none), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_workflow_add_subflow(flow, alone, 256, &none), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_workflow_add_subflow(flow, sub, 0, NULL), NSW_ERR_NULL);
    uint32_t part = add(flow, 1, sub), deep = add(flow, 1, inner), behind = add(flow, 1, 0);
    CHECK_OK(nsw_workflow_add_edge(flow, part, inner, 1));
    CHECK_OK(nsw_workflow_add_edge(flow, sub, behind, 1));
    CHECK_OK(nsw_workflow_start(flow, 0));
    CHECK(state_of(flow, sub) == NSW_TASK_RUNNING && state_of(flow, inner) == NSW_TASK_PENDING);
    CHECK_OK(nsw_workflow_cancel(flow, inner, 1));
    CHECK_STATUS(nsw_workflow_cancel(flow, inner, 1), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_cancel(flow, 77, 1), NSW_ERR_TASK_UNKNOWN);
    CHECK(state_of(flow, deep) == NSW_TASK_CANCELLED && state_of(flow, sub) == NSW_TASK_CANCELLED);
    CHECK(state_of(flow, behind) == NSW_TASK_CANCELLED);
    CHECK(state_of(flow, part) == NSW_TASK_ASSIGNED && state_of(flow, alone) == NSW_TASK_ASSIGNED);
    nsw_workflow_destroy(flow);
}

static void what_cannot_be(void) {
    nsw_workflow_config cfg = config_of(2, 1);
    size_t size = 0, align = 0;
    CHECK_MADE(workflow, &cfg);
    CHECK_SIZED(workflow, &cfg);
    cfg.jitter = 1.5;
    CHECK_STATUS(nsw_workflow_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.jitter = 0, cfg.late = 0.5;
    CHECK_STATUS(nsw_workflow_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.late = 0, cfg.subflows = 1u << 30;
    CHECK_STATUS(nsw_workflow_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.subflows = 0, cfg.reserved = 1;
    CHECK_STATUS(nsw_workflow_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.reserved = 0;
    nsw_workflow *flow = made(&cfg);
    nsw_task_options options = NSW_TASK_OPTIONS_INIT;
    nsw_action action = NSW_ACTION_INIT;
    uint32_t number = 0;
    CHECK_STATUS(nsw_workflow_start(flow, 0), NSW_ERR_TASK_STATE);
    options.priority = 256;
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, NULL), NSW_ERR_INVALID);
    options.priority = 0, options.work = -1;
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, NULL), NSW_ERR_INVALID);
    options.work = 0, options.within = 5;
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, NULL), NSW_ERR_TASK_UNKNOWN);
    options.within = UINT32_MAX;
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, NULL), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_workflow_add_subflow(flow, UINT32_MAX, 0, &number), NSW_ERR_TASK_UNKNOWN);
    options.size = 3;
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, NULL), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_workflow_add_task(flow, NULL, NULL), NSW_ERR_NULL);
    /* A place for the number that it cannot have: no task is added. */
    options = (nsw_task_options)NSW_TASK_OPTIONS_INIT;
    uint32_t *odd = (uint32_t *)(void *)((char *)&number + 1);
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, odd), NSW_ERR_ALIGNMENT);
    add(flow, 1, NSW_OUTERMOST);
    add(flow, 1, NSW_OUTERMOST);
    options = (nsw_task_options)NSW_TASK_OPTIONS_INIT;
    CHECK_STATUS(nsw_workflow_add_task(flow, &options, &number), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_workflow_add_edge(flow, 1, 1, 0), NSW_ERR_TASK_CYCLE);
    CHECK_STATUS(nsw_workflow_add_edge(flow, 1, 2, 0), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_workflow_tick(flow, 9), NSW_OK);
    CHECK_STATUS(nsw_workflow_cancel(flow, 0, 9), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_started(flow, 0, 1, 9), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_failed(flow, 0, 1, 9), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_set_links(flow, -1, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_workflow_set_links(flow, 0, 0), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_workflow_set_links(flow, NAN, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_workflow_set_links(NULL, 0, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_set_links(OTHER(workflow), 0, 1), NSW_ERR_HANDLE);
    CHECK_OK(nsw_workflow_start(flow, 0));
    CHECK_STATUS(nsw_workflow_set_links(flow, 0, 1), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_set_speed(flow, 0, 1), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_set_link(flow, 0, 0, 1, 1), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_workflow_set_seconds(flow, 0, 0, 1), NSW_ERR_TASK_STATE);
    /* No action is lost by a struct that cannot hold it. */
    CHECK_STATUS(nsw_workflow_next_action(flow, NULL), NSW_ERR_NULL);
    action.size = 4;
    CHECK_STATUS(nsw_workflow_next_action(flow, &action), NSW_ERR_STRUCT_SIZE);
    nsw_action begun = next(flow);
    CHECK(begun.kind == NSW_ACTION_START && begun.attempt == 1);
    /* Only the attempt that is under way can fail. */
    CHECK_STATUS(nsw_workflow_failed(flow, begun.task, 2, 1), NSW_ERR_TASK_ATTEMPT);
    CHECK_STATUS(nsw_workflow_failed(flow, 1 - begun.task, 1, 1), NSW_ERR_TASK_ATTEMPT);
    CHECK_STATUS(nsw_workflow_failed(flow, 2, 1, 1), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_workflow_failed(NULL, 0, 1, 1), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_failed(OTHER(workflow), 0, 1, 1), NSW_ERR_HANDLE);
    CHECK(state_of(flow, begun.task) == NSW_TASK_ASSIGNED);
    CHECK_OK(nsw_workflow_failed(flow, begun.task, 1, 1));
    CHECK_STATUS(nsw_workflow_failed(flow, begun.task, 1, 1), NSW_ERR_TASK_ATTEMPT);
    CHECK_STATUS(nsw_workflow_state(flow, 2, &number), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_workflow_state(flow, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_attempt(flow, 1, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_placement(flow, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_open(flow, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_plans(NULL, &number), NSW_ERR_NULL);
    CHECK_STATUS(nsw_workflow_tick(OTHER(workflow), 0), NSW_ERR_HANDLE);
    nsw_workflow_destroy(flow);
}

/* When a task that failed is tried again, with waits that are wholly by chance. No search is made. */
static uint64_t wait_with(uint64_t seed) {
    nsw_workflow_config cfg = config_of(2, 1);
    uint64_t wake_us = 0;
    cfg.seed = seed, cfg.jitter = 1, cfg.search_rounds = NSW_TASK_NONE;
    nsw_workflow *flow = made(&cfg);
    add(flow, 1, NSW_OUTERMOST);
    CHECK_OK(nsw_workflow_start(flow, 0));
    CHECK(next(flow).kind == NSW_ACTION_START);
    CHECK_OK(nsw_workflow_failed(flow, 0, 1, 0));
    CHECK_OK(nsw_workflow_wake_at(flow, &wake_us));
    nsw_workflow_destroy(flow);
    return wake_us;
}

static void defaults(void) {
    CHECK(wait_with(0) == wait_with(1));
    CHECK(wait_with(0) != wait_with(2));
}

int main(void) {
    defaults();
    each_result_once();
    again_and_again();
    a_worker_is_lost();
    tasks_of_tasks();
    what_cannot_be();
    return check_report("workflow");
}
