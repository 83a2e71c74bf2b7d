/*
 * Recorded workflows.
 */
#include "task.h"

static const char SMALL[] =
    "{\"name\": \"small\", \"schemaVersion\": \"1.5\", \"workflow\": {\n"
    "\"specification\": {\"tasks\": [\n"
    "{\"id\": \"a\", \"children\": [\"b\"], \"outputFiles\": [\"x\"]},\n"
    "{\"id\": \"b\", \"parents\": [\"a\"], \"inputFiles\": [\"x\"]}],\n"
    "\"files\": [{\"id\": \"x\", \"sizeInBytes\": 10}]},\n"
    "\"execution\": {\"tasks\": [{\"id\": \"a\", \"runtimeInSeconds\": 1.5},\n"
    "{\"id\": \"b\", \"runtimeInSeconds\": 2}],\n"
    "\"machines\": [{\"nodeName\": \"m\", \"cpu\": {\"coreCount\": 4, \"speedInMHz\": 1200}}]}}}";

static char said[512];

static void hear(void *ctx, uint32_t level, const char *words, size_t len) {
    CHECK(ctx == NULL && level == NSW_LOG_ERROR && len < sizeof said);
    memcpy(said, words, len);
    said[len] = 0;
}

static nsw_host_wfcommons_config config_of(const char *json) {
    nsw_host_wfcommons_config cfg = NSW_HOST_WFCOMMONS_CONFIG_INIT;
    cfg.text = json, cfg.text_len = strlen(json);
    return cfg;
}

static void a_small_one(void) {
    nsw_host_wfcommons_config cfg = config_of(SMALL);
    nsw_host_wfcommons_info info = NSW_HOST_WFCOMMONS_INFO_INIT;
    nsw_host_wfcommons *wf = NULL;
    char name[16];
    size_t len = 0;
    double seconds = 0, bytes = 0, mhz = 0, makespan = 0;
    uint32_t from = 9, to = 9, cores = 0;
    CHECK_MADE(host_wfcommons, &cfg);
    CHECK_SIZED(host_wfcommons, &cfg);
    REQUIRE_OK(nsw_host_wfcommons_create(&cfg, NULL, &wf));
    CHECK_OK(nsw_host_wfcommons_describe(wf, &info));
    CHECK(info.tasks == 2 && info.edges == 1 && info.machines == 1);
    CHECK_OK(nsw_host_wfcommons_name(wf, name, sizeof name, &len));
    CHECK(len == 5 && memcmp(name, "small", 5) == 0);
    CHECK_STATUS(nsw_host_wfcommons_name(wf, name, 4, &len), NSW_ERR_BUFFER_TOO_SMALL);
    CHECK_SIZE(len, 5);
    CHECK_OK(nsw_host_wfcommons_task(wf, 1, name, sizeof name, &len, &seconds));
    CHECK(len == 1 && name[0] == 'b' && seconds == 2);
    CHECK_STATUS(nsw_host_wfcommons_task(wf, 2, name, 9, &len, NULL), NSW_ERR_TASK_UNKNOWN);
    CHECK_OK(nsw_host_wfcommons_edge(wf, 0, &from, &to, &bytes));
    CHECK(from == 0 && to == 1 && bytes == 10);
    CHECK_STATUS(nsw_host_wfcommons_edge(wf, 1, &from, &to, &bytes), NSW_ERR_TASK_UNKNOWN);
    CHECK_STATUS(nsw_host_wfcommons_edge(wf, 0, NULL, &to, &bytes), NSW_ERR_NULL);
    CHECK_OK(nsw_host_wfcommons_machine(wf, 0, name, sizeof name, &len, &cores, &mhz));
    CHECK(len == 1 && name[0] == 'm' && cores == 4 && mhz == 1200);
    CHECK_OK(nsw_host_wfcommons_machine(wf, 0, name, sizeof name, NULL, NULL, NULL));
    CHECK_STATUS(nsw_host_wfcommons_machine(wf, 1, name, 9, &len, &cores, &mhz),
                 NSW_ERR_TASK_UNKNOWN);

    /* As a graph, with a schedule; without room for all it stays without tasks. */
    nsw_dag_config small = NSW_DAG_CONFIG_INIT;
    nsw_scheduler_config scheduler = NSW_SCHEDULER_CONFIG_INIT;
    nsw_dag_info graph = NSW_DAG_INFO_INIT;
    nsw_scheduler *s = NULL;
    nsw_dag *dag = NULL;
    small.tasks = 1;
    REQUIRE_OK(nsw_dag_create(&small, NULL, &dag));
    CHECK_STATUS(nsw_host_wfcommons_add_to(wf, dag), NSW_ERR_CAPACITY);
    CHECK_OK(nsw_dag_describe(dag, &graph));
    CHECK(graph.tasks == 0);
    nsw_dag_destroy(dag);
    small.tasks = 2;
    REQUIRE_OK(nsw_dag_create(&small, NULL, &dag));
    CHECK_OK(nsw_host_wfcommons_add_to(wf, dag));
    CHECK_STATUS(nsw_host_wfcommons_add_to(wf, dag), NSW_ERR_TASK_STATE);
    CHECK_STATUS(nsw_host_wfcommons_add_to(wf, NULL), NSW_ERR_NULL);
    CHECK_STATUS(nsw_host_wfcommons_add_to(OTHER(host_wfcommons), dag), NSW_ERR_HANDLE);
    nsw_host_wfcommons_destroy(wf);
    CHECK_OK(nsw_dag_build(dag));
    REQUIRE_OK(nsw_scheduler_create(&scheduler, NULL, &s));
    CHECK_OK(nsw_scheduler_heft(s, dag, &makespan));
    CHECK(makespan == 3.5);
    nsw_scheduler_destroy(s);
    nsw_dag_destroy(dag);
}

