/* help_topic.c: help topics: texts that are not about a single verb. */
#include "help.h"

static const char exit_codes[] =
    "0    done; the answer is yes\n"
    "1    the answer is no: no such semaphore or event, or the descriptor has none;\n"
    "     or the user declined --all\n"
    "2    usage: invalid command line, or the broker refuses the descriptor\n"
    "3    no broker can be reached, or the connection to it was lost\n"
    "4    denied: a right is missing\n"
    "5    no such object: it no longer exists, never did, or belongs to another user\n"
    "6    a limit, a quota, or out of memory; the message names it\n"
    "7    no common protocol version, or a malformed reply\n"
    "8    not supported by this broker or platform\n"
    "9    wait: the targets have ended and cannot be used\n"
    "124  timed out\n"
    "125  other failure: a system call failed, or the answer could not be written\n"
    "126  exec, call: the program cannot be run\n"
    "127  exec, call: no such program; any other code can be the program's\n"
    "\n"
    "When portctl is killed by a signal, a shell reports 128 plus its number: 130\n"
    "after Ctrl-C, 141 when the reader of a pipe has closed it. If an error is\n"
    "printed the code is never 0.";

static const char environment[] =
    "PORTD_ADDRESS    the broker's address, when no option names one: unix:/path,\n"
    "                 unix:@name, or fd:N, an inherited connection for one call\n"
    "PORTD_SESSION    the session to join, as 'portctl session start' prints it;\n"
    "                 'portctl exec' sets this and PORTD_ADDRESS for its program\n"
    "PORTD_DAEMON     the program to start as the user's broker\n"
    "XDG_RUNTIME_DIR  directory of the user's broker: portd/portd.sock in it; else\n"
    "                 portd-UID/portd.sock in TMPDIR or /tmp\n"
    "\n"
    "NO_COLOR         not empty: no colour\n"
    "CLICOLOR_FORCE, FORCE_COLOR\n"
    "                 not empty and not 0: colour, even into a pipe\n"
    "TERM             dumb: no colour\n"
    "\n"
    "Options override variables. The broker is searched for in this order: --address,\n"
    "--user or --system; PORTD_ADDRESS; the user's; the system's at\n"
    "/run/portd/portd.sock. If neither of the last two answers the user's is started,\n"
    "but not by ping, status, stats, monitor, reload, why, completion and version, and\n"
    "not when an option or PORTD_ADDRESS names one.\n"
    "\n"
    "The session of a call is the first of these that there is:\n"
    "  1. that of the process that --owner names\n"
    "  2. the one that PORTD_SESSION names\n"
    "  3. that of the script: of the processes around portctl, those that have the\n"
    "     same open file under the number, and the one that reads what portctl prints\n"
    "  4. that of the leader of the terminal session, usually the shell\n"
    "It ends with the last of its processes. 'portctl status' says which it is and\n"
    "why. Where there is none, calls that make something need --owner, --ttl, or once\n"
    "  eval \"$(portctl session start --ttl 1h)\"\n"
    "Ids mean the same in all sessions of a user.";

static const char json[] =
    "Every verb takes --json. The format is pretty on a terminal and short, one line,\n"
    "in a pipe; --json=pretty and --json=short override this. A list is one array;\n"
    "with --json=lines it is one object per line. monitor and cat always print one\n"
    "object per line, at once. Any other answer is one object with \"schema\": 1. Keys\n"
    "are the names of the columns; new ones may be added, none are removed.\n"
    "\n"
    "Numbers are integers, ids too: they stay below 2^53, so that jq reads them\n"
    "exactly. Times are microseconds, in keys that end with _us. A key that does not\n"
    "apply to an object of that kind is absent, one without a value now is null: jq\n"
    "reads both as null.\n"
    "\n"
    "An error is one object on standard error:\n"
    "  {\"error\":{\"code\":\"not_found\",\"exit\":5,\"message\":\"...\",\"hint\":\"...\"}}\n"
    "with the same exit code. What was to be printed may come before it: a wait that\n"
    "times out prints [] on standard output too, a remove of several ids those that\n"
    "were removed. Notes, with --verbose, are {\"note\":\"...\"}.";

static const char fds[] =
    "portctl works on inherited descriptors, by number: 0, 1 and 2 are standard\n"
    "input, output and error, others are those of the shell:\n"
    "\n"
    "  portctl wait --fd 0 --mode read            # standard input\n"
    "  exec 5<fifo; portctl wait fd:5             # 5 of the shell\n"
    "  exec 5<&\"$fd\"; portctl evt fd 5 --mode read # $fd of the shell, as 5\n"
    "  portctl wait fd:5 5<&\"$fd\"                 # as 5 for this call only\n"
    "\n"
    "The number belongs to the outermost process around portctl that has the file\n"
    "under that number: use the same number again for the same file. If the number is\n"
    "reused for another file, its semaphores and events end with the cause replaced.\n"
    "A number that only portctl has, as in the last line, belongs to no process: check\n"
    "and remove do not find it, each call makes another object, and that is found by\n"
    "its id alone ('portctl remove ID').\n"
    "\n"
    "A shell may have marked its higher numbers close-on-exec (zsh and ksh do, from\n"
    "10 on): then one below 10 is needed. The broker gets a copy that shares the open\n"
    "file. It reads nothing from it and does not change its flags.\n"
    "\n"
    "While the broker holds its copy the other end of a pipe or socket sees no end of\n"
    "file: 'portctl remove ID', or 'portctl semaphore fd N --mode remove', before\n"
    "closing N.\n"
    "\n"
    "A program cannot pass a descriptor to the shell that called it. 'portctl exec'\n"
    "starts a program with copies of the descriptors of ports:\n"
    "'portctl exec --fd 4=ID -- bash' is a shell that has one.";

static const char windows[] =
    "N is the value of a handle or socket that portctl has inherited, in decimal; it\n"
    "is the same in the process that it comes from. 0, 1 and 2 are the standard\n"
    "streams. fd and socket are two tables.\n"
    "\n"
    "The reader of what portctl prints is the nearest process in its console with\n"
    "another standard output; without one the session is that of the first process in\n"
    "the console, or of the parent.\n"
    "\n"
    "exec runs the program and waits for it. A program knows no numbers but 0, 1 and\n"
    "2, so --stdin, --stdout and --stderr are all that it can be given.\n"
    "\n"
    "Ctrl-C is 130, Ctrl-Break 143. Line ends of ports in text mode are translated.\n"
    "An address is npipe:NAME.";

const struct help_topic help_topics[] = {
    {"exit-codes", "what the exit codes mean", exit_codes},
    {"environment", "variables, and how the broker is found", environment},
    {"json", "the format of JSON output", json},
    {"fds", "how descriptors are named and passed on", fds},
    {"windows", "what is different on Windows", windows},
    {NULL, NULL, NULL},
};
