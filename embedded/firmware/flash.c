#include "flash.h"

#include "swarm.h"

/* A record. On the emulated board this memory can simply be written; on a real one it is a page of flash, of
 * which `kind` is programmed last. Erased flash is ones, and the emulator's is zeros. */
struct kept {
    uint32_t kind, entry_kind;
    uint64_t term, vote, index;
    uint32_t len;
    uint8_t data[SWARM_ENTRY + 44]; /* or a membership */
};

enum { KEPT = 160 };

/* From the linker: a place that no start-up code clears. */
extern struct kept flash_log[KEPT];

nsw_status flash_write(const nsw_raft_record *record)
{
    static uint32_t written;
    while (written < KEPT && flash_log[written].kind != 0)
        written++;
    if (written == KEPT || record->data_len > sizeof flash_log->data)
        return NSW_ERR_CAPACITY;
    struct kept *place = &flash_log[written];
    place->entry_kind = record->entry_kind;
    place->term = record->term;
    place->vote = record->vote;
    place->index = record->index;
    place->len = (uint32_t)record->data_len;
    for (size_t i = 0; i < record->data_len; i++)
        place->data[i] = record->data[i];
    place->kind = record->kind;
    return NSW_OK;
}

static nsw_raft_record record_of(const struct kept *place)
{
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = place->kind;
    record.entry_kind = place->entry_kind;
    record.term = place->term;
    record.vote = place->vote;
    record.index = place->index;
    record.data = place->data;
    record.data_len = place->len;
    return record;
}

nsw_status flash_restore(nsw_raft *raft)
{
    nsw_status status = NSW_DONE;
    for (size_t i = 0; i < KEPT && flash_log[i].kind != 0; i++) {
        const nsw_raft_record record = record_of(&flash_log[i]);
        status = nsw_raft_restore(raft, &record);
        if (status != NSW_OK)
            return status;
    }
    return status;
}

/* An entry may have been written more than once, by several leaders: the last one counts. */
nsw_status flash_fetch(nsw_raft *raft, const nsw_raft_fetch *wanted)
{
    for (uint64_t index = wanted->first; index <= wanted->last; index++) {
        const struct kept *found = NULL;
        for (size_t i = 0; i < KEPT && flash_log[i].kind != 0; i++)
            if (flash_log[i].kind == NSW_RAFT_RECORD_ENTRY && flash_log[i].index == index)
                found = &flash_log[i];
        if (found == NULL)
            return nsw_raft_fetch_failed(raft, index);
        const nsw_raft_record record = record_of(found);
        const nsw_status status = nsw_raft_fetched(raft, &record);
        if (status != NSW_OK) /* without room, the rest is asked for again */
            return status == NSW_ERR_CAPACITY ? NSW_OK : status;
    }
    return NSW_OK;
}
