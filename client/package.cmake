# Run while installing: writes portd.pc for the prefix that is installed to. in, out: folders of the template and of what is written;
# version: of the project; include, library: where header and library go, below the prefix or absolute.
get_filename_component(prefix "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)
set(PORTD_PC_INCLUDEDIR "\${prefix}")
set(PORTD_PC_LIBDIR "\${prefix}")
cmake_path(APPEND PORTD_PC_INCLUDEDIR "${include}")
cmake_path(APPEND PORTD_PC_LIBDIR "${library}")
configure_file("${in}/portd.pc.in" "${out}/portd.pc" @ONLY)
