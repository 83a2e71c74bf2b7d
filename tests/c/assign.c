/*
 * The exact assignment, and tasks given to agents that have limits.
 */
#include "task.h"

static nsw_assigner *assigner(uint32_t rows, uint32_t columns, uint32_t tall) {
    nsw_assigner_config cfg = NSW_ASSIGNER_CONFIG_INIT;
    nsw_assigner *made = NULL;
    cfg.rows = rows, cfg.columns = columns, cfg.tall = tall;
    REQUIRE_OK(nsw_assigner_create(&cfg, NULL, &made));
    return made;
}

static void known_answers(void) {
    const double costs[] = {4, 1, 3, 2, INFINITY, 5, 3, 2, 2};
    double total = 0, row[3], column[3];
    uint32_t columns[3], rows[3];
    size_t len = 9;
    nsw_assigner *a = assigner(3, 3, 0);
    CHECK_OK(nsw_assigner_columns(a, columns, 3, &len));
    CHECK_SIZE(len, 0);
    CHECK_OK(nsw_assigner_solve(a, 3, 3, costs, 9, &total));
    CHECK(total == 5);
    CHECK_OK(nsw_assigner_columns(a, columns, 3, &len));
    CHECK(len == 3 && columns[0] == 1 && columns[1] == 0 && columns[2] == 2);
    CHECK_OK(nsw_assigner_rows(a, rows, 3, NULL));
    CHECK(rows[0] == 1 && rows[1] == 0 && rows[2] == 2);
    CHECK_OK(nsw_assigner_row_prices(a, row, 3, &len));
    CHECK_OK(nsw_assigner_column_prices(a, column, 3, &len));
    double sum = 0;
    for (size_t i = 0; i < 3; i++) {
        sum += row[i] + column[i];
        for (size_t j = 0; j < 3; j++) {
            CHECK(row[i] + column[j] <= costs[3 * i + j]);
        }
    }
    CHECK(sum == total);
    /* A buffer that is too small is told, and nothing is lost. */
    CHECK_STATUS(nsw_assigner_columns(a, columns, 2, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 3);
    CHECK_STATUS(nsw_assigner_rows(a, NULL, 3, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_assigner_row_prices(a, row, 0, NULL), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_STATUS(nsw_assigner_column_prices(a, column, 2, &len), NSW_ERR_BUFFER_TOO_SMALL);
    nsw_assigner_destroy(a);

    /* More rows than columns: some row has nobody. */
    const double tall[] = {5, 9, 1};
    a = assigner(3, 1, 1);
    CHECK_OK(nsw_assigner_solve(a, 3, 1, tall, 3, &total));
    CHECK_OK(nsw_assigner_columns(a, columns, 3, &len));
    CHECK(total == 1 && columns[0] == NSW_UNASSIGNED && columns[2] == 0);
    nsw_assigner_destroy(a);
}

static void assigner_misuse(void) {
    nsw_assigner_config cfg = NSW_ASSIGNER_CONFIG_INIT;
    size_t size = 0, align = 0, len = 0;
    CHECK_MADE(assigner, &cfg);
    CHECK_SIZED(assigner, &cfg);
    cfg.rows = (1u << 24) + 1;
    CHECK_STATUS(nsw_assigner_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    nsw_assigner *a = assigner(2, 2, 0);
    const double costs[] = {1, 2, 3, 4}, nan[] = {1, NAN, 3, 4};
    const double never[] = {1, INFINITY, 3, INFINITY};
    double total = 7;
    CHECK_OK(nsw_assigner_solve(a, 2, 2, costs, 4, NULL));
    CHECK_STATUS(nsw_assigner_solve(a, 2, 2, costs, 3, &total), NSW_ERR_LENGTH);
    CHECK_OK(nsw_assigner_columns(a, NULL, 0, &len));
    CHECK_SIZE(len, 0);
    CHECK_STATUS(nsw_assigner_solve(a, 3, 2, costs, 6, &total), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_assigner_solve(a, 2, 1, costs, 2, &total), NSW_ERR_CAPACITY);
    CHECK_STATUS(nsw_assigner_solve(a, 0, 2, costs, 0, &total), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_assigner_solve(a, 2, 2, nan, 4, &total), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_assigner_solve(a, 2, 2, never, 4, &total), NSW_ERR_TASK_INFEASIBLE);
    CHECK_STATUS(nsw_assigner_solve(a, 2, 2, NULL, 4, &total), NSW_ERR_NULL);
    CHECK_STATUS(nsw_assigner_solve(a, 2, 2, costs, SIZE_MAX, &total), NSW_ERR_OVERFLOW);
    CHECK_STATUS(nsw_assigner_solve(NULL, 2, 2, costs, 4, &total), NSW_ERR_NULL);
    CHECK_STATUS(nsw_assigner_solve(OTHER(assigner), 2, 2, costs, 4, &total), NSW_ERR_HANDLE);
    CHECK(total == 7);
    nsw_assigner_destroy(a);
}

enum { TASKS = 3, AGENTS = 2 };

static nsw_allocation problem(const nsw_task_needs *tasks, const nsw_agent_limits *agents) {
    nsw_allocation p = NSW_ALLOCATION_INIT;
    p.tasks = tasks, p.tasks_len = TASKS, p.agents = agents, p.agents_len = AGENTS;
    return p;
}

static void limits(void) {
    nsw_task_allocator_config cfg = NSW_TASK_ALLOCATOR_CONFIG_INIT;
    nsw_task_allocator *a = NULL;
    /* The last one is none. */
    nsw_task_needs tasks[TASKS + 1] = {NSW_TASK_NEEDS_INIT, NSW_TASK_NEEDS_INIT,
                                       NSW_TASK_NEEDS_INIT};
    nsw_agent_limits agents[AGENTS] = {NSW_AGENT_LIMITS_INIT, NSW_AGENT_LIMITS_INIT};
    const uint64_t times[] = {9000000, 1000000, 1000000, 2000000, 1000000, 3000000};
    const double costs[] = {9, 1, 1, 2, 1, 3}, energies[] = {1, 1, 1, 1, 1, 1};
    nsw_allocated found = NSW_ALLOCATED_INIT;
    uint32_t agent_of[TASKS];
    size_t len = 0;
    cfg.tasks = TASKS, cfg.agents = AGENTS;
    CHECK_MADE(task_allocator, &cfg);
    CHECK_SIZED(task_allocator, &cfg);
    REQUIRE_OK(nsw_task_allocator_create(&cfg, NULL, &a));
    /* The first needs a skill that only the first agent has. */
    tasks[0].skills = 2;
    agents[0].capacity = agents[1].capacity = 2;
    agents[1].skills = 1;
    nsw_allocation p = problem(tasks, agents);
    p.times_us = times, p.times_len = 6;
    CHECK_OK(nsw_task_allocator_allocate(a, &p, &found));
    CHECK(found.cost == 12 && found.bound == 12 && found.repairs == 0 && found.skipped == 0);
    CHECK_OK(nsw_task_allocator_agents(a, agent_of, TASKS, &len));
    CHECK(len == 3 && agent_of[0] == 0 && agent_of[1] == 1 && agent_of[2] == 0);
    CHECK_STATUS(nsw_task_allocator_agents(a, agent_of, 2, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 3);
    /* Costs instead of times; a lost agent gets nothing; a task may be left for nothing. */
    p = problem(tasks, agents);
    p.costs = costs, p.costs_len = 6, p.second = NSW_ZERO;
    agents[0].capacity = NSW_TASK_NONE;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_TASK_INFEASIBLE);
    CHECK_OK(nsw_task_allocator_agents(a, agent_of, TASKS, &len));
    CHECK_SIZE(len, 0);
    tasks[0].skip_cost = NSW_ZERO;
    CHECK_OK(nsw_task_allocator_allocate(a, &p, &found));
    CHECK_OK(nsw_task_allocator_agents(a, agent_of, TASKS, NULL));
    CHECK(found.cost == 5 && found.skipped == 1);
    CHECK(agent_of[0] == NSW_UNASSIGNED && agent_of[1] == 1 && agent_of[2] == 1);
    /* Energy for one alone: that takes a repair, which may be forbidden. */
    tasks[1].skip_cost = tasks[2].skip_cost = 100;
    p.energies_j = energies, p.energies_len = 6;
    agents[1].energy_j = 1;
    CHECK_OK(nsw_task_allocator_allocate(a, &p, &found));
    CHECK(found.cost == 102 && found.repairs == 1 && found.skipped == 2 && found.bound == 5);
    p.repairs = NSW_TASK_NONE;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_TASK_BUDGET);
    p.repairs = 0;
    agents[1].energy_j = NSW_ZERO;
    CHECK_OK(nsw_task_allocator_allocate(a, &p, NULL));
    /* A deadline, and a battery that makes joules dear. */
    agents[1].energy_j = 0, agents[1].battery = NSW_ZERO;
    p.joule = 1, p.empty = 2;
    CHECK_OK(nsw_task_allocator_allocate(a, &p, &found));
    CHECK(found.cost == 2 + 3 + 3 + 3);
    agents[1].free_at_us = 11, tasks[1].deadline_us = 10;
    CHECK_OK(nsw_task_allocator_allocate(a, &p, &found));
    CHECK(found.skipped == 2);

    /* What cannot be. */
    p.costs_len = 5;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_LENGTH);
    p.costs_len = 6, p.costs = NULL;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_NULL);
    p.costs = costs, p.tasks_len = TASKS + 1, p.costs_len = p.energies_len = 0;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_STRUCT_SIZE);
    p.tasks_len = SIZE_MAX;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_OVERFLOW);
    p.tasks_len = TASKS, tasks[1].size--;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_STRUCT_SIZE);
    tasks[1].size++, tasks[2].reserved = 1;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_INVALID);
    tasks[2].reserved = 0, agents[0].battery = 1.5;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_INVALID);
    agents[0].battery = 0, p.second = NAN;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_INVALID);
    p.second = 0, found.size = 5;
    CHECK_STATUS(nsw_task_allocator_allocate(a, &p, &found), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_task_allocator_allocate(a, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_task_allocator_allocate(OTHER(task_allocator), &p, NULL), NSW_ERR_HANDLE);
    nsw_task_allocator_destroy(a);
    cfg.tasks = 65537;
    CHECK_STATUS(nsw_task_allocator_footprint(&cfg, &len, &len), NSW_ERR_INVALID);
}

int main(void) {
    known_answers();
    assigner_misuse();
    limits();
    return check_report("assign");
}
