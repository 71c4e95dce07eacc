# Which libgit2 (and libdeflate, zlib, mbedcrypto, libstemmer, utf8proc) to link, and how. Defines:
#   chrondb_deps_static   for the programs and the static library; with CHRONDB_HAS_STATIC_GIT2 it is libgit2.a together
#                         with lib/store/git2_no_transports.c, else the same as
#   chrondb_deps_shared   for libchrondb.so: the distribution's shared libgit2, or libgit2.a when that is position
#                         independent (Debian's is not)
#   CHRONDB_HAS_STATIC_GIT2, CHRONDB_HAS_STATIC_CLI, CHRONDB_SHARED_HAS_STATIC_GIT2
#   CHRONDB_LIBS_PRIVATE  what a program that links libchrondb.a needs, for chrondb.pc
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBGIT2 REQUIRED IMPORTED_TARGET libgit2)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBDEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_library(CHRONDB_MBEDCRYPTO mbedcrypto REQUIRED) # older versions come without a .pc file
find_library(CHRONDB_STEMMER stemmer REQUIRED)       # so does this one
mark_as_advanced(CHRONDB_MBEDCRYPTO CHRONDB_STEMMER)

set(CHRONDB_STATIC_GIT2 AUTO CACHE STRING "Link libgit2.a, without its network code: AUTO, ON or OFF")
set(CHRONDB_STATIC_CLI AUTO CACHE STRING "Link the chrondb program fully statically: AUTO, ON or OFF")
set_property(CACHE CHRONDB_STATIC_GIT2 CHRONDB_STATIC_CLI PROPERTY STRINGS AUTO ON OFF)

set(no_transports ${PROJECT_SOURCE_DIR}/lib/store/git2_no_transports.c)
set(probe ${PROJECT_SOURCE_DIR}/cmake/libgit2_probe.c)

# Of mbed TLS only the hashes are used, of http_parser only the parser of URLs.
set(archives)
foreach(name git2 mbedcrypto http_parser pcre2-8 z deflate stemmer utf8proc)
  find_library(CHRONDB_A_${name} lib${name}.a)
  mark_as_advanced(CHRONDB_A_${name})
  if(CHRONDB_A_${name})
    list(APPEND archives ${CHRONDB_A_${name}})
  else()
    list(APPEND missing lib${name}.a)
  endif()
endforeach()

# try_link(RESULT SHARED|EXECUTABLE LINK_OPTIONS...): does the probe link with the archives?
function(try_link result kind)
  if(DEFINED ${result})
    return()
  endif()
  set(dir ${CMAKE_BINARY_DIR}/CMakeFiles/probe/${result})
  set(sources "${probe}" "${no_transports}")
  set(add_target "add_executable(probe ${sources})")
  if(kind STREQUAL SHARED)
    set(add_target "add_library(probe SHARED ${sources})\ntarget_compile_definitions(probe PRIVATE PROBE_SHARED)")
  endif()
  string(REPLACE ";" " " sources "${sources}")
  string(REPLACE ";" " " add_target "${add_target}")
  string(REPLACE ";" " " libraries "${archives}")
  string(REPLACE ";" " " options "${ARGN}")
  file(WRITE ${dir}/CMakeLists.txt
    "cmake_minimum_required(VERSION 3.16)\nproject(probe C)\nset(CMAKE_C_STANDARD 11)\nfind_package(Threads REQUIRED)\n"
    "${add_target}\ntarget_include_directories(probe PRIVATE ${LIBGIT2_INCLUDE_DIRS})\n"
    "target_link_options(probe PRIVATE ${options})\ntarget_link_libraries(probe PRIVATE ${libraries} Threads::Threads)\n")
  try_compile(${result} ${dir}/build ${dir} probe OUTPUT_VARIABLE output)
  file(WRITE ${dir}/output.txt "${output}")
  mark_as_advanced(${result})
endfunction()

# decide(OUT OPTION WHAT FALLBACK POSSIBLE): AUTO takes what is possible, ON insists.
function(decide out option what fallback possible)
  set(${out} FALSE PARENT_SCOPE)
  if(${option} STREQUAL OFF)
    return()
  elseif(possible)
    set(${out} TRUE PARENT_SCOPE)
  elseif(${option} STREQUAL AUTO)
    message(STATUS "${what} is not possible here; ${fallback}")
  else()
    message(FATAL_ERROR "${option}=${${option}}, but ${what} is not possible here"
      " (see ${CMAKE_BINARY_DIR}/CMakeFiles/probe)")
  endif()
