/* Version numbers agree with the macros; every status code has its own text. */
#include <string.h>

#include "support.h"

static const nsw_status CODES[] = {
    NSW_OK, NSW_ERR_NULL, NSW_ERR_INVALID, NSW_ERR_ALIGNMENT, NSW_ERR_HANDLE,
    NSW_ERR_DESTROYED, NSW_ERR_POISONED, NSW_ERR_BUSY, NSW_ERR_PANIC, NSW_ERR_STRUCT_SIZE,
    NSW_ERR_LENGTH, NSW_ERR_OVERFLOW, NSW_ERR_NO_ALLOCATOR, NSW_ERR_OUT_OF_MEMORY,
    NSW_ERR_ALLOCATOR, NSW_ERR_BUFFER_TOO_SMALL, NSW_ERR_READ_ONLY, NSW_ERR_UNSUPPORTED,
    NSW_ERR_CAPACITY, NSW_ERR_HOOK, NSW_ERR_NO_ENTROPY, NSW_ERR_NN_SHAPE, NSW_ERR_NN_LOSS,
    NSW_ERR_NN_DIVERGED, NSW_ERR_NN_NOT_FINITE, NSW_ERR_NN_MISMATCH, NSW_ERR_MODEL_MAGIC,
    NSW_ERR_MODEL_VERSION, NSW_ERR_MODEL_KIND, NSW_ERR_MODEL_TRUNCATED, NSW_ERR_MODEL_LENGTH,
    NSW_ERR_MODEL_CRC, NSW_ERR_MODEL_INVALID, NSW_ERR_DATA_HEADER, NSW_ERR_DATA_TRUNCATED,
    NSW_ERR_DATA_LENGTH, NSW_ERR_DATA_NUMBER, NSW_ERR_DATA_ROW, NSW_ERR_DATA_LABEL,
    NSW_ERR_COMM_PROTOCOL, NSW_ERR_COMM_STATE, NSW_ERR_COMM_KEYS, NSW_ERR_COMM_KEY,
    NSW_ERR_COMM_AUTH, NSW_ERR_COMM_REPLAY, NSW_ERR_COMM_COUNTER, NSW_ERR_COMM_FORMAT,
    NSW_ERR_COMM_VERSION, NSW_ERR_COMM_TOO_LONG, NSW_ERR_COMM_UNTRUSTED,
    NSW_ERR_COMM_SIGNATURE, NSW_ERR_COMM_PEER, NSW_ERR_COMM_CLOSED, NSW_ERR_COMM_EXPIRED,
    NSW_ERR_COMM_REVOKED, NSW_ERR_COMM_DENIED, NSW_ERR_COMM_WIDENED, NSW_ERR_COMM_DEPTH,
    NSW_ERR_COMM_HOLDER, NSW_ERR_COMM_COOKIE, NSW_ERR_COMM_AHEAD,
    NSW_ERR_CRDT_FORMAT, NSW_ERR_CRDT_VERSION, NSW_ERR_CRDT_KEY, NSW_ERR_CRDT_KIND,
    NSW_ERR_CRDT_CLOCK, NSW_ERR_CRDT_BEHIND, NSW_ERR_CRDT_OWN, NSW_ERR_CRDT_TRANSACTION,
    NSW_ERR_CRDT_GENERATION, NSW_ERR_CRDT_MEMBER, NSW_ERR_CRDT_DAMAGED, NSW_ERR_CRDT_TORN,
    NSW_ERR_CRDT_CHANGED, NSW_ERR_CRDT_NOT_EMPTY, NSW_ERR_CRDT_FOREIGN, NSW_ERR_HOST_IO,
    NSW_ERR_HOST_ADDRESS, NSW_ERR_HOST_PERMISSIONS, NSW_ERR_HOST_FILE, NSW_ERR_HOST_TLS,
    NSW_ERR_HOST_TIMEOUT, NSW_ERR_HOST_FULL, NSW_ERR_RAFT_HALTED, NSW_ERR_RAFT_FORMAT, NSW_ERR_RAFT_VERSION,
    NSW_ERR_RAFT_PEER, NSW_ERR_RAFT_STATE, NSW_ERR_RAFT_NO_LEADER, NSW_ERR_RAFT_NOT_LEADER,
    NSW_ERR_RAFT_BUSY, NSW_ERR_RAFT_MEMBER, NSW_ERR_RAFT_DUPLICATE, NSW_ERR_RAFT_SESSION,
    NSW_ERR_RAFT_LOST, NSW_ERR_LOCK_FORMAT, NSW_ERR_TASK_FORMAT, NSW_ERR_TASK_DOMAIN, NSW_ERR_TASK_NO_PLAN,
    NSW_ERR_TASK_BUDGET, NSW_ERR_TASK_PLAN, NSW_ERR_TASK_INFEASIBLE,
    NSW_ERR_TASK_CYCLE, NSW_ERR_TASK_STATE, NSW_ERR_TASK_ATTEMPT, NSW_ERR_TASK_UNKNOWN,
    NSW_ERR_NODE_FORMAT, NSW_ERR_NODE_VERSION, NSW_ERR_NODE_PEER,
    NSW_ERR_NODE_REQUEST, NSW_ERR_NODE_LEFT,
};

static bool is_known(nsw_status code) {
    if (code == NSW_DONE || code == NSW_AGAIN) { /* which are no errors */
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(CODES); i++) {
        if (CODES[i] == code) {
            return true;
        }
    }
    return false;
}

static void versions_agree(void) {
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", NSW_VERSION_MAJOR, NSW_VERSION_MINOR,
             NSW_VERSION_PATCH);
    CHECK(strcmp(nsw_version_str(), text) == 0);
    CHECK(nsw_version() == ((uint32_t)NSW_VERSION_MAJOR << 16 |
                            (uint32_t)NSW_VERSION_MINOR << 8 | (uint32_t)NSW_VERSION_PATCH));
    CHECK(nsw_abi_version() == NSW_ABI_VERSION);
}

static void every_code_has_its_own_text(void) {
    for (size_t i = 0; i < COUNT_OF(CODES); i++) {
        const char *text = nsw_status_str(CODES[i]);
        REQUIRE(text != NULL);
        CHECK_NOTE(strlen(text) > 1, "code %d", (int)CODES[i]);
        CHECK_NOTE(text == nsw_status_str(CODES[i]), "code %d: the text is static",
                   (int)CODES[i]);
        CHECK_NOTE(i == 0 || CODES[i] < 0, "code %d", (int)CODES[i]);
        for (size_t k = 0; k < i; k++) {
            CHECK(CODES[k] != CODES[i]);
            CHECK_NOTE(strcmp(text, nsw_status_str(CODES[k])) != 0, "codes %d and %d",
                       (int)CODES[i], (int)CODES[k]);
        }
    }
}

/* Also finds a code that was added to the library and not to the list above. */
static void unknown_codes_have_one_text(void) {
    const char *unknown = nsw_status_str(12345);
    REQUIRE(unknown != NULL);
    CHECK(strlen(unknown) > 1);
    for (nsw_status code = -2000; code <= 2000; code++) {
        const char *text = nsw_status_str(code);
        REQUIRE(text != NULL);
        CHECK_NOTE(is_known(code) == (strcmp(text, unknown) != 0), "code %d", (int)code);
    }
    CHECK(strcmp(nsw_status_str(INT32_MIN), unknown) == 0);
    CHECK(strcmp(nsw_status_str(INT32_MAX), unknown) == 0);
}

int main(void) {
    versions_agree();
    every_code_has_its_own_text();
    unknown_codes_have_one_text();
    return check_report("version");
}
