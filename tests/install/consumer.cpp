// consumer.cpp: the same in C++11, and through an event loop's four calls.
#include <portd.h>

#include <cstdio>
#include <memory>
#include <poll.h>
#include <string>

namespace {

struct disconnect {
    void operator()(portd_client *client) const { portd_disconnect(client); }
};

int run_until(portd_client *client, const bool &done) {
    while (!done) {
        const int more = portd_process(client);
        if (more < 0)
            return more;
        if (more > 0)
            continue;
        const unsigned want = portd_get_events(client);
        pollfd p = {static_cast<int>(portd_get_fd(client)), POLLIN, 0};
        if (want & PORTD_EVENT_WRITE)
            p.events |= POLLOUT;
        poll(&p, 1, portd_get_timeout(client) == PORTD_FOREVER ? -1 : 1);
    }
    return 1;
}

} // namespace

int main() {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *made = nullptr;
    bool done = false;
    portd_callback *const finished = [](portd_client *, const portd_result *result, void *data) {
        *static_cast<bool *>(data) = result->code == 1;
    };

    options.name = "consumer";
    if (portd_connect_start(nullptr, &options, finished, &done, &made) < 0)
        return 1;
    const std::unique_ptr<portd_client, disconnect> client(made);
    if (run_until(made, done) < 0)
        return 2;
    done = false;
    if (portd_ping_start(made, finished, &done, nullptr) < 0 || run_until(made, done) < 0)
        return 3;
    if (std::string(portd_cause_name(PORTD_CAUSE_HANG_UP)) != "hang-up")
        return 4;
    std::printf("%u.%u.%u\n", portd_version() >> 16, portd_version() >> 8 & 255, portd_version() & 255);
    return 0;
}
