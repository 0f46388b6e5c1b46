/* answers.h: what each kind of descriptor answers, over all its states: a row of tests/kinds.tsv.
 *
 * A test notes what it has been answered in each state, and ends with answers_check. That compares its rows with those of tests/kinds.tsv, and
 * appends them to the file that PORTD_TEST_KINDS_FILE names, if it is set (scripts/test; scripts/record takes them from there). */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "tests/support/fixture.h"

/* One state of a kind. letters: of a semaphore for reading and for writing, of an event for reading and for writing, as kinds.h says; `-`: none.
 * Then a port for reading and for writing, each in that state: see answers_port. */
void answers_note(const char *kind, const char letters[6]);

/* Wraps the descriptor in that direction, reads or writes a few bytes, and closes the port. event: the letter of the event in that direction; where it is
 * idle nothing is tried. The answer is a letter: s(upported), `-` (unsupported), e(rror of the system), x (the wrap is refused), i(dle), ? (another). */
char answers_port(portd_client *client, portd_native fd, bool socket, bool write, char event);

/* Ends the test of a system's kinds. It fails if tests/kinds.tsv has rows of that system, but others than this run, and says which. An answer that only one of both
 * has tried counts as the same. */
void answers_check(const char *system);

#endif
