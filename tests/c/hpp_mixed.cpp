// The part of hpp_exceptions that is built without NSW_EXCEPTIONS: a program may mix the two
// settings, because each has types of its own.

#include "neural_swarm.hpp"
#include "support.h"

nsw_status status_elsewhere();

nsw_status status_elsewhere() {
    const nsw::result<nsw::net> none = nsw::net::create(nsw::net_config());
    return none.status();
}
