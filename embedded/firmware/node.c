/* A whole member of a swarm on a microcontroller: secure sessions, membership, a store that it shares, a vote in a
 * group of five, requests that it answers with an int8 network, over a serial line (bus.c).
 *
 * It adds its number to the counter that all share, and proposes a line when it hears of a leader. Members on
 * another machine (embedded/host/swarm.c) ask it what it knows, let it read digits, and tell it to leave.
 * What it costs comes out through the debugger then. */
#include "bus.h"
#include "flash.h"
#include "measure.h"
#include "must.h"
#include "neural_swarm.h"
#include "semihost.h"
#include "serial.h"
#include "swarm.h"

enum { LEVELS = 17, ARENA = 46 * 1024, AGAIN_US = 5000000 };

/* From data.S, and from the linker: what is written to a board's flash when it is made. */
extern const uint8_t model[], model_end[];
extern const int8_t levels[LEVELS];
extern const struct provisioned page;

/* All the memory that the library gets. */
static uint8_t memory[ARENA] __attribute__((aligned(8)));

static uint32_t random_state;
static nsw_node *node;
static nsw_store *store;
static nsw_store_key counter;
static nsw_raft *groups[1];
static nsw_requests *requests;
static nsw_qnet *network;
static nsw_node_parts parts = NSW_NODE_PARTS_INIT;

/* Which entries were agreed on; whether its own is among them, and when it is proposed again if not. */
static uint32_t agreed, hash = SWARM_HASH;
static int own_agreed, leaving, left;
static uint64_t propose_at;
static uint8_t own_entry[] = {'b', 'o', 'a', 'r', 'd', ' ', '0'};

static uint32_t calls, images;

/* A bug in the library: stop with an error. */
void nsw_port_panic(const char *file, size_t file_len, uint32_t line)
{
    (void)file, (void)file_len, (void)line;
    print("PANIC\n");
    semihost_exit(2);
}

static int same(const uint8_t *a, const uint8_t *b, size_t len)
{
    while (len > 0 && *a == *b)
        a++, b++, len--;
    return len == 0;
}

/* ---- Who it is -------------------------------------------------------------- */

/* The hooks of nsw_secrets. */
static nsw_status held_keys(void *ctx, nsw_key *identity, nsw_key *noise)
{
    (void)ctx;
    *identity = page.identity;
    *noise = page.noise;
    return NSW_OK;
}

static nsw_status held_agree(void *ctx, const nsw_key *peer, nsw_key *shared)
{
    (void)ctx;
    return nsw_noise_agree(&page.noise_private, peer, shared);
}

/* There is one signature: of what ends with its key for handshakes. */
static nsw_status held_sign(void *ctx, const uint8_t *message, size_t len, nsw_signature *signature)
{
    (void)ctx;
    if (len < sizeof page.noise || !same(message + len - sizeof page.noise, page.noise.bytes, sizeof page.noise))
        return NSW_ERR_UNSUPPORTED;
    *signature = page.binding;
    return NSW_OK;
}

static nsw_identity *begin_identity(const nsw_allocator *allocator)
{
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
    nsw_secrets secrets = NSW_SECRETS_INIT;
    nsw_identity *identity = NULL;
    secrets.public_keys = held_keys;
    secrets.agree = held_agree;
    secrets.sign = held_sign;
    config.secrets = &secrets;
    MUST(nsw_identity_create(&config, allocator, &identity));
    return identity;
}

/* ---- Beginning -------------------------------------------------------------- */

static void begin_node(const nsw_allocator *allocator)
{
    nsw_framer_config framing = NSW_FRAMER_CONFIG_INIT;
    nsw_transport transport = NSW_TRANSPORT_INIT;
    nsw_entropy entropy = NSW_ENTROPY_INIT;
    nsw_node_config config = swarm_node();
    nsw_framer *framer = NULL;
    const nsw_address here = swarm_address(page.number), first = swarm_address(0);
    nsw_identity *identity = begin_identity(allocator);
    size_t size = 0, align = 0;
    framing.framing = NSW_FRAMING_SERIAL;
    framing.max_frame = SWARM_FRAME;
    MUST(nsw_framer_create(&framing, allocator, &framer));
    MUST(nsw_framer_footprint(&framing, &size, &align));
    tell("node_ram_framer", (uint32_t)size);
    transport.ctx = framer;
    transport.send = bus_send;
    transport.receive = bus_receive;
    random_state = page.random;
    entropy.ctx = &random_state;
    entropy.fill = serial_random;
    config.identity = identity;
    config.transport = &transport;
    config.entropy = &entropy;
    config.address = &here;
    config.now_us = bus_now_us();
    MUST(nsw_node_create(&config, allocator, &node));
    MUST(nsw_node_footprint(&config, &size, &align));
    tell("node_ram_node", (uint32_t)size);
    for (uint32_t i = 0; i < SWARM_VOTERS; i++)
        MUST(nsw_node_pin(node, &page.voters[i]));
    MUST(nsw_node_join(node, &first, bus_now_us()));
}

