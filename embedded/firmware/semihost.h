/* Output and exit through the debugger or emulator ("semihosting"). */
#ifndef SEMIHOST_H
#define SEMIHOST_H

#include <stddef.h>
#include <stdint.h>

/* Text to the standard output. */
void print(const char *text);
void print_bytes(const char *bytes, size_t length);
void print_number(uint32_t number);
void print_hex(uint32_t number);

/* A new file on the machine that runs the emulator; negative: no. */
int32_t file_create(const char *name);
/* 0 when all was written. */
int32_t file_write(int32_t file, const void *bytes, size_t length);
void file_close(int32_t file);

_Noreturn void semihost_exit(int code);

#endif
