/* cmd_completion.c: portctl completion, for bash, zsh and fish.
 *
 * The scripts only pass the command line to portctl and show its candidates, which come from the table of verbs
 * (candidate.c). So they need no change when a verb does.
 */
#include "candidate.h"
#include "failure.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char bash[] =
    "# Completion of portctl for bash; portctl itself says what can come next.\n"
    "_portctl() {\n"
    "  local value\n"
    "  COMPREPLY=()\n"
    "  while IFS=$'\\t' read -r value _; do\n"
    "    case $value in\n"
    "      :file) compopt -o default ;;\n"
    "      :command) mapfile -t COMPREPLY < <(compgen -c -- \"${COMP_WORDS[COMP_CWORD]}\") ;;\n"
    "      *) COMPREPLY+=(\"$value\") ;;\n"
    "    esac\n"
    "  done < <(command portctl completion candidates -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _portctl portctl\n";

static const char zsh[] = "#compdef portctl\n"
                          "# Completion of portctl for zsh; portctl itself says what can come next.\n"
                          "_portctl() {\n"
                          "  local line value\n"
                          "  local -a described\n"
                          "  for line in \"${(@f)$(command portctl completion candidates -- "
                          "\"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
                          "    value=${line%%$'\\t'*}\n"
                          "    case $value in\n"
                          "      '') ;;\n"
                          "      :file) _files ;;\n"
                          "      :command) _command_names -e ;;\n"
                          "      *) described+=(\"${value//:/\\\\:}${${line#$value}/$'\\t'/:}\") ;;\n"
                          "    esac\n"
                          "  done\n"
                          "  (( $#described )) && _describe -t values value described\n"
                          "}\n"
                          "if [ \"$funcstack[1]\" = _portctl ]; then\n"
                          "  _portctl \"$@\"\n"
                          "else\n"
                          "  compdef _portctl portctl\n"
                          "fi\n";

static const char fish[] =
    "# Completion of portctl for fish; portctl itself says what can come next.\n"
    "function __portctl_candidates\n"
    "    set -l line (commandline -opc) (commandline -ct)\n"
    "    set -e line[1]\n"
    "    for candidate in (command portctl completion candidates -- $line 2>/dev/null)\n"
    "        switch $candidate\n"
    "            case ':file'\n"
    "                __fish_complete_path (commandline -ct)\n"
    "            case ':command'\n"
    "                __fish_complete_command\n"
    "            case '*'\n"
    "                echo $candidate\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c portctl -f -a '(__portctl_candidates)'\n";

static const struct shell {
    const char *name;
    const char *script;
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static void answer(const struct invocation *in, const struct shell *shell) {
    struct node *object = node_object();

    output_text(&in->output, shell->script);
    node_text(object, "shell", shell->name);
    node_text(object, "script", shell->script);
    output_value(&in->output, "", object);
}

static int run_candidates(const struct invocation *in) {
    size_t n = command_words(in) - 1;
    char **words = text_room(n + 1, sizeof(*words));

    for (size_t i = 0; i < n; i++)
        words[i] = text_copy(command_word(in, i + 1));
    candidates_print(&in->output, words, n);
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    free(words);
    return PORTCTL_DONE;
}

static int run(const struct invocation *in) {
    const char *word = command_word(in, 0);

    if (word == NULL)
        return failure_usage(&in->output, NULL, "the shell is missing: bash, zsh or fish");
    if (strcmp(word, "candidates") == 0)
        return run_candidates(in);
    if (command_words(in) > 1)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", command_word(in, 1));
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(word, shells[i].name) == 0) {
            answer(in, &shells[i]);
            return PORTCTL_DONE;
        }
    return failure_usage(&in->output, "the shells are bash, zsh and fish", "no completion for '%s'", word);
}

static const char *const usage[] = {
    "completion bash | zsh | fish",
    "completion candidates -- [WORD]...",
    NULL,
};

static const char *const examples[] = {
    "source <(portctl completion bash)",
    "portctl completion zsh >~/.zfunc/_portctl",
    "portctl completion fish >~/.config/fish/completions/portctl.fish",
    "portctl completion candidates -- cat ''",
    NULL,
};

static const char details[] =
    "Prints a completion script for a shell. To have it in this shell alone:\n"
    "\n"
    "bash  source <(portctl completion bash)\n"
    "zsh   autoload -U compinit && compinit && source <(portctl completion zsh)\n"
    "fish  portctl completion fish | source\n"
    "\n"
    "An installation has it for all shells, in share of its prefix. bash-completion\n"
    "and zsh look in /usr and /usr/local. fish looks in the folders of XDG_DATA_DIRS,\n"
    "or without it only in those that it was built with: for /usr/local start it with\n"
    "XDG_DATA_DIRS=/usr/local/share:/usr/share. For another prefix, its share must be\n"
    "in XDG_DATA_DIRS, and for zsh its share/zsh/site-functions in fpath before\n"
    "compinit.\n"
    "\n"
    "The script calls 'completion candidates' with the words of the command line, the\n"
    "last of which may be empty. Each candidate is a line, with a description after a\n"
    "tab; :file and :command ask the shell to complete files and commands. Verbs,\n"
    "options and values are those of the help; ids come from the broker that the line\n"
    "selects, if it answers within half a second. No broker is started, and no error\n"
    "is printed.";

static const char *const words[] = {"bash|zsh|fish", NULL};

const struct command command_completion = {
    .name = "completion",
    .summary = "print a shell's completion script",
    .usage = usage,
    .details = details,
    .examples = examples,
    .words = words,
    .run = run,
};
