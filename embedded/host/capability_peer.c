/* The peer of embedded/firmware/capability.c: proves to the firmware who it is and what it may do, and
 * compares the firmware's verdicts on signatures, and the signatures it makes, by its arithmetic for 32
 * bits, with this machine's. Provisions it before.
 *
 *   capability_peer provision             what the firmware has in its flash, as C
 *   capability_peer capability|signing SOCKET VECTORS...
 *                                         "signing" makes signatures itself;
 *                                         files with lines "ed25519 <result> <public> <message> <signature>" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

/* What a message to the firmware can hold beside its first byte. */
enum { MOST = MTU - NSW_NOISE_TAG - 1 };
enum { HANDSHAKES = 4 };

static const char proof[] = "proof", statement[] = "noise key:";
static unsigned asked, denied, verdicts, signatures;
static nsw_identity *authority, *peer, *stranger, *firmware;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static nsw_identity *identity(uint8_t first)
{
    nsw_key seed = {{0}};
    nsw_identity *made = NULL;
    nsw_identity_config config = NSW_IDENTITY_CONFIG_INIT;
    seed.bytes[0] = first;
    config.seed = &seed;
    must("identity", nsw_identity_create(&config, NULL, &made));
    return made;
}

static nsw_key public_of(const nsw_identity *who)
{
    nsw_key key;
    must("public key", nsw_identity_public(who, &key));
    return key;
}

/* Asks, and returns whether the firmware says yes. What it has made goes to `made`. */
static int ask(nsw_noise *noise, char what, const void *bytes, size_t len, uint8_t *made, size_t made_len)
{
    uint8_t text[MTU];
    if (len > MOST)
        fail("too long a question");
    text[0] = (uint8_t)what;
    if (len > 0)
        memcpy(text + 1, bytes, len);
    session_put(noise, text, len + 1, 0);
    size_t got = session_take(noise, text);
    int yes = got > 0 && text[0] == 0;
    if (got != (yes ? made_len : 0) + 1)
        fail("an answer of another length");
    if (yes)
        memcpy(made, text + 1, made_len);
    asked++;
    denied += !yes;
    return yes;
}

static void expect(nsw_noise *noise, int yes, char what, const void *bytes, size_t len)
{
    if (ask(noise, what, bytes, len, NULL, 0) != yes) {
        fprintf(stderr, "%c: the firmware says %s\n", what, yes ? "no" : "yes");
        exit(1);
    }
}

/* The proof of an identity, for this session alone. */
static void expect_proof(nsw_noise *noise, int yes, const nsw_identity *who, unsigned char damage)
{
    uint8_t signed_bytes[sizeof proof - 1 + NSW_NOISE_MAX_TRANSCRIPT], bytes[96];
    size_t len = 0;
    nsw_key key = public_of(who);
    nsw_signature signature;
    memcpy(signed_bytes, proof, sizeof proof - 1);
    must("transcript",
         nsw_noise_transcript(noise, signed_bytes + sizeof proof - 1, NSW_NOISE_MAX_TRANSCRIPT, &len));
    signed_bytes[sizeof proof - 1] ^= damage;
    must("sign", nsw_identity_sign(who, signed_bytes, sizeof proof - 1 + len, &signature));
    memcpy(bytes, &key, sizeof key);
    memcpy(bytes + sizeof key, &signature, sizeof signature);
    expect(noise, yes, 'P', bytes, sizeof bytes);
}

/* A chain by the authority for the stranger, who delegates it to `subject`. */
static size_t delegated(const nsw_identity *issuer, const nsw_identity *subject, uint64_t epoch, uint8_t chain[MOST])
{
    uint8_t first[MOST];
    size_t len = 0;
    nsw_capability_link link = NSW_CAPABILITY_LINK_INIT;
    link.subject = public_of(stranger);
    link.operations = 3;
    link.epoch = epoch;
    link.depth = 1;
    link.resource_len = 5;
    memcpy(link.resource, "pump/", 5);
    must("issue", nsw_capability_issue(issuer, &link, first, sizeof first, &len));
    link.subject = public_of(subject);
    link.operations = 1;
    link.depth = 0;
    must("delegate", nsw_capability_delegate(stranger, first, len, &link, chain, MOST, &len));
    return len;
}

