# Finds the compiler and the runtime of protobuf-c.
#
#   protobuf_c_generate(TARGET file.proto)   adds file.pb-c.c and file.pb-c.h, generated from file.proto, to the target
#   ProtobufC::runtime                       to link; for another system the library below CMAKE_FIND_ROOT_PATH, and where there is none
#                                            (Windows) only the header, of the build machine
#
# The compiler is protoc-c, or with newer releases protoc with the plug-in protoc-gen-c.

find_program(PROTOBUF_C_COMPILER protoc-c)
if(NOT PROTOBUF_C_COMPILER)
  find_program(PROTOBUF_C_PROTOC protoc)
  find_program(PROTOBUF_C_PLUGIN protoc-gen-c)
  if(PROTOBUF_C_PROTOC AND PROTOBUF_C_PLUGIN)
    set(PROTOBUF_C_COMPILER "${PROTOBUF_C_PROTOC}")
  endif()
endif()

if(CMAKE_CROSSCOMPILING)
  find_file(PROTOBUF_C_HEADER protobuf-c/protobuf-c.h PATHS /usr/include /usr/local/include NO_CMAKE_FIND_ROOT_PATH)
else()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(PROTOBUF_C IMPORTED_TARGET libprotobuf-c>=1.3)
  set(PROTOBUF_C_HEADER "${PROTOBUF_C_INCLUDEDIR}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ProtobufC REQUIRED_VARS PROTOBUF_C_COMPILER PROTOBUF_C_HEADER)

if(ProtobufC_FOUND AND NOT TARGET ProtobufC::runtime)
  add_library(ProtobufC::runtime INTERFACE IMPORTED GLOBAL)
  if(CMAKE_CROSSCOMPILING)
    configure_file("${PROTOBUF_C_HEADER}" "${PROJECT_BINARY_DIR}/include/protobuf-c/protobuf-c.h" COPYONLY)
    target_include_directories(ProtobufC::runtime SYSTEM INTERFACE "${PROJECT_BINARY_DIR}/include")
    find_library(PROTOBUF_C_LIBRARY protobuf-c)
    if(PROTOBUF_C_LIBRARY)
      target_link_libraries(ProtobufC::runtime INTERFACE "${PROTOBUF_C_LIBRARY}")
    endif()
  else()
    target_link_libraries(ProtobufC::runtime INTERFACE PkgConfig::PROTOBUF_C)
  endif()
endif()

function(protobuf_c_generate target schema)
  cmake_path(GET schema STEM name)
  cmake_path(GET schema PARENT_PATH folder)
  set(made "${CMAKE_CURRENT_BINARY_DIR}/${name}.pb-c.c" "${CMAKE_CURRENT_BINARY_DIR}/${name}.pb-c.h")
  add_custom_command(OUTPUT ${made} VERBATIM
    COMMAND "${PROTOBUF_C_COMPILER}" "--c_out=${CMAKE_CURRENT_BINARY_DIR}" "--proto_path=${CMAKE_CURRENT_SOURCE_DIR}/${folder}"
      "${CMAKE_CURRENT_SOURCE_DIR}/${schema}"
    DEPENDS "${schema}")
  target_sources(${target} PRIVATE ${made})
  set_source_files_properties(${made} PROPERTIES COMPILE_OPTIONS -w)
endfunction()
