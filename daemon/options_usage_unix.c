/* options_usage_unix.c: options_usage.h for POSIX systems. */
#include "options_usage.h"

const char options_usage[] =
    "usage: portd [--listen ADDRESS] [--mode OCTAL] [--idle-exit DURATION] [--notify-fd N] [--log-level "
    "LEVEL]\n"
    "\n"
    "Broker of file descriptors: keeps copies of other programs' descriptors and reports when they are\n"
    "ready. Runs in the foreground.\n"
    "\n"
    "  --listen ADDRESS      unix:/absolute/path, unix:@name, or fd:N for an inherited listener; default:\n"
    "                        the socket passed by the service manager, else unix:/run/portd/portd.sock for\n"
    "                        root and the user's own address for others\n"
    "  --mode OCTAL          file mode of the socket, default 0600 (this user only)\n"
    "  --idle-exit DURATION  exit after being idle this long, e.g. 60s\n"
    "  --notify-fd N         when ready, write a newline to this descriptor (3 or more) and close it\n"
    "  --log-level LEVEL     error, warning, info (default), debug\n"
    "  -h, --help            print this help\n"
    "  --version             print the version\n"
    "\n"
    "Example:  portd --listen unix:/tmp/portd.sock --log-level debug\n"
    "Stops on SIGTERM and SIGINT and logs what it still held. See portd(8).\n";
