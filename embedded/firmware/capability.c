/* Noise and framing as in noise.c, and a peer (embedded/host/capability_peer.c) that proves who it is and
 * what it may do by Ed25519.
 *
 * This node's own identity is a signature over its key for handshakes, made when it was provisioned: the
 * private key of Ed25519 is not here, and no code that signs. With SIGNING it has that key, and signs.
 *
 * A message begins with a byte that says what is asked. The answer is a byte, 0 for yes, and what was
 * asked for. The peer asks its own library the same, and compares. */
#include "measure.h"
#include "semihost.h"
#include "session.h"
#include "provision.h" /* of the test: see embedded/host/capability_peer.c */

#ifdef SIGNING
#define NAME "signing"
#else
#define NAME "capability"
#endif

/* What is asked:
 *   IDENTITY  this node's identity (32), signature (64) of STATEMENT and its key for handshakes
 *   PROVE     identity (32), signature (64) of PROOF and the session's transcript: who the peer is
 *   PRESENT   a chain that the identity holds which was proven
 *   MAY       the name of a resource: whether the chain allows operation 1 on it
 *   SIGN      a message, signed by this node
 *   VERIFY    identity, signature, message */
enum { EPOCH = 5, IDENTITY = 'I', PROVE = 'P', PRESENT = 'C', MAY = 'M', SIGN = 'S', VERIFY = 'V' };
enum { STATEMENT = 10 };
static const uint8_t proof[] = {'p', 'r', 'o', 'o', 'f'};

static struct block identity_block;
static nsw_identity *own;
static uint8_t statement[STATEMENT + sizeof(nsw_key)] = {'n', 'o', 'i', 's', 'e', ' ', 'k', 'e', 'y', ':'};
static nsw_key holder;
static nsw_capability_grant grant;
static uint32_t asked = 0, denied = 0;

static void copy(void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    for (const uint8_t *in = from; len > 0; len--)
        *out++ = *in++;
}

#ifndef SIGNING
/* The hooks of nsw_secrets. */
static nsw_status held_keys(void *ctx, nsw_key *identity, nsw_key *noise)
{
    (void)ctx;
    *identity = provisioned_identity;
    *noise = provisioned_noise_key;
    return NSW_OK;
}

/* Handshakes by nsw_noise have the key itself. */
static nsw_status held_agree(void *ctx, const nsw_key *peer, nsw_key *shared)
{
    (void)ctx, (void)peer, (void)shared;
    return NSW_ERR_UNSUPPORTED;
}

/* There is a signature of the statement alone. */
static nsw_status held_sign(void *ctx, const uint8_t *message, size_t len, nsw_signature *signature)
{
    (void)ctx;
    if (len != sizeof statement)
        return NSW_ERR_UNSUPPORTED;
    for (size_t i = 0; i < len; i++)
        if (message[i] != statement[i])
            return NSW_ERR_UNSUPPORTED;
    *signature = provisioned_signature;
    return NSW_OK;
}
#endif

static nsw_status make_identity(void)
{
    nsw_allocator allocator = block_allocator(&identity_block);
    nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
#ifdef SIGNING
    /* In a product it is written to the flash; that of this test everybody knows. */
    static const nsw_key seed = {{12}};
    who.seed = &seed;
#else
    /* Keys in memory would need code that is not there. */
    if (nsw_identity_create(&who, &allocator, &own) != NSW_ERR_UNSUPPORTED)
        return NSW_ERR_INVALID;
    nsw_secrets secrets = NSW_SECRETS_INIT;
    secrets.public_keys = held_keys;
    secrets.agree = held_agree;
    secrets.sign = held_sign;
    who.secrets = &secrets;
#endif
    copy(statement + STATEMENT, &provisioned_noise_key, sizeof provisioned_noise_key);
    return nsw_identity_create(&who, &allocator, &own);
}

static nsw_status tell_identity(uint8_t *out)
{
    nsw_key key = {{0}};
    nsw_signature signature = {{0}};
    nsw_status status = nsw_identity_public(own, &key);
    if (status == NSW_OK)
        status = nsw_identity_sign(own, statement, sizeof statement, &signature);
    copy(out, &key, sizeof key);
    copy(out + sizeof key, &signature, sizeof signature);
    return status;
}

