# Reads what is said once elsewhere, so that it is never said twice:
# the version, description and licence from Cargo.toml, the ABI number from the C header.
#
# Sets NSW_VERSION, NSW_DESCRIPTION, NSW_LICENSE and NSW_ABI_VERSION.
# Included before project(), which needs the version.

set(NSW_HEADER "${CMAKE_CURRENT_SOURCE_DIR}/include/neural_swarm.h")

# The [package] table stands first in Cargo.toml, so the first match is the package's;
# entries of later tables are not at the start of a line under these names.
function(nsw_cargo_value key variable)
    file(STRINGS "${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml" lines
        REGEX "^${key} *= *\"[^\"]+\"" LIMIT_COUNT 1)
    if(NOT lines)
        message(FATAL_ERROR "Cargo.toml has no line `${key} = \"...\"`.")
    endif()
    string(REGEX REPLACE "^[^\"]*\"([^\"]+)\".*$" "\\1" value "${lines}")
    set(${variable} "${value}" PARENT_SCOPE)
endfunction()

nsw_cargo_value(version NSW_VERSION)
nsw_cargo_value(description NSW_DESCRIPTION)
nsw_cargo_value(license NSW_LICENSE)

if(NOT NSW_VERSION MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+$")
    message(FATAL_ERROR
        "Cargo.toml says version \"${NSW_VERSION}\"; CMake packages can only express major.minor.patch.")
endif()

file(STRINGS "${NSW_HEADER}" NSW_ABI_VERSION REGEX "^#define NSW_ABI_VERSION +[0-9]+" LIMIT_COUNT 1)
if(NOT NSW_ABI_VERSION)
    message(FATAL_ERROR "${NSW_HEADER} does not define NSW_ABI_VERSION as a number.")
endif()
string(REGEX REPLACE "^#define NSW_ABI_VERSION +([0-9]+).*$" "\\1" NSW_ABI_VERSION "${NSW_ABI_VERSION}")

# A new version number must reach the file names and packages: configure again.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    "${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml" "${NSW_HEADER}")
