/* notice_session.h: what happens to sessions, connections and requests, told to those who look (monitor.c). Objects: daemon/object/notice_object.h. */
#ifndef NOTICE_SESSION_H
#define NOTICE_SESSION_H

struct connection;
struct peer;
struct refusal;
struct session;
struct users;

void notice_session_begun(const struct session *session);
void notice_session_ended(const struct session *session, int cause);

void notice_session_connected(const struct connection *connection);

/* reason: as connection_end is given it. */
void notice_session_disconnected(const struct connection *connection, const char *reason);

/* A request of connection->method. To be cancelled is nothing to tell. */
void notice_session_refused(const struct connection *connection, const struct refusal *refusal);

void notice_session_turned_away(struct users *users, const struct peer *peer, const struct refusal *refusal);

#endif
