/* A planner that reads its domain in flash, in 64 KB of memory that it is given once; a verifier looks at what
 * it found. The functions are those of embedded/src/plan_test.rs. The actions go to a file, for
 * scripts/test-embedded to compare with those that another machine found. */
#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "semihost.h"
#include "serial.h"

enum { MEMORY = 64 * 1024, SPARE = 12 * 1024, ACTIONS = 512, KNOWN_INSTRUCTIONS = 1000000 };

struct told {
    uint32_t actions, nodes, steps, planner, verifier;
};

int32_t nsw_plan_test(const uint8_t *model, size_t model_len, uint8_t *memory, size_t memory_len, uint8_t *spare,
                      size_t spare_len, uint16_t *actions, size_t actions_cap, struct told *told);

extern const uint8_t domain[], domain_end[];

static uint8_t memory[MEMORY] __attribute__((aligned(8)));
static uint8_t spare[SPARE] __attribute__((aligned(8)));
static uint16_t actions[ACTIONS];

int main(void)
{
    static struct told told;
    size_t model_len = (size_t)(domain_end - domain), len;
    uint32_t start, ticks;
    int32_t answer, file;
    count_start();
    start = count_now();
    answer = nsw_plan_test(domain, model_len, memory, MEMORY, spare, SPARE, actions, ACTIONS, &told);
    ticks = count_between(start, count_now());
    if (answer < 0)
        return tell_failure(answer);
    len = (size_t)answer * sizeof actions[0];
    file = file_create("planned.bin");
    if (file < 0 || file_write(file, actions, len) != 0)
        return 1;
    file_close(file);
    tell("plan_stack_high_water", stack_high_water());
    tell("plan_actions", told.actions);
    tell("plan_nodes", told.nodes);
    tell("plan_steps", told.steps);
    tell("plan_footprint", told.planner);
    tell("plan_verifier_footprint", told.verifier);
    tell("plan_model", (uint32_t)model_len);
    tell("plan_ticks", ticks);
    tell("plan_known_instructions", KNOWN_INSTRUCTIONS);
    tell("plan_known_ticks", count_known(KNOWN_INSTRUCTIONS));
    return 0;
}
