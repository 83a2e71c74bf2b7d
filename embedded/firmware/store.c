/* A replicated store, its memory a static array, and a peer that is not there: what the peer answers was
 * recorded on another machine (embedded/host/store_peer.c), and what this one tells goes to a file there,
 * for the peer to take in. replica.c is what is said.
 *
 * What it costs comes out through the debugger. */
#include "measure.h"
#include "replica.h"
#include "semihost.h"
#include "serial.h"

/* Each answer has its length in front, 2 bytes. */
extern const uint8_t recorded[], recorded_end[];

static uint8_t memory[7 * 1024] __attribute__((aligned(8)));
static const uint8_t *next = recorded;
static int32_t told;

struct bytes ask(uint8_t what, const uint8_t *bytes, size_t len)
{
    const uint8_t head[] = {what, (uint8_t)len, (uint8_t)(len >> 8)};
    struct bytes answer = {next + 2, 0};
    EXPECT(file_write(told, head, sizeof head) == 0 && file_write(told, bytes, len) == 0);
    EXPECT(recorded_end - next >= 2);
    answer.len = next[0] | (size_t)next[1] << 8;
    EXPECT((size_t)(recorded_end - answer.at) >= answer.len);
    next = answer.at + answer.len;
    return answer;
}

int main(void)
{
    const nsw_store_config config = replica_config(1);
    nsw_arena *arena = NULL;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    nsw_store *store = NULL;
    size_t size = 0, align = 0, used = 0, high_water = 0;

    told = file_create("told.bin");
    EXPECT(told >= 0);
    MUST(nsw_arena_create(memory, sizeof memory, &arena));
    MUST(nsw_arena_allocator(arena, &allocator));
    MUST(nsw_store_footprint(&config, &size, &align));
    MUST(nsw_store_create(&config, &allocator, &store));
    replica_run(store);
    EXPECT(next == recorded_end);
    MUST(nsw_arena_usage(arena, &used, &high_water, NULL));
    nsw_store_destroy(store);
    nsw_arena_destroy(arena);
    file_close(told);
    tell("store_told", counts.told);
    tell("store_taken", counts.taken);
    tell("store_again", counts.again);
    tell("store_lost", counts.lost);
    tell("store_damaged", counts.damaged);
    tell("store_full", counts.full);
    tell("store_states", counts.states);
    tell("store_compared", counts.compared);
    tell("store_footprint", (uint32_t)size);
    tell("store_arena_high_water", (uint32_t)high_water);
    tell("store_stack_high_water", stack_high_water());
    return 0;
}
