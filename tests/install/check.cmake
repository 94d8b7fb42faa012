# SPDX-License-Identifier: Apache-2.0
# Installs what is built into a fresh folder and uses it as programs of others would.
#   cmake -D BUILD=<build folder> -D SOURCE=<project> -D WORK=<scratch folder> -D SHARED=<ON|OFF>
#         -P check.cmake
foreach(variable BUILD SOURCE WORK)
  if(NOT ${variable})
    message(FATAL_ERROR "-D ${variable}=... is missing")
  endif()
endforeach()
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
set(example ${SOURCE}/examples/cpp/statistics.cpp)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "failed: ${command}\n${out}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

# build(<folder> <consumer>): configures and builds one, in WORK/<folder>.
function(build folder source)
  run(${CMAKE_COMMAND} -S ${source} -B ${WORK}/${folder} -DCMAKE_BUILD_TYPE=Debug
      -DCMAKE_PREFIX_PATH=${prefix} -DEXAMPLE=${example} -DXFER_SOURCE=${SOURCE}
      -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK}/${folder} --parallel)
endfunction()

function(expect program pattern)
  run(${program})
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "${program} printed: ${output}")
  endif()
endfunction()
set(interval "0.820, 95% interval \\[0.692, 0.902\\]")
set(probability "probability of \"he\" after \"t\": 0\\.[0-9]+")

# Moved once it is there: nothing in it may hold its own place.
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first_prefix --component development)
file(RENAME ${WORK}/first_prefix ${prefix})
unset(ENV{LD_LIBRARY_PATH})

build(statistics ${SOURCE}/tests/install/statistics)
expect(${WORK}/statistics/consumer ${interval})

set(without "")
if(SHARED)
  # What is linked into shared libraries is no business of their users, who need Boost's headers.
  foreach(package OpenSSL Protobuf SQLite3 fmt ZLIB PkgConfig nlohmann_json Eigen3)
    list(APPEND without -DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
  endforeach()
endif()
build(examples ${SOURCE}/examples ${without})
expect(${WORK}/examples/example_statistics ${interval})
expect(${WORK}/examples/example_own_sampler ${probability})

build(subdirectory ${SOURCE}/tests/install/subdirectory)
expect(${WORK}/subdirectory/consumer ${interval})
build(subdirectory_shared ${SOURCE}/tests/install/subdirectory -DBUILD_SHARED_LIBS=ON)
expect(${WORK}/subdirectory_shared/consumer ${interval})
file(GLOB_RECURSE shared_library ${WORK}/subdirectory_shared/libxfer_stats.so)
if(NOT shared_library)
  message(FATAL_ERROR "BUILD_SHARED_LIBS made no shared library")
endif()
build(fetch_content ${SOURCE}/tests/install/fetch_content)
expect(${WORK}/fetch_content/consumer ${probability})

find_program(pkg_config pkg-config REQUIRED)
file(GLOB_RECURSE pc_file ${prefix}/xfer-stats.pc)
cmake_path(GET pc_file PARENT_PATH pc_folder)
set(ENV{PKG_CONFIG_PATH} ${pc_folder})
set(static --static)
if(SHARED)
  set(static "")
endif()
run(${pkg_config} --define-prefix --cflags --libs ${static} xfer-stats)
string(STRIP "${output}" flags)
if(SHARED)
  run(${pkg_config} --define-prefix --variable=libdir xfer-stats)
  string(STRIP "${output}" libdir)
  string(APPEND flags " -Wl,-rpath,${libdir}")
endif()
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${COMPILER} -std=c++20 ${example} ${flags} -o ${WORK}/with_pkg_config)
expect(${WORK}/with_pkg_config ${interval})

# A component that does not exist is named, with those that do.
file(WRITE ${WORK}/unknown/CMakeLists.txt [[
cmake_minimum_required(VERSION 3.24)
project(consumer LANGUAGES CXX)
find_package(xfer REQUIRED COMPONENTS statistics)
]])
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/unknown -B ${WORK}/unknown/build
                        -DCMAKE_PREFIX_PATH=${prefix}
                RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
string(REGEX REPLACE "[ \n]+" " " out "${out}")
if(code EQUAL 0 OR NOT out MATCHES "no component 'statistics' here .installed: core,")
  message(FATAL_ERROR "an unknown component: ${out}")
endif()
