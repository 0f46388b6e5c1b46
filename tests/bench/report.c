/* report.c: two ways to print the same figures. */
#include "report.h"

#include "bulk.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static double per_second(double us) { return BENCH_DEPTH * 1e6 / us; }

static double mib_per_second(double us) { return BULK_MIB * 1e6 / us; }

static double watched_ratio(const struct watched *watched) { return watched->many / watched->few; }

static const char *verdict(double value, double must, double aim) {
    if (must > 0 && value > must)
        return "MISSED";
    return aim > 0 && value <= aim ? "aim" : "ok";
}

/* ---- the table --------------------------------------------------------------------------------------- */

static void cell(bool known, double value, const char *format, int width) {
    char text[32] = "-";

    if (known)
        (void)snprintf(text, sizeof(text), format, value);
    printf(" %*s", width, text);
}

static void table_row(const struct row *row) {
    const struct figure *peer = &row->figures[ROW_PEER];
    double ratio = row_ratio(row, ROW_PORTD);

    printf("%-12s", row->name);
    cell(true, row->figures[ROW_FLOOR].p50, "%.2f", 8);
    cell(true, row->figures[ROW_PORTD].p50, "%.2f", 8);
    cell(true, row->figures[ROW_PORTD].p99, "%.2f", 8);
    cell(true, row->figures[ROW_PORTD].min, "%.2f", 8);
    cell(true, ratio, "%.2f", 6);
    cell(row->must > 0, row->must, "%.2f", 5);
    cell(row->aim > 0, row->aim, "%.2f", 5);
    printf(" %-6s", verdict(ratio, row->must, row->aim));
    cell(peer->known, peer->p50, "%.2f", 8);
    cell(peer->known, peer->known ? row_ratio(row, ROW_PEER) : 0, "%.2f", 6);
    printf("  %s\n", row->sides[ROW_PEER].name ? row->sides[ROW_PEER].name : "");
}

static void table_pipeline(const struct results *results) {
    const struct figure *figures = results->pipeline->figures;
    double own = per_second(figures[ROW_PORTD].p50);

    printf("\n%d requests in flight: floor %.2f M/s, portd %.2f M/s", BENCH_DEPTH,
           per_second(figures[ROW_FLOOR].p50) / 1e6, own / 1e6);
    if (results->pipeline_peer > 0)
        printf(", %s %.2f M/s: %s", results->pipeline_peer_name, results->pipeline_peer / 1e6,
               own > results->pipeline_peer ? "ahead" : "behind");
    printf("\n");
}

static void table_bulk(const struct row *rows) {
    for (size_t i = 0; rows && i < BULK_ROWS; i++) {
        const struct figure *figures = rows[i].figures;
        printf("%s: read and write %.0f MiB/s, portd %.0f MiB/s, ratio %.2f", rows[i].work,
               mib_per_second(figures[ROW_FLOOR].p50), mib_per_second(figures[ROW_PORTD].p50),
               row_ratio(&rows[i], ROW_PORTD));
        if (figures[ROW_PEER].known)
            printf("; %s %.0f MiB/s", rows[i].sides[ROW_PEER].name, mib_per_second(figures[ROW_PEER].p50));
        printf("\n");
    }
}

static void table_watched(const struct watched *watched) {
    double ratio = watched_ratio(watched);

    printf("%d watched: wake %.2f us, with %d %.2f us, ratio %.2f (must %.2f) %s\n", WATCHED_MANY,
           watched->many, WATCHED_FEW, watched->few, ratio, WATCHED_RATIO_MUST,
           verdict(ratio, WATCHED_RATIO_MUST, 0));
    printf("  memory of the broker: %.0f bytes each (must %.0f, aim %.0f) %s\n", watched->bytes_each,
           WATCHED_BYTES_MUST, WATCHED_BYTES_AIM,
           verdict(watched->bytes_each, WATCHED_BYTES_MUST, WATCHED_BYTES_AIM));
    printf("  idle for %.1f s: %.2f wake-ups and %.0f us of CPU a second (must 0) %s\n",
           watched->idle_seconds, watched->wakeups_per_second, watched->cpu_us_per_second,
           watched->wakeups_per_second > 0 ? "MISSED" : "ok");
}

static void table_delay(const struct delay *delay) {
    double ms = delay->longest_us / 1e3;

    printf("longest of %zu pings while a socket that lingers is closed: %.2f ms (must %.0f) %s\n",
           delay->pings, ms, DELAY_MS_MUST, verdict(ms, DELAY_MS_MUST, 0));
    printf("  p50 %.2f us; the floor's longest meanwhile: %.2f ms; a close took %.0f ms at least\n",
           delay->p50_us, delay->floor_longest_us / 1e3, delay->close_us / 1e3);
}