static void begin_store(const nsw_allocator *allocator, const nsw_node_info *info)
{
    nsw_store_config config = swarm_store();
    nsw_sharing_config sharing = NSW_SHARING_CONFIG_INIT;
    size_t size = 0, more = 0, align = 0;
    config.replica = info->id ^ page.random; /* it has forgotten what an earlier life said */
    sharing.store = &config;
    sharing.mtu = info->max_message;
    sharing.answers = 2;
    MUST(nsw_store_create(&config, allocator, &store));
    MUST(nsw_store_open(store, NSW_STORE_ROOT, swarm_counter, sizeof swarm_counter, NSW_STORE_COUNTER, &counter));
    MUST(nsw_store_increment(store, counter, page.number + 1));
    MUST(nsw_sharing_create(&sharing, allocator, &parts.sharing));
    MUST(nsw_store_footprint(&config, &size, &align));
    MUST(nsw_sharing_footprint(&sharing, &more, &align));
    tell("node_ram_store", (uint32_t)size);
    tell("node_ram_sharing", (uint32_t)more);
    parts.store = store;
}

static void begin_group(const nsw_allocator *allocator, const nsw_node_info *info)
{
    nsw_raft_config config = swarm_raft();
    nsw_raft_member voters[SWARM_VOTERS];
    size_t size = 0, align = 0;
    config.id = info->id;
    config.seed = page.random;
    config.message = info->max_message;
    MUST(nsw_raft_create(&config, allocator, &groups[0]));
    MUST(nsw_raft_footprint(&config, &size, &align));
    tell("node_ram_raft", (uint32_t)size);
    const nsw_status kept = flash_restore(groups[0]);
    if (kept == NSW_DONE) {
        for (uint32_t i = 0; i < SWARM_VOTERS; i++) {
            voters[i] = (nsw_raft_member)NSW_RAFT_MEMBER(0, NSW_RAFT_VOTER);
            MUST(nsw_member_id(&page.voters[i], &voters[i].id));
        }
        MUST(nsw_raft_bootstrap(groups[0], voters, SWARM_VOTERS));
    } else {
        MUST(kept);
    }
    MUST(nsw_raft_start(groups[0], bus_now_us()));
    parts.groups = groups;
    parts.groups_len = 1;
}

static void begin_work(const nsw_allocator *allocator, const nsw_node_info *info)
{
    nsw_requests_config config = swarm_requests();
    size_t size = 0, align = 0;
    config.mtu = info->max_message;
    config.seed = page.random;
    config.requests = 1;
    config.calls = 4;
    config.askers = 4;
    MUST(nsw_requests_create(&config, allocator, &requests));
    MUST(nsw_requests_footprint(&config, &size, &align));
    tell("node_ram_requests", (uint32_t)size);
    parts.requests = requests;
    MUST(nsw_qnet_view(model, (size_t)(model_end - model), allocator, &network));
    MUST(nsw_qnet_view_footprint(model, (size_t)(model_end - model), &size, &align));
    tell("node_ram_network", (uint32_t)size);
}

/* ---- What it does ----------------------------------------------------------- */

static nsw_node_info describe(void)
{
    nsw_node_info info = NSW_NODE_INFO_INIT;
    MUST(nsw_node_describe(node, &info));
    return info;
}

static void serve_group(void)
{
    nsw_raft *raft = groups[0];
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    nsw_raft_event event = NSW_RAFT_EVENT_INIT;
    nsw_raft_entry entry = NSW_RAFT_ENTRY_INIT;
    nsw_raft_fetch wanted = NSW_RAFT_FETCH_INIT;
    while (nsw_raft_next_record(raft, &record) == NSW_OK) {
        MUST(flash_write(&record));
        MUST(nsw_raft_durable(raft, record.number, bus_now_us()));
    }
    while (nsw_raft_next_fetch(raft, &wanted) == NSW_OK)
        MUST(flash_fetch(raft, &wanted));
    while (nsw_raft_next_event(raft, &event) == NSW_OK)
        if (event.kind == NSW_RAFT_EVENT_REFUSED)
            propose_at = bus_now_us() + AGAIN_US / 20;
    while (nsw_raft_next_committed(raft, &entry) == NSW_OK) {
        if (entry.kind == NSW_RAFT_ENTRY_DATA) {
            agreed++;
            hash = swarm_hash(hash, entry.data, entry.data_len);
            if (entry.data_len == sizeof own_entry && same(entry.data, own_entry, sizeof own_entry))
                own_agreed = 1;
        }
        MUST(nsw_raft_applied(raft, entry.index));
    }
    /* If nothing is heard of it, once more: it may stand there twice, for the group knows no clients. */
    if (!own_agreed && bus_now_us() >= propose_at) {
        const nsw_status status =
            nsw_raft_propose(raft, own_entry, sizeof own_entry, 0, 0, bus_now_us(), NULL);
        propose_at = bus_now_us() + (status == NSW_OK ? AGAIN_US : AGAIN_US / 20);
    }
}

