# Functions for the CMakeLists.txt of the rooms (source folders), and the compiler flags of all targets.
#
#   portd_room(ROOM INTO TARGET... SOURCES file... [LINUX file...] [MACOS file...] [FREEBSD file...] [NETBSD file...] [OPENBSD file...] [BSD file...] [UNIX file...] [WIN32 file...])
#       Adds the files of this folder to the targets. Only this function selects files by platform. BSD: all systems with kqueue, also
#       macOS. A file replaces one of the same name (up to the last underscore) that is listed for more systems: place_macos.c replaces
#       place_bsd.c, and either replaces place_unix.c.
#   portd_test(NAME LABEL label TIMEOUT seconds SOURCES file... [LIBS target...])
#       A test program. Its environment has the programs under test in PORTD_DAEMON and PORTCTL. For Windows only those in the list
#       PORTD_TESTS_WIN32 (tests/windows.cmake) are made; there test_x_win.c beside test_x.c takes the place of test_x.c.
#   portd_fuzz(NAME CORPUS dir SOURCES file... LIBS target...)
#       A fuzz target: with PORTD_FUZZ a libFuzzer program, else a driver that runs the corpus as an ordinary test.
#   portd_man(file.scd...)
#       Manual pages; the file name has the section. Skipped without scdoc.

if(APPLE AND NOT CMAKE_SHARED_LIBRARY_RUNTIME_C_FLAG) # without an SDK CMake does not know run paths
  set(CMAKE_SHARED_LIBRARY_RUNTIME_C_FLAG "-Wl,-rpath,")
  set(CMAKE_EXECUTABLE_RUNTIME_C_FLAG "-Wl,-rpath,")
  set(CMAKE_MACOSX_RPATH ON)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
# Link-time optimisation saves 2 % of a request.
include(CheckIPOSupported)
check_ipo_supported(RESULT CMAKE_INTERPROCEDURAL_OPTIMIZATION_RELEASE OUTPUT ipo LANGUAGES C)
find_program(PORTD_SCDOC scdoc)

# ---- flags ----------------------------------------------------------------------------------------------------------

