/* driver.c: runs a fuzz target over files, as an ordinary test and with any compiler. Each argument is a file or a directory of
 * files. A target that finds a fault aborts; the last name printed is the file with the fault. */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 20 };

static int run_file(const char *path) {
    static uint8_t data[FILE_MAX];
    FILE *file = fopen(path, "rb");

    if (!file) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    int failed = ferror(file) || !feof(file);
    (void)fclose(file);
    if (failed) {
        (void)fprintf(stderr, "%s: cannot be read as a whole\n", path);
        return -1;
    }
    (void)printf("%s (%zu bytes)\n", path, size);
    (void)fflush(stdout);
    /* A copy of the exact size, so that a sanitizer sees a read behind its end. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (!exact)
        return -1;
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

/* How many files were run, or -1. */
static int run_folder(const char *path, DIR *folder) {
    struct dirent *entry;
    int n = 0;

    while ((entry = readdir(folder))) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name) ||
            run_file(name) < 0)
            return -1;
        n++;
    }
    return n;
}

int main(int argc, char **argv) {
    int n = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        int more = folder ? run_folder(argv[i], folder) : run_file(argv[i]);
        if (folder)
            (void)closedir(folder);
        if (more < 0)
            return EXIT_FAILURE;
        n += more;
    }
    (void)printf("%d inputs\n", n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
