# Builds the library with cargo and wraps it as neural_swarm::static and ::shared.
#
# One cargo call makes both kinds: a call for each would compile the crate again every
# time, since cargo keeps only one crate-type's result for a `cargo rustc`.
#
# The results are copied to <build>/lib under their final names, and only when they
# changed, so that programs are linked again only when the library is really new.

# Where rustup puts things, even if the shell that runs CMake has not read ~/.profile.
set(cargo_bins "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin")
find_program(NSW_CARGO cargo HINTS ${cargo_bins} NO_CMAKE_FIND_ROOT_PATH
    DOC "cargo, which builds the library")
find_program(NSW_RUSTC rustc HINTS ${cargo_bins} NO_CMAKE_FIND_ROOT_PATH
    DOC "rustc of the same toolchain as NSW_CARGO")
if(NOT NSW_CARGO OR NOT NSW_RUSTC)
    message(FATAL_ERROR
        "neural_swarm is written in Rust, and cargo or rustc was not found. "
        "Install Rust (https://rustup.rs), or give -DNSW_CARGO=<path> and -DNSW_RUSTC=<path>.")
endif()

set(NSW_LIB_DIR "${PROJECT_BINARY_DIR}/lib")
set(NSW_INCLUDE_DIR "${PROJECT_SOURCE_DIR}/include")
set(NSW_STATIC_FILE libneural_swarm.a)

# The shared library's names: the file, what programs record (soname), what -l finds.
if(APPLE)
    set(NSW_SHARED_FILE libneural_swarm.${NSW_VERSION}.dylib)
    set(NSW_SHARED_ABI_LINK libneural_swarm.${NSW_ABI_VERSION}.dylib)
    set(NSW_SHARED_DEV_LINK libneural_swarm.dylib)
    set(NSW_SONAME @rpath/${NSW_SHARED_ABI_LINK})
    set(soname_arg -Wl,-install_name,${NSW_SONAME})
else()
    set(NSW_SHARED_FILE libneural_swarm.so.${NSW_VERSION})
    set(NSW_SHARED_ABI_LINK libneural_swarm.so.${NSW_ABI_VERSION})
    set(NSW_SHARED_DEV_LINK libneural_swarm.so)
    set(NSW_SONAME ${NSW_SHARED_ABI_LINK})
    set(soname_arg -Wl,-soname,${NSW_SONAME})
endif()

# ---- What a program must link beside the static library -------------------------------
#
# rustc knows, but says so only while it makes a static library. At configure time that
# is an empty one (of std alone: no dependency of the crate links anything else); the
# real build writes its own list, and cmake/NswCheckNativeLibs.cmake fails if there are
# others in it.

