/*
 * Graphs of tasks and their schedules.
 */
#include "task.h"

static nsw_dag *graph(uint32_t tasks, uint32_t edges, uint32_t workers) {
    nsw_dag_config cfg = NSW_DAG_CONFIG_INIT;
    nsw_dag *made = NULL;
    cfg.tasks = tasks, cfg.edges = edges, cfg.workers = workers;
    REQUIRE_OK(nsw_dag_create(&cfg, NULL, &made));
    return made;
}

static nsw_scheduler *scheduler(uint32_t tasks, uint32_t workers) {
    nsw_scheduler_config cfg = NSW_SCHEDULER_CONFIG_INIT;
    nsw_scheduler *made = NULL;
    cfg.tasks = tasks, cfg.workers = workers;
    REQUIRE_OK(nsw_scheduler_create(&cfg, NULL, &made));
    return made;
}

enum { TASKS = 10, EDGES = 15, WORKERS = 3 };

/* The example of the paper on HEFT (its figure 2). */
static nsw_dag *published(void) {
    static const double seconds[TASKS][WORKERS] = {
        {14, 16, 9}, {13, 19, 18}, {11, 13, 19}, {13, 8, 17},  {12, 13, 10},
        {13, 16, 9}, {7, 15, 11},  {5, 11, 14},  {18, 12, 20}, {21, 7, 16}};
    static const uint32_t edges[EDGES][3] = {
        {0, 1, 18}, {0, 2, 12}, {0, 3, 9},  {0, 4, 11}, {0, 5, 14}, {1, 7, 19}, {1, 8, 16},
        {2, 6, 23}, {3, 7, 27}, {3, 8, 23}, {4, 8, 13}, {5, 7, 15}, {6, 9, 17}, {7, 9, 11}, {8, 9, 13}};
    nsw_dag *dag = graph(TASKS, EDGES, WORKERS);
    CHECK_OK(nsw_dag_set_links(dag, 0, 1));
    for (uint32_t t = 0; t < TASKS; t++) {
        uint32_t number = 99;
        CHECK_OK(nsw_dag_add_task(dag, 0, &number));
        CHECK(number == t);
        for (uint32_t w = 0; w < WORKERS; w++) {
            CHECK_OK(nsw_dag_set_seconds(dag, t, w, seconds[t][w]));
        }
    }
    for (size_t e = 0; e < EDGES; e++) {
        CHECK_OK(nsw_dag_add_edge(dag, edges[e][0], edges[e][1], edges[e][2]));
    }
    CHECK_OK(nsw_dag_build(dag));
    return dag;
}

/* That a schedule is one: data is there before a task begins, workers do one thing at a time. */
static void check_schedule(const nsw_dag *dag, const nsw_scheduler *s, double makespan) {
    nsw_placement all[TASKS] = {NSW_PLACEMENT_INIT};
    size_t len = 0, count = 0;
    double end = 0, told = 0;
    CHECK_OK(nsw_scheduler_placements(s, all, TASKS, &len));
    CHECK_SIZE(len, TASKS);
    for (uint32_t t = 0; t < TASKS; t++) {
        nsw_placement one = NSW_PLACEMENT_INIT;
        uint32_t from[TASKS];
        double bytes[TASKS], seconds = 0;
        CHECK_OK(nsw_scheduler_placement(s, t, &one));
        CHECK(memcmp(&one, &all[t], sizeof one) == 0);
        CHECK_OK(nsw_dag_seconds(dag, t, one.worker, &seconds));
        CHECK(fabs(one.finish - one.start - seconds) < 1e-9);
        end = one.finish > end ? one.finish : end;
        CHECK_OK(nsw_dag_before(dag, t, from, bytes, TASKS, &len));
        for (size_t k = 0; k < len; k++) {
            double way = 0;
            CHECK_OK(nsw_dag_transfer(dag, bytes[k], all[from[k]].worker, one.worker, &way));
            CHECK(all[from[k]].finish + way <= one.start + 1e-9);
        }
    }
    for (uint32_t w = 0; w < WORKERS; w++) {
        uint32_t own[TASKS];
        CHECK_OK(nsw_scheduler_tasks_of(s, w, own, TASKS, &len));
        for (size_t k = 1; k < len; k++) {
            CHECK(all[own[k - 1]].finish <= all[own[k]].start + 1e-9);
        }
        for (size_t k = 0; k < len; k++) {
            CHECK(all[own[k]].worker == w);
        }
        count += len;
    }
    CHECK_OK(nsw_scheduler_makespan(s, &told));
    CHECK(count == TASKS && end == makespan && told == makespan);
}

