# SPDX-License-Identifier: Apache-2.0
# The functions by which rooms become targets.
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
include(xfer-packages)
set(XFER_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/xfer)
set(XFER_TEMPLATES ${CMAKE_CURRENT_LIST_DIR})
# Before 1.0 each minor version may change the binary interface; docs/install.md promises no more.
set(XFER_ABI_VERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

find_program(XFER_CCACHE ccache)
if(XFER_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${XFER_CCACHE})
endif()

# What every target of this project is compiled with; never exported.
add_library(xfer_flags INTERFACE)
target_compile_options(xfer_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<BOOL:${XFER_WERROR}>:-Werror>
  # g++ 12 reports std::string + const char* falsely (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers>
  # Calls within a library stay there, and can be inlined; clang does so anyway.
  -fno-semantic-interposition
  # Same bits whatever the compiler would like to contract: kernels ask for FMA themselves.
  -ffp-contract=off)
if(XFER_SANITIZE)
  # Three checks cost a quarter of the compile time and find little that AddressSanitizer does not: a
  # null pointer that is followed, an object that is not there.
  target_compile_options(xfer_flags INTERFACE
    -fsanitize=${XFER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -fno-sanitize=null,vptr,object-size)
  target_link_options(xfer_flags INTERFACE -fsanitize=${XFER_SANITIZE})
endif()

# Most of a source's compile time goes into instantiating the same templates as its neighbours do:
# several sources in one compilation take less than half of it (the room `report`: 31 seconds of CPU
# in place of 68; a precompiled header saves a tenth). The unnamed namespaces of a room's files then
# become one: names in them must differ. Not in the preset `dev`, where it would make small changes
# slow and hide missing includes.
option(XFER_UNITY "Compile several sources of a room at once" OFF)
if(XFER_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
  # The compiler collects its garbage less often: an eighth of the time, for a third more memory.
  target_compile_options(xfer_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-expand=1000;--param=ggc-min-heapsize=1000000>
    # Of names in other files of the room, and of types that g++ takes for a header's.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-shadow;-Wno-subobject-linkage>)
endif()

# Rooms that pass things on are optimised lightly: the time of a study goes into engine, text, grade,
# stats and domains, and the time of a build into the others.
set(XFER_LIGHT_ROOMS tinker serve study report similarity)
# With sanitizers, where a third of a compilation is the optimiser's, they and the tests have none.
set(XFER_LIGHT_OPTIONS $<$<CONFIG:Release>:-O1>)
if(XFER_SANITIZE)  # not a generator expression: those cannot hold the commas of a list of sanitizers
  list(APPEND XFER_LIGHT_OPTIONS -O0)
endif()

# xfer_add_library(<room> [SOURCES ...] [LINK ...] [PRIVATE ...])
# Makes xfer_<room> (alias xfer::<room>). Without SOURCES it is header-only. Headers are those in
# include/xfer/<room>/. LINK is public (rooms below, and libraries in public headers), PRIVATE not.
# The rooms among them must be those of xfer-packages.cmake, by which installed packages go.
function(xfer_add_library room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE")
  set(target xfer_${room})
  set(linked_rooms ${arg_LINK} ${arg_PRIVATE})
  list(FILTER linked_rooms INCLUDE REGEX "^xfer::")
  list(TRANSFORM linked_rooms REPLACE "^xfer::" "")
  foreach(linked IN LISTS linked_rooms)
    if(NOT linked IN_LIST xfer_needs_${room})
      message(FATAL_ERROR "room ${room} links ${linked}: add it to xfer-packages.cmake, or do not")
    endif()
  endforeach()
  if(arg_SOURCES)
    # Static, or shared with BUILD_SHARED_LIBS; compiled alike for both.
    add_library(${target} ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:xfer_flags> ${arg_PRIVATE})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON
                          CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
                          DEFINE_SYMBOL "" INSTALL_RPATH "$ORIGIN"
                          VERSION ${PROJECT_VERSION} SOVERSION ${XFER_ABI_VERSION})
    if(BUILD_SHARED_LIBS AND NOT XFER_SANITIZE)
      # What another room does not export is found when the library is linked, not by its users.
      target_link_options(${target} PRIVATE LINKER:--no-undefined)
    endif()
    if(room IN_LIST XFER_LIGHT_ROOMS)
      target_compile_options(${target} PRIVATE ${XFER_LIGHT_OPTIONS})
    endif()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${room})
  add_library(xfer::${room} ALIAS ${target})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} ${scope} ${arg_LINK})
  if(XFER_INSTALL)
    xfer_install_room(${room})
  endif()
endfunction()

# xfer_install_room(<room>): its library, headers, exported targets and pkg-config file.
function(xfer_install_room room)
  install(TARGETS xfer_${room} EXPORT xfer-${room}-targets COMPONENT development
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT xfer-${room}-targets NAMESPACE xfer:: DESTINATION ${XFER_CMAKE_FOLDER}
          COMPONENT development)
  set(headers ${PROJECT_SOURCE_DIR}/include/xfer)
  if(room STREQUAL "core")
    file(GLOB core_headers CONFIGURE_DEPENDS ${headers}/*.hpp)
    install(FILES ${core_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/xfer
            COMPONENT development)
  else()
    install(DIRECTORY ${headers}/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/xfer
            COMPONENT development FILES_MATCHING PATTERN "*.hpp")
  endif()

  list(TRANSFORM xfer_needs_${room} PREPEND "xfer-" OUTPUT_VARIABLE requires)
  set(private "")
  set(pc_libs_private "")
  foreach(package IN LISTS xfer_packages_${room})
    if(DEFINED xfer_pkgconfig_${package})
      list(APPEND private ${xfer_pkgconfig_${package}})
    elseif(package STREQUAL "threads")
      string(APPEND pc_libs_private " -pthread")
    elseif(package STREQUAL "stemmer")
      string(APPEND pc_libs_private " -lstemmer")
    endif()
  endforeach()
  if(BUILD_SHARED_LIBS)
    # Linked into the library; a program that uses it needs none of them.
    set(private "")
    set(pc_libs_private "")
  endif()
  list(JOIN requires " " pc_requires)
  list(JOIN private " " pc_private)
  set(pc_libs "")
  get_target_property(type xfer_${room} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    set(pc_libs "-L\${libdir} -lxfer_${room}")
  endif()
  set(file ${CMAKE_CURRENT_BINARY_DIR}/xfer-${room}.pc)
  configure_file(${XFER_TEMPLATES}/xfer-room.pc.in ${file} @ONLY)
  install(FILES ${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()

# xfer_install_package(): what find_package reads, and the embedded models.
function(xfer_install_package)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/cmake)
  configure_package_config_file(${XFER_TEMPLATES}/xfer-config.cmake.in ${folder}/xfer-config.cmake
                                INSTALL_DESTINATION ${XFER_CMAKE_FOLDER})
  write_basic_package_version_file(${folder}/xfer-config-version.cmake
                                   COMPATIBILITY SameMinorVersion)
  install(FILES ${folder}/xfer-config.cmake ${folder}/xfer-config-version.cmake
                ${XFER_TEMPLATES}/xfer-packages.cmake
          DESTINATION ${XFER_CMAKE_FOLDER} COMPONENT development)
  if(TARGET xfer_study)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/xfer/models
            DESTINATION ${CMAKE_INSTALL_DATADIR}/xfer COMPONENT development)
  endif()
endfunction()

# xfer_add_test(<room> [NAME <name>] SOURCES ... [LINK ...])
# One GoogleTest executable test_<room>, or test_<name>, its cases registered with ctest.
function(xfer_add_test room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NAME" "SOURCES;LINK")
  if(NOT arg_NAME)
    set(arg_NAME ${room})
  endif()
  set(target test_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE xfer::${room} ${arg_LINK} xfer_flags GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  # Tests name their helpers without regard to each other.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  target_compile_options(${target} PRIVATE ${XFER_LIGHT_OPTIONS})
  target_compile_definitions(${target} PRIVATE XFER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
endfunction()
