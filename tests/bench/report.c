/* report.c: prints the same figures in two formats. */
#include "report.h"

#include "bulk.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static double per_second(double us) { return BENCH_DEPTH * 1e6 / us; }

static double mib_per_second(double us) { return BULK_MIB * 1e6 / us; }

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
    const struct figure *own = &row->figures[ROW_PORTD];
    double must = bench_must(row->must);

    printf("%-16s", row->name);
    cell(true, row->figures[ROW_FLOOR].p50, "%.2f", 8);
    cell(true, own->p50, "%.2f", 8);
    cell(true, own->p10, "%.2f", 8);
    cell(true, own->p99, "%.2f", 8);
    cell(true, own->ratio, "%.3f", 6);
    cell(true, own->ratio_p10, "%.3f", 6);
    cell(must > 0, must, "%.2f", 5);
    cell(row->aim > 0, row->aim, "%.2f", 5);
    printf(" %-6s", verdict(own->ratio, must, row->aim));
    for (size_t side = ROW_PEER; side < ROW_SIDES; side++)
        if (row->figures[side].known)
            printf("  %s %.2f: %.2f", row->sides[side].name, row->figures[side].p50, row_ratio(row, side));
    printf("\n");
}

static void table_growth(const struct growth *growth) {
    printf("\n%-16s %8s %8s %8s %8s %6s %6s %5s\n", "growth", "less", "more", "p10", "p99", "ratio", "of p10",
           "must");
    for (size_t i = 0; i < GROWTH_ROWS; i++) {
        const struct row *row = &growth->rows[i];
        const struct figure *own = &row->figures[ROW_PORTD];
        double must = bench_must(row->must);
        printf("%-16s %8.2f %8.2f %8.2f %8.2f %6.3f %6.3f %5.2f %-6s  %s\n", row->name,
               row->figures[ROW_FLOOR].p50, own->p50, own->p10, own->p99, own->ratio, own->ratio_p10, must,
               verdict(own->ratio, must, 0), row->work);
    }
}

static void table_ending(const struct ending *ending) {
    double ms = ending->longest_us / 1e3;

    printf("longest of %zu pings while a session of %zu objects ends: %.2f ms (must %.0f) %s\n",
           ending->pings, ending->objects, ms, ENDING_MS_MUST, verdict(ms, ENDING_MS_MUST, 0));
    printf("  the floor's longest meanwhile: %.2f ms; it took %.0f ms\n", ending->floor_longest_us / 1e3,
           ending->took_us / 1e3);
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

/* Of bytes in a time, so the other way round than the ratio of times. */
static void table_bulk(const struct row *rows) {
    for (size_t i = 0; i < BULK_ROWS; i++) {
        const struct row *row = &rows[i];
        const struct figure *figures = row->figures;
        double must = bench_must(row->must);
        printf("%s: read and write %.0f MiB/s, portd %.0f MiB/s", row->work,
               mib_per_second(figures[ROW_FLOOR].p50), mib_per_second(figures[ROW_PORTD].p50));
        if (figures[ROW_PEER].known)
            printf(", %s %.0f MiB/s: %.2f of it", row->sides[ROW_PEER].name,
                   mib_per_second(figures[ROW_PEER].p50), 1 / row_ratio(row, ROW_PORTD));
        if (must > 0)
            printf(" (must %.2f) %s", 1 / must, verdict(row_ratio(row, ROW_PORTD), must, row->aim));
        printf("\n");
    }
}

static void table_watched(const struct watched *watched) {
    double ratio = watched->ratio;

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
               row->portd.begun ? row->what : "the offender was not ready in time");
    }
}

void report_neighbours(const struct neighbours *neighbours) {
    if (neighbours)
        table_neighbours(neighbours);
    else
        printf("neighbours: not measured, only root can be several uids\n");
}

