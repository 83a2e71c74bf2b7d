/* What compilers call to copy and fill memory, a byte at a time: a kilobyte less than the fast ones that
 * come with the Rust library, which give way to these. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (len--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= len)
        return memcpy(to, from, len);
    while (len--)
        t[len] = f[len];
    return to;
}

void *memset(void *to, int value, size_t len)
{
    uint8_t *t = to;
    while (len--)
        *t++ = (uint8_t)value;
    return to;
}

/* The same by the names of Arm's run-time ABI, whose memset has other arguments. */
void *__aeabi_memcpy(void *, const void *, size_t) __attribute__((alias("memcpy")));
void *__aeabi_memcpy4(void *, const void *, size_t) __attribute__((alias("memcpy")));
void *__aeabi_memcpy8(void *, const void *, size_t) __attribute__((alias("memcpy")));
void *__aeabi_memmove(void *, const void *, size_t) __attribute__((alias("memmove")));
void *__aeabi_memmove4(void *, const void *, size_t) __attribute__((alias("memmove")));
void *__aeabi_memmove8(void *, const void *, size_t) __attribute__((alias("memmove")));

void __aeabi_memset(void *to, size_t len, int value)
{
    memset(to, value, len);
}
void __aeabi_memset4(void *, size_t, int) __attribute__((alias("__aeabi_memset")));
void __aeabi_memset8(void *, size_t, int) __attribute__((alias("__aeabi_memset")));

void __aeabi_memclr(void *to, size_t len)
{
    memset(to, 0, len);
}
void __aeabi_memclr4(void *, size_t) __attribute__((alias("__aeabi_memclr")));
void __aeabi_memclr8(void *, size_t) __attribute__((alias("__aeabi_memclr")));