static int is(const nsw_requests_event *call, const char *method)
{
    size_t len = 0;
    while (method[len] != 0)
        len++;
    return call->method_len == len && same(call->method, (const uint8_t *)method, len);
}

static nsw_status answer(const nsw_requests_event *call)
{
    calls++;
    if (is(call, "digits") && call->message_len % PIXELS == 0 && call->message_len <= MOST_IMAGES * PIXELS) {
        int8_t input[PIXELS], outputs[MOST_IMAGES][DIGITS];
        size_t count = 0;
        for (const uint8_t *image = call->message; count < call->message_len / PIXELS; image += PIXELS) {
            for (size_t i = 0; i < PIXELS; i++)
                input[i] = levels[image[i] < LEVELS ? image[i] : LEVELS - 1];
            MUST(nsw_qnet_forward_i8(network, input, PIXELS, outputs[count++], DIGITS, NULL));
        }
        images += count;
        return nsw_requests_answer(requests, call->number, (const uint8_t *)outputs, count * DIGITS);
    }
    if (is(call, "told")) {
        uint8_t told[TOLD];
        int64_t total = 0;
        MUST(nsw_store_total(store, counter, &total));
        swarm_put(told, (uint64_t)total, 8);
        swarm_put(told + 8, describe().members, 4);
        swarm_put(told + 12, agreed, 4);
        swarm_put(told + 16, hash, 4);
        return nsw_requests_answer(requests, call->number, told, TOLD);
    }
    if (is(call, "leave")) {
        leaving = 1;
        return nsw_requests_answer(requests, call->number, NULL, 0);
    }
    return nsw_requests_refuse(requests, call->number);
}

static void serve_requests(void)
{
    nsw_requests_event event = NSW_REQUESTS_EVENT_INIT;
    while (nsw_requests_next(requests, &event) == NSW_OK) {
        if (event.kind != NSW_REQUESTS_ASKED)
            continue;
        const nsw_status status = answer(&event);
        /* Its asker may have given up meanwhile. */
        if (status != NSW_ERR_NODE_REQUEST)
            MUST(status);
    }
}

static uint64_t turn(void)
{
    nsw_node_event event = NSW_NODE_EVENT_INIT;
    uint64_t wake = 0;
    MUST(nsw_node_poll(node, bus_now_us(), &parts, &wake));
    while (nsw_node_next(node, &event) == NSW_OK)
        left |= event.kind == NSW_NODE_LEFT;
    const uint32_t before = calls;
    serve_group();
    serve_requests();
    /* What was done now is to be said. */
    if (calls != before)
        return 0;
    return own_agreed || wake < propose_at ? wake : propose_at;
}

int main(void)
{
    nsw_arena *arena = NULL;
    nsw_allocator allocator = NSW_ALLOCATOR_INIT;
    size_t used = 0, high_water = 0;
    bus_start(page.number);
    own_entry[sizeof own_entry - 1] = (uint8_t)('1' + page.number);
    MUST(nsw_arena_create(memory, sizeof memory, &arena));
    MUST(nsw_arena_allocator(arena, &allocator));
    begin_node(&allocator);
    const nsw_node_info info = describe();
    begin_store(&allocator, &info);
    begin_group(&allocator, &info);
    begin_work(&allocator, &info);
    print("ready\n");
    uint64_t leave_at = 0;
    while (!left) {
        const uint64_t wake = turn();
        bus_sleep(wake);
        if (!leaving)
            continue;
        /* After the answer has gone. */
        if (leave_at == 0)
            leave_at = bus_now_us() + AGAIN_US / 20;
        if (leave_at <= bus_now_us()) {
            MUST(nsw_node_leave(node, bus_now_us()));
            leave_at = UINT64_MAX;
        }
    }
    MUST(nsw_arena_usage(arena, &used, &high_water, NULL));
    tell("node_arena_size", ARENA);
    tell("node_images", images);
    tell("node_agreed", agreed);
    tell("node_arena_high_water", (uint32_t)high_water);
    tell("node_stack_high_water", stack_high_water());
    return 0;
}
