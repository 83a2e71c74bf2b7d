# cmake -DFILE=<list that rustc wrote> -DEXPECTED=<list that CMake was configured with> -P ...
#
# The targets and packages name the libraries found at configure time. This fails the
# build if the library turned out to need others, instead of leaving the user to meet
# undefined symbols.

if(NOT EXISTS "${FILE}")
    message(FATAL_ERROR
        "cargo built neural_swarm but did not leave ${FILE}. "
        "Delete cargo's folder ($CARGO_TARGET_DIR above) and build again.")
endif()
file(READ "${FILE}" actual)
string(STRIP "${actual}" actual)
# Dependencies name libraries of the C library again: what counts is which there are.
foreach(list actual EXPECTED)
    string(REGEX REPLACE " +" ";" ${list}_set "${${list}}")
    list(REMOVE_DUPLICATES ${list}_set)
    list(SORT ${list}_set)
endforeach()
if(NOT actual_set STREQUAL EXPECTED_set)
    message(FATAL_ERROR
        "The static library needs other system libraries than CMake was configured with.\n"
        "  configured: ${EXPECTED}\n"
        "  needed:     ${actual}\n"
        "If the Rust toolchain has changed, run cmake again. If not, a dependency now links a "
        "native library: give the list with -DNSW_NATIVE_LIBS=\"...\".")
endif()
