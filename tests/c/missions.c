/* Missions over three members in one process, and all that is refused. */
#include "node.h"

static nsw_missions *crew[MEMBERS];
/* A member's job that is under way, and when it is done. */
static uint64_t jobs[MEMBERS][8];
static uint64_t ends[MEMBERS];
static size_t waiting[MEMBERS];
static uint8_t bytes[MEMBERS][8];
static unsigned done[16], over, dropped;
static uint32_t last_state;

static nsw_missions_config settings_of(size_t i) {
    nsw_missions_config config = NSW_MISSIONS_CONFIG_INIT;
    config.mtu = members[i].info.max_message;
    config.id = members[i].info.id;
    config.seed = i + 1;
    return config;
}

static nsw_mission_task task_of(const char *method, const uint8_t *message) {
    nsw_mission_task task = NSW_MISSION_TASK_INIT;
    task.method = text(method);
    task.method_len = strlen(method);
    task.message = message;
    task.message_len = 1;
    return task;
}

/* Each doubles a number in a tenth of a second, one after the other. */
static void work(size_t i) {
    nsw_mission_event event = NSW_MISSION_EVENT_INIT;
    nsw_status status;
    while ((status = nsw_missions_next(crew[i], &event)) == NSW_OK) {
        switch (event.kind) {
        case NSW_MISSIONS_WORK:
            CHECK(event.method_len == 5 && memcmp(event.method, "twice", 5) == 0);
            CHECK(event.message_len == 1 && event.deadline_us > now && event.work == 1.0f);
            CHECK(event.member == members[0].info.id);
            CHECK_STATUS(nsw_missions_finish(crew[i], event.number, event.message, 1, now),
                         NSW_ERR_INVALID);
            REQUIRE(waiting[i] < 8);
            bytes[i][waiting[i]] = event.message[0];
            jobs[i][waiting[i]++] = event.number;
            if (waiting[i] == 1) {
                ends[i] = now + 100 * MS;
            }
            break;
        case NSW_MISSIONS_DROPPED:
            dropped++;
            for (size_t k = 0; k < waiting[i]; k++) {
                if (jobs[i][k] == event.number) {
                    waiting[i]--;
                    memmove(&jobs[i][k], &jobs[i][k + 1], (waiting[i] - k) * sizeof jobs[i][k]);
                    memmove(&bytes[i][k], &bytes[i][k + 1], waiting[i] - k);
                }
            }
            break;
        case NSW_MISSIONS_DONE:
            REQUIRE(event.task < 16);
            CHECK(event.message_len == 1 && event.message[0] == 2 * event.task);
            CHECK(event.member != 0);
            done[event.task]++;
            break;
        default:
            CHECK(event.kind == NSW_MISSIONS_OVER);
            last_state = event.state;
            over++;
        }
    }
    CHECK_STATUS(status, NSW_DONE);
    if (waiting[i] > 0 && ends[i] <= now) {
        const uint8_t twice = (uint8_t)(2 * bytes[i][0]);
        if (bytes[i][0] == 99) {
            CHECK_OK(nsw_missions_fail(crew[i], jobs[i][0], now));
        } else {
            CHECK_OK(nsw_missions_finish(crew[i], jobs[i][0], &twice, 1, now));
        }
        CHECK_STATUS(nsw_missions_fail(crew[i], jobs[i][0], now), NSW_ERR_NODE_REQUEST);
        waiting[i]--;
        memmove(&jobs[i][0], &jobs[i][1], waiting[i] * sizeof jobs[i][0]);
        memmove(&bytes[i][0], &bytes[i][1], waiting[i]);
        ends[i] = now + 100 * MS;
    }
}

/* Time passes until so many missions are over. */
static void until_over(unsigned count) {
    for (int turn = 0; turn < 60000 && over < count; turn++) {
        run(MS);
        for (size_t i = 0; i < MEMBERS; i++) {
            work(i);
        }
    }
    REQUIRE(over == count);
}

static nsw_mission_progress progress_of(uint64_t mission) {
    nsw_mission_progress progress = NSW_MISSION_PROGRESS_INIT;
    CHECK_OK(nsw_missions_progress(crew[0], mission, &progress));
    return progress;
}