endfunction()

if(missing)
  list(JOIN missing ", " text)
  message(STATUS "Not found: ${text}")
  set(CHRONDB_CAN_LINK_GIT2 FALSE)
else()
  try_link(CHRONDB_CAN_LINK_GIT2 EXECUTABLE)
endif()
decide(CHRONDB_HAS_STATIC_GIT2 CHRONDB_STATIC_GIT2 "linking libgit2.a without its network code"
  "using the shared libgit2 (commands start about 10 ms later)" "${CHRONDB_CAN_LINK_GIT2}")

set(CHRONDB_HAS_STATIC_CLI FALSE)
set(CHRONDB_SHARED_HAS_STATIC_GIT2 FALSE)
if(CHRONDB_HAS_STATIC_GIT2)
  if(NOT CHRONDB_SANITIZE) # the sanitizers need a dynamic program
    try_link(CHRONDB_CAN_LINK_STATICALLY EXECUTABLE -static)
    decide(CHRONDB_HAS_STATIC_CLI CHRONDB_STATIC_CLI "a fully static program" "the libc stays dynamic"
      "${CHRONDB_CAN_LINK_STATICALLY}")
  endif()
  try_link(CHRONDB_CAN_LINK_GIT2_SHARED SHARED -Wl,--no-undefined -Wl,--exclude-libs,ALL)
  set(CHRONDB_SHARED_HAS_STATIC_GIT2 ${CHRONDB_CAN_LINK_GIT2_SHARED})
elseif(CHRONDB_STATIC_CLI STREQUAL ON)
  message(FATAL_ERROR "CHRONDB_STATIC_CLI=ON needs libgit2.a (CHRONDB_STATIC_GIT2)")
endif()

add_library(chrondb_deps_dynamic INTERFACE)
target_link_libraries(chrondb_deps_dynamic INTERFACE PkgConfig::LIBGIT2 PkgConfig::LIBDEFLATE PkgConfig::ZLIB
  PkgConfig::UTF8PROC ${CHRONDB_MBEDCRYPTO} ${CHRONDB_STEMMER} Threads::Threads m)

if(CHRONDB_HAS_STATIC_GIT2)
  add_library(chrondb_no_transports OBJECT ${no_transports})
  target_include_directories(chrondb_no_transports PRIVATE ${LIBGIT2_INCLUDE_DIRS})
  set_target_properties(chrondb_no_transports PROPERTIES POSITION_INDEPENDENT_CODE ON C_STANDARD 11)
  add_library(chrondb_deps_static INTERFACE)
  # The object before the archives: what it defines is not looked for in libgit2.a.
  target_link_libraries(chrondb_deps_static INTERFACE $<TARGET_OBJECTS:chrondb_no_transports> ${archives}
    Threads::Threads m)
  target_include_directories(chrondb_deps_static INTERFACE ${LIBGIT2_INCLUDE_DIRS})
  # -u: a program that links libchrondb.a gets that object out of it, before libgit2.a is searched.
  set(CHRONDB_LIBS_PRIVATE "-Wl,-u,git_http__expect_continue")
  foreach(archive ${archives})
    get_filename_component(name ${archive} NAME)
    string(APPEND CHRONDB_LIBS_PRIVATE " -l:${name}")
  endforeach()
  string(APPEND CHRONDB_LIBS_PRIVATE " -lpthread -lm")
else()
  add_library(chrondb_deps_static ALIAS chrondb_deps_dynamic)
  set(CHRONDB_LIBS_PRIVATE "-lgit2 -ldeflate -lz -lmbedcrypto -lstemmer -lutf8proc -lpthread -lm")
endif()

if(CHRONDB_SHARED_HAS_STATIC_GIT2)
  add_library(chrondb_deps_shared ALIAS chrondb_deps_static)
else()
  add_library(chrondb_deps_shared ALIAS chrondb_deps_dynamic)
endif()
message(STATUS "libgit2 ${LIBGIT2_VERSION}: static without network: ${CHRONDB_HAS_STATIC_GIT2}; fully static program: "
  "${CHRONDB_HAS_STATIC_CLI}; in libchrondb.so: ${CHRONDB_SHARED_HAS_STATIC_GIT2}")