static void the_published_example(void) {
    nsw_dag *dag = published();
    nsw_scheduler *s = scheduler(TASKS, WORKERS);
    nsw_dag_info info = NSW_DAG_INFO_INIT;
    double heft = 0, peft = 0, bound = 0, made = 0, again = 0;
    uint32_t order[TASKS], ends[TASKS];
    size_t len = 0;
    CHECK_OK(nsw_dag_describe(dag, &info));
    CHECK(info.tasks == TASKS && info.edges == EDGES);
    CHECK(info.workers == WORKERS && info.built == 1);
    CHECK_OK(nsw_dag_order(dag, order, TASKS, &len));
    CHECK(len == TASKS && order[0] == 0 && order[9] == 9);
    CHECK_OK(nsw_dag_after(dag, 0, ends, NULL, TASKS, &len));
    CHECK(len == 5 && ends[0] == 1 && ends[4] == 5);
    CHECK_STATUS(nsw_dag_after(dag, 0, ends, NULL, 4, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5);
    CHECK_OK(nsw_dag_after(dag, TASKS, ends, NULL, 4, &len));
    CHECK_SIZE(len, 0);
    CHECK_OK(nsw_scheduler_lower_bound(s, dag, &bound));
    CHECK_OK(nsw_scheduler_heft(s, dag, &heft));
    CHECK(heft == 80);
    check_schedule(dag, s, heft);
    CHECK_OK(nsw_scheduler_peft(s, dag, &peft));
    check_schedule(dag, s, peft);
    for (uint32_t rank = NSW_RANK_MEAN; rank <= NSW_RANK_WITHOUT_TRANSFERS; rank++) {
        for (uint32_t rule = NSW_RULE_FINISH; rule <= NSW_RULE_APPEND; rule++) {
            CHECK_OK(nsw_scheduler_list(s, dag, rank, rule, NULL, &made));
            CHECK(made >= bound);
            check_schedule(dag, s, made);
        }
    }
    CHECK_OK(nsw_scheduler_search(s, dag, 0, 1, NULL, &made));
    check_schedule(dag, s, made);
    CHECK(made <= heft && made <= peft && made >= bound);
    CHECK_OK(nsw_scheduler_search(s, dag, 200, 1, NULL, &again));
    CHECK(again == made);
    CHECK_OK(nsw_scheduler_search(s, dag, NSW_TASK_NONE, 1, NULL, &again));
    CHECK(again >= made && again <= heft);
    CHECK_STATUS(nsw_scheduler_list(s, dag, 4, 0, NULL, NULL), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 3, NULL, NULL), NSW_ERR_INVALID);
    nsw_scheduler_destroy(s);
    nsw_dag_destroy(dag);
}

