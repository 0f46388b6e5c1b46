# Run while installing: writes the systemd units for the prefix that is installed to. in, out: folders of the templates and of what is
# written; bin: where programs go, below the prefix; config: the
# folder of the configuration, which the program knows, too.
get_filename_component(prefix "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)
get_filename_component(PORTD_PROGRAM "${bin}/portd" ABSOLUTE BASE_DIR "${prefix}")
get_filename_component(PORTD_CONTROL "${bin}/portctl" ABSOLUTE BASE_DIR "${prefix}")
set(PORTD_CONFIG_FOLDER "${config}")

# A service that sees no homes and no temporary files of others cannot run a program that lies there.
set(PORTD_PROTECT_HOME yes)
if(PORTD_PROGRAM MATCHES "^/(home|root|run/user)/")
  set(PORTD_PROTECT_HOME read-only)
endif()
set(PORTD_PRIVATE_TMP yes)
if(PORTD_PROGRAM MATCHES "^/(var/)?tmp/")
  set(PORTD_PRIVATE_TMP no)
endif()
foreach(path PORTD_PROGRAM PORTD_CONTROL)
  string(REPLACE " " "\\x20" ${path} "${${path}}")
endforeach()
foreach(path PORTD_PROGRAM PORTD_CONTROL PORTD_CONFIG_FOLDER)
  string(REPLACE "%" "%%" ${path} "${${path}}")
endforeach()
foreach(unit portd.service portd.socket)
  configure_file("${in}/${unit}.in" "${out}/${unit}" @ONLY)
endforeach()
