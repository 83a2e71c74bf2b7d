/* A rescue swarm. Sentences become tasks, the tasks become a plan that is verified, its actions are
 * shared out by an auction among eight unlike nodes whose radio loses every fifth message. One node dies;
 * the rest find out by its silence, and share out anew what it has not done.
 *
 * Bids go by radio. That an action is there, begun or done all nodes know at once here: put_up, take_down and
 * `by`. A swarm that is not in one process would keep that in an nsw_store.
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "neural_swarm.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { NODES = 8, ACTIONS = 32, PLACES = 3, MESSAGE = 4096 };

/* ---- What the swarm knows ---------------------------------------------------------- */

static const char domain[] =
    "(define (domain relief)\n"
    "  (:types place person)\n"
    "  (:predicates (seen ?s - place) (blocked ?s - place) (trapped ?p - person ?s - place)\n"
    "               (treated ?p - person))\n"
    "  (:task rescue :parameters (?s - place))\n"
    "  (:task supply :parameters (?s - place))\n"
    "  (:task look :parameters (?s - place))\n"
    "  (:task get-in :parameters (?s - place))\n"
    "  (:task get-out :parameters (?s - place))\n"
    "  (:method rescue-all :parameters (?s - place) :task (rescue ?s)\n"
    "    :ordered-subtasks (and (look ?s) (get-in ?s) (get-out ?s)))\n"
    "  (:method bring-water :parameters (?s - place) :task (supply ?s)\n"
    "    :ordered-subtasks (and (look ?s) (get-in ?s) (drop-water ?s)))\n"
    "  (:method seen-before :parameters (?s - place) :task (look ?s)\n"
    "    :precondition (seen ?s) :ordered-subtasks ())\n"
    "  (:method fly-over :parameters (?s - place) :task (look ?s)\n"
    "    :precondition (not (seen ?s)) :ordered-subtasks (survey ?s))\n"
    "  (:method way-is-free :parameters (?s - place) :task (get-in ?s)\n"
    "    :precondition (not (blocked ?s)) :ordered-subtasks ())\n"
    "  (:method dig :parameters (?s - place) :task (get-in ?s)\n"
    "    :precondition (blocked ?s) :ordered-subtasks (clear-way ?s))\n"
    "  (:method one-more :parameters (?s - place ?p - person) :task (get-out ?s)\n"
    "    :precondition (trapped ?p ?s)\n"
    "    :ordered-subtasks (and (treat ?p ?s) (carry ?p ?s) (get-out ?s)))\n"
    "  (:method nobody-left :parameters (?s - place) :task (get-out ?s)\n"
    "    :precondition (forall (?p - person) (not (trapped ?p ?s))) :ordered-subtasks ())\n"
    "  (:action survey :parameters (?s - place) :effect (seen ?s))\n"
    "  (:action clear-way :parameters (?s - place) :precondition (seen ?s)\n"
    "    :effect (not (blocked ?s)))\n"
    "  (:action treat :parameters (?p - person ?s - place)\n"
    "    :precondition (and (trapped ?p ?s) (not (blocked ?s))) :effect (treated ?p))\n"
    "  (:action carry :parameters (?p - person ?s - place)\n"
    "    :precondition (treated ?p) :effect (not (trapped ?p ?s)))\n"
    "  (:action drop-water :parameters (?s - place) :precondition (not (blocked ?s))))\n";

static const char situation[] =
    "(define (problem today) (:domain relief)\n"
    "  (:objects school mill bridge - place ann bob eve - person)\n"
    "  (:htn :ordered-subtasks (and%s))\n"
    "  (:init (blocked school) (trapped ann school) (trapped bob school) (trapped eve school)))\n";

static const nsw_name places[PLACES] = {NSW_NAME("school"), NSW_NAME("mill"), NSW_NAME("bridge")};
static const float where[PLACES][2] = {{900, 300}, {200, 800}, {600, -500}};

