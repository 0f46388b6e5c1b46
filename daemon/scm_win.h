/* scm_win.h: running under Windows' service control manager. */
#ifndef SCM_WIN_H
#define SCM_WIN_H

#define SCM_SERVICE "portd" /* its name in the manager and in the event log */

/* Calls run in a thread of the manager's, and tells the manager when it has ended. Where no manager has started this process, run is called
 * directly, as from a console. What run has returned, or 1. */
int scm_win_run(int argc, char **argv, int (*run)(int argc, char **argv));

/* Tells the manager, if it has started this process. */
void scm_win_ready(void);
void scm_win_stopping(void);

#endif