static void capabilities(nsw_noise *noise)
{
    uint8_t chain[MOST];
    size_t len = delegated(authority, peer, 5, chain);
    /* Nobody has been proven to be there. */
    expect(noise, 0, 'C', chain, len);
    expect(noise, 0, 'M', "pump/2", 6);
    expect_proof(noise, 0, peer, 1);
    expect_proof(noise, 1, peer, 0);
    expect(noise, 1, 'C', chain, len);
    expect(noise, 1, 'M', "pump/2", 6);
    expect(noise, 0, 'M', "door/2", 6);
    for (size_t at = 0; at < len; at += 7) {
        chain[at] ^= 0x10;
        expect(noise, 0, 'C', chain, len);
        chain[at] ^= 0x10;
    }
    expect(noise, 0, 'C', chain, len - 1);
    /* Another holder's, another authority's, one of the past. */
    len = delegated(authority, firmware, 5, chain);
    expect(noise, 0, 'C', chain, len);
    len = delegated(stranger, peer, 5, chain);
    expect(noise, 0, 'C', chain, len);
    len = delegated(authority, peer, 4, chain);
    expect(noise, 0, 'C', chain, len);
}

/* The statement by which an identity vouches for a key of handshakes. */
static size_t vouch(const nsw_key *noise_key, uint8_t *out)
{
    memcpy(out, statement, sizeof statement - 1);
    memcpy(out + sizeof statement - 1, noise_key, sizeof *noise_key);
    return sizeof statement - 1 + sizeof *noise_key;
}

static void print_bytes(const char *type, const char *name, const uint8_t *bytes, size_t len)
{
    printf("static const %s %s = {{", type, name);
    for (size_t i = 0; i < len; i++)
        printf("%s%u", i == 0 ? "" : ", ", bytes[i]);
    printf("}};\n");
}

static void provision(void)
{
    static const nsw_key noise_private = {{7}};
    nsw_key noise_key, key = public_of(authority);
    nsw_signature signature;
    uint8_t bytes[64];
    print_bytes("nsw_key", "provisioned_authority", key.bytes, sizeof key);
    must("noise key", nsw_noise_public_key(&noise_private, &noise_key));
    print_bytes("nsw_key", "provisioned_noise_key", noise_key.bytes, sizeof noise_key);
    must("sign", nsw_identity_sign(firmware, bytes, vouch(&noise_key, bytes), &signature));
    printf("#ifndef SIGNING\n");
    key = public_of(firmware);
    print_bytes("nsw_key", "provisioned_identity", key.bytes, sizeof key);
    print_bytes("nsw_signature", "provisioned_signature", signature.bytes, sizeof signature);
    printf("#endif\n");
}

/* The firmware's identity, and that it has the key of this session. */
static void check_identity(nsw_noise *noise)
{
    uint8_t answer[96], bytes[64];
    nsw_key noise_key, key = public_of(firmware);
    nsw_signature signature;
    must("remote key", nsw_noise_remote_static(noise, &noise_key));
    if (!ask(noise, 'I', NULL, 0, answer, sizeof answer) || memcmp(answer, &key, sizeof key) != 0)
        fail("another identity");
    memcpy(&signature, answer + sizeof key, sizeof signature);
    must("the firmware's identity",
         nsw_signature_verify(&signature, &key, bytes, vouch(&noise_key, bytes)));
}

/* One that holds a signature, and no key, makes no other. */
static void refuse_to_sign(nsw_noise *noise)
{
    uint8_t bytes[64];
    nsw_key noise_key;
    must("remote key", nsw_noise_remote_static(noise, &noise_key));
    size_t len = vouch(&noise_key, bytes);
    bytes[len - 1] ^= 1;
    expect(noise, 0, 'S', bytes, len);
    expect(noise, 0, 'S', bytes, len - 1);
    expect(noise, 0, 'S', "a message", 9);
}

