/*
 * The smallest test helper that says where a check failed.
 *
 * A failed CHECK prints file:line and goes on, so that one run shows all that
 * is wrong; REQUIRE ends the program, for what the rest cannot do without.
 * A program ends with `return check_report("name");`.
 */
#ifndef NSW_TEST_CHECK_H
#define NSW_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "neural_swarm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Defined in support.c, once a program. */
extern unsigned long check_count;
extern unsigned long check_failures;

void check_that(int ok, const char *file, int line, const char *what);
void check_status(nsw_status got, nsw_status expected, const char *file, int line,
                  const char *what);
void check_size(size_t got, size_t expected, const char *file, int line, const char *what);
int check_report(const char *name);

#ifdef __cplusplus
}
#endif

#define CHECK(condition) check_that(!!(condition), __FILE__, __LINE__, #condition)
/* For a place that must not be reached. */
#define FAIL(what) check_that(0, __FILE__, __LINE__, (what))
#define CHECK_STATUS(call, expected) check_status((call), (expected), __FILE__, __LINE__, #call)
#define CHECK_OK(call) CHECK_STATUS(call, NSW_OK)
#define CHECK_SIZE(got, expected) check_size((got), (expected), __FILE__, __LINE__, #got)

/* As CHECK, with a remark that tells one turn of a loop from another. */
#define CHECK_NOTE(condition, ...)                                                      \
    do {                                                                                \
        char check_note_[256];                                                          \
        int check_ok_ = !!(condition);                                                  \
        if (!check_ok_) {                                                               \
            snprintf(check_note_, sizeof check_note_, __VA_ARGS__);                     \
            fprintf(stderr, "  with %s\n", check_note_);                                \
        }                                                                               \
        check_that(check_ok_, __FILE__, __LINE__, #condition);                          \
    } while (0)

#define REQUIRE(condition)                                                              \
    do {                                                                                \
        if (!(condition)) {                                                             \
            check_that(0, __FILE__, __LINE__, #condition " (required: giving up)");     \
            exit(check_report(__FILE__));                                               \
        }                                                                               \
    } while (0)

#define REQUIRE_OK(call)                                                                \
    do {                                                                                \
        nsw_status check_status_ = (call);                                              \
        if (check_status_ != NSW_OK) {                                                  \
            check_status(check_status_, NSW_OK, __FILE__, __LINE__,                     \
                         #call " (required: giving up)");                               \
            exit(check_report(__FILE__));                                               \
        }                                                                               \
    } while (0)

#endif /* NSW_TEST_CHECK_H */
