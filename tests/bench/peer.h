/* peer.h: programs that people use today, measured on the same CPU in the same run. A peer that is not
 * installed is NULL. */
#ifndef PEER_H
#define PEER_H

#include "bench.h"

struct redis;
struct redis *redis_start(void); /* redis-server on a Unix socket, nothing saved */
void redis_end(struct redis *redis);
bench_run redis_ping;
double redis_pipelined(struct redis *redis); /* PINGs a second by redis-benchmark -P 64, 0: not there */

struct s6;
struct s6 *s6_start(void); /* s6-fdholder-daemon, spoken to through libs6 */
void s6_end(struct s6 *s6);
bench_run s6_store;    /* and a delete, not timed */
bench_run s6_retrieve; /* and a close, as the client of portd does */

struct dbus; /* a bus of its own that allows everything */
struct dbus *dbus_broker_start(void);
struct dbus *dbus_daemon_start(void);
void dbus_end(struct dbus *dbus);
bench_run dbus_ping; /* Peer.Ping, which the bus itself answers */

#endif