/* What each action needs: a skill, seconds, and energy. */
enum { LOOKS = 1, DIGS = 2, TREATS = 4, CARRIES = 8 };
static const struct {
    const char *name;
    uint64_t skills;
    double seconds, joules;
} works[] = {{"survey", LOOKS, 30, 2000},
             {"clear-way", DIGS, 240, 60000},
             {"treat", TREATS, 120, 3000},
             {"carry", CARRIES, 90, 20000},
             {"drop-water", CARRIES, 20, 8000}};

static const struct {
    const char *name;
    uint64_t skills;
    float speed; /* metres a second */
    double joules;
    float x, y;
} kinds[NODES] = {{"drone 1", LOOKS, 15, 90000, 0, 0},
                  {"drone 2", LOOKS, 12, 40000, 400, 0},
                  {"digger 3", DIGS, 2, 900000, 300, 200},
                  {"digger 4", DIGS, 2.5f, 500000, 0, 500},
                  {"medic 5", TREATS, 3, 200000, 700, 100},
                  {"medic 6", TREATS, 2, 200000, 100, 100},
                  {"truck 7", CARRIES, 8, 900000, 0, -200},
                  {"mule 8", CARRIES | TREATS, 3, 300000, 500, 600}};

static void check(nsw_status status, const char *what)
{
    if (status != NSW_OK) {
        fprintf(stderr, "mission: %s: %s\n", what, nsw_status_str(status));
        exit(1);
    }
}

static void fits(int yes, const char *what)
{
    check(yes ? NSW_OK : NSW_ERR_CAPACITY, what);
}

/* ---- Text to tasks ----------------------------------------------------------------- */

static const nsw_name tasks[] = {NSW_NAME("rescue"), NSW_NAME("supply"), NSW_NAME("look")};

static const struct {
    uint32_t task;
    const char *text;
} lessons[] = {
    {0, "people are trapped in the school, bring them out"},
    {0, "get everybody out of the mill"},
    {0, "there are injured people under the bridge"},
    {0, "rescue the children in the mill"},
    {0, "somebody is buried under the roof of the school"},
    {0, "evacuate the families at the bridge"},
    {0, "they are hurt and cannot get out of the school"},
    {0, "save those who are trapped in the mill"},
    {1, "they have no water left at the school"},
    {1, "bring drinking water and food to the bridge"},
    {1, "supplies are needed at the mill"},
    {1, "deliver water to the families in the school"},
    {1, "nothing left to drink at the bridge since yesterday"},
    {1, "send food and blankets to the mill"},
    {1, "those at the school are thirsty, bring bottles"},
    {1, "the shelter at the bridge needs supplies"},
    {2, "have a look at the school from above"},
    {2, "is the mill still standing? check it"},
    {2, "fly over the bridge and take pictures"},
    {2, "inspect the damage at the school"},
    {2, "survey the area around the mill"},
    {2, "tell us what the bridge looks like"},
    {2, "find out whether the school is damaged"},
    {2, "take a look at the state of the mill"},
    {NSW_ROUTE_NONE, "what is the weather at the school tomorrow"},
    {NSW_ROUTE_NONE, "play some music of the mill"},
    {NSW_ROUTE_NONE, "how old is the bridge"},
    {NSW_ROUTE_NONE, "what time does the school begin"},
    {NSW_ROUTE_NONE, "tell me a joke about the mill"},
    {NSW_ROUTE_NONE, "book a table for two near the bridge"},
    {NSW_ROUTE_NONE, "who won the match of the school"},
    {NSW_ROUTE_NONE, "play the song again"},
    {NSW_ROUTE_NONE, "set an alarm for seven"},
    {NSW_ROUTE_NONE, "who built the mill"},
};

static const char *const said[] = {
    "children are trapped in the school, please bring them out",
    "the families at the mill have nothing left to drink",
    "is the bridge still standing? have a look",
    "play the song about the bridge",
};

