#!/usr/bin/env bash
# check-imports.sh: checks that the programs and libraries for Windows in a folder need only what is beside them and what each Windows has.
#
#   scripts/check-imports.sh FOLDER OBJDUMP
#
# A library of the compiler (libgcc_s_seh-1.dll, libwinpthread-1.dll) is nowhere but where it is installed. The names that begin with api-ms-win- are
# versions of the system's parts: which of them there are depends on the version of Windows, and the compiler's lists are not right for all.
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
[ $# -eq 2 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1 objdump=$2
system=' advapi32.dll bcrypt.dll kernel32.dll msvcrt.dll ntdll.dll shell32.dll ws2_32.dll '
shopt -s nullglob
programs=("$folder"/*.exe) libraries=("$folder"/*.dll)
[ ${#programs[@]} -gt 0 ] || { echo "check-imports: no program in $folder" >&2; exit 1; }

result=0
for file in "${programs[@]}" "${libraries[@]}"; do
  listed=$("$objdump" -p "$file") || { echo "check-imports: $objdump does not read $file" >&2; exit 1; }
  imports=$(awk '$1 == "DLL" && $2 == "Name:" {print tolower($3)}' <<<"$listed")
  [ -n "$imports" ] || { echo "$file: no imports were found"; result=1; }
  for import in $imports; do
    case "$system" in *" $import "*) continue ;; esac
    [ -e "$folder/$import" ] || { echo "$file needs $import"; result=1; }
  done
done
[ $result -ne 0 ] || echo "${#programs[@]} programs and ${#libraries[@]} libraries need nothing else"
exit $result
