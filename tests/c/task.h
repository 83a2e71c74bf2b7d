/*
 * What the tests of tasks share: that an object asks for its footprint once, and bears bad
 * handles and memory.
 */
#ifndef NSW_TEST_TASK_H
#define NSW_TEST_TASK_H

#include <math.h>
#include <string.h>

#include "support.h"

/*
 * Makes an object in one block of a counting allocator, of the size that its footprint says; then
 * without memory, and with memory that is off by one. `config` is sound.
 */
#define CHECK_MADE(type, config)                                                                  \
    do {                                                                                          \
        counting c_;                                                                              \
        size_t size_ = 0, align_ = 0;                                                             \
        nsw_##type *made_ = NULL, *none_ = (nsw_##type *)(void *)&c_;                             \
        counting_init(&c_);                                                                       \
        CHECK_OK(nsw_##type##_footprint((config), &size_, &align_));                              \
        CHECK_STATUS(nsw_##type##_footprint(NULL, &size_, &align_), NSW_ERR_NULL);                \
        CHECK_STATUS(nsw_##type##_footprint((config), NULL, &align_), NSW_ERR_NULL);              \
        CHECK_STATUS(nsw_##type##_footprint((config), &size_, NULL), NSW_ERR_NULL);               \
        CHECK_OK(nsw_##type##_create((config), &c_.hook, &made_));                                \
        CHECK(c_.calls == 1 && c_.last_size == size_ && c_.last_align == align_);                 \
        nsw_##type##_destroy(made_);                                                              \
        nsw_##type##_destroy(NULL);                                                               \
        c_.fail_at = c_.calls + 1;                                                                \
        CHECK_STATUS(nsw_##type##_create((config), &c_.hook, &none_), NSW_ERR_OUT_OF_MEMORY);     \
        CHECK(none_ == NULL);                                                                     \
        c_.misalign_at = c_.calls + 1;                                                            \
        CHECK_STATUS(nsw_##type##_create((config), &c_.hook, &none_), NSW_ERR_ALLOCATOR);         \
        CHECK(none_ == NULL);                                                                     \
        CHECK_STATUS(nsw_##type##_create(NULL, &c_.hook, &none_), NSW_ERR_NULL);                  \
        CHECK_STATUS(nsw_##type##_create((config), &c_.hook, NULL), NSW_ERR_NULL);                \
        nsw_##type **odd_ = (nsw_##type **)(void *)((char *)&none_ + 1);                          \
        size_t *beside_ = (size_t *)(void *)((char *)&size_ + 1);                                 \
        CHECK_STATUS(nsw_##type##_create((config), &c_.hook, odd_), NSW_ERR_ALIGNMENT);           \
        CHECK_STATUS(nsw_##type##_footprint((config), beside_, &align_), NSW_ERR_ALIGNMENT);      \
        CHECK_STATUS(nsw_##type##_footprint((config), &size_, beside_), NSW_ERR_ALIGNMENT);       \
        CHECK(none_ == NULL);                                                                     \
        counting_finish(&c_);                                                                     \
    } while (0)

/* A configuration with a size that no version had. */
#define CHECK_SIZED(type, config)                                                                 \
    do {                                                                                          \
        size_t size_ = 0, align_ = 0;                                                             \
        nsw_##type##_config bad_ = *(config);                                                     \
        bad_.size = 3;                                                                            \
        CHECK_STATUS(nsw_##type##_footprint(&bad_, &size_, &align_), NSW_ERR_STRUCT_SIZE);        \
        bad_.size = 5000;                                                                         \
        CHECK_STATUS(nsw_##type##_footprint(&bad_, &size_, &align_), NSW_ERR_STRUCT_SIZE);        \
    } while (0)

/* A handle of another type. */
#define OTHER(type) ((nsw_##type *)(void *)other_object())

/* Something with a header that is none of these objects. */
static inline void *other_object(void) {
    static uint64_t words[64];
    memcpy(words, "nsXX", 4);
    return words;
}

#endif /* NSW_TEST_TASK_H */
