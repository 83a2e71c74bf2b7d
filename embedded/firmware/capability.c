/* Noise and framing as in noise.c, and a peer (embedded/host/capability_peer.c) that proves who it is and
 * what it may do by Ed25519.
 *
 * A message begins with a byte that says what is asked. The answer is a byte, 0 for yes, and the signature
 * if one was asked for. The peer asks its own library the same, and compares. */
#include "measure.h"
#include "semihost.h"
#include "session.h"

/* What is asked:
 *   PROVE     identity (32), signature (64) of PROOF and the session's transcript: who the peer is
 *   PRESENT   a chain that the identity holds which was proven
 *   MAY       the name of a resource: whether the chain allows operation 1 on it
 *   SIGN      a message, signed by this node
 *   VERIFY    identity, signature, message */
enum { EPOCH = 5, PROVE = 'P', PRESENT = 'C', MAY = 'M', SIGN = 'S', VERIFY = 'V' };
static const uint8_t proof[] = {'p', 'r', 'o', 'o', 'f'};

static struct block identity_block;
static nsw_identity *own;
static nsw_key authority, holder;
static nsw_capability_grant grant;
static uint32_t asked = 0, denied = 0;

static void copy(void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    for (const uint8_t *in = from; len > 0; len--)
        *out++ = *in++;
}

/* In a product the authority's key is written to the flash; that of this test everybody can make. */
static nsw_status make_identities(void)
{
    static const nsw_key seeds[2] = {{{9}}, {{7}}};
    nsw_allocator allocator = block_allocator(&identity_block);
    nsw_status status = NSW_OK;
    for (int i = 0; status == NSW_OK && i < 2; i++) {
        nsw_identity_config who = NSW_IDENTITY_CONFIG_INIT;
        who.seed = &seeds[i];
        nsw_identity_destroy(own);
        status = nsw_identity_create(&who, &allocator, &own);
        if (status == NSW_OK && i == 0)
            status = nsw_identity_public(own, &authority);
    }
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
    check.authorities = &authority;
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
        nsw_signature signature;
        nsw_status status = session_take(noise, &len), said = NSW_ERR_COMM_FORMAT;
        if (status != NSW_OK || len == 0)
            return status;
        const uint8_t *bytes = text + 1;
        len--;
        switch (text[0]) {
        case PROVE: said = prove(noise, bytes, len); break;
        case PRESENT: said = present(bytes, len); break;
        case MAY: said = nsw_capability_allows(&grant, bytes, len, 1, 0, EPOCH); break;
        case SIGN: said = nsw_identity_sign(own, bytes, len, &signature); break;
        case VERIFY: said = verify(bytes, len); break;
        default: break;
        }
        asked++;
        if (said != NSW_OK)
            denied++;
        else if (text[0] == SIGN) {
            made = sizeof signature;
            copy(text + 1, &signature, made);
        }
        text[0] = said == NSW_OK ? 0 : 1;
        status = session_put(noise, made + 1);
        if (status != NSW_OK)
            return status;
    }
}

int main(void)
{
    nsw_status status = make_identities();
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
    tell("capability_asked", asked);
    tell("capability_denied", denied);
    tell("capability_refused", refused);
    tell("capability_identity_footprint", (uint32_t)identity_block.used);
    tell("capability_stack_high_water", stack_high_water());
    return 0;
}
