/* round.c: rounds, the functions that run them, and the end of a connection. */
#include "round.h"

#include "cancel.h"
#include "client.h"
#include "reply.h"
#include "resume.h"
#include "send.h"
#include "submit.h"

#include <errno.h>

static const char *end_reason(const portd_client *client) {
    return client->greeted ? "the broker closed the connection"
                           : "the broker closed the connection before answering hello: perhaps it does not "
                             "admit this user";
}

/* Marks the connection lost and calls back all requests, unless the session is resumed. Does nothing the second time. */
static void lose(portd_client *client, const char *reason) {
    if (client->lost || resume_begin(client))
        return;
    client->lost = true;
    client->reason = reason;
    if (!client->closing)
        client_log(client, reason);
    reply_lost(client);
}

/* What arrived is not the protocol: perhaps no broker listens there. */
static void lose_garbled(portd_client *client, const char *fault) {
    client->garbled = true;
    lose(client, fault);
}

/* The client ends the connection. If everything that its wake-one waits were answered was called back, it says so: the
 * kernel delivers what was sent before the close. */
static void part(portd_client *client) {
    bool keeps = !client->lost && client->answered_one != 0 && !client->dropped_one;

    if (keeps && !process_is_child(&client->mark) && portd_broker_has_feature(client, "goodbye")) {
        submit_goodbye(client, client->answered_one);
        client_flush(client);
    }
    lose(client, "the client disconnected");
}

/* The connection failed with this negative errno. */
static void fail(portd_client *client, int error) {
    if (client->write_errno == 0)
        client->write_errno = -error;
    lose(client, "the connection to the broker failed");
}

/* Reads once and handles the replies that came. True if there was anything to read, the end of the connection included.
 * Replies that arrived before the connection was lost are handled. */
static bool read_some(portd_client *client) {
    struct channel_frame frame;

    client->channel.bare = client->requests.bringing == 0;
    int r = channel_fill(&client->channel, client_discard, NULL);

    client->now = 0;
    if (r == 0 && client->write_errno != 0)
        r = -client->write_errno;
    if (r == 0)
        return false;
    if (r == CHANNEL_E_END)
        lose(client, end_reason(client));
    else if (r < 0)
        fail(client, r);
    while (!client->lost && !client->closing && (r = channel_next(&client->channel, &frame)) > 0) {
        if (r == CHANNEL_E_PROTOCOL) {
            lose_garbled(client, client->channel.fault);
            break;
        }
        const char *fault = reply_frame(client, &frame);
        if (fault)
            lose_garbled(client, fault);
        else if (!client->greeted && client->refused)
            lose(client, "the broker has died, and the next one does not know the session");
        else if (!client->greeted)
            lose(client, "the broker refused the connection");
    }
    return true; /* what is left over stays in the scratch, which no other channel has */
}

static void send_rest(portd_client *client) {
    while (client->requests.queue.first && !client->blocked && !client->lost && !client->closing) {
        send_queued(client);
        if (channel_pending(&client->channel) == 0)
            return;
        client_flush(client);
    }
}

/* Sends until the queue is empty, or no more can be sent. What waits in the channel may keep the next request with descriptors out, and once it
 * is sent, no reply need come that would lead to another round. */
static inline void send_all(portd_client *client) {
    client_flush(client);
    if (client->requests.queue.first)
        send_rest(client);
}

/* One round. True if something was read or called back. */
static bool run(portd_client *client, bool readable) {
    bool worked = readable && read_some(client);

    if (!client->lost && !client->closing) {
        /* Only when everything that has arrived was read: a reply that came in time counts, however late it is read. */
        if (!worked)
            cancel_overdue(client);
        send_queued(client);
        if (client->requests.ended.first && reply_ended(client))
            worked = true;
        if (!client->lost)
            send_all(client);
    }
    if (client->closing)
        part(client);
    return worked;
}

/* There is work that polling the connection does not show. */
static bool busy(const portd_client *client) {
    return client->requests.ended.first || client->write_errno != 0;
}

/* How long to sleep at most, in microseconds; below 0: without limit. */
static int64_t sleep_most(portd_client *client, int64_t deadline) {
    int64_t until = portd_get_timeout(client);

    if (deadline < until)
        until = deadline;
    if (until == PORTD_FOREVER)
        return -1;
    return until > 0 && until > client_now(client) ? until - client_now(client) : 0;
}

enum { LIMIT_LEAST_US = 32 * 1000 };