static void in_the_middle_of_a_run(void) {
    nsw_dag *dag = published();
    nsw_scheduler *s = scheduler(TASKS, WORKERS);
    nsw_placement fixed[TASKS] = {NSW_PLACEMENT_INIT}, one = NSW_PLACEMENT_INIT;
    nsw_situation given = NSW_SITUATION_INIT;
    uint8_t lost[WORKERS] = {0, 0, 1}, priorities[TASKS] = {0};
    size_t len = 0;
    double made = 0;
    CHECK_OK(nsw_scheduler_heft(s, dag, NULL));
    CHECK_OK(nsw_scheduler_placements(s, fixed, TASKS, &len));
    /* At 30 worker 2 is lost, and what it has not done with it. */
    given.now = 30;
    for (size_t t = 0; t < TASKS; t++) {
        if (fixed[t].start > 30 || (fixed[t].worker == 2 && fixed[t].finish > 30)) {
            fixed[t].worker = NSW_NO_WORKER;
        }
    }
    given.fixed = fixed, given.fixed_len = TASKS, given.lost = lost, given.lost_len = WORKERS;
    for (int search = 0; search < 2; search++) {
        CHECK_OK(search ? nsw_scheduler_search(s, dag, 20, 1, &given, &made)
                        : nsw_scheduler_list(s, dag, 0, 0, &given, &made));
        for (uint32_t t = 0; t < TASKS; t++) {
            CHECK_OK(nsw_scheduler_placement(s, t, &one));
            if (fixed[t].worker == NSW_NO_WORKER) {
                CHECK(one.worker != 2 && one.start >= 30 && one.finish <= made);
            } else {
                CHECK(memcmp(&one, &fixed[t], sizeof one) == 0);
            }
        }
    }
    /* What is urgent comes early. */
    given = (nsw_situation)NSW_SITUATION_INIT;
    priorities[3] = 9;
    given.priorities = priorities, given.priorities_len = TASKS;
    CHECK_OK(nsw_scheduler_list(s, dag, 0, 0, &given, NULL));
    CHECK_OK(nsw_scheduler_placement(s, 3, &one));
    CHECK(one.start < 26);
    /* What is wrong is refused, and nothing stays to be read. */
    priorities[3] = 0, given.priorities_len = 9;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_LENGTH);
    CHECK_OK(nsw_scheduler_placements(s, NULL, 0, &len));
    CHECK_SIZE(len, 0);
    CHECK_OK(nsw_scheduler_placement(s, 0, &one));
    CHECK(one.worker == NSW_NO_WORKER);
    given.priorities_len = 0, given.lost = lost, given.lost_len = 2;
    CHECK_STATUS(nsw_scheduler_search(s, dag, 1, 1, &given, NULL), NSW_ERR_LENGTH);
    given.lost_len = 4;
    CHECK_STATUS(nsw_scheduler_search(s, dag, 1, 1, &given, NULL), NSW_ERR_LENGTH);
    given.lost_len = WORKERS, lost[0] = lost[1] = 1;
    CHECK_STATUS(nsw_scheduler_search(s, dag, 1, 1, &given, NULL), NSW_ERR_TASK_INFEASIBLE);
    given.lost = NULL;
    CHECK_STATUS(nsw_scheduler_search(s, dag, 1, 1, &given, NULL), NSW_ERR_NULL);
    given.lost_len = 0, given.fixed = fixed, given.fixed_len = TASKS + 1;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_LENGTH);
    given.fixed_len = TASKS, fixed[4].size = 8;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_STRUCT_SIZE);
    fixed[4].size = sizeof one, fixed[4].worker = 3;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_INVALID);
    given.fixed_len = 0, given.now = NAN;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_INVALID);
    given.now = 0, given.reserved = 1;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_INVALID);
    given.reserved = 0, given.size = 4;
    CHECK_STATUS(nsw_scheduler_list(s, dag, 0, 0, &given, NULL), NSW_ERR_STRUCT_SIZE);
    nsw_scheduler_destroy(s);
    nsw_dag_destroy(dag);
}