static void what_is_wrong(void) {
    nsw_logger logger = NSW_LOGGER_INIT;
    nsw_host_wfcommons_config cfg = config_of("{\"schemaVersion\": \"1.4\"}");
    nsw_host_wfcommons *wf = NULL;
    char text[sizeof SMALL];
    logger.log = hear;
    cfg.logger = &logger;
    CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_TASK_FORMAT);
    CHECK(wf == NULL && said[0] != 0);
    memcpy(text, SMALL, sizeof SMALL);
    *strstr(text, "1.5") = '2';
    cfg = config_of(text);
    CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_UNSUPPORTED);
    memcpy(text, SMALL, sizeof SMALL);
    *strstr(text, "x\"]},") = 'y';
    cfg.logger = &logger;
    said[0] = 0;
    CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_TASK_DOMAIN);
    CHECK_NOTE(strstr(said, "line 3 column") != NULL, "%.200s", said);
    CHECK_NOTE(strstr(said, "\"y\" is no file") != NULL, "%.200s", said);
    for (size_t cut = 0; cut < sizeof SMALL - 1; cut++) {
        cfg = config_of(SMALL);
        cfg.text_len = cut;
        CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_TASK_FORMAT);
    }
    cfg.text = NULL, cfg.text_len = 5;
    CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_NULL);
    cfg = config_of(SMALL);
    cfg.reserved_end = 1;
    size_t size = 0, align = 0;
    CHECK_STATUS(nsw_host_wfcommons_footprint(&cfg, &size, &align), NSW_ERR_INVALID);
    CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_INVALID);
    cfg.reserved_end = 0, logger.log = NULL, cfg.logger = &logger;
    CHECK_STATUS(nsw_host_wfcommons_create(&cfg, NULL, &wf), NSW_ERR_NULL);
}

int main(void) {
    a_small_one();
    what_is_wrong();
    return check_report("host_wfcommons");
}