/* Prepares a sleep of at most timeout_us in the read. False: poll instead, since there is pending output or too little time,
 * or the last sleep brought nothing. An event loop that got the descriptor may have set O_NONBLOCK, and then no read sleeps.
 * The limit is at most half the timeout, so that rounding it up to the system's ticks does not pass the deadline. It is kept
 * while it is at least a 32nd of the timeout, so that calls with different deadlines do not each set it. */
static bool sleep_prepare(portd_client *client, int64_t timeout_us) {
    int64_t limit = -1;

    if (!client->sleeps || client->blocked || client->in_vain ||
        (timeout_us >= 0 && timeout_us < 2 * LIMIT_LEAST_US))
        return false;
    if (timeout_us >= 0) {
        if (client->limit >= timeout_us / 32 && client->limit <= timeout_us / 2)
            return true;
        for (limit = LIMIT_LEAST_US; limit <= timeout_us / 4;)
            limit *= 2;
    }
    if (limit != client->limit) {
        if (transport_sleep_limit(client->transport, limit) < 0)
            return false;
        client->limit = limit;
    }
    return true;
}

unsigned round_step(portd_client *client, int64_t deadline) {
    unsigned seen = 0;

    send_all(client);
    int64_t timeout = sleep_most(client, deadline);
    if (sleep_prepare(client, timeout)) {
        client->channel.sleep = true;
        bool worked = run(client, true);
        client->channel.sleep = false;
        client->in_vain = !worked;
        return worked ? STEP_WORKED : 0;
    }
    client->in_vain = false;
    int found = wakeup_poll(&client->wakeup, transport_pollable(client->transport),
                            client->blocked ? WAKEUP_WRITE : 0, timeout);
    client->now = 0;
    if (found < 0 && found != -EINTR) {
        fail(client, found);
        return STEP_WORKED;
    }
    if (found < 0)
        found = 0;
    if (run(client, (found & WAKEUP_READ) || client->write_errno != 0))
        seen |= STEP_WORKED;
    else if (deadline != PORTD_FOREVER && client_now(client) >= deadline)
        seen |= STEP_LATE;
    if (found & WAKEUP_RAISED)
        seen |= STEP_RAISED;
    return seen;
}

void portd_disconnect(portd_client *client) {
    if (!client)
        return;
    client->closing = true;
    if (client->entered > 0)
        return;
    client_enter(client);
    part(client);
    client_leave(client, 0);
}

void portd_abandon(portd_client *client) {
    if (client)
        client->answered_one = 0;
    portd_disconnect(client);
}

/* ---- any event loop ----------------------------------------------------------------------------------------------- */

static int round_check(portd_client *client) {
    int r = client_check(client);

    return r == 0 && client->calling ? client_fail(client, PORTD_E_BUSY, 0, NULL, NULL) : r;
}

int portd_process(portd_client *client) {
    int r = round_check(client);

    if (r < 0)
        return r;
    client_enter(client);
    client_flush(client);
    bool worked = run(client, true);
    return client_leave(client, client->lost ? client_fail_lost(client) : worked || busy(client));
}

int portd_poll(portd_client *client, int64_t deadline) {
    unsigned seen = 0;
    int r = round_check(client);

    if (r < 0)
        return r;
    client_enter(client);
    while (seen == 0 && !client->lost)
        seen = round_step(client, deadline);
    if (client->lost) {
        r = client_fail_lost(client);
    } else if (seen & STEP_RAISED) {
        wakeup_take(&client->wakeup);
        r = client_fail(client, PORTD_E_INTERRUPTED, 0, NULL, NULL);
    } else {
        r = seen & STEP_WORKED ? 1 : 0;
    }
    return client_leave(client, r);
}

portd_native portd_get_fd(const portd_client *client) {
    if (!client)
        return -1;
    ((portd_client *)(uintptr_t)client)->is_polled = true; /* of the client's own, which is not const */
    return (portd_native)transport_pollable(client->transport);
}

unsigned portd_get_events(const portd_client *client) {
    if (!client || client->lost)
        return 0;
    return channel_pending(&client->channel) > 0 ? PORTD_EVENT_READ | PORTD_EVENT_WRITE : PORTD_EVENT_READ;
}

int64_t portd_get_timeout(const portd_client *client) {
    if (!client || client->lost)
        return PORTD_FOREVER;
    return busy(client) ? 0 : client->requests.due;
}
