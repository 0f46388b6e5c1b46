/* notice_session.h: journal notices of sessions, connections and requests (read by monitor.c). Those of objects:
 * daemon/object/notice_object.h. */
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

/* reason: as in connection_end. */
void notice_session_disconnected(const struct connection *connection, const char *reason);

/* A refused request; its method is connection->method. Cancelled requests get no notice. */
void notice_session_refused(const struct connection *connection, const struct refusal *refusal);

void notice_session_turned_away(struct users *users, const struct peer *peer, const struct refusal *refusal);

#endif
