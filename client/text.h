/* text.h: ports in text mode, whose line ends the library translates on Windows (text_win.c); elsewhere they are like any other (text_none.c).
 *
 * The broker says in its listings which ports are in text mode: a client knows it of those that it has made and of those that it has been shown. */
#ifndef TEXT_H
#define TEXT_H

#include "portd.h"

#include <stddef.h>

struct text;

/* Notes that this port is in text mode: 0 or -ENOMEM. */
int text_note(portd_client *client, portd_id port);

/* If the port is known to be in text mode, as portd_port_read_start and portd_port_write_start; else 0. The arguments have been checked, but client may
 * be NULL. */
int text_read_start(portd_client *client, portd_id port, size_t size, unsigned flags,
                    portd_callback *callback, void *data, portd_request **request);
int text_write_start(portd_client *client, portd_id port, const void *bytes, size_t size,
                     portd_callback *callback, void *data, portd_request **request);

#endif
