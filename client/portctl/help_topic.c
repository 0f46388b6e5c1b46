/* help_topic.c: what is not about one verb. */
#include "help.h"

static const char exit_codes[] =
    "0    done; the answer is yes\n"
    "1    the answer is no: there is no such semaphore or event, or the descriptor\n"
    "     can have none; or so the user said when --all asked\n"
    "2    usage: the command line is wrong, or the broker refuses the descriptor\n"
    "     as it is\n"
    "3    no broker can be reached, or the connection to it was lost\n"
    "4    denied: a right is missing\n"
    "5    no such object: it is gone, never was, or is another user's\n"
    "6    a limit, a quota, or no memory; the message names it\n"
    "7    no common protocol version, or an answer that cannot be understood\n"
    "8    this broker or platform does not have that\n"
    "9    wait: what was waited for has ended, and cannot be used\n"
    "124  timed out\n"
    "125  portctl failed otherwise: a system call, or the answer could not be\n"
    "     written\n"
    "126  exec, call: the program cannot be run\n"
    "127  exec, call: there is no such program; any other code can be its own\n"
    "\n"
    "Killed by a signal, a shell shows 128 and its number: 130 after Ctrl-C, 141\n"
    "when the reader of a pipe has gone. What prints an error never exits with 0.";

static const char environment[] =
    "PORTD_ADDRESS    the broker's address, when no option names one: unix:/path,\n"
    "                 unix:@name, or fd:N, an inherited connection for one call\n"
    "PORTD_SESSION    the session to join, as 'portctl session start' prints it;\n"
    "                 programs that 'portctl exec' runs find this and PORTD_ADDRESS\n"
    "PORTD_DAEMON     the program to start as the user's broker\n"
    "XDG_RUNTIME_DIR  where the user's broker is: portd/portd.sock in it; else\n"
    "                 portd-UID/portd.sock in TMPDIR or /tmp\n"
    "\n"
    "NO_COLOR         not empty: no colour\n"
    "CLICOLOR_FORCE, FORCE_COLOR\n"
    "                 not empty and not 0: colour, even into a pipe\n"
    "TERM             dumb: no colour\n"
    "\n"
    "Options win over variables. The broker is looked for in this order:\n"
    "--address, --user or --system; PORTD_ADDRESS; the user's; the system's at\n"
    "/run/portd/portd.sock. If none of the last two answers the user's is started,\n"
    "but not by ping, status, stats, monitor and version, and not when an option or\n"
    "PORTD_ADDRESS names one.\n"
    "\n"
    "The session is that of --owner; of PORTD_SESSION; of the processes around\n"
    "portctl that have the same open file under the number, and of the one that\n"
    "reads what portctl prints; of the terminal's session leader. It ends with the\n"
    "last of these. 'portctl status' says which and why. Where there is none,\n"
    "calls that make something need --owner, --ttl, or once\n"
    "  eval \"$(portctl session start --ttl 1h)\"\n"
    "Ids mean the same in all sessions of a user.";

static const char json[] =
    "Every verb takes --json. Its form is pretty on a terminal and short, one\n"
    "line, in a pipe; --json=pretty and --json=short choose. A list is one array;\n"
    "with --json=lines it is one object a line. What monitor and cat tell is one\n"
    "object a line in any form, written as it comes. Any other answer is one object\n"
    "with \"schema\": 1. Keys are the names of the columns; new ones may come, none\n"
    "goes.\n"
    "\n"
    "Numbers are integers, ids too: they stay below 2^53, so that jq reads them\n"
    "exactly. Times are microseconds, in keys that end with _us. A key that means\n"
    "nothing for an object of that kind is left out, what it does not have now is\n"
    "null: jq reads both as null.\n"
    "\n"
    "An error is one object on standard error:\n"
    "  {\"error\":{\"code\":\"not_found\",\"exit\":5,\"message\":\"...\",\"hint\":\"...\"}}\n"
    "with the same exit code. Notes, with --verbose, are {\"note\":\"...\"}.";

static const char fds[] = "portctl works on descriptors that it inherits, by their numbers: 0, 1 and 2\n"
                          "are standard input, output and error, others are passed on by redirection:\n"
                          "\n"
                          "  portctl wait --fd 0 --mode read              # standard input\n"
                          "  portctl semaphore fd 5 --mode read 5<&\"$fd\" # $fd of the shell, as 5\n"
                          "  exec 5<fifo; portctl wait fd:5               # passed on as it is\n"
                          "\n"
                          "A shell may have marked its higher numbers close-on-exec (zsh and ksh do,\n"
                          "from 10 on): then 'N<&\"$fd\"' is needed. The broker gets a copy that shares\n"
                          "the open file. It reads nothing from it and does not change its flags. The\n"
                          "number is that of the outermost process around portctl that has the file\n"
                          "under it: use the same number again for the same file. If it comes back with\n"
                          "another file, its semaphores and events end with the cause replaced. A number\n"
                          "that only portctl has is nobody's, and check and remove do not find it.\n"
                          "\n"
                          "While the broker has its copy the other end of a pipe or socket sees no end\n"
                          "of file: 'portctl semaphore fd N --mode remove' before closing N.\n"
                          "\n"
                          "The other way round, a program cannot give a descriptor to the shell that\n"
                          "called it. 'portctl exec' starts a program with copies of the descriptors\n"
                          "of ports: 'portctl exec --fd 4=ID -- bash' is a shell that has one.";

const struct help_topic help_topics[] = {
    {"exit-codes", "what the exit codes mean", exit_codes},
    {"environment", "variables, and how the broker is found", environment},
    {"json", "the form of JSON answers", json},
    {"fds", "how descriptors are named and passed on", fds},
    {NULL, NULL, NULL},
};