static void graphs_that_cannot_be(void) {
    nsw_dag_config cfg = NSW_DAG_CONFIG_INIT;
    nsw_scheduler_config small = NSW_SCHEDULER_CONFIG_INIT;
    nsw_dag_info info = NSW_DAG_INFO_INIT;
    size_t size = 0, align = 0;
    double seconds = 0;
    uint32_t tasks[2];
    CHECK_MADE(dag, &cfg);
    CHECK_SIZED(dag, &cfg);
    CHECK_MADE(scheduler, &small);
    CHECK_SIZED(scheduler, &small);
    cfg.workers = 65536;
    CHECK_STATUS(nsw_dag_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    cfg.workers = 65535, cfg.tasks = 1u << 24;
    nsw_status status = nsw_dag_footprint(&cfg, &size, &align);
    CHECK(status == (sizeof(void *) == 8 ? NSW_OK : NSW_ERR_OVERFLOW));
    small.tasks = (1u << 24) + 1;
    CHECK_STATUS(nsw_scheduler_footprint(&small, &size, &align), NSW_ERR_INVALID);
    small.tasks = 1, small.reserved = 1;
    CHECK_STATUS(nsw_scheduler_footprint(&small, &size, &align), NSW_ERR_INVALID);

    nsw_dag *dag = graph(2, NSW_TASK_NONE, 2);
    CHECK_STATUS(nsw_dag_add_edge(dag, 0, 1, 0), NSW_ERR_CAPACITY);
    nsw_dag_destroy(dag);
    dag = graph(2, 2, 2);
    CHECK_STATUS(nsw_dag_build(dag), NSW_ERR_TASK_STATE);
    CHECK_OK(nsw_dag_set_speed(dag, 1, 2));
    CHECK_STATUS(nsw_dag_set_speed(dag, 2, 2), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_dag_set_speed(dag, 1, 0), NSW_ERR_INVALID);
    CHECK_OK(nsw_dag_set_link(dag, 0, 1, 1, INFINITY));
    CHECK_STATUS(nsw_dag_set_link(dag, 0, 0, 1, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dag_set_link(dag, 0, 2, 1, 1), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_dag_set_links(dag, NAN, 1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dag_add_task(dag, -1, NULL), NSW_ERR_INVALID);
    CHECK_OK(nsw_dag_add_task(dag, 4, NULL));
    CHECK_OK(nsw_dag_add_task(dag, 4, NULL));
    CHECK_STATUS(nsw_dag_add_task(dag, 4, NULL), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_dag_set_speed(dag, 1, 2), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_dag_add_edge(dag, 0, 2, 0), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_dag_add_edge(dag, 1, 1, 0), NSW_ERR_TASK_CYCLE);
    CHECK_STATUS(nsw_dag_add_edge(dag, 0, 1, NAN), NSW_ERR_INVALID);
    CHECK_OK(nsw_dag_seconds(dag, 1, 1, &seconds));
    CHECK(seconds == 2);
    CHECK_OK(nsw_dag_seconds(dag, 2, 1, &seconds));
    CHECK(isinf(seconds));
    CHECK_OK(nsw_dag_transfer(dag, 9, 0, 1, &seconds));
    CHECK(seconds == 1);
    CHECK_OK(nsw_dag_add_edge(dag, 0, 1, 0));
    CHECK_OK(nsw_dag_add_edge(dag, 1, 0, 0));
    nsw_scheduler *s = scheduler(2, 2);
    CHECK_STATUS(nsw_scheduler_heft(s, dag, NULL), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_dag_build(dag), NSW_ERR_TASK_CYCLE);
    CHECK_OK(nsw_dag_describe(dag, &info));
    CHECK(info.built == 0 && info.edges == 2);
    CHECK_OK(nsw_dag_clear(dag));
    CHECK_OK(nsw_dag_add_task(dag, 4, NULL));
    CHECK_OK(nsw_dag_set_seconds(dag, 0, 0, INFINITY));
    CHECK_OK(nsw_dag_set_seconds(dag, 0, 1, INFINITY));
    CHECK_STATUS(nsw_dag_set_seconds(dag, 1, 1, 1), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_dag_set_seconds(dag, 0, 1, -1), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dag_build(dag), NSW_ERR_TASK_INFEASIBLE);
    CHECK_OK(nsw_dag_set_seconds(dag, 0, 1, 3));
    CHECK_OK(nsw_dag_build(dag));
    CHECK_OK(nsw_scheduler_heft(s, dag, &seconds));
    CHECK(seconds == 3);
    nsw_scheduler *one = scheduler(1, 1);
    CHECK_STATUS(nsw_scheduler_heft(one, dag, NULL), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_scheduler_lower_bound(one, dag, &seconds), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_scheduler_lower_bound(s, dag, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_scheduler_heft(s, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_scheduler_heft(s, (nsw_dag *)(void *)s, NULL), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_scheduler_peft(OTHER(scheduler), dag, NULL), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_dag_build(OTHER(dag)), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_dag_describe(dag, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_dag_order(dag, NULL, 1, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_dag_order(dag, tasks, 0, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_scheduler_makespan(s, NULL), NSW_ERR_NULL);
    nsw_scheduler_destroy(one);
    nsw_scheduler_destroy(s);
    nsw_dag_destroy(dag);
}

/* What is told where it cannot be, or of what there is not. */
static void bad_places(void) {
    nsw_dag *dag = published();
    nsw_scheduler *s = scheduler(TASKS, WORKERS);
    nsw_placement all[TASKS] = {NSW_PLACEMENT_INIT}, one = NSW_PLACEMENT_INIT;
    uint32_t own[TASKS];
    size_t len = 0;
    REQUIRE_OK(nsw_scheduler_heft(s, dag, NULL));
    CHECK_STATUS(nsw_scheduler_placement(NULL, 0, &one), NSW_ERR_NULL);
    CHECK_STATUS(nsw_scheduler_placement(OTHER(scheduler), 0, &one), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_scheduler_placement(s, 0, NULL), NSW_ERR_NULL);
    CHECK_OK(nsw_scheduler_placement(s, TASKS, &one));
    CHECK(one.worker == NSW_NO_WORKER);
    one.size--;
    CHECK_STATUS(nsw_scheduler_placement(s, 0, &one), NSW_ERR_STRUCT_SIZE);

    CHECK_STATUS(nsw_scheduler_placements(NULL, all, TASKS, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_scheduler_placements(OTHER(scheduler), all, TASKS, &len), NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_scheduler_placements(s, all, TASKS - 1, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len == TASKS && all[0].finish == 0);
    CHECK_STATUS(nsw_scheduler_placements(s, NULL, TASKS, &len), NSW_ERR_NULL);
    all[0].size = 0;
    CHECK_STATUS(nsw_scheduler_placements(s, all, TASKS, &len), NSW_ERR_STRUCT_SIZE);
    CHECK(all[0].finish == 0);
    all[0].size = sizeof one;
    CHECK_OK(nsw_scheduler_placements(s, all, TASKS, NULL));
    CHECK(all[0].finish > 0 && all[TASKS - 1].size == sizeof one);

    CHECK_STATUS(nsw_scheduler_tasks_of(NULL, 0, own, TASKS, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_scheduler_tasks_of(OTHER(scheduler), 0, own, TASKS, &len), NSW_ERR_HANDLE);
    const uint32_t worker = all[0].worker;
    CHECK_STATUS(nsw_scheduler_tasks_of(s, worker, own, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK(len > 0 && len <= TASKS);
    CHECK_STATUS(nsw_scheduler_tasks_of(s, worker, NULL, TASKS, &len), NSW_ERR_NULL);
    CHECK_OK(nsw_scheduler_tasks_of(s, WORKERS, NULL, 0, &len));
    CHECK_SIZE(len, 0);
    nsw_scheduler_destroy(s);

    /* The ends of edges and their bytes in the same place. */
    double places[TASKS];
    uint32_t *ends = (uint32_t *)(void *)places;
    CHECK_STATUS(nsw_dag_before(dag, 9, ends, places, TASKS, &len), NSW_ERR_INVALID);
    CHECK_SIZE(len, 3);
    CHECK_STATUS(nsw_dag_before(dag, 9, ends, places + 1, TASKS, &len), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_dag_after(dag, 0, ends, places + 2, TASKS, &len), NSW_ERR_INVALID);
    CHECK_OK(nsw_dag_before(dag, 9, ends, places + 2, 3, &len));
    CHECK(ends[0] == 6 && ends[2] == 8 && places[2] == 17 && places[4] == 13);
    CHECK_STATUS(nsw_dag_before(dag, 9, NULL, places, TASKS, &len), NSW_ERR_NULL);
    double *odd = (double *)(void *)((char *)places + 33);
    CHECK_STATUS(nsw_dag_before(dag, 9, ends, odd, TASKS, &len), NSW_ERR_ALIGNMENT);
    CHECK_STATUS(nsw_dag_before(dag, 9, own, places, 2, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 3);
    CHECK_STATUS(nsw_dag_before(NULL, 9, own, places, TASKS, &len), NSW_ERR_NULL);
    nsw_dag_destroy(dag);
}

static void a_picture(void) {
    nsw_dag *dag = published();
    nsw_scheduler *s = scheduler(TASKS, WORKERS);
    size_t len = 0, again = 0;
    CHECK_OK(nsw_scheduler_heft(s, dag, NULL));
    CHECK_STATUS(nsw_scheduler_gantt(s, NULL, 0, &len), NSW_ERR_BUFFER_TOO_SMALL);
    guarded g = guarded_new(len, 1, 0);
    CHECK_STATUS(nsw_scheduler_gantt(s, g.data, len - 1, &again), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_OK(nsw_scheduler_gantt(s, g.data, len, &again));
    CHECK_SIZE(again, len);
    CHECK(memcmp(g.data, "<svg ", 5) == 0 && memcmp(g.data + len - 7, "</svg>\n", 7) == 0);
    guarded_free(&g);
    nsw_scheduler_destroy(s);
    nsw_dag_destroy(dag);
}

int main(void) {
    the_published_example();
    in_the_middle_of_a_run();
    graphs_that_cannot_be();
    bad_places();
    a_picture();
    return check_report("schedule");
}