void report_table(const struct results *results) {
    printf("portd %s, %s, CPU %d, median of %zu rounds of %zu, in microseconds, SCHED_BATCH\n\n",
           results->version, bench_build(), results->cpu, results->rounds, results->iterations);
    printf("%-16s %8s %8s %8s %8s %6s %6s %5s %5s\n", "work", "floor", "portd", "p10", "p99", "ratio",
           "of p10", "must", "aim");
    for (size_t i = 0; i < results->n_rows; i++)
        table_row(&results->rows[i]);
    table_pipeline(results);
    if (results->bulk)
        table_bulk(results->bulk);
    if (results->watched)
        table_watched(results->watched);
    else
        printf("%d watched, growth: not measured, the limit of open files is too low\n", WATCHED_MANY);
    if (results->growth)
        table_growth(results->growth);
    if (results->ending)
        table_ending(results->ending);
    if (results->delay)
        table_delay(results->delay);
    report_neighbours(results->neighbours);
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void json_figure(const char *name, const struct figure *figure) {
    if (figure->known)
        printf("\"%s\": {\"p10\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"min\": %.3f}, ", name, figure->p10,
               figure->p50, figure->p99, figure->min);
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

static void json_verdict(const struct row *row) {
    double must = bench_must(row->must);

    json_number("ratio", true, row_ratio(row, ROW_PORTD), ", ");
    json_number("ratio_p10", true, row->figures[ROW_PORTD].ratio_p10, ", ");
    json_number("must", must > 0, must, ", ");
    json_number("aim", row->aim > 0, row->aim, ", ");
}

static void json_peers(const struct row *row) {
    const char *before = "";

    printf("\"peers\": [");
    for (size_t side = ROW_PEER; side < ROW_SIDES; side++) {
        if (!row->figures[side].known)
            continue;
        printf("%s{\"name\": \"%s\", ", before, row->sides[side].name);
        json_figure("figure", &row->figures[side]);
        json_number("ratio", true, row_ratio(row, side), "}");
        before = ", ";
    }
    printf("]");
}

static void json_row(const struct row *row) {
    printf("  \"%s\": {\"work\": \"%s\", ", row->name, row->work);
    json_figure("floor", &row->figures[ROW_FLOOR]);
    json_figure("portd", &row->figures[ROW_PORTD]);
    json_verdict(row);
    json_peers(row);
    printf("},\n");
}

/* Requests a second, of what the row of that name has in microseconds for all of them. */
static void json_pipeline(const struct results *results) {
    const struct figure *figures = results->pipeline->figures;
    bool peer = results->pipeline_peer > 0;

    printf("  \"pipeline64_per_second\": {\"floor\": %.0f, \"portd\": %.0f, ",
           per_second(figures[ROW_FLOOR].p50), per_second(figures[ROW_PORTD].p50));
    printf("\"peer_name\": \"%s\", ", results->pipeline_peer_name);
    json_number("peer", peer, results->pipeline_peer, "},\n");
}

static void json_bulk(const struct row *row) {
    const struct figure *figures = row->figures;
    bool peer = figures[ROW_PEER].known;
    double must = bench_must(row->must);

    printf("  \"%s\": {\"work\": \"%s\", \"mib\": %d, \"floor\": %.1f, \"portd\": %.1f, ", row->name,
           row->work, BULK_MIB, mib_per_second(figures[ROW_FLOOR].p50),
           mib_per_second(figures[ROW_PORTD].p50));
    json_number("socat", peer, peer ? mib_per_second(figures[ROW_PEER].p50) : 0, ", ");
    json_number("of_socat", peer, 1 / row_ratio(row, ROW_PORTD), ", ");
    json_number("must", must > 0, 1 / must, ", ");
    json_number("aim", row->aim > 0, 1 / row->aim, "},\n");
}

static void json_growth(const struct growth *growth) {
    if (!growth) {
        printf("  \"growth\": null,\n");
        return;
    }
    printf("  \"growth\": {\n");
    for (size_t i = 0; i < GROWTH_ROWS; i++) {
        const struct row *row = &growth->rows[i];
        printf("    \"%s\": {\"work\": \"%s\", ", row->name, row->work);
        json_figure("less", &row->figures[ROW_FLOOR]);
        json_figure("more", &row->figures[ROW_PORTD]);
        json_number("ratio", true, row_ratio(row, ROW_PORTD), ", ");
        json_number("ratio_p10", true, row->figures[ROW_PORTD].ratio_p10, ", ");
        json_number("must", true, bench_must(row->must), i + 1 < GROWTH_ROWS ? "},\n" : "}\n");
    }
    printf("  },\n");
}

static void json_ending(const struct ending *ending) {
    if (!ending) {
        printf("  \"session_end\": null,\n");
        return;
    }
    printf(
        "  \"session_end\": {\"objects\": %zu, \"ms\": %.3f, \"must\": %.0f, \"pings\": %zu, \"floor_ms\": "
        "%.3f, \"took_ms\": %.3f},\n",
        ending->objects, ending->longest_us / 1e3, ENDING_MS_MUST, ending->pings,
        ending->floor_longest_us / 1e3, ending->took_us / 1e3);
}

static void json_watched(const struct watched *watched) {
    if (!watched) {
        printf("  \"watched\": null,\n");
        return;
    }
    printf("  \"watched\": {\"n\": %d, \"few\": %d, \"wake_few\": %.3f, \"wake_many\": %.3f, \"ratio\": "
           "%.3f, \"must\": %.1f, ",
           WATCHED_MANY, WATCHED_FEW, watched->few, watched->many, watched->ratio, WATCHED_RATIO_MUST);
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
    printf("{\n  \"portd\": \"%s\", \"build\": \"%s\", \"cpu\": %d, \"rounds\": %zu, \"iterations\": %zu, "
           "\"unit\": \"us\",\n",
           results->version, bench_build(), results->cpu, results->rounds, results->iterations);
    for (size_t i = 0; i < results->n_rows; i++)
        json_row(&results->rows[i]);
    json_pipeline(results);
    if (results->bulk)
        for (size_t i = 0; i < BULK_ROWS; i++)
            json_bulk(&results->bulk[i]);
    else
        printf("  \"bulk_handover\": null,\n  \"bulk_through\": null,\n");
    json_watched(results->watched);
    json_growth(results->growth);
    json_ending(results->ending);
    json_delay(results->delay);
    json_neighbours(results->neighbours);
    printf("}\n");
}

/* ---- the verdict ------------------------------------------------------------------------------------- */

size_t report_missed(const struct results *results) {
    const struct watched *watched = results->watched;
    size_t missed = 0;

    for (size_t i = 0; i < results->n_rows; i++)
        missed += row_missed(&results->rows[i]);
    for (size_t i = 0; results->bulk && i < BULK_ROWS; i++)
        missed += row_missed(&results->bulk[i]);
    for (size_t i = 0; results->growth && i < GROWTH_ROWS; i++)
        missed += row_missed(&results->growth->rows[i]);
    if (results->ending)
        missed += results->ending->longest_us / 1e3 > ENDING_MS_MUST;
    if (watched) {
        missed += watched->ratio > WATCHED_RATIO_MUST;
        missed += watched->bytes_each > WATCHED_BYTES_MUST;
        missed += watched->wakeups_per_second > 0;
    }
    if (results->delay)
        missed += results->delay->longest_us / 1e3 > DELAY_MS_MUST;
    for (size_t i = 0; results->neighbours && i < results->neighbours->n; i++)
        missed += neighbours_missed(&results->neighbours->rows[i]);
    return missed;
}