static nsw_status prove(nsw_noise *noise, const uint8_t *bytes, size_t len)
{
    nsw_key key;
    nsw_signature signature;
    uint8_t signed_bytes[sizeof proof + NSW_NOISE_MAX_TRANSCRIPT];
    size_t more = 0;
    if (len != sizeof key + sizeof signature)
        return NSW_ERR_COMM_FORMAT;
    copy(&key, bytes, sizeof key);
    copy(&signature, bytes + sizeof key, sizeof signature);
    copy(signed_bytes, proof, sizeof proof);
    nsw_status status =
        nsw_noise_transcript(noise, signed_bytes + sizeof proof, NSW_NOISE_MAX_TRANSCRIPT, &more);
    if (status == NSW_OK)
        status = nsw_signature_verify(&signature, &key, signed_bytes, sizeof proof + more);
    if (status == NSW_OK)
        holder = key;
    return status;
}

static nsw_status present(const uint8_t *chain, size_t len)
{
    static const uint8_t resource[] = {'p', 'u', 'm', 'p', '/', '1'};
    nsw_capability_check check = NSW_CAPABILITY_CHECK_INIT;
    nsw_capability_grant found = NSW_CAPABILITY_GRANT_INIT;
    check.operations = 1;
    check.resource = resource;
    check.resource_len = sizeof resource;
    check.authorities = &provisioned_authority;
    check.authorities_len = 1;
    check.holder = holder;
    check.epoch = EPOCH;
    nsw_status status = nsw_capability_verify(chain, len, &check, &found);
    if (status == NSW_OK)
        grant = found;
    return status;
}

static nsw_status verify(const uint8_t *bytes, size_t len)
{
    nsw_key key;
    nsw_signature signature;
    if (len < sizeof key + sizeof signature)
        return NSW_ERR_COMM_FORMAT;
    copy(&key, bytes, sizeof key);
    copy(&signature, bytes + sizeof key, sizeof signature);
    bytes += sizeof key + sizeof signature;
    return nsw_signature_verify(&signature, &key, bytes, len - sizeof key - sizeof signature);
}

static nsw_status answer(nsw_noise *noise)
{
    for (;;) {
        size_t len = 0, made = 0;
        nsw_signature signature = {{0}};
        nsw_status status = session_take(noise, &len), said = NSW_ERR_COMM_FORMAT;
        if (status != NSW_OK || len == 0)
            return status;
        uint8_t *bytes = text + 1;
        len--;
        switch (text[0]) {
        case IDENTITY:
            said = tell_identity(bytes);
            made = sizeof(nsw_key) + sizeof signature;
            break;
        case PROVE: said = prove(noise, bytes, len); break;
        case PRESENT: said = present(bytes, len); break;
        case MAY: said = nsw_capability_allows(&grant, bytes, len, 1, 0, EPOCH); break;
        case SIGN:
            said = nsw_identity_sign(own, bytes, len, &signature);
            made = sizeof signature;
            copy(bytes, &signature, made);
            break;
        case VERIFY: said = verify(bytes, len); break;
        default: break;
        }
        asked++;
        if (said != NSW_OK) {
            denied++;
            made = 0;
        }
        text[0] = said == NSW_OK ? 0 : 1;
        status = session_put(noise, made + 1);
        if (status != NSW_OK)
            return status;
    }
}

int main(void)
{
    nsw_status status = make_identity();
    if (status == NSW_OK)
        status = session_start();
    if (status == NSW_OK)
        print("ready\n");
    while (status == NSW_OK) {
        nsw_noise *noise = NULL;
        status = session_accept(&noise);
        if (status == NSW_OK)
            status = answer(noise);
        nsw_noise_destroy(noise);
    }
    session_end();
    nsw_identity_destroy(own);
    if (status != NSW_DONE)
        return tell_failure(status);
    tell(NAME "_asked", asked);
    tell(NAME "_denied", denied);
    tell(NAME "_refused", refused);
    tell(NAME "_identity_footprint", (uint32_t)identity_block.used);
    tell(NAME "_stack_high_water", stack_high_water());
    return 0;
}
