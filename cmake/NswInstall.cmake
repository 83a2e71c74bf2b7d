# Install rules: the headers, the libraries that were built and no others, and the
# packages for CMake and pkg-config. Both find their files relative to themselves, so an
# installed prefix may be moved.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# neural_swarm.h, generated, and the C++ headers that neural_swarm.hpp includes.
file(GLOB public_headers CONFIGURE_DEPENDS
    "${NSW_INCLUDE_DIR}/neural_swarm*.h" "${NSW_INCLUDE_DIR}/neural_swarm*.hpp")
install(FILES ${public_headers} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

if(NSW_BUILD_STATIC)
    install(FILES "${NSW_LIB_DIR}/${NSW_STATIC_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
if(NSW_BUILD_SHARED)
    install(PROGRAMS "${NSW_LIB_DIR}/${NSW_SHARED_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(FILES   # symbolic links, installed as such
        "${NSW_LIB_DIR}/${NSW_SHARED_ABI_LINK}"
        "${NSW_LIB_DIR}/${NSW_SHARED_DEV_LINK}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()

# ---- find_package(neural_swarm) -------------------------------------------------------

set(cmake_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/neural_swarm")
# 0.x versions may break with each minor number (see ABI.md).
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
else()
    set(compatibility SameMajorVersion)
endif()
configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/neural_swarmConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/neural_swarmConfig.cmake"
    INSTALL_DESTINATION "${cmake_package_dir}"
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/neural_swarmConfigVersion.cmake"
    COMPATIBILITY ${compatibility})
install(FILES
    "${PROJECT_BINARY_DIR}/neural_swarmConfig.cmake"
    "${PROJECT_BINARY_DIR}/neural_swarmConfigVersion.cmake"
    DESTINATION "${cmake_package_dir}")

# ---- pkg-config -----------------------------------------------------------------------

# Paths in the .pc file: relative to itself, except where the packager chose an absolute
# folder (then the installation is not meant to move).
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
    file(RELATIVE_PATH up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()

# Beside a shared library the system libraries are private: only `pkg-config --static`
# shows them. With the static library alone everyone needs them.
set(pc_libs "-L\${libdir} -lneural_swarm")
set(pc_libs_private "${NSW_STATIC_NEEDS}")
if(NOT NSW_BUILD_SHARED AND NSW_STATIC_NEEDS)
    string(APPEND pc_libs " ${NSW_STATIC_NEEDS}")
    set(pc_libs_private "")
endif()
set(pc_cflags "-I\${includedir}")
if(NSW_NO_STD)
    string(APPEND pc_cflags " -DNSW_NO_STD")
endif()
configure_file(
    "${PROJECT_SOURCE_DIR}/cmake/neural_swarm.pc.in"
    "${PROJECT_BINARY_DIR}/neural_swarm.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/neural_swarm.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
