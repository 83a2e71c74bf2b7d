#include "must.h"
#include "semihost.h"
#include "serial.h"

void must(int line, nsw_status status)
{
    if (status == NSW_OK)
        return;
    print("line ");
    print_number((uint32_t)line);
    print(": ");
    semihost_exit(tell_failure(status));
}
