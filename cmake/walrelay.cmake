# walrelay_library(NAME sources… LINKS libraries…): one static library a folder of src/.
# walrelay_test(NAME sources… LINKS libraries… [LABEL unit|pg|kafka|e2e]): one test program, a CTest test.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(walrelay_flags INTERFACE)
target_compile_options(walrelay_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -Wno-restrict  # g++ 12 sees overlapping copies in std::string's operator+ when it optimizes (GCC bug 105651)
  -fstack-protector-strong $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
target_link_options(walrelay_flags INTERFACE -Wl,-z,relro,-z,now)
target_include_directories(walrelay_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
if(SANITIZE)
  target_compile_options(walrelay_flags INTERFACE -fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(walrelay_flags INTERFACE -fsanitize=${SANITIZE})
  if(SANITIZE STREQUAL thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # g++ warns that ThreadSanitizer does not follow the fences in Asio's headers.
    target_compile_options(walrelay_flags INTERFACE -Wno-tsan)
  endif()
endif()

function(walrelay_library name)
  cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
  add_library(walrelay_${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(walrelay_${name} PUBLIC walrelay_flags ${arg_LINKS})
endfunction()

# All test programs that need no server, for the builds with sanitizers.
add_custom_target(unit_tests)

function(walrelay_test name)
  cmake_parse_arguments(arg "" "LABEL" "LINKS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE walrelay_flags ${arg_LINKS} GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name})
  if(arg_LABEL STREQUAL unit)
    add_dependencies(unit_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300)
  if(NOT arg_LABEL STREQUAL unit)
    # One server, two cores: tests that load it run one at a time.
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK stack)
  endif()
endfunction()
