# A second libchrondb.so, with the C interface of ChronDB's GraalVM library (lib/bindings/graal/libchrondb.h), in a
# directory of its own with its two headers: programs made for that library are pointed there.
#
# Its functions have names that functions of chrondb.h have too (chrondb_open ...), and one library cannot hold two of a
# name. So the objects of the library, and those that use it, are copied into an archive in which every public function
# is called core_chrondb_...: objcopy renames definitions and uses alike, so that nothing has to know of it but
# entry.c, which is compiled beside the archive and defines the exported names. A version script hides all else.
set(dir ${PROJECT_SOURCE_DIR}/lib/bindings/graal)
set(out ${PROJECT_BINARY_DIR}/graal)

file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.c)
list(REMOVE_ITEM sources ${dir}/entry.c)
add_library(graal_objects OBJECT ${sources})
target_include_directories(graal_objects PRIVATE ${PROJECT_SOURCE_DIR}/lib)
target_link_libraries(graal_objects PRIVATE chrondb_options)
set_target_properties(graal_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)

# objcopy cannot look into what a compiler has kept for link time.
set_target_properties(graal_objects chrondb_objects PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
add_library(graal_core STATIC $<TARGET_OBJECTS:chrondb_objects> $<TARGET_OBJECTS:graal_objects>)

set(map ${PROJECT_SOURCE_DIR}/lib/chrondb.map)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${map})
file(STRINGS ${map} lines REGEX "chrondb_[a-z0-9_]+;")
set(names "")
foreach(line ${lines})
  string(REGEX MATCH "chrondb_[a-z0-9_]+" name "${line}")
  string(APPEND names "${name} core_${name}\n")
endforeach()
file(CONFIGURE OUTPUT ${out}/names CONTENT "${names}")

add_custom_command(OUTPUT ${out}/core.a
  COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${out}/names $<TARGET_FILE:graal_core> ${out}/core.a
  DEPENDS graal_core ${out}/names VERBATIM)
add_custom_target(graal_core_renamed DEPENDS ${out}/core.a)

add_library(graal SHARED ${dir}/entry.c)
add_dependencies(graal graal_core_renamed)
target_include_directories(graal PRIVATE ${PROJECT_SOURCE_DIR}/lib)
target_link_libraries(graal PRIVATE chrondb_options ${out}/core.a chrondb_deps_shared)
# nodelete: threads that end run a function of the library.
target_link_options(graal PRIVATE -Wl,--version-script=${dir}/libchrondb.map -Wl,--exclude-libs,ALL
  -Wl,--no-undefined -Wl,--as-needed -Wl,-z,nodelete)
set_target_properties(graal PROPERTIES OUTPUT_NAME chrondb LIBRARY_OUTPUT_DIRECTORY ${out}
  LINK_DEPENDS "${dir}/libchrondb.map;${out}/core.a")

foreach(header graal_isolate.h libchrondb.h)
  configure_file(${dir}/${header} ${out}/${header} COPYONLY)
endforeach()
install(TARGETS graal DESTINATION ${CMAKE_INSTALL_LIBDIR}/chrondb/graal)
install(FILES ${dir}/graal_isolate.h ${dir}/libchrondb.h DESTINATION ${CMAKE_INSTALL_LIBDIR}/chrondb/graal)