/* Writes what the sentences ask for, as subtasks. */
static void understand(char *network, size_t cap)
{
    nsw_sample samples[COUNT(lessons)];
    nsw_router_config config = NSW_ROUTER_CONFIG_INIT;
    nsw_pattern place = NSW_PATTERN_INIT;
    nsw_router *router = NULL;
    size_t len = 0, used = 0;
    for (size_t i = 0; i < COUNT(lessons); i++) {
        const nsw_sample sample = {sizeof sample, lessons[i].task, lessons[i].text,
                                   strlen(lessons[i].text)};
        samples[i] = sample;
    }
    config.blocks = 2000; /* 32 KB are plenty for so few words */
    config.epochs = 60;
    /* Without a buffer it says how long the model will be. */
    const nsw_status asked = nsw_router_train(&config, tasks, COUNT(tasks), samples,
                                              COUNT(samples), NULL, 0, &len);
    check(asked == NSW_ERR_BUFFER_TOO_SMALL ? NSW_OK : asked, "asking for the router's length");
    uint8_t *model = malloc(len);
    check(model == NULL ? NSW_ERR_OUT_OF_MEMORY : NSW_OK, "the router's model");
    check(nsw_router_train(&config, tasks, COUNT(tasks), samples, COUNT(samples), model, len, &len),
          "training the router");
    check(nsw_router_create(model, len, NULL, &router), "making the router");

    place.kind = NSW_SLOT_NAME;
    place.names = places;
    place.name_count = PLACES;
    for (size_t i = 0; i < COUNT(said); i++) {
        const uint8_t *text = (const uint8_t *)said[i];
        nsw_route route = NSW_ROUTE_INIT;
        nsw_slot slot = NSW_SLOT_INIT;
        check(nsw_router_route(router, text, strlen(said[i]), &route), "routing");
        check(nsw_route_fill(text, strlen(said[i]), &place, 1, &slot, 1, NULL), "slots");
        if (route.task == NSW_ROUTE_NONE || slot.kind == NSW_SLOT_EMPTY) {
            printf("  \"%s\": not for us\n", said[i]);
            continue;
        }
        printf("  \"%s\": %s %s\n", said[i], tasks[route.task].text, places[slot.index].text);
        used += (size_t)snprintf(network + used, cap - used, " (%s %s)", tasks[route.task].text,
                                 places[slot.index].text);
        fits(used < cap, "too many tasks");
    }
    nsw_router_destroy(router);
    free(model);
}

/* ---- Tasks to a plan --------------------------------------------------------------- */

struct action {
    char text[64];
    size_t work, place;
    size_t after[2]; /* actions that come before it, by number and 1; 0: none */
    uint16_t args[2];
    double left;    /* seconds of work */
    int by;         /* who has done it; -1: nobody yet */
    unsigned times; /* how often it was done */
};

static struct action actions[ACTIONS];
static size_t action_count;

static void print_name(const nsw_plan_model *model, uint32_t kind, uint16_t number, char *out,
                       size_t cap)
{
    const char *name = NULL;
    size_t len = 0;
    check(nsw_plan_model_name(model, kind, number, &name, &len), "a name");
    fits(len < cap, "a name is too long");
    snprintf(out, cap, "%.*s", (int)len, name);
}

/* A task with its arguments. */
static void label(const nsw_plan_model *model, const nsw_plan *plan, size_t step, char *out,
                  size_t cap)
{
    uint16_t object = 0;
    print_name(model, NSW_PLAN_TASKS, plan->steps[step].task, out, cap);
    for (size_t i = 0; nsw_plan_argument(plan, model, step, i, &object) == NSW_OK; i++) {
        char name[24];
        print_name(model, NSW_PLAN_OBJECTS, object, name, sizeof name);
        snprintf(out + strlen(out), cap - strlen(out), " %s", name);
    }
}

static void take_action(const nsw_plan_model *model, const nsw_plan *plan, size_t step)
{
    struct action *action = &actions[action_count];
    char name[24];
    uint16_t object = 0;
    fits(action_count < ACTIONS, "the plan is too long");
    label(model, plan, step, action->text, sizeof action->text);
    print_name(model, NSW_PLAN_TASKS, plan->steps[step].task, name, sizeof name);
    while (action->work < COUNT(works) && strcmp(works[action->work].name, name) != 0)
        action->work++;
    fits(action->work < COUNT(works), "nobody knows how to do that");
    for (size_t i = 0; nsw_plan_argument(plan, model, step, i, &object) == NSW_OK; i++) {
        fits(i < COUNT(action->args), "an action has more objects");
        action->args[i] = object;
        action->place = object; /* the last one; places are the first objects */
        /* The plan is in an order that works. Here what is about other objects need not wait: an action waits
         * for the last one before it that was about this very object. */
        for (size_t before = action_count; before > 0 && action->after[i] == 0; before--)
            if (actions[before - 1].args[0] == object)
                action->after[i] = before;
    }
    fits(action->place < PLACES, "an action that is nowhere");
    action->left = works[action->work].seconds;
    action->by = -1;
    action_count++;
}