/* Milliseconds. */
static void table_neighbours(const struct neighbours *neighbours) {
    printf("\nanother uid's pings, a thousand a second, in ms, while one is at its quotas (must: p99 %.0f, "
           "longest %.0f beyond the control)\n\n",
           NEIGHBOURS_P99_MS_MUST, NEIGHBOURS_BEYOND_MS_MUST);
    printf("%-14s %7s %6s %8s %8s %8s %5s %8s %8s %8s\n", "pattern", "n", "pings", "p50", "p99", "longest",
           "busy", "control", "p99", "longest");
    for (size_t i = 0; i < neighbours->n; i++) {
        const struct neighbours_row *row = &neighbours->rows[i];
        printf("%-14s %7zu %6zu %8.3f %8.3f %8.3f %4.0f%% %8.3f %8.3f %8.3f %-6s  %s\n", row->name,
               row->portd.n, row->portd.pings, row->portd.p50 / 1e3, row->portd.p99 / 1e3,
               row->portd.longest / 1e3, row->portd.busy * 100, row->control.p50 / 1e3,
               row->control.p99 / 1e3, row->control.longest / 1e3,
               neighbours_missed(row) ? "MISSED"
               : row->must            ? "ok"
                                      : "-",
               row->what);
    }
}

void report_neighbours(const struct neighbours *neighbours) {
    if (neighbours)
        table_neighbours(neighbours);
    else
        printf("neighbours: not measured, only root can be several uids\n");
}

