/* call_why.c: why: whether somebody has a right, and by which rule. Decisions about others need the right admin. */
#include "call.h"
#include "connection.h"
#include "daemon/access/policy.h"
#include "daemon/access/refusal.h"
#include "daemon/access/right.h"
#include "daemon/access/rule.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "dispatch.h"
#include "hold_name.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MOST = 768 };

struct question {
    struct peer peer; /* who */
    os_uid owner;
    const char *name;
    enum right right;
};

static int read_peer(struct call *call, struct peer *peer) {
    const Portd__V1__Why *why = call->request->why;
    const struct connection *connection = call->connection;
    os_uid uid;
    if (hold_name_uid(call, "uid", why->uid, &uid))
        return -1;
    if (uid == connection->peer.uid && !why->n_gids) {
        *peer = connection->peer;
        return 0;
    }
    if (!call->others)
        return refusal_set(&call->refusal, REFUSAL_DENIED, why->n_gids ? "gids" : "uid",
                           "ask about yourself, or as root or the broker's own user",
                           "the right admin is missing, which questions about others need");
    if (why->n_gids > PEER_GROUPS_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "gids", NULL, "expected at most %d gids, got %zu",
                           (int)PEER_GROUPS_MAX, why->n_gids);
    *peer = (struct peer){.uid = uid, .gid = why->n_gids ? why->gids[0] : PEER_UID_NOBODY};
    for (size_t i = 1; i < why->n_gids; i++)
        peer->groups[peer->n_groups++] = why->gids[i];
    return 0;
}

static int read_question(struct call *call, struct question *question) {
    const Portd__V1__Why *why = call->request->why;
    if (why->right <= PORTD__V1__RIGHT__RIGHT_NONE || why->right > PORTD__V1__RIGHT__RIGHT_ADMIN)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "right",
                           "one of list, watch, read, write, get, put, drop, admin", "there is no right %d",
                           (int)why->right);
    question->right = (enum right)((int)why->right - 1);
    question->name = why->name;
    if (question->right == RIGHT_ADMIN && (*why->name || *why->owner))
        return refusal_set(&call->refusal, REFUSAL_INVALID, "name", NULL,
                           "admin is a right over the broker: it has neither owner nor name");
    if (question->right != RIGHT_ADMIN && hold_name_check(why->name, &call->refusal))
        return -1;
    if (hold_name_owner(call, why->owner, &question->owner))
        return -1;
    return read_peer(call, &question->peer);
}

static bool needs_no_rule(const struct policy *policy, const struct question *question) {
    const struct peer *peer = &question->peer;
    if (question->right == RIGHT_ADMIN)
        return policy_is_admin(policy, peer->uid);
    return peer->uid == question->owner && peer->uid != PEER_UID_NOBODY;
}

/* "watch to "web/a" of uid 5", or "admin". */
static void write_what(const struct question *question, char *text, size_t room) {
    if (question->right == RIGHT_ADMIN)
        (void)snprintf(text, room, "%s", right_name(question->right));
    else
        (void)snprintf(text, room, "%s to \"%s\" of uid %" PRIu64, right_name(question->right),
                       question->name, question->owner);
}

static void explain(const struct question *question, bool allowed, const struct rule *rule,
                    char text[TEXT_MOST]) {
    char what[384];
    os_uid uid = question->peer.uid;
    write_what(question, what, sizeof what);
    if (allowed && rule)
        (void)snprintf(text, TEXT_MOST, "rule \"%s\" grants %s to uid %" PRIu64, rule->name, what, uid);
    else if (allowed)
        (void)snprintf(text, TEXT_MOST, "uid %" PRIu64 " has %s without a rule", uid, what);
    else if (uid == PEER_UID_NOBODY)
        (void)snprintf(text, TEXT_MOST, "uid %" PRIu64 " is no identity: it has no rights", uid);
    else if (rule)
        (void)snprintf(text, TEXT_MOST,
                       "uid %" PRIu64 " lacks %s: rule \"%s\" grants it to others; \"%" PRIu64
                       "\" in its users would add this one",
                       uid, what, rule->name, uid);
    else
        (void)snprintf(text, TEXT_MOST,
                       "uid %" PRIu64
                       " lacks %s: no rule grants it; one in portd.conf with users = { \"%" PRIu64
                       "\" } and rights = { \"%s\" } would",
                       uid, what, uid, right_name(question->right));
}

int call_why(struct call *call) {
    const struct connection *connection = call->connection;
    const struct rule_table *rules = connection->all->policy->rules;
    struct question question;
    Portd__V1__Reason reason = PORTD__V1__REASON__INIT;
    const struct rule *rule = NULL;
    char text[TEXT_MOST];
    size_t looks = 0;
    if (read_question(call, &question))
        return -1;
    reason.allowed = needs_no_rule(connection->all->policy, &question);
    if (!reason.allowed) {
        rule =
            rule_table_find_for(rules, &question.peer, question.owner, question.name, question.right, &looks);
        reason.allowed = rule != NULL;
    }
    if (!reason.allowed)
        rule = rule_table_find(rules, question.owner, question.name, question.right, &looks);
    turn_spend(connection->user->lane.turns, looks / RULE_LOOKS + (rules ? rules->n / RULES_A_UNIT : 0));
    explain(&question, reason.allowed, rule, text);
    reason.text = text;
    if (rule)
        reason.rule = call_text(rule->name);
    return call_answer(call, PORTD__V1__REPLY__RESULT_WHY, &reason);
}
