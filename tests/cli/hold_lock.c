/* SPDX-License-Identifier: MIT
 *
 * hold_lock FILE [READY]: be another writer. Takes the write lock on the whole of FILE, as chrondb takes its writer
 * lock, says so by creating READY, and keeps it until killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (argc < 2) {
        fprintf(stderr, "usage: hold_lock FILE [READY]\n");
        return 2;
    }
    int fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_OFD_SETLKW, &lock) != 0) {
        fprintf(stderr, "hold_lock: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    if (argc > 2)
        close(open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    for (;;)
        pause();
}