void report_table(const struct results *results) {
    printf("portd %s, CPU %d, median of %zu rounds of %zu, in microseconds\n\n", results->version,
           results->cpu, results->rounds, results->iterations);
    printf("%-12s %8s %8s %8s %8s %6s %5s %5s %-6s %8s %6s\n", "work", "floor", "portd", "p99", "min",
           "ratio", "must", "aim", "", "peer", "ratio");
    for (size_t i = 0; i < results->n_rows; i++)
        table_row(&results->rows[i]);
    table_pipeline(results);
    table_bulk(results->bulk);
    if (results->watched)
        table_watched(results->watched);
    else
        printf("%d watched: not measured, the limit of open files is too low\n", WATCHED_MANY);
    if (results->delay)
        table_delay(results->delay);
    report_neighbours(results->neighbours);
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void json_figure(const char *name, const struct figure *figure) {
    if (figure->known)
        printf("\"%s\": {\"p50\": %.3f, \"p99\": %.3f, \"min\": %.3f}, ", name, figure->p50, figure->p99,
               figure->min);
    else
        printf("\"%s\": null, ", name);
}

/* Null when it is not known. */
static void json_number(const char *name, bool known, double value, const char *end) {
    if (known)
        printf("\"%s\": %.3f%s", name, value, end);
    else
        printf("\"%s\": null%s", name, end);
}

static void json_row(const struct row *row) {
    bool peer = row->figures[ROW_PEER].known;

    printf("  \"%s\": {\"work\": \"%s\", ", row->name, row->work);
    json_figure("floor", &row->figures[ROW_FLOOR]);
    json_figure("portd", &row->figures[ROW_PORTD]);
    json_number("ratio", true, row_ratio(row, ROW_PORTD), ", ");
    json_number("must", row->must > 0, row->must, ", ");
    json_number("aim", row->aim > 0, row->aim, ", ");
    if (row->sides[ROW_PEER].name)
        printf("\"peer_name\": \"%s\", ", row->sides[ROW_PEER].name);
    else
        printf("\"peer_name\": null, ");
    json_figure("peer", &row->figures[ROW_PEER]);
    json_number("peer_ratio", peer, peer ? row_ratio(row, ROW_PEER) : 0, "},\n");
}

static void json_pipeline(const struct results *results) {
    const struct figure *figures = results->pipeline->figures;
    bool peer = results->pipeline_peer > 0;

    printf("  \"pipeline64\": {\"work\": \"%s\", ", results->pipeline->work);
    json_figure("floor", &figures[ROW_FLOOR]);
    json_figure("portd", &figures[ROW_PORTD]);
    json_number("ratio", true, row_ratio(results->pipeline, ROW_PORTD), ", ");
    json_number("floor_per_second", true, per_second(figures[ROW_FLOOR].p50), ", ");
    json_number("portd_per_second", true, per_second(figures[ROW_PORTD].p50), ", ");
    printf(peer ? "\"peer_name\": \"%s\", " : "\"peer_name\": null, ", results->pipeline_peer_name);
    json_number("peer_per_second", peer, results->pipeline_peer, "},\n");
}

static void json_bulk(const struct row *row) {
    const struct figure *peer = &row->figures[ROW_PEER];

    printf("  \"%s\": {\"work\": \"%s\", \"mib\": %d, ", row->name, row->work, BULK_MIB);
    json_figure("floor", &row->figures[ROW_FLOOR]);
    json_figure("portd", &row->figures[ROW_PORTD]);
    json_number("ratio", true, row_ratio(row, ROW_PORTD), ", ");
    json_number("floor_mib_per_second", true, mib_per_second(row->figures[ROW_FLOOR].p50), ", ");
    json_number("portd_mib_per_second", true, mib_per_second(row->figures[ROW_PORTD].p50), ", ");
    printf(peer->known ? "\"peer_name\": \"%s\", " : "\"peer_name\": null, ", row->sides[ROW_PEER].name);
    json_number("peer_mib_per_second", peer->known, peer->known ? mib_per_second(peer->p50) : 0, "},\n");
}

static void json_watched(const struct watched *watched) {
    if (!watched) {
        printf("  \"watched\": null,\n");
        return;
    }
    printf("  \"watched\": {\"n\": %d, \"few\": %d, \"wake_few\": %.3f, \"wake_many\": %.3f, \"ratio\": "
           "%.3f, \"must\": %.1f, ",
           WATCHED_MANY, WATCHED_FEW, watched->few, watched->many, watched_ratio(watched),
           WATCHED_RATIO_MUST);
    printf("\"bytes_each\": %.1f, \"bytes_must\": %.0f, \"bytes_aim\": %.0f, ", watched->bytes_each,
           WATCHED_BYTES_MUST, WATCHED_BYTES_AIM);
    printf("\"wakeups_per_second\": %.3f, \"cpu_us_per_second\": %.3f, \"idle_seconds\": %.3f},\n",
           watched->wakeups_per_second, watched->cpu_us_per_second, watched->idle_seconds);
}

static void json_delay(const struct delay *delay) {
    if (!delay) {
        printf("  \"longest_delay\": null,\n");
        return;
    }
    printf("  \"longest_delay\": {\"ms\": %.3f, \"must\": %.0f, \"pings\": %zu, \"p50_us\": %.3f, "
           "\"floor_ms\": %.3f, \"close_ms\": %.3f},\n",
           delay->longest_us / 1e3, DELAY_MS_MUST, delay->pings, delay->p50_us, delay->floor_longest_us / 1e3,
           delay->close_us / 1e3);
}

static void json_neighbour(const char *name, const struct neighbours_figure *figure, const char *end) {
    printf("\"%s\": {\"n\": %zu, \"pings\": %zu, \"p50\": %.3f, \"p99\": %.3f, \"longest\": %.3f, \"busy\": "
           "%.3f}%s",
           name, figure->n, figure->pings, figure->p50, figure->p99, figure->longest, figure->busy, end);
}

static void json_neighbours(const struct neighbours *neighbours) {
    if (!neighbours) {
        printf("  \"neighbours\": null\n");
        return;
    }
    printf("  \"neighbours\": {\"p99_must\": %.0f, \"beyond_must\": %.0f, \"patterns\": [\n",
           NEIGHBOURS_P99_MS_MUST * 1e3, NEIGHBOURS_BEYOND_MS_MUST * 1e3);
    for (size_t i = 0; i < neighbours->n; i++) {
        const struct neighbours_row *row = &neighbours->rows[i];
        printf("    {\"name\": \"%s\", \"what\": \"%s\", \"tries\": %zu, \"missed\": %s, ", row->name,
               row->what, row->tries,
               !row->must               ? "null"
               : neighbours_missed(row) ? "true"
                                        : "false");
        json_neighbour("portd", &row->portd, ", ");
        json_neighbour("control", &row->control, i + 1 < neighbours->n ? "},\n" : "}\n");
    }
    printf("  ]}\n");
}

void report_json(const struct results *results) {
    printf("{\n  \"portd\": \"%s\", \"cpu\": %d, \"rounds\": %zu, \"iterations\": %zu, \"unit\": \"us\",\n",
           results->version, results->cpu, results->rounds, results->iterations);
    for (size_t i = 0; i < results->n_rows; i++)
        json_row(&results->rows[i]);
    json_pipeline(results);
    if (results->bulk)
        for (size_t i = 0; i < BULK_ROWS; i++)
            json_bulk(&results->bulk[i]);
    else
        printf("  \"bulk_handover\": null,\n  \"bulk_through\": null,\n");
    json_watched(results->watched);
    json_delay(results->delay);
    json_neighbours(results->neighbours);
    printf("}\n");
}

/* ---- the verdict ------------------------------------------------------------------------------------- */

size_t report_missed(const struct results *results) {
    const struct watched *watched = results->watched;
    size_t missed = 0;

    for (size_t i = 0; i < results->n_rows; i++) {
        const struct row *row = &results->rows[i];
        missed += row->must > 0 && row_ratio(row, ROW_PORTD) > row->must;
    }
    if (watched) {
        missed += watched_ratio(watched) > WATCHED_RATIO_MUST;
        missed += watched->bytes_each > WATCHED_BYTES_MUST;
        missed += watched->wakeups_per_second > 0;
    }
    if (results->delay)
        missed += results->delay->longest_us / 1e3 > DELAY_MS_MUST;
    for (size_t i = 0; results->neighbours && i < results->neighbours->n; i++)
        missed += neighbours_missed(&results->neighbours->rows[i]);
    return missed;
}
