/*
 * A small domain that the tests of plans share: a robot goes from room to room, and switches lamps.
 */
#ifndef NSW_TEST_PLAN_H
#define NSW_TEST_PLAN_H

#include "task.h"

/* A text and its length, as functions take names. */
#define NAME(text) (text), strlen(text)
#define IDS(...) (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / 2
#define V(index) ((uint16_t)(NSW_PLAN_VARIABLE + (index)))
typedef struct house {
    uint16_t room, lamp, thing; /* types; a thing is a room or a lamp */
    uint16_t hall, stairs, attic, red, blue; /* objects */
    uint16_t at, door, lit, in; /* predicates */
    uint16_t go, flip, dark, reach, night; /* tasks: three actions, and two that are not */
    uint16_t there, on; /* methods of `reach` */
} house;

static nsw_plan_builder_config house_room(void) {
    nsw_plan_builder_config config = NSW_PLAN_BUILDER_CONFIG_INIT;
    config.types = 3;
    config.links = 4;
    config.objects = 5;
    config.predicates = 4;
    config.tasks = 5;
    config.methods = 4;
    config.code = 400;
    config.facts = 40;
    config.names = 400;
    return config;
}

/* The domain up to its methods, and where everything is: to be in the attic, and all lamps out. */
static void house_build(nsw_plan_builder *b, house *h) {
    REQUIRE_OK(nsw_plan_builder_type(b, NAME("room"), &h->room));
    REQUIRE_OK(nsw_plan_builder_type(b, NAME("lamp"), &h->lamp));
    REQUIRE_OK(nsw_plan_builder_either(b, IDS(h->room, h->lamp), &h->thing));
    REQUIRE_OK(nsw_plan_builder_object(b, NAME("hall"), h->room, &h->hall));
    REQUIRE_OK(nsw_plan_builder_object(b, NAME("stairs"), h->room, &h->stairs));
    REQUIRE_OK(nsw_plan_builder_object(b, NAME("attic"), h->room, &h->attic));
    REQUIRE_OK(nsw_plan_builder_object(b, NAME("red"), h->lamp, &h->red));
    REQUIRE_OK(nsw_plan_builder_object(b, NAME("blue"), h->lamp, &h->blue));
    REQUIRE_OK(nsw_plan_builder_predicate(b, NAME("at"), IDS(h->room), &h->at));
    REQUIRE_OK(nsw_plan_builder_predicate(b, NAME("door"), IDS(h->room, h->room), &h->door));
    REQUIRE_OK(nsw_plan_builder_predicate(b, NAME("lit"), IDS(h->lamp), &h->lit));
    REQUIRE_OK(nsw_plan_builder_predicate(b, NAME("in"), IDS(h->lamp, h->room), &h->in));

    /* go from to: through a door, never without one. */
    REQUIRE_OK(nsw_plan_builder_action(b, NAME("go"), IDS(h->room, h->room), &h->go));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->at, IDS(V(0))));
    REQUIRE_OK(nsw_plan_builder_open(b, NSW_PLAN_OR));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->door, IDS(V(0), V(1))));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->door, IDS(V(1), V(0))));
    REQUIRE_OK(nsw_plan_builder_close(b));
    REQUIRE_OK(nsw_plan_builder_open(b, NSW_PLAN_NOT));
    REQUIRE_OK(nsw_plan_builder_equal(b, V(0), V(1)));
    REQUIRE_OK(nsw_plan_builder_close(b));
    REQUIRE_OK(nsw_plan_builder_delete(b, h->at, IDS(V(0))));
    REQUIRE_OK(nsw_plan_builder_add(b, h->at, IDS(V(1))));

    /* flip: every lamp in the room where one is goes out. */
    uint16_t variable = 0;
    REQUIRE_OK(nsw_plan_builder_action(b, NAME("flip"), IDS(h->room), &h->flip));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->at, IDS(V(0))));
    REQUIRE_OK(nsw_plan_builder_when(b, IDS(h->lamp), &variable));
    REQUIRE(variable == V(1));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->in, IDS(variable, V(0))));
    REQUIRE_OK(nsw_plan_builder_then(b));
    REQUIRE_OK(nsw_plan_builder_delete(b, h->lit, IDS(variable)));
    REQUIRE_OK(nsw_plan_builder_end_when(b));

    /* dark: only when no lamp is lit. */
    REQUIRE_OK(nsw_plan_builder_action(b, NAME("dark"), NULL, 0, &h->dark));
    REQUIRE_OK(nsw_plan_builder_quantifier(b, 1, h->lamp, &variable));
    REQUIRE_OK(nsw_plan_builder_open(b, NSW_PLAN_NOT));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->lit, IDS(variable)));
    REQUIRE_OK(nsw_plan_builder_close(b));
    REQUIRE_OK(nsw_plan_builder_close(b));

    REQUIRE_OK(nsw_plan_builder_task(b, NAME("reach"), IDS(h->room), &h->reach));
    REQUIRE_OK(nsw_plan_builder_task(b, NAME("night"), NULL, 0, &h->night));

    REQUIRE_OK(
        nsw_plan_builder_method(b, NAME("there"), h->reach, IDS(V(0)), IDS(h->room), &h->there));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->at, IDS(V(0))));
    REQUIRE_OK(nsw_plan_builder_method(b, NAME("on"), h->reach, IDS(V(0)),
                                       IDS(h->room, h->room, h->room), &h->on));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->at, IDS(V(1))));
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->go, IDS(V(1), V(2)), NULL));
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->reach, IDS(V(0)), NULL));
    REQUIRE_OK(nsw_plan_builder_ordered(b));
    /* night: out with the lamps on the way up; the order of the two is the planner's. */
    uint16_t number = 9;
    REQUIRE_OK(nsw_plan_builder_method(b, NAME("lights"), h->night, NULL, 0, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->flip, IDS(h->hall), &number));
    REQUIRE(number == 0);
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->reach, IDS(h->attic), &number));
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->flip, IDS(h->attic), &number));
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->dark, NULL, 0, &number));
    REQUIRE(number == 3);
    REQUIRE_OK(nsw_plan_builder_before(b, 0, 1));
    REQUIRE_OK(nsw_plan_builder_before(b, 1, 2));
    REQUIRE_OK(nsw_plan_builder_before(b, 2, 3));

    REQUIRE_OK(nsw_plan_builder_fact(b, h->at, IDS(h->hall)));
    REQUIRE_OK(nsw_plan_builder_fact(b, h->door, IDS(h->hall, h->stairs)));
    REQUIRE_OK(nsw_plan_builder_fact(b, h->door, IDS(h->stairs, h->attic)));
    REQUIRE_OK(nsw_plan_builder_fact(b, h->in, IDS(h->red, h->hall)));
    REQUIRE_OK(nsw_plan_builder_fact(b, h->in, IDS(h->blue, h->attic)));
    REQUIRE_OK(nsw_plan_builder_fact(b, h->lit, IDS(h->red)));
    REQUIRE_OK(nsw_plan_builder_fact(b, h->lit, IDS(h->blue)));
    REQUIRE_OK(nsw_plan_builder_network(b, NULL, 0));
    REQUIRE_OK(nsw_plan_builder_subtask(b, h->night, NULL, 0, NULL));
    REQUIRE_OK(nsw_plan_builder_goal(b));
    REQUIRE_OK(nsw_plan_builder_atom(b, h->at, IDS(h->attic)));
}

/* The model's bytes; free with guarded_free. */
static guarded house_bytes(house *h) {
    nsw_plan_builder_config config = house_room();
    nsw_plan_builder *b = NULL;
    size_t len = 0;
    REQUIRE_OK(nsw_plan_builder_create(&config, NULL, &b));
    house_build(b, h);
    REQUIRE(nsw_plan_builder_finish(b, NULL, 0, &len) == NSW_ERR_BUFFER_TOO_SMALL);
    guarded bytes = guarded_new(len, 4, 0);
    REQUIRE_OK(nsw_plan_builder_finish(b, bytes.data, len, &len));
    REQUIRE(len == bytes.len);
    nsw_plan_builder_destroy(b);
    return bytes;
}

#endif /* NSW_TEST_PLAN_H */