set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(portd_options INTERFACE)
target_compile_features(portd_options INTERFACE c_std_17)
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
target_include_directories(portd_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_include_directories(portd_options SYSTEM INTERFACE "${PROJECT_BINARY_DIR}") # generated headers
target_compile_options(portd_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wimplicit-fallthrough -Wundef
  # clang would warn about each initialiser that protobuf-c generates
  $<$<C_COMPILER_ID:GNU>:-Wcast-qual>)
configure_file("${CMAKE_CURRENT_LIST_DIR}/portd_version.h.in" "${PROJECT_BINARY_DIR}/portd_version.h" @ONLY)

if(WIN32)
  target_compile_definitions(portd_options INTERFACE _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin") # programs find their libraries in their own folder
  include(CheckSymbolExists)
  foreach(pair "EDQUOT 10069" "ETOOMANYREFS 10059") # WSAEDQUOT, WSAETOOMANYREFS
    separate_arguments(pair)
    list(GET pair 0 name)
    list(GET pair 1 value)
    check_symbol_exists(${name} errno.h PORTD_LIBC_HAS_${name})
    if(NOT PORTD_LIBC_HAS_${name})
      add_compile_definitions(${name}=${value})
    endif()
  endforeach()
  if(MINGW)
    add_compile_definitions(__USE_MINGW_ANSI_STDIO=1) # %zu
    target_compile_options(portd_options INTERFACE -Wno-format) # it judges by the C library of Windows
  endif()
else()
  target_compile_options(portd_options INTERFACE -fstack-protector-strong)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SIZEOF_VOID_P EQUAL 4)
  add_compile_definitions(_FILE_OFFSET_BITS=64) # positions and inodes of 64 bits
  # Times beyond 2038, too: without them no file of a later time can be looked at. What calls libevent has the times that it was built with.
  target_compile_definitions(portd_options INTERFACE "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:PORTD_CALLS_LIBEVENT>>>:_TIME_BITS=64>")
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_link_options(portd_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(PORTD_SANITIZE)
  string(REPLACE ";" "," PORTD_SANITIZE "${PORTD_SANITIZE}")
  target_compile_options(portd_options INTERFACE
    -fsanitize=${PORTD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(portd_options INTERFACE -fsanitize=${PORTD_SANITIZE})
elseif(NOT WIN32)
  target_compile_options(portd_options INTERFACE "$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
endif()
if(PORTD_COVERAGE)
  target_compile_options(portd_options INTERFACE --coverage)
  target_link_options(portd_options INTERFACE --coverage)
endif()
if(PORTD_FUZZ)
  target_compile_options(portd_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
# scripts/pgo builds the rooms with counters, then optimises them with the profile. The prefix removes this build folder from the names in
# the profile, so that another folder can use it.
if(PORTD_PROFILE STREQUAL "generate")
  target_link_options(portd_options INTERFACE -fprofile-generate)
  set(profile "-fprofile-generate=${PORTD_PROFILE_DIR}" -fprofile-update=prefer-atomic)
elseif(PORTD_PROFILE STREQUAL "use")
  if(NOT EXISTS "${PORTD_PROFILE_DIR}")
    message(FATAL_ERROR "there is no profile in ${PORTD_PROFILE_DIR}: scripts/pgo makes one, and builds with it")
  endif()
  set(profile "-fprofile-use=${PORTD_PROFILE_DIR}" -fprofile-partial-training)
endif()
if(PORTD_PROFILE)
  list(APPEND profile "-fprofile-prefix-path=${PROJECT_BINARY_DIR}")
endif()

# ---- rooms ----------------------------------------------------------------------------------------------------------

function(portd_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "INTO;SOURCES;LINUX;MACOS;FREEBSD;NETBSD;OPENBSD;BSD;UNIX;WIN32")
  if(WIN32)
    set(native ${arg_WIN32})
  elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    set(native ${arg_LINUX} ${arg_UNIX})
  elseif(CMAKE_SYSTEM_NAME STREQUAL "Darwin")
    set(native ${arg_MACOS} ${arg_BSD} ${arg_UNIX})
  elseif(CMAKE_SYSTEM_NAME STREQUAL "FreeBSD")
    set(native ${arg_FREEBSD} ${arg_BSD} ${arg_UNIX})
  elseif(CMAKE_SYSTEM_NAME STREQUAL "NetBSD")
    set(native ${arg_NETBSD} ${arg_BSD} ${arg_UNIX})
  elseif(CMAKE_SYSTEM_NAME STREQUAL "OpenBSD")
    set(native ${arg_OPENBSD} ${arg_BSD} ${arg_UNIX})
  else()
    set(native ${arg_BSD} ${arg_UNIX})
  endif()
  set(files ${arg_SOURCES})
  set(stems "")
  foreach(file IN LISTS native)
    string(REGEX REPLACE "_[a-z0-9]+\\.c$" "" stem "${file}")
    if(NOT stem IN_LIST stems)
      list(APPEND stems ${stem})
      list(APPEND files ${file})
    endif()
  endforeach()
  list(TRANSFORM files PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  foreach(target IN LISTS arg_INTO)
    target_sources(${target} PRIVATE ${files})
    get_target_property(profiled ${target} PORTD_PROFILED)
    if(profile AND NOT profiled)
      target_compile_options(${target} PRIVATE ${profile})
      set_target_properties(${target} PROPERTIES PORTD_PROFILED ON)
    endif()
  endforeach()
endfunction()

# ---- tests ----------------------------------------------------------------------------------------------------------

# What a test starts to run that program of ours: where an emulator is needed, a script that starts it.
function(portd_started target result)
  set(${result} "$<TARGET_FILE:${target}>" PARENT_SCOPE)
  if(CMAKE_CROSSCOMPILING_EMULATOR AND NOT WIN32) # wine's programs start others themselves
    set(script "${PROJECT_BINARY_DIR}/emulated/${target}")
    get_property(written GLOBAL PROPERTY PORTD_STARTED_${target})
    if(NOT written)
      file(GENERATE OUTPUT "${script}" CONTENT "#!/bin/sh\nexec \"${CMAKE_CROSSCOMPILING_EMULATOR}\" \"$<TARGET_FILE:${target}>\" \"$@\"\n"
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
      set_property(GLOBAL PROPERTY PORTD_STARTED_${target} ON)
    endif()
    set(${result} "${script}" PARENT_SCOPE)
  endif()
endfunction()

function(portd_test_environment name label timeout)
  # What the system's or the user's portd.conf says is no part of a test.
  set(environment "PORTD_SOURCE=${PROJECT_SOURCE_DIR}" "PORTD_BUILD=${PROJECT_BINARY_DIR}" "PORTD_CONFIG=none")
  foreach(pair "PORTD_DAEMON portd" "PORTCTL portctl")
    separate_arguments(pair)
    list(GET pair 0 variable)
    list(GET pair 1 target)
    if(TARGET ${target})
      portd_started(${target} started)
      list(APPEND environment "${variable}=${started}")
    endif()
  endforeach()
  if(WIN32)
    list(APPEND environment "PORTD_LEFT_OUT=${PROJECT_BINARY_DIR}/left_out")
  endif()
  set_tests_properties(${name} PROPERTIES
    LABELS "${label}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
endfunction()

function(portd_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "SOURCES;LIBS")
  if(NOT arg_LABEL OR NOT arg_TIMEOUT OR NOT arg_SOURCES)
    message(FATAL_ERROR "portd_test(${name}): LABEL, TIMEOUT and SOURCES are needed")
  endif()
  if(WIN32)
    if(NOT "${arg_LABEL}/${name}" IN_LIST PORTD_TESTS_WIN32)
      return()
    endif()
    foreach(source IN LISTS arg_SOURCES)
      string(REGEX REPLACE "\\.c$" "_win.c" instead "${source}")
      if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${instead}")
        list(TRANSFORM arg_SOURCES REPLACE "^${source}$" "${instead}")
      endif()
    endforeach()
  endif()
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBS} portd_native portd_open_fds Threads::Threads portd_options)
  target_compile_definitions(test_${name} PRIVATE TEST_NAME="${name}")
  if(NOT arg_LABEL STREQUAL "unit" AND NOT "${arg_SOURCES}" MATCHES "_win\\.c")
    target_link_libraries(test_${name} PRIVATE portd_posix)
  endif()
  add_test(NAME ${arg_LABEL}/${name} COMMAND test_${name})
  portd_test_environment(${arg_LABEL}/${name} ${arg_LABEL} ${arg_TIMEOUT})
endfunction()

function(portd_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;LIBS")
  if(PORTD_FUZZ)
    add_executable(fuzz_${name} ${arg_SOURCES})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set(arguments -runs=20000 -max_total_time=20 "${CMAKE_CURRENT_BINARY_DIR}/found_${name}" "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}")
    file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/found_${name}")
  else()
    add_executable(fuzz_${name} driver.c ${arg_SOURCES})
    set(arguments "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}")
  endif()
  target_link_libraries(fuzz_${name} PRIVATE ${arg_LIBS} portd_options)
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${arguments})
  portd_test_environment(fuzz/${name} fuzz 120)
endfunction()

# ---- manual pages -----------------------------------------------------------------------------------------------------

function(portd_man)
  if(NOT PORTD_SCDOC)
    return()
  endif()
  set(pages "")
  foreach(source IN LISTS ARGN)
    string(REGEX REPLACE "\\.scd$" "" page "${source}")
    string(REGEX MATCH "[0-9]$" section "${page}")
    add_custom_command(OUTPUT ${page} VERBATIM
      COMMAND sh -c "\"$1\" <\"$2\" >\"$3\"" scdoc "${PORTD_SCDOC}" "${CMAKE_CURRENT_SOURCE_DIR}/${source}" ${page}
      DEPENDS ${source})
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
    list(APPEND pages ${page})
  endforeach()
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME room)
  add_custom_target(man_${room} ALL DEPENDS ${pages})
endfunction()