static void missions_are_done(void) {
    for (size_t i = 0; i < MEMBERS; i++) {
        nsw_missions_config config = settings_of(i);
        size_t size = 0, align = 0;
        CHECK_OK(nsw_missions_footprint(&config, &size, &align));
        CHECK(size > 1000 && align >= 8);
        CHECK_OK(nsw_missions_create(&config, NULL, &crew[i]));
        members[i].parts.missions = crew[i];
        nsw_offer offer = NSW_OFFER_INIT;
        offer.skills = 1u << i;
        offer.speed = 10;
        CHECK_OK(nsw_missions_set_offer(crew[i], &offer));
    }
    uint8_t numbers[12];
    nsw_mission_task tasks[12];
    uint32_t before[11];
    for (uint32_t i = 0; i < 12; i++) {
        numbers[i] = (uint8_t)i;
        tasks[i] = task_of("twice", &numbers[i]);
        tasks[i].skills = i < 6 ? 0 : 1u << (i % 3);
        if (i < 11) {
            before[i] = i;
        }
    }
    tasks[11].after = before;
    tasks[11].after_len = 11;
    uint64_t mission = 0;
    CHECK_OK(nsw_missions_give(crew[0], tasks, 12, now, &mission));
    nsw_mission_progress progress = progress_of(mission);
    CHECK(progress.state == NSW_MISSION_RUNNING && progress.tasks == 12 && progress.done == 0);
    CHECK_STATUS(nsw_missions_forget(crew[0], mission), NSW_ERR_TASK_STATE);
    until_over(1);
    progress = progress_of(mission);
    CHECK(progress.state == NSW_MISSION_DONE && progress.done == 12 && progress.running == 0);
    CHECK(last_state == NSW_MISSION_DONE);
    for (uint32_t i = 0; i < 12; i++) {
        CHECK(done[i] == 1);
        const uint8_t *result = NULL;
        size_t len = 0;
        uint64_t by = 0;
        CHECK_OK(nsw_missions_result(crew[0], mission, i, &by, &result, &len));
        CHECK(len == 1 && result[0] == 2 * i);
        CHECK(i < 6 || by == members[i % 3].info.id);
        CHECK_OK(nsw_missions_result(crew[0], mission, i, NULL, &result, &len));
    }
    nsw_missions_info info = NSW_MISSIONS_INFO_INIT;
    CHECK_OK(nsw_missions_describe(crew[0], &info));
    CHECK(info.missions == 1 && info.done == 12 && info.given >= 12 && info.max_result == 256);
    uint64_t at = 0;
    CHECK_OK(nsw_missions_next_mission(crew[0], &at));
    CHECK(at == mission);
    CHECK_STATUS(nsw_missions_next_mission(crew[0], &at), NSW_DONE);
    CHECK(at == mission);
    CHECK_OK(nsw_missions_forget(crew[0], mission));
    at = 0;
    CHECK_STATUS(nsw_missions_next_mission(crew[0], &at), NSW_DONE);
    CHECK_STATUS(nsw_missions_cancel(crew[0], mission), NSW_ERR_TASK_UNKNOWN);

    /* One that always fails, and one that is cancelled. */
    numbers[0] = 99;
    CHECK_OK(nsw_missions_give(crew[0], tasks, 1, now, &mission));
    until_over(2);
    CHECK(last_state == NSW_MISSION_FAILED && progress_of(mission).done == 0);
    const uint8_t *result = NULL;
    size_t len = 0;
    CHECK_STATUS(nsw_missions_result(crew[0], mission, 0, NULL, &result, &len), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_missions_result(crew[0], mission, 1, NULL, &result, &len), NSW_ERR_TASK_UNKNOWN);
    numbers[0] = 0;
    CHECK_OK(nsw_missions_give(crew[0], tasks, 3, now, &mission));
    run(10 * MS);
    for (size_t i = 0; i < MEMBERS; i++) {
        work(i);
    }
    CHECK_OK(nsw_missions_cancel(crew[0], mission));
    CHECK_STATUS(nsw_missions_cancel(crew[0], mission), NSW_ERR_TASK_STATE);
    until_over(3);
    run(50 * MS);
    for (size_t i = 0; i < MEMBERS; i++) {
        work(i);
    }
    CHECK(last_state == NSW_MISSION_CANCELLED && dropped >= 1);
}

