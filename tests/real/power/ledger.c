/* What a disk is sure to have when the power fails, by the letter of POSIX: of a file the content that it had when it was synced
 * last, of a directory the names that it had when *it* was synced last. Nothing else: not a new file's name for the sake of its
 * content, not a rename, not what the system would have written by itself.
 *
 * Loaded before libc (LD_PRELOAD). It exists because kill -9 loses nothing that was written, and a power loss does. What is sure is
 * noted in the folder $POWER_LEDGER, on the same file system, under the inode's number: NUMBER.file is the content, NUMBER.dir the
 * names. A file whose name goes is kept in held/, so that its number never stands for another one. It notes what is there as a sync
 * begins, before the sync is answered: never more than was promised. It refuses to change what the program sees.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LINE (NAME_MAX + 64)

static void broken(const char *what) {
    fprintf(stderr, "power ledger: %s: %s\n", what, strerror(errno));
    abort(); /* a ledger with a gap would blame the program */
}

static const char *ledger(void) {
    const char *folder = getenv("POWER_LEDGER");
    if (!folder) broken("POWER_LEDGER");
    return folder;
}

static void put(int to, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t wrote = write(to, bytes, length);
        if (wrote < 0) broken("write");
        bytes += wrote, length -= (size_t)wrote;
    }
}

static void note_content(int fd, int to) {
    static __thread char piece[1 << 16];
    /* Of a file that SQLite has locked no second descriptor may be closed: that would let go of the lock. */
    int readable = fd;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        readable = open(path, O_RDONLY | O_CLOEXEC);
    }
    off_t at = 0;
    ssize_t got;
    while ((got = pread(readable, piece, sizeof piece, at)) > 0) {
        put(to, piece, (size_t)got);
        at += got;
    }
    if (got < 0) broken("read");
    if (readable != fd) close(readable);
}

static void note_names(int fd, int to) {
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = again < 0 ? NULL : fdopendir(again);
    if (!names) broken("directory");
    struct dirent *one;
    while ((one = readdir(names))) {
        struct stat found;
        if (!strcmp(one->d_name, ".") || !strcmp(one->d_name, "..")) continue;
        if (fstatat(again, one->d_name, &found, AT_SYMLINK_NOFOLLOW)) continue; /* gone meanwhile */
        if (!S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) continue; /* a socket is of no use behind a restart */
        char line[LINE];
        int length = snprintf(line, sizeof line, "%lu %s\n", (unsigned long)found.st_ino, one->d_name);
        put(to, line, (size_t)length);
    }
    closedir(names);
}

/* One after the other, over all processes: what is noted last was there last. */
static void note(int fd) {
    int before = errno;
    struct stat about;
    if (fstat(fd, &about) || !(S_ISREG(about.st_mode) || S_ISDIR(about.st_mode))) return;
    char path[PATH_MAX], draft[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock", ledger());
    int lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX)) broken("lock");
    snprintf(draft, sizeof draft, "%s/draft", ledger());
    int to = open(draft, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (to < 0) broken("draft");
    (S_ISDIR(about.st_mode) ? note_names : note_content)(fd, to);
    close(to);
    snprintf(path, sizeof path, "%s/%lu.%s", ledger(), (unsigned long)about.st_ino, S_ISDIR(about.st_mode) ? "dir" : "file");
    if (syscall(SYS_renameat2, AT_FDCWD, draft, AT_FDCWD, path, 0)) broken("rename");
    close(lock);
    errno = before;
}

/* The name is about to go. */
static void hold(int directory, const char *name) {
    int before = errno;
    struct stat about;
    if (!fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) && S_ISREG(about.st_mode)) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/held/%lu", ledger(), (unsigned long)about.st_ino);
        if (linkat(directory, name, AT_FDCWD, path, 0) && errno != EEXIST && errno != ENOENT) broken("link");
    }
    errno = before;
}

int fsync(int fd) {
    note(fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    note(fd);
    return REAL(fdatasync)(fd);
}

int unlink(const char *name) {
    hold(AT_FDCWD, name);
    return REAL(unlink)(name);
}

int unlinkat(int directory, const char *name, int flags) {
    hold(directory, name);
    return REAL(unlinkat)(directory, name, flags);
}

int rename(const char *from, const char *to) {
    hold(AT_FDCWD, to);
    return REAL(rename)(from, to);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    hold(to_directory, to);
    return REAL(renameat)(from_directory, from, to_directory, to);
}
