/* SPDX-License-Identifier: MIT */
/* Runs inputs through a fuzzer's entry without libFuzzer: every file that is named, and every file in a directory that
 * is named. Fails if there was none. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole file, in memory of exactly its size; NULL if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    struct stat status;

    if (file == NULL)
        return NULL;
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode)) {
        *size = (size_t)status.st_size;
        data = malloc(*size > 0 ? *size : 1);
        if (data != NULL && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(file);
    return data;
}

/* How many inputs ran: 1, or -1 after an error. */
static int run_file(const char *path)
{
    size_t size = 0;
    uint8_t *data = read_file(path, &size);

    if (data == NULL) {
        perror(path);
        return -1;
    }
    /* Told before, not after: it is the one that fails. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int run_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (directory == NULL) {
        perror(path);
        return -1;
    }
    while (count >= 0 && (entry = readdir(directory)) != NULL) {
        char *name = NULL;

        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&name, "%s/%s", path, entry->d_name) < 0)
            name = NULL;
        count = name != NULL && run_file(name) == 1 ? count + 1 : -1;
        free(name);
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;
        int ran;

        if (stat(argv[i], &status) != 0) {
            perror(argv[i]);
            return 1;
        }
        ran = S_ISDIR(status.st_mode) ? run_directory(argv[i]) : run_file(argv[i]);
        if (ran < 0)
            return 1;
        count += ran;
    }
    printf("%d inputs\n", count);
    return count == 0;
}
