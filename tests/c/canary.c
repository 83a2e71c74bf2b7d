/*
 * Not a test of the library but of the tools that watch it: a deliberate lie about a length, after
 * which the library reads beyond the caller's memory. Under the address sanitizer (with the
 * library instrumented) and under valgrind this program must fail; scripts/test-sanitizers makes
 * sure that it does.
 */
#include "support.h"

int main(void) {
    nsw_net *net = small_net(1, NULL);
    float *one = malloc(sizeof *one); /* the net has two inputs */
    REQUIRE(one != NULL);
    *one = 1.0f;
    float out = 0.0f;
    CHECK_OK(nsw_net_forward(net, one, SMALL_INPUTS, &out, 1, NULL));
    CHECK(out >= 0.0f && out <= 1.0f);
    free(one);
    nsw_net_destroy(net);
    return check_report("canary");
}
