/* notice_session.c: fills in and writes the notices. */
#include "notice_session.h"

#include "connection.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/journal.h"
#include "daemon/object/cause.h"
#include "daemon/object/env.h"
#include "session.h"

static void note_session(const struct session *session, enum journal_event event, int cause) {
    struct notice notice = {.event = (uint8_t)event,
                            .id = session->id,
                            .session = session->id,
                            .uid = session->uid,
                            .cause = (uint8_t)cause};
    users_note(session->all->env->users, &notice);
}

void notice_session_begun(const struct session *session) { note_session(session, JOURNAL_MADE, CAUSE_NONE); }

void notice_session_ended(const struct session *session, int cause) {
    note_session(session, JOURNAL_ENDED, cause);
}

static void note_connection(const struct connection *connection, struct notice *notice) {
    notice->session = connection->session_id;
    notice->uid = connection->peer.uid;
    notice->pid = connection->peer.pid;
    notice->connection = connection->number;
    users_note(connection->user->users, notice);
}

void notice_session_connected(const struct connection *connection) {
    struct notice notice = {.event = JOURNAL_CONNECTED};
    note_connection(connection, &notice);
}

/* A client that disconnects before hello has no notice of its connection, so it gets none of its end. */
void notice_session_disconnected(const struct connection *connection, const char *reason) {
    struct notice notice = {.event = JOURNAL_DISCONNECTED, .cause = CAUSE_ERROR};
    if (!reason && !connection->session_id)
        return;
    if (!reason)
        notice.cause = CAUSE_HANG_UP;
    else if (connection->session_id && !connection->session)
        notice.cause = CAUSE_EXPIRED;
    note_connection(connection, &notice);
}

void notice_session_refused(const struct connection *connection, const struct refusal *refusal) {
    struct notice notice = {
        .event = JOURNAL_REFUSED, .code = (uint8_t)refusal->code, .method = connection->method};
    if (refusal->code == REFUSAL_CANCELLED || connection->dead)
        return;
    note_connection(connection, &notice);
}

void notice_session_turned_away(struct users *users, const struct peer *peer, const struct refusal *refusal) {
    struct notice notice = {
        .event = JOURNAL_TURNED_AWAY, .uid = peer->uid, .pid = peer->pid, .code = (uint8_t)refusal->code};
    users_note(users, &notice);
}