function(nsw_find_native_libs variable)
    set(probe "${PROJECT_BINARY_DIR}/native-libs")
    file(WRITE "${probe}/empty.rs" "")
    set(target_args "")
    if(NSW_CARGO_TARGET)
        set(target_args --target ${NSW_CARGO_TARGET})
    endif()
    execute_process(
        COMMAND "${NSW_RUSTC}" --crate-type staticlib ${target_args}
            --print "native-static-libs=${probe}/empty.txt" -o "${probe}/empty.a" "${probe}/empty.rs"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        RESULT_VARIABLE result
        OUTPUT_VARIABLE output
        ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        message(FATAL_ERROR
            "rustc could not say which system libraries its standard library needs, "
            "perhaps because it has none for this target. "
            "Give them with -DNSW_NATIVE_LIBS=\"-lpthread -ldl ...\". rustc said:\n${output}")
    endif()
    file(READ "${probe}/empty.txt" libs)
    string(STRIP "${libs}" libs)
    set(${variable} "${libs}" PARENT_SCOPE)
endfunction()

set(NSW_NATIVE_LIBS "" CACHE STRING
    "System libraries that the static library needs, as a linker takes them; empty: ask rustc")
mark_as_advanced(NSW_NATIVE_LIBS NSW_CARGO NSW_RUSTC)
set(NSW_STATIC_NEEDS "")
set(check_native_libs OFF)
if(NSW_BUILD_STATIC AND NOT NSW_NO_STD)
    if(NSW_NATIVE_LIBS)
        set(NSW_STATIC_NEEDS "${NSW_NATIVE_LIBS}")
    else()
        nsw_find_native_libs(NSW_STATIC_NEEDS)
        set(check_native_libs ON)
    endif()
endif()
# As a CMake list. `-framework X` (macOS) is one item, or CMake would drop the second
# `-framework` as a duplicate.
string(REGEX REPLACE "-framework +" "-framework@" NSW_STATIC_NEEDS_LIST "${NSW_STATIC_NEEDS}")
string(REGEX REPLACE " +" ";" NSW_STATIC_NEEDS_LIST "${NSW_STATIC_NEEDS_LIST}")
string(REPLACE "-framework@" "-framework " NSW_STATIC_NEEDS_LIST "${NSW_STATIC_NEEDS_LIST}")

# ---- The cargo command ----------------------------------------------------------------

# CARGO_BUILD_TARGET would move the results to a folder that we do not look in.
set(cargo "${CMAKE_COMMAND}" -E env --unset=CARGO_BUILD_TARGET
    "CARGO_TARGET_DIR=${NSW_CARGO_TARGET_DIR}")
if(NSW_CARGO_TARGET)
    # Knows for each target which toolchain to use and whether core must be built too.
    list(APPEND cargo "${PROJECT_SOURCE_DIR}/scripts/cargo-for" ${NSW_CARGO_TARGET})
    set(cargo_output "${NSW_CARGO_TARGET_DIR}/${NSW_CARGO_TARGET}/release")
else()
    list(APPEND cargo "${NSW_CARGO}")
    set(cargo_output "${NSW_CARGO_TARGET_DIR}/release")
endif()

if(NSW_NO_STD)
    # The panic handler of the no_std library is in a workspace of its own.
    list(APPEND cargo build --release --locked
        --manifest-path "${PROJECT_SOURCE_DIR}/embedded/Cargo.toml" ${NSW_CARGO_FLAGS})
    set(static_output "${cargo_output}/libneural_swarm_embedded.a")
else()
    set(crate_types "")
    set(rustc_args "")
    if(NSW_BUILD_STATIC)
        list(APPEND crate_types staticlib)
        # Inside cargo's folder, not ours: builds that share it then share the result too.
        set(native_libs_file "${NSW_CARGO_TARGET_DIR}/native-static-libs.txt")
        list(APPEND rustc_args --print "native-static-libs=${native_libs_file}")
    endif()
    if(NSW_BUILD_SHARED)
        list(APPEND crate_types cdylib)
        list(APPEND rustc_args -C link-arg=${soname_arg})
    endif()
    list(JOIN crate_types "," crate_types)
    list(APPEND cargo rustc --release --lib --locked --crate-type ${crate_types}
        --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml" ${NSW_CARGO_FLAGS} -- ${rustc_args})
    set(static_output "${cargo_output}/${NSW_STATIC_FILE}")
    set(shared_output "${cargo_output}/${NSW_SHARED_DEV_LINK}")
endif()

# ---- The build step -------------------------------------------------------------------

set(steps COMMAND "${CMAKE_COMMAND}" -E make_directory "${NSW_LIB_DIR}" COMMAND ${cargo})
set(made "")
if(check_native_libs)
    list(APPEND steps
        COMMAND "${CMAKE_COMMAND}" "-DFILE=${native_libs_file}" "-DEXPECTED=${NSW_STATIC_NEEDS}"
            -P "${PROJECT_SOURCE_DIR}/cmake/NswCheckNativeLibs.cmake")
endif()
if(NSW_BUILD_STATIC)
    list(APPEND steps
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different
            "${static_output}" "${NSW_LIB_DIR}/${NSW_STATIC_FILE}")
    list(APPEND made "${NSW_LIB_DIR}/${NSW_STATIC_FILE}")
endif()
if(NSW_BUILD_SHARED)
    list(APPEND steps
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different
            "${shared_output}" "${NSW_LIB_DIR}/${NSW_SHARED_FILE}"
        COMMAND "${CMAKE_COMMAND}" -E create_symlink
            ${NSW_SHARED_FILE} "${NSW_LIB_DIR}/${NSW_SHARED_ABI_LINK}"
        COMMAND "${CMAKE_COMMAND}" -E create_symlink
            ${NSW_SHARED_ABI_LINK} "${NSW_LIB_DIR}/${NSW_SHARED_DEV_LINK}")
    list(APPEND made "${NSW_LIB_DIR}/${NSW_SHARED_FILE}"
        "${NSW_LIB_DIR}/${NSW_SHARED_ABI_LINK}" "${NSW_LIB_DIR}/${NSW_SHARED_DEV_LINK}")
endif()

# Always run: cargo itself knows what is out of date. BYPRODUCTS tells Ninja where the
# files that programs link come from.
add_custom_target(neural_swarm_cargo ALL
    ${steps}
    BYPRODUCTS ${made}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"   # for rust-toolchain.toml and .cargo/config.toml
    COMMENT "Building neural_swarm ${NSW_VERSION} with cargo"
    USES_TERMINAL
    VERBATIM)

# ---- The targets ----------------------------------------------------------------------

# GLOBAL, or a parent project could not see the targets.
if(NSW_BUILD_STATIC)
    add_library(neural_swarm::static STATIC IMPORTED GLOBAL)
    set_target_properties(neural_swarm::static PROPERTIES
        IMPORTED_LOCATION "${NSW_LIB_DIR}/${NSW_STATIC_FILE}"
        IMPORTED_LINK_INTERFACE_LANGUAGES C
        INTERFACE_INCLUDE_DIRECTORIES "${NSW_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "${NSW_STATIC_NEEDS_LIST}")
    if(NSW_NO_STD)
        set_target_properties(neural_swarm::static PROPERTIES
            INTERFACE_COMPILE_DEFINITIONS NSW_NO_STD)
    endif()
    add_dependencies(neural_swarm::static neural_swarm_cargo)
endif()
if(NSW_BUILD_SHARED)
    add_library(neural_swarm::shared SHARED IMPORTED GLOBAL)
    set_target_properties(neural_swarm::shared PROPERTIES
        IMPORTED_LOCATION "${NSW_LIB_DIR}/${NSW_SHARED_FILE}"
        IMPORTED_SONAME ${NSW_SONAME}
        INTERFACE_INCLUDE_DIRECTORIES "${NSW_INCLUDE_DIR}")
    add_dependencies(neural_swarm::shared neural_swarm_cargo)
endif()
