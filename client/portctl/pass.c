/* pass.c: the descriptors that a program gets from portctl.
 *
 * The program may call portctl itself. The owner rule might then find another session than that of the script, for
 * example that of the program itself. So the program gets the token of that session and the address of the broker in its
 * environment. portctl itself makes nothing for it, but what the program makes is for the script.
 */
#include "pass.h"

#include "failure.h"
#include "native.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

void pass_init(struct pass *pass, const struct invocation *in) {
    memset(pass, 0, sizeof(*pass));
    pass->in = in;
    announce_init(&pass->announce, in);
}

int pass_check_program(const struct invocation *in) {
    if (in->program == NULL || in->program[0] == NULL)
        return failure_usage(&in->output, NULL, "the program is missing: -- COMMAND [ARGUMENT]...");
    return 0;
}

/* ---- places ---------------------------------------------------------------------------------------------- */

static bool is_taken(const struct pass *pass, portd_native number) {
    for (size_t i = 0; i < pass->n; i++)
        if (pass->places[i].number == number)
            return true;
    return false;
}

int pass_add(struct pass *pass, portd_native number) {
    const struct output *output = &pass->in->output;

    if (pass->n == PASS_MAX)
        return failure_usage(output, NULL, "a program gets at most %d descriptors", PASS_MAX);
    if (number >= 0 && is_taken(pass, number))
        return failure_usage(output, "listeners have the numbers from 3 on",
                             "descriptor %lld is assigned twice", (long long)number);
    pass->places[pass->n++] = (struct program_place){-1, number};
    return 0;
}

int pass_add_number(struct pass *pass, const char *option, const char *number) {
    uint64_t value;

    if (!text_number(number, INT32_MAX, &value))
        return failure_usage(&pass->in->output, NULL, "--%s %s: not a descriptor number", option, number);
    return pass_add(pass, (portd_native)value);
}

int pass_add_listen(struct pass *pass) {
    return pass_add(pass, (portd_native)(PROGRAM_LISTEN_FIRST + pass->n_listen++));
}

int pass_choose(struct pass *pass) {
    portd_native number = PROGRAM_LISTEN_FIRST;

    for (size_t i = 0; i < pass->n; i++) {
        const char *refusal;

        while (pass->places[i].number < 0 && is_taken(pass, number))
            number++;
        if (pass->places[i].number < 0)
            pass->places[i].number = number;
        refusal = program_refusal(pass->places[i].number);
        if (refusal != NULL)
            return failure_code(&pass->in->output, PORTD_E_UNSUPPORTED,
                                "as 0, 1 and 2 descriptors are passed on", "%s", refusal);
    }
    return 0;
}

/* ---- the program ----------------------------------------------------------------------------------------- */

int pass_export(const struct pass *pass, const struct broker *broker) {
    int rc = broker_export(pass->in, broker);

    return rc != 0 ? rc : announce_export(&pass->announce);
}

int pass_run(struct pass *pass) {
    size_t n = pass->n;

    pass->n = 0; /* program_become closes the copies */
    return program_become(&pass->in->output, pass->in->program, pass->places, n);
}

void pass_close(struct pass *pass) {
    for (size_t i = 0; i < pass->n; i++) {
        if (pass->places[i].copy >= 0)
            native_close(pass->places[i].copy);
        pass->places[i].copy = -1;
    }
}

void pass_deinit(struct pass *pass) {
    pass_close(pass);
    announce_deinit(&pass->announce);
    pass_init(pass, pass->in);
}
