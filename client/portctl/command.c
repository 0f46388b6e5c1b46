/* command.c: the table of verbs, and how a verb reads its words. */
#include "command.h"

#include "text.h"

#include <string.h>

const struct command *const commands[] = {
    &command_semaphore,  &command_evt,
    &command_wait,       &command_wrap,
    &command_fd,         &command_socket,
    &command_close,      &command_cat,
    &command_write,      &command_relay,
    &command_exec,       &command_put,
    &command_get,        &command_take,
    &command_drop,       &command_renew,
    &command_repair,     &command_resize,
    &command_run,        &command_attach,
    &command_spool,      &command_remove,
    &command_release,    &command_list,
    &command_show,       &command_status,
    &command_stats,      &command_monitor,
    &command_ping,       &command_session,
    &command_reload,     &command_upgrade,
    &command_why,        &command_call,
    &command_completion, &command_version,
    &command_help,       NULL,
};

const struct command *command_find(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, name) == 0 ||
            (commands[i]->alias != NULL && strcmp(commands[i]->alias, name) == 0))
            return commands[i];
    return NULL;
}

const char *command_closest(const char *name) {
    const char *names[sizeof(commands) / sizeof(commands[0])];
    size_t n = 0;

    for (size_t i = 0; commands[i] != NULL; i++)
        names[n++] = commands[i]->name;
    names[n] = NULL;
    return text_closest(name, names);
}

const char *command_option(const struct invocation *in, const char *name) {
    const char *value = NULL;

    for (size_t i = 0; i < in->n_arguments; i++) {
        const struct argument *argument = &in->arguments[i];

        if (argument->option != NULL && strcmp(argument->option->name, name) == 0)
            value = argument->value != NULL ? argument->value : "";
    }
    return value;
}

const char *command_word(const struct invocation *in, size_t i) {
    for (size_t a = 0; a < in->n_arguments; a++)
        if (in->arguments[a].option == NULL && i-- == 0)
            return in->arguments[a].value;
    return NULL;
}

size_t command_words(const struct invocation *in) {
    size_t n = 0;

    for (size_t i = 0; i < in->n_arguments; i++)
        n += in->arguments[i].option == NULL;
    return n;
}