static void sign(nsw_noise *noise)
{
    uint8_t bytes[MOST];
    for (size_t len = 0; len <= 260; len += 13) {
        nsw_signature ours, theirs;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * i + len);
        must("sign", nsw_identity_sign(firmware, bytes, len, &ours));
        if (!ask(noise, 'S', bytes, len, theirs.bytes, sizeof theirs) ||
            memcmp(&ours, &theirs, sizeof ours) != 0)
            fail("another signature");
        signatures++;
    }
    expect(noise, 0, 'S', "neural-swarm", 12);
}

/* An identity, a signature and a message, one behind the other. */
static void compare(nsw_noise *noise, const uint8_t *bytes, size_t len)
{
    nsw_key key;
    nsw_signature signature;
    memcpy(&key, bytes, sizeof key);
    memcpy(&signature, bytes + 32, sizeof signature);
    int good = nsw_signature_verify(&signature, &key, bytes + 96, len - 96) == NSW_OK;
    expect(noise, good, 'V', bytes, len);
    verdicts++;
}

static size_t from_hex(const char *text, uint8_t *bytes, size_t cap)
{
    size_t len = 0;
    unsigned byte;
    for (; sscanf(text, "%2x", &byte) == 1 && len < cap; text += 2)
        bytes[len++] = (uint8_t)byte;
    return len;
}

static void vectors(nsw_noise *noise, const char *path)
{
    static char line[8192], key[80], message[4096], signature[160];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail(path);
    while (fgets(line, sizeof line, file) != NULL) {
        uint8_t bytes[MOST];
        if (sscanf(line, "ed25519 %*s %79s %4095s %159s", key, message, signature) != 3 ||
            strlen(message) > 2 * (MOST - 96))
            continue;
        if (from_hex(key, bytes, 32) != 32 || from_hex(signature, bytes + 32, 64) != 64)
            fail(line);
        compare(noise, bytes, 96 + from_hex(message, bytes + 96, MOST - 96));
    }
    fclose(file);
}

static void changed_bits(nsw_noise *noise)
{
    uint8_t bytes[96 + 9];
    nsw_key key = public_of(peer);
    nsw_signature signature;
    memcpy(bytes + 96, "a message", 9);
    must("sign", nsw_identity_sign(peer, bytes + 96, 9, &signature));
    memcpy(bytes, &key, 32);
    memcpy(bytes + 32, &signature, 64);
    compare(noise, bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit += 11) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        compare(noise, bytes, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    const char *name = argv[1];
    firmware = identity(12);
    authority = identity(9);
    peer = identity(10);
    stranger = identity(11);
    if (argc < 3) {
        provision();
    } else {
        int signs = strcmp(name, "signing") == 0;
        session_listen(argv[2]);
        for (uint8_t handshake = 0; handshake < HANDSHAKES; handshake++) {
            nsw_noise *noise = session_begin(handshake);
            check_identity(noise);
            switch (handshake) {
            case 0: capabilities(noise); break;
            case 1: signs ? sign(noise) : refuse_to_sign(noise); break;
            case 2: changed_bits(noise); break;
            default:
                for (int i = 3; i < argc; i++)
                    vectors(noise, argv[i]);
            }
            session_finish(noise);
        }
        printf("host_%s_asked %u\nhost_%s_denied %u\nhost_%s_damaged %u\n%s_signatures %u\n%s_verdicts %u\n",
               name, asked, name, denied, name, damaged, name, signatures, name, verdicts);
        session_close();
    }
    nsw_identity_destroy(stranger);
    nsw_identity_destroy(peer);
    nsw_identity_destroy(authority);
    nsw_identity_destroy(firmware);
    return 0;
}