static void make_plan(const char *network)
{
    char problem[1024];
    nsw_host_hddl_error error = NSW_HOST_HDDL_ERROR_INIT;
    nsw_host_hddl_config texts = NSW_HOST_HDDL_CONFIG_INIT;
    nsw_host_hddl *hddl = NULL;
    nsw_plan_model *model = NULL;
    nsw_planner_config config = NSW_PLANNER_CONFIG_INIT;
    nsw_planner *planner = NULL;
    nsw_plan_verifier_config room = NSW_PLAN_VERIFIER_CONFIG_INIT;
    nsw_plan_verifier *verifier = NULL;
    nsw_plan_refusal refusal = NSW_PLAN_REFUSAL_INIT;
    nsw_plan plan = NSW_PLAN_INIT;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    uint32_t outcome = NSW_PLAN_RUNNING;

    const int problem_len = snprintf(problem, sizeof problem, situation, network);
    fits(problem_len > 0 && (size_t)problem_len < sizeof problem, "the problem is too long");
    texts.domain = domain;
    texts.domain_len = sizeof domain - 1;
    texts.problem = problem;
    texts.problem_len = (size_t)problem_len;
    texts.error = &error;
    const nsw_status status = nsw_host_hddl_create(&texts, NULL, &hddl);
    if (error.line > 0)
        fprintf(stderr, "mission: line %u: %s\n", (unsigned)error.line, error.message);
    check(status, "reading the domain");
    check(nsw_host_hddl_model(hddl, &bytes, &len), "the model");
    check(nsw_plan_model_create(bytes, len, NULL, &model), "opening the model");
    config.model = model;
    config.memory = 65536;
    check(nsw_planner_create(&config, NULL, &planner), "making the planner");
    for (int i = 0; i < 100 && outcome == NSW_PLAN_RUNNING; i++)
        check(nsw_planner_step(planner, 1000, &outcome), "planning");
    check(nsw_planner_plan(planner, &plan), "the plan");
    room.steps = room.facts = room.words = 200;
    check(nsw_plan_verifier_create(&room, NULL, &verifier), "making the verifier");
    check(nsw_plan_verifier_verify(verifier, model, &plan, &refusal), "verifying the plan");

    for (size_t i = 0; i < plan.step_count; i++) {
        size_t depth = 0;
        char text[64];
        for (uint32_t up = plan.steps[i].parent; up != NSW_PLAN_ROOT; up = plan.steps[up].parent)
            depth++;
        label(model, &plan, i, text, sizeof text);
        printf("  %*s%s%s\n", (int)(2 * depth), "", text,
               plan.steps[i].method == NSW_PLAN_NO_METHOD ? "." : "");
    }
    for (size_t i = 0; i < plan.order_count; i++)
        take_action(model, &plan, plan.order[i]);
    nsw_plan_verifier_destroy(verifier);
    nsw_planner_destroy(planner);
    nsw_plan_model_destroy(model);
    nsw_host_hddl_destroy(hddl);
}

/* ---- The swarm ----------------------------------------------------------------------- */

static struct node {
    nsw_cbba *agent; /* NULL: dead */
    float x, y;
    double joules; /* what is left in its battery */
    size_t doing;  /* an action, by its number and 1; 0: none */
} nodes[NODES];

enum { METRE = 20 }; /* joules */

static uint64_t now_us;
static uint32_t chance = 2463534242u;
static unsigned sent, lost;

static int is_lost(void) /* every fifth message, by chance */
{
    chance ^= chance << 13, chance ^= chance >> 17, chance ^= chance << 5;
    return chance % 5 == 0;
}

