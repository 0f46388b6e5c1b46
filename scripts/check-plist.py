#!/usr/bin/env python3
"""check-plist: the property list for launchd is one, has the keys that launchd asks for and no other, and its socket is where clients look.

  scripts/check-plist.py
"""
import plistlib
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
if '-h' in sys.argv[1:] or '--help' in sys.argv[1:]:
    print(__doc__.strip())
    sys.exit()

KEYS = {  # launchd.plist(5), those used here
    "Label": str,
    "ProgramArguments": list,
    "EnvironmentVariables": dict,
    "UserName": str,
    "Umask": int,
    "Sockets": dict,
    "KeepAlive": dict,
    "SoftResourceLimits": dict,
    "HardResourceLimits": dict,
}

text = (TOP / "daemon/portd.plist.in").read_text()
job = plistlib.loads(text.replace("@PORTD_PROGRAM@", "/usr/local/bin/portd").encode())
wrong = [f"{key}: not {KEYS[key].__name__}" for key in KEYS if not isinstance(job.get(key), KEYS[key])]
wrong += [f"{key}: unknown" for key in job if key not in KEYS]
if job.get("ProgramArguments") != ["/usr/local/bin/portd"]:
    wrong.append("ProgramArguments: not the installed program")
if list(job.get("EnvironmentVariables", {})) != ["CONFIGURATION_DIRECTORY"]:
    wrong.append("EnvironmentVariables: not the folder of the configuration")
if job.get("UserName") == "root":
    wrong.append("UserName: root's broker reads and writes nothing for other users")
socket = job.get("Sockets", {}).get("portd", {})
for file in "proto/place_macos.c", "client/portctl/place_macos.c":
    named = re.search(r'"unix:([^"]+)"', (TOP / file).read_text())
    if not named or named[1] != socket.get("SockPathName"):
        wrong.append(f"Sockets: {file} has another path than {socket.get('SockPathName')}")
if socket.get("SockPathMode") != 0o666:
    wrong.append("Sockets: not everybody may connect")
if '"portd"' not in (TOP / "daemon/activation_macos.c").read_text():
    wrong.append("Sockets: daemon/activation_macos.c asks for another name")
for line in wrong:
    print(f"daemon/portd.plist.in: {line}")
print(f"{len(job)} keys, {len(wrong)} wrong")
sys.exit(bool(wrong))