static void bad_arguments_are_refused(void) {
    const uint8_t number = 1;
    uint64_t mission = 7;
    nsw_mission_task task = task_of("twice", &number);
    nsw_missions *m = crew[0];
    CHECK_STATUS(nsw_missions_give(NULL, &task, 1, now, &mission), NSW_ERR_NULL);
    CHECK_STATUS(nsw_missions_give((nsw_missions *)(void *)members[0].requests, &task, 1, now, &mission),
                 NSW_ERR_HANDLE);
    CHECK_STATUS(nsw_missions_give(m, NULL, 1, now, &mission), NSW_ERR_NULL);
    CHECK_STATUS(nsw_missions_give(m, &task, 0, now, &mission), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_missions_give(m, &task, 1, now, NULL), NSW_ERR_NULL);
    nsw_mission_task bad = task;
    bad.size = 4;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_STRUCT_SIZE);
    bad = task;
    bad.method = NULL;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_NULL);
    bad = task;
    bad.method_len = 0;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_LENGTH);
    bad = task;
    bad.priority = 256;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_INVALID);
    bad = task;
    bad.work = -1.0f;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_INVALID);
    bad = task;
    bad.reserved = 1;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_INVALID);
    bad = task;
    bad.timeout_us = UINT64_C(1) << 32;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_INVALID);
    const uint32_t itself = 0;
    bad = task;
    bad.after = &itself;
    bad.after_len = 1;
    CHECK_STATUS(nsw_missions_give(m, &bad, 1, now, &mission), NSW_ERR_TASK_CYCLE);
    CHECK(mission == 7);

    nsw_offer offer = NSW_OFFER_INIT;
    offer.slots = NSW_OFFER_MOST_SLOTS + 1;
    CHECK_STATUS(nsw_missions_set_offer(m, &offer), NSW_ERR_INVALID);
    offer.slots = NSW_MISSIONS_NONE;
    offer.energy = NSW_ZERO;
    CHECK_OK(nsw_missions_set_offer(m, &offer));
    offer.speed = -1;
    CHECK_STATUS(nsw_missions_set_offer(m, &offer), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_missions_set_offer(m, NULL), NSW_ERR_NULL);

    nsw_mission_event event = NSW_MISSION_EVENT_INIT;
    event.size--;
    CHECK_STATUS(nsw_missions_next(m, &event), NSW_ERR_STRUCT_SIZE);
    CHECK_STATUS(nsw_missions_next(m, NULL), NSW_ERR_NULL);
    nsw_mission_progress progress = NSW_MISSION_PROGRESS_INIT;
    CHECK_STATUS(nsw_missions_progress(m, 0, &progress), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_missions_next_mission(m, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_missions_finish(m, 1000, NULL, 0, now), NSW_ERR_NODE_REQUEST);
    CHECK_STATUS(nsw_missions_finish(m, 1000, NULL, 1, now), NSW_ERR_NULL);
    CHECK_STATUS(nsw_missions_describe(m, NULL), NSW_ERR_NULL);
    const uint8_t *result = NULL;
    size_t len = 0;
    CHECK_STATUS(nsw_missions_result(m, 0, 0, NULL, NULL, &len), NSW_ERR_NULL);
    CHECK_STATUS(nsw_missions_result(m, 0, 0, NULL, &result, NULL), NSW_ERR_NULL);

    nsw_missions *made = NULL;
    nsw_missions_config config = settings_of(0);
    config.attempts = 256;
    CHECK_STATUS(nsw_missions_create(&config, NULL, &made), NSW_ERR_INVALID);
    config = settings_of(0);
    config.hedge = 0.5f;
    CHECK_STATUS(nsw_missions_create(&config, NULL, &made), NSW_ERR_INVALID);
    config.hedge = NSW_ZERO;
    config.edges = config.jobs = NSW_MISSIONS_NONE;
    CHECK_OK(nsw_missions_create(&config, NULL, &made));
    nsw_missions_destroy(made);
    nsw_missions_destroy(NULL);
    CHECK_STATUS(nsw_missions_create(&config, NULL, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_missions_footprint(NULL, &len, &len), NSW_ERR_NULL);
}

int main(void) {
    a_swarm_begins();
    begin_group(0); /* beside other parts */
    missions_are_done();
    bad_arguments_are_refused();
    for (size_t i = 0; i < MEMBERS; i++) {
        nsw_missions_destroy(crew[i]);
    }
    end_all();
    return check_report("missions");
}
