/* Makes one call of the C library fail, for a program that it is preloaded into.
 *
 * FAULT_CALL   fsync, rename, read, write, open (to create), unlink or flock: fails on files whose path begins with
 *              FAULT_UNDER;
 *              clock: the time of day jumps
 * FAULT_AT     which call fails, from 1, in each process by itself; 0: every one. For the clock: the last that is right
 * FAULT_ERRNO  what it fails with. For the clock: the seconds that it jumps back by
 * FAULT_LOG    file that takes the path of each call that failed, a line each
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long calls;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int is_asked(const char *call) {
    return strcmp(setting("FAULT_CALL"), call) == 0;
}

/* Whether this call fails. */
static int fails(const char *call, const char *path) {
    const char *under = setting("FAULT_UNDER");
    if (!is_asked(call) || !*under || strncmp(path, under, strlen(under)) != 0) return 0;
    long at = atol(setting("FAULT_AT"));
    if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) != at && at != 0) return 0;
    int log = syscall(SYS_openat, AT_FDCWD, setting("FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
        char line[4200];
        int length = snprintf(line, sizeof line, "%s\n", path);
        syscall(SYS_write, log, line, length);
        syscall(SYS_close, log);
    }
    errno = atoi(setting("FAULT_ERRNO"));
    return 1;
}

/* Whether a call on an open file fails. */
static int fails_on(const char *call, int file) {
    if (!is_asked(call)) return 0;
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(call, path);
}

/* Paths are given as the program has them, which is relative to its folder or not. */
static int fails_at(const char *call, const char *given) {
    if (!is_asked(call)) return 0;
    char path[8300];
    if (*given == '/' || !getcwd(path, 4096)) {
        snprintf(path, sizeof path, "%s", given);
    } else {
        size_t length = strlen(path);
        snprintf(path + length, sizeof path - length, "/%s", given);
    }
    return fails(call, path);
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int fsync(int file) {
    return fails_on("fsync", file) ? -1 : REAL(int, "fsync", int)(file);
}

int flock(int file, int operation) {
    return fails_on("flock", file) ? -1 : REAL(int, "flock", int, int)(file, operation);
}

ssize_t write(int file, const void *bytes, size_t length) {
    return fails_on("write", file) ? -1 : REAL(ssize_t, "write", int, const void *, size_t)(file, bytes, length);
}

ssize_t read(int file, void *bytes, size_t length) {
    return fails_on("read", file) ? -1 : REAL(ssize_t, "read", int, void *, size_t)(file, bytes, length);
}

int rename(const char *from, const char *to) {
    return fails_at("rename", to) ? -1 : REAL(int, "rename", const char *, const char *)(from, to);
}

int unlink(const char *path) {
    return fails_at("unlink", path) ? -1 : REAL(int, "unlink", const char *)(path);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    if (flags & O_CREAT && fails_at("open", path)) return -1;
    return REAL(int, "open64", const char *, int, mode_t)(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int outcome = REAL(int, "clock_gettime", clockid_t, struct timespec *)(clock, time);
    if (clock == CLOCK_REALTIME && outcome == 0 && is_asked("clock")
        && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) > atol(setting("FAULT_AT"))) {
        time->tv_sec -= atol(setting("FAULT_ERRNO"));
    }
    return outcome;
}
