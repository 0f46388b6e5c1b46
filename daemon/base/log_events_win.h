/* log_events_win.h: the log of a broker that the service manager runs. */
#ifndef LOG_EVENTS_WIN_H
#define LOG_EVENTS_WIN_H

/* From now on lines go to the system's event log, as of this source (static), not to stderr. Before the first line. 0 or a negative errno. */
int log_events_win_begin(const char *source);

#endif