/* An action is to be done: everybody may bid for it. */
static void put_up(size_t i)
{
    nsw_cbba_task task = NSW_CBBA_TASK_INIT;
    task.id = i + 1;
    task.value = 100;
    task.position[0] = where[actions[i].place][0];
    task.position[1] = where[actions[i].place][1];
    task.duration_us = (uint64_t)(works[actions[i].work].seconds * 1e6);
    task.energy_j = works[actions[i].work].joules;
    task.skills = works[actions[i].work].skills;
    for (size_t n = 0; n < NODES; n++)
        if (nodes[n].agent != NULL)
            check(nsw_cbba_add_task(nodes[n].agent, &task, now_us), "a task");
}

/* Somebody has begun it: nobody else needs to. */
static void take_down(size_t i)
{
    for (size_t n = 0; n < NODES; n++)
        if (nodes[n].agent != NULL)
            check(nsw_cbba_remove_task(nodes[n].agent, i + 1, now_us), "what is begun");
}

static void start_nodes(void)
{
    for (size_t n = 0; n < NODES; n++) {
        nsw_cbba_config config = NSW_CBBA_CONFIG_INIT;
        config.agent = n + 1;
        config.auction = 1;
        config.agents = NODES;
        config.tasks = ACTIONS;
        config.bundle = 6;
        config.position[0] = nodes[n].x = kinds[n].x;
        config.position[1] = nodes[n].y = kinds[n].y;
        config.speed = kinds[n].speed;
        config.skills = kinds[n].skills;
        config.energy_j = nodes[n].joules = kinds[n].joules;
        config.metre_j = METRE;
        config.discount = 0.002;
        config.lost_us = 5000000;
        check(nsw_cbba_create(&config, NULL, &nodes[n].agent), "making an agent");
    }
    for (size_t i = 0; i < action_count; i++)
        put_up(i);
}

/* All that the nodes have to say to each other now. */
static void talk(void)
{
    static uint8_t message[MESSAGE];
    for (size_t from = 0; from < NODES; from++) {
        size_t len = 0;
        if (nodes[from].agent == NULL)
            continue;
        nsw_status status;
        while ((status = nsw_cbba_next_message(nodes[from].agent, now_us, message, sizeof message,
                                               &len)) == NSW_OK)
            for (size_t to = 0; to < NODES; to++)
                if (to != from && nodes[to].agent != NULL) {
                    sent++;
                    if (is_lost())
                        lost++;
                    else
                        check(nsw_cbba_step(nodes[to].agent, message, len, now_us, NULL),
                              "a message");
                }
        check(status == NSW_DONE ? NSW_OK : status, "the next message");
    }
    now_us += 100000;
}

/* Until nothing has changed anywhere for five seconds; a node that is silent as long is found missing. */
static void agree(void)
{
    uint64_t changed = now_us;
    do {
        talk();
        for (size_t n = 0; n < NODES; n++) {
            uint64_t at = 0;
            if (nodes[n].agent == NULL)
                continue;
            check(nsw_cbba_changed_at(nodes[n].agent, &at), "an agent");
            changed = at > changed ? at : changed;
        }
    } while (now_us < changed + 6000000);
}

static size_t path_of(size_t n, uint64_t *path)
{
    size_t len = 0;
    check(nsw_cbba_path(nodes[n].agent, path, ACTIONS, &len), "a path");
    return len;
}

static void print_shares(void)
{
    for (size_t n = 0; n < NODES; n++) {
        uint64_t path[ACTIONS];
        if (nodes[n].agent == NULL)
            continue;
        const size_t len = path_of(n, path);
        printf("  %s:", kinds[n].name);
        for (size_t i = 0; i < len; i++)
            printf("%s %s", i > 0 ? "," : "", actions[path[i] - 1].text);
        printf("%s\n", len == 0 ? " nothing" : "");
    }
}

static int is_ready(const struct action *action)
{
    for (size_t i = 0; i < 2; i++)
        if (action->after[i] > 0 && actions[action->after[i] - 1].by < 0)
            return 0;
    return action->by < 0;
}

