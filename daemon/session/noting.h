/* noting.h: what happens to sessions, connections and requests, told to those who look (monitor.c). Objects: daemon/object/notice.h. */
#ifndef NOTING_H
#define NOTING_H

struct connection;
struct peer;
struct refusal;
struct session;
struct users;

void noting_begun(const struct session *session);
void noting_ended(const struct session *session, int cause);

void noting_connected(const struct connection *connection);

/* reason: as connection_end is given it. */
void noting_disconnected(const struct connection *connection, const char *reason);

/* A request of connection->method. To be cancelled is nothing to tell. */
void noting_refused(const struct connection *connection, const struct refusal *refusal);

void noting_turned_away(struct users *users, const struct peer *peer, const struct refusal *refusal);

#endif
