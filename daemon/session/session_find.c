/* session_find.c: sessions by id, by token, by owner process, and of what is theirs. */
#include "session.h"

#include "proto/container.h"

#include <stdlib.h>
#include <string.h>

struct session *session_find(const struct sessions *sessions, uint64_t id) {
    struct session *session = session_find_any(sessions, id);
    return session && !session->cause ? session : NULL;
}

struct session *session_find_any(const struct sessions *sessions, uint64_t id) {
    return table_find(&sessions->by_id, id);
}

/* Takes the same time wherever the first difference is. */
static bool equal(const char *a, const char *b, size_t n) {
    unsigned char difference = 0;
    for (size_t i = 0; i < n; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return !difference;
}

struct session *session_find_token(const struct sessions *sessions, const char *token) {
    char *end;
    uint64_t id = strtoull(token, &end, 10);
    struct session *session = session_find(sessions, id);
    if (!session || *end != '.' || strlen(end + 1) != SESSION_SECRET)
        return NULL;
    return equal(end + 1, session->secret, SESSION_SECRET) ? session : NULL;
}

struct session *session_find_owner(const struct sessions *sessions, os_uid uid, uint64_t key) {
    struct lease *lease = owners_find(&sessions->owners, uid, key);
    return lease ? CONTAINER_OF(lease, struct session, lease) : NULL;
}

struct session *session_of(const struct object *object) {
    return CONTAINER_OF(object->owner, struct session, session_objects);
}

struct session *session_of_account(struct account *account) {
    return CONTAINER_OF(account, struct session, session_objects.account);
}