/* One second of a node: it goes on, or begins the first of its actions that may begin. */
static void work(size_t n)
{
    struct node *node = &nodes[n];
    if (node->doing == 0) {
        uint64_t path[ACTIONS];
        const size_t len = path_of(n, path);
        for (size_t i = 0; i < len && node->doing == 0; i++)
            if (is_ready(&actions[path[i] - 1]))
                node->doing = (size_t)path[i];
        if (node->doing == 0)
            return;
        take_down(node->doing - 1);
    }
    struct action *action = &actions[node->doing - 1];
    const float dx = where[action->place][0] - node->x, dy = where[action->place][1] - node->y;
    const float way = hypotf(dx, dy), step = kinds[n].speed;
    node->joules -= METRE * (double)(way > step ? step : way);
    if (way > step) {
        node->x += dx / way * step;
        node->y += dy / way * step;
        return;
    }
    node->x += dx;
    node->y += dy;
    action->left -= 1;
    if (action->left > 0)
        return;
    node->joules -= works[action->work].joules;
    action->by = (int)n;
    action->times++;
    node->doing = 0;
    printf("  %4u s  %s: %s\n", (unsigned)(now_us / 1000000), kinds[n].name, action->text);
    nsw_cbba_move move = NSW_CBBA_MOVE_INIT;
    move.position[0] = node->x;
    move.position[1] = node->y;
    move.start_us = now_us;
    move.energy_j = node->joules > 0 ? node->joules : NSW_ZERO; /* 0 would mean no limit */
    check(nsw_cbba_moved(node->agent, &move, now_us), "a move");
}

/* A node dies in the middle of its work. The others hear nothing of it any more; when they are sure, they put up
 * again what it had begun, and bid for that and for all that it was to do. How much that was. */
static size_t die(size_t n)
{
    uint64_t path[ACTIONS];
    const size_t begun = nodes[n].doing - 1, left = path_of(n, path) + 1;
    nsw_cbba_destroy(nodes[n].agent);
    nodes[n].agent = NULL;
    nodes[n].doing = 0;
    printf("  %4u s  %s is dead, with %u actions left\n", (unsigned)(now_us / 1000000),
           kinds[n].name, (unsigned)left);
    agree();
    actions[begun].left = works[actions[begun].work].seconds;
    put_up(begun);
    agree();
    printf("  %4u s  the others have shared out anew:\n", (unsigned)(now_us / 1000000));
    print_shares();
    return left;
}

static size_t done(void)
{
    size_t count = 0;
    for (size_t i = 0; i < action_count; i++)
        count += actions[i].by >= 0;
    return count;
}

int main(void)
{
    char network[512] = "";
    printf("what was said:\n");
    understand(network, sizeof network);
    printf("\nthe plan, as a tree (actions end with a full stop):\n");
    make_plan(network);
    start_nodes();
    agree();
    printf("\nwho does what, after %u messages of which %u were lost:\n", sent, lost);
    print_shares();

    printf("\nwhat happens:\n");
    size_t dead = NODES, left = 0, once = 0;
    while (done() < action_count && now_us < 7200000000u) {
        for (size_t n = 0; n < NODES; n++)
            if (nodes[n].agent != NULL)
                work(n);
        for (int i = 0; i < 10; i++) /* a second */
            talk();
        /* The first who treats somebody does not come back. */
        for (size_t n = 0; n < NODES && dead == NODES; n++) {
            const struct action *action = nodes[n].doing > 0 ? &actions[nodes[n].doing - 1] : NULL;
            if (action != NULL && works[action->work].skills == TREATS && action->left < 60)
                left = die(dead = n);
        }
    }

    for (size_t i = 0; i < action_count; i++)
        once += actions[i].times == 1;
    printf("\n%u of %u actions done, each once; %s died with %u of them left\n", (unsigned)once,
           (unsigned)action_count, dead < NODES ? kinds[dead].name : "nobody", (unsigned)left);
    for (size_t n = 0; n < NODES; n++)
        nsw_cbba_destroy(nodes[n].agent);
    return once == action_count && dead < NODES ? 0 : 1;
}
