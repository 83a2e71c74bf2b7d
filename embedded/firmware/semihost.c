#include "semihost.h"

/* Operations and modes of Arm's "Semihosting for AArch32 and AArch64". */
enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_EXIT_EXTENDED = 0x20,
    MODE_WRITE_TEXT = 4,
    MODE_WRITE_BINARY = 5,
    APPLICATION_EXIT = 0x20026,
};

/* Without a debugger or emulator that answers, the breakpoint is a HardFault. */
static int32_t call(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static size_t length_of(const char *text)
{
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

static int32_t open(const char *name, uint32_t mode)
{
    const uint32_t arguments[] = {(uint32_t)name, mode, length_of(name)};
    return call(SYS_OPEN, arguments);
}

int32_t file_create(const char *name)
{
    return open(name, MODE_WRITE_BINARY);
}

int32_t file_write(int32_t file, const void *bytes, size_t length)
{
    const uint32_t arguments[] = {(uint32_t)file, (uint32_t)bytes, length};
    return call(SYS_WRITE, arguments);
}

void file_close(int32_t file)
{
    const uint32_t arguments[] = {(uint32_t)file};
    call(SYS_CLOSE, arguments);
}

void print_bytes(const char *bytes, size_t length)
{
    static int32_t output; /* 0 until it is open: nobody reads here */
    if (output == 0)
        output = open(":tt", MODE_WRITE_TEXT);
    file_write(output, bytes, length);
}

void print(const char *text)
{
    print_bytes(text, length_of(text));
}

void print_number(uint32_t number)
{
    char digits[10];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print_bytes(digits + at, sizeof(digits) - at);
}

void print_hex(uint32_t number)
{
    char digits[10] = {'0', 'x'};
    for (int i = 0; i < 8; i++)
        digits[2 + i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
    print_bytes(digits, sizeof(digits));
}

void semihost_exit(int code)
{
    const uint32_t arguments[] = {APPLICATION_EXIT, (uint32_t)code};
    for (;;)
        call(SYS_EXIT_EXTENDED, arguments);
}
