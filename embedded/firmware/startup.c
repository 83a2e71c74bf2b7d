/* From reset to main, and what happens at a fault.
 *
 * The float unit is off after reset and stays off: any float instruction is a
 * UsageFault. So a run that ends well has used integers alone. */

#include <stddef.h>
#include <stdint.h>

#include "measure.h"
#include "semihost.h"

int main(void);
void reset_handler(void);
void fault_handler(void);
void report_fault(const uint32_t *frame);

/* From the linker script. */
extern uint32_t stack_top[];
extern uint32_t data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_load[];

/* Registers of the system control block. */
#define SHCSR (*(volatile uint32_t *)0xE000ED24u) /* which faults have a handler of their own */
#define CFSR (*(volatile uint32_t *)0xE000ED28u)  /* why it was a fault */
#define SHCSR_MEM_BUS_USAGE (7u << 16)

struct vectors {
    uint32_t *initial_stack;
    void (*handlers[15])(void);
};

__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    stack_top,
    {
        reset_handler,
        fault_handler, /* NMI */
        fault_handler, /* HardFault */
        fault_handler, /* MemManage */
        fault_handler, /* BusFault */
        fault_handler, /* UsageFault */
        NULL, NULL, NULL, NULL,
        fault_handler, /* SVCall */
        fault_handler, /* DebugMonitor */
        NULL,
        fault_handler, /* PendSV */
        fault_handler, /* SysTick */
    },
};

void reset_handler(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    SHCSR |= SHCSR_MEM_BUS_USAGE;
    stack_paint();
    semihost_exit(main());
}

/* The stack may be what is broken, so the report gets a fresh one. It never
 * returns to whom the old one belongs. */
__attribute__((naked)) void fault_handler(void)
{
    __asm__ volatile("mrs r0, msp      \n"
                     "ldr r1, =stack_top \n"
                     "mov sp, r1       \n"
                     "b report_fault   \n");
}

static const char *exception_name(uint32_t number)
{
    switch (number) {
    case 2: return "NMI";
    case 3: return "HardFault";
    case 4: return "MemManage fault";
    case 5: return "BusFault";
    case 6: return "UsageFault";
    default: return "unexpected exception";
    }
}

/* frame: where the processor put r0-r3, r12, lr, pc, xpsr. */
void report_fault(const uint32_t *frame)
{
    static const struct {
        uint32_t bit;
        const char *meaning;
    } reasons[] = {
        {1u << 0, "instruction fetch not allowed"},
        {1u << 1, "data access not allowed"},
        {1u << 8, "no memory where an instruction was fetched"},
        {1u << 9, "no memory at a data address"},
        {1u << 10, "no memory at a data address, noticed late"},
        {1u << 12, "stack overflow"},
        {1u << 16, "undefined instruction"},
        {1u << 17, "not Thumb code"},
        {1u << 19, "float instruction, and the float unit is off"},
        {1u << 24, "unaligned access"},
        {1u << 25, "division by zero"},
    };
    uint32_t number;
    uint32_t why = CFSR;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));

    print("FAULT: ");
    print(exception_name(number));
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (why & reasons[i].bit) {
            print(": ");
            print(reasons[i].meaning);
        }
    }
    /* No valid frame if it could not be put on the stack. */
    if (!(why & (1u << 12))) {
        print(", at ");
        print_hex(frame[6]);
    }
    print("\n");
    semihost_exit(100 + (int)number);
}
