# The functions by which rooms become targets.
include_guard(GLOBAL)
include(GNUInstallDirs)

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
  # Same bits whatever the compiler would like to contract: kernels ask for FMA themselves.
  -ffp-contract=off)
if(XFER_SANITIZE)
  target_compile_options(xfer_flags INTERFACE
    -fsanitize=${XFER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
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
endif()

# Rooms that pass things on are optimised lightly: the time of a study goes into engine, text, grade,
# stats and domains, and the time of a build into the others.
set(XFER_LIGHT_ROOMS tinker serve study report similarity)

# xfer_add_library(<room> [SOURCES ...] [LINK ...] [PRIVATE ...])
# Makes xfer_<room> (alias xfer::<room>). Without SOURCES it is header-only. Headers are those in
# include/xfer/<room>/. LINK is public (rooms below, and libraries in public headers), PRIVATE not.
function(xfer_add_library room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE")
  set(target xfer_${room})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:xfer_flags> ${arg_PRIVATE})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON
                          CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    if(room IN_LIST XFER_LIGHT_ROOMS)
      target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    endif()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(xfer::${room} ALIAS ${target})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} ${scope} ${arg_LINK})
endfunction()

# xfer_add_test(<room> SOURCES ... [LINK ...])
# One GoogleTest executable test_<room>, its cases registered with ctest.
function(xfer_add_test room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  set(target test_${room})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE xfer::${room} ${arg_LINK} xfer_flags GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  # Tests name their helpers without regard to each other.
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  target_compile_definitions(${target} PRIVATE XFER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
endfunction()
