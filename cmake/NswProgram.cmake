# nsw_add_program: one C or C++ program of this project (a test or an example).
#
#   nsw_add_program(<name>
#       SOURCES <file>...
#       [LIBS static|shared...]      which builds of the library to link; default: static
#       [TEST]                       also a ctest test: passes when the program returns 0
#       [ARGS <arg>...]              the test's command-line arguments
#       [LABELS <label>...]          the test's labels (ctest -L)
#       [TIMEOUT <seconds>]          the test's limit; default 120
#       [C_STANDARD 99|11|...]       default 99, extensions off
#       [CXX_STANDARD 98|17|...]     default 17, extensions off
#       [OUT_TARGETS <variable>])    receives the names of the targets made
#
# The program is built once for each library kind in LIBS that this build has and
# that NSW_PROGRAM_KINDS names (both, unless set). The first of them is the target <name>, a further one <name>_<kind>:
#
#   nsw_add_program(misuse SOURCES misuse.c check.c LIBS static shared TEST)
#       -> targets and tests `misuse` (static) and `misuse_shared`
#   nsw_add_program(digits SOURCES digits.c)
#       -> target `digits`, static (shared if NSW_BUILD_STATIC is off)
#
# When none of the kinds asked for is built, the program is linked with another that is,
# so that a static-only or shared-only build still runs every test.
#
# Every program gets the warning flags, -Werror if NSW_WERROR is on, and the flags
# of NSW_SANITIZE. More can be done to the targets afterwards as usual:
#
#   target_compile_definitions(digits PRIVATE DATA_DIR="${PROJECT_SOURCE_DIR}/data")
#
# A source that only has to compile (a header check) is no program: give an OBJECT
# library to nsw_program_flags(<target>) and link it with neural_swarm::static.

# The flags of every program; PRIVATE, so nothing of this reaches a user of the library.
function(nsw_program_flags target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
    if(NSW_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(NSW_SANITIZE)
        # An undefined operation must fail the test, not just print: no recovery.
        set(flags "-fsanitize=${NSW_SANITIZE}" -fno-sanitize-recover=all
                  -fno-omit-frame-pointer -g)
        target_compile_options(${target} PRIVATE ${flags})
        target_link_options(${target} PRIVATE ${flags})
    endif()
endfunction()

function(nsw_add_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg
        "TEST"
        "C_STANDARD;CXX_STANDARD;TIMEOUT;OUT_TARGETS"
        "SOURCES;LIBS;ARGS;LABELS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "nsw_add_program(${name}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_SOURCES)
        message(FATAL_ERROR "nsw_add_program(${name}): SOURCES is missing")
    endif()
    if(NOT arg_LIBS)
        set(arg_LIBS static)
    endif()
    if(NOT arg_C_STANDARD)
        set(arg_C_STANDARD 99)
    endif()
    if(NOT arg_CXX_STANDARD)
        set(arg_CXX_STANDARD 17)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()

    set(kinds "")
    foreach(kind IN LISTS arg_LIBS)
        if(NOT kind MATCHES "^(static|shared)$")
            message(FATAL_ERROR "nsw_add_program(${name}): LIBS takes static and shared, not '${kind}'")
        endif()
        if(TARGET neural_swarm::${kind} AND kind IN_LIST NSW_PROGRAM_KINDS)
            list(APPEND kinds ${kind})
        endif()
    endforeach()
    foreach(kind IN LISTS NSW_PROGRAM_KINDS ITEMS static shared)
        if(NOT kinds AND TARGET neural_swarm::${kind})
            set(kinds ${kind})
        endif()
    endforeach()

    set(target ${name})
    set(targets "")
    foreach(kind IN LISTS kinds)
        add_executable(${target} ${arg_SOURCES})
        target_link_libraries(${target} PRIVATE neural_swarm::${kind})
        set_target_properties(${target} PROPERTIES
            C_STANDARD ${arg_C_STANDARD} C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
            CXX_STANDARD ${arg_CXX_STANDARD} CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
        nsw_program_flags(${target})
        if(arg_TEST)
            add_test(NAME ${target} COMMAND ${target} ${arg_ARGS})
            set_tests_properties(${target} PROPERTIES
                TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
        endif()
        list(APPEND targets ${target})
        # The next kind's name; each kind appears once, so names cannot collide.
        if(kind STREQUAL "static")
            set(target ${name}_shared)
        else()
            set(target ${name}_static)
        endif()
    endforeach()

    if(arg_OUT_TARGETS)
        set(${arg_OUT_TARGETS} "${targets}" PARENT_SCOPE)
    endif()
endfunction()
