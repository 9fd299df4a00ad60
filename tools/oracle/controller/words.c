/*
 * The tables behind words.h. Values are those of Linux x86-64, written out so that the C library's headers decide nothing.
 */
#include "words.h"

#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

typedef struct Constant {
    const char *name;
    int64_t value;
} Constant;

static const CallWord CALLS[] = {
    {"read", 0, 3, 3, RESULT_NUMBER, false},
    {"write", 1, 3, 3, RESULT_NUMBER, false},
    {"open", 2, 2, 3, RESULT_NUMBER, true},
    {"close", 3, 1, 1, RESULT_NUMBER, false},
    {"lseek", 8, 3, 3, RESULT_NUMBER, false},
    {"mmap", 9, 4, 6, RESULT_REGION, false},
    {"mprotect", 10, 3, 3, RESULT_NUMBER, false},
    {"munmap", 11, 2, 2, RESULT_NUMBER, false},
    {"brk", 12, 1, 1, RESULT_BREAK, false},
    {"msync", 26, 3, 3, RESULT_NUMBER, false},
    {"mincore", 27, 3, 3, RESULT_NUMBER, false},
    {"madvise", 28, 3, 3, RESULT_NUMBER, false},
    {"getpid", 39, 0, 0, RESULT_PID, false},
    {"clone", 56, 1, 1, RESULT_TASK, false},
    {"fork", 57, 0, 0, RESULT_TASK, false},
    {"exit", 60, 1, 1, RESULT_EXIT, false},
    {"wait4", 61, 1, 4, RESULT_WAIT, false},
    {"fsync", 74, 1, 1, RESULT_NUMBER, false},
    {"fdatasync", 75, 1, 1, RESULT_NUMBER, false},
    {"ftruncate", 77, 2, 2, RESULT_NUMBER, false},
    {"getpriority", 140, 2, 2, RESULT_NUMBER, false},
    {"setpriority", 141, 3, 3, RESULT_NUMBER, false},
    {"sync", 162, 0, 0, RESULT_NUMBER, false},
    {"sync_file_range", 277, 4, 4, RESULT_NUMBER, false},
};

static const Constant CONSTANTS[] = {
    {"NULL", 0},
    {"PROT_NONE", 0}, {"PROT_READ", 1}, {"PROT_WRITE", 2}, {"PROT_EXEC", 4},
    {"MAP_SHARED", 1}, {"MAP_PRIVATE", 2}, {"MAP_SHARED_VALIDATE", 3}, {"MAP_FIXED", 0x10}, {"MAP_ANONYMOUS", 0x20},
    {"MAP_GROWSDOWN", 0x100}, {"MAP_DENYWRITE", 0x800}, {"MAP_EXECUTABLE", 0x1000}, {"MAP_LOCKED", 0x2000},
    {"MAP_NORESERVE", 0x4000}, {"MAP_POPULATE", 0x8000}, {"MAP_NONBLOCK", 0x10000}, {"MAP_STACK", 0x20000},
    {"MAP_HUGETLB", 0x40000}, {"MAP_SYNC", 0x80000}, {"MAP_FIXED_NOREPLACE", 0x100000},
    {"MADV_NORMAL", 0}, {"MADV_RANDOM", 1}, {"MADV_SEQUENTIAL", 2}, {"MADV_WILLNEED", 3}, {"MADV_DONTNEED", 4},
    {"MADV_FREE", 8}, {"MADV_REMOVE", 9}, {"MADV_DONTFORK", 10}, {"MADV_DOFORK", 11}, {"MADV_MERGEABLE", 12},
    {"MADV_UNMERGEABLE", 13}, {"MADV_HUGEPAGE", 14}, {"MADV_NOHUGEPAGE", 15}, {"MADV_DONTDUMP", 16},
    {"MADV_DODUMP", 17}, {"MADV_WIPEONFORK", 18}, {"MADV_KEEPONFORK", 19}, {"MADV_COLD", 20}, {"MADV_PAGEOUT", 21},
    {"MADV_POPULATE_READ", 22}, {"MADV_POPULATE_WRITE", 23},
    {"MS_ASYNC", 1}, {"MS_INVALIDATE", 2}, {"MS_SYNC", 4},
    {"SYNC_FILE_RANGE_WAIT_BEFORE", 1}, {"SYNC_FILE_RANGE_WRITE", 2}, {"SYNC_FILE_RANGE_WAIT_AFTER", 4},
    {"O_RDONLY", 0}, {"O_WRONLY", 1}, {"O_RDWR", 2}, {"O_CREAT", 0x40}, {"O_EXCL", 0x80}, {"O_TRUNC", 0x200},
    {"O_APPEND", 0x400},
    {"PRIO_PROCESS", 0}, {"PRIO_PGRP", 1}, {"PRIO_USER", 2},
    {"SEEK_SET", 0}, {"SEEK_CUR", 1}, {"SEEK_END", 2}, {"SEEK_DATA", 3}, {"SEEK_HOLE", 4},
    {"CLONE_VM", 0x100}, {"CLONE_FS", 0x200}, {"CLONE_FILES", 0x400}, {"CLONE_SIGHAND", 0x800}, {"CLONE_PARENT", 0x8000},
    {"CLONE_THREAD", 0x10000}, {"CLONE_SYSVSEM", 0x40000}, {"SIGCHLD", 17},
    {"WNOHANG", 1},
};

static const char *const KEYWORDS[] = {
    "load", "store", "fetch", "scan", "stride", "loop", "uniform", "zipf", "file", "drop", "warm",
    "sysctl", "show", "fatal", "main", "text", "heap", "top", "stack", "cgroup", "swap", "enter", "together", "end", "max",
    "oom_score_adj", "watch",
};

static const char *const OLD_GROUP_FILES[] = {
    "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness",
    "memory.oom_control",    "memory.use_hierarchy",
};

static const char *const ERRNO_NAMES[] = {
    [1] = "EPERM", [2] = "ENOENT", [3] = "ESRCH", [4] = "EINTR", [5] = "EIO", [6] = "ENXIO", [7] = "E2BIG", [8] = "ENOEXEC",
    [9] = "EBADF", [10] = "ECHILD", [11] = "EAGAIN", [12] = "ENOMEM", [13] = "EACCES", [14] = "EFAULT", [15] = "ENOTBLK",
    [16] = "EBUSY", [17] = "EEXIST", [18] = "EXDEV", [19] = "ENODEV", [20] = "ENOTDIR", [21] = "EISDIR", [22] = "EINVAL",
    [23] = "ENFILE", [24] = "EMFILE", [25] = "ENOTTY", [26] = "ETXTBSY", [27] = "EFBIG", [28] = "ENOSPC", [29] = "ESPIPE",
    [30] = "EROFS", [31] = "EMLINK", [32] = "EPIPE", [33] = "EDOM", [34] = "ERANGE", [35] = "EDEADLK", [36] = "ENAMETOOLONG",
    [37] = "ENOLCK", [38] = "ENOSYS", [39] = "ENOTEMPTY", [40] = "ELOOP", [61] = "ENODATA", [75] = "EOVERFLOW",
    [95] = "EOPNOTSUPP", [110] = "ETIMEDOUT",
};

static const char *const SIGNAL_NAMES[] = {
    [1] = "SIGHUP", [2] = "SIGINT", [3] = "SIGQUIT", [4] = "SIGILL", [5] = "SIGTRAP", [6] = "SIGABRT", [7] = "SIGBUS",
    [8] = "SIGFPE", [9] = "SIGKILL", [10] = "SIGUSR1", [11] = "SIGSEGV", [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM",
    [15] = "SIGTERM", [16] = "SIGSTKFLT", [17] = "SIGCHLD", [18] = "SIGCONT", [19] = "SIGSTOP",
};

const CallWord *find_call(const char *name)
{
    for (size_t i = 0; i < COUNT(CALLS); i++)
        if (strcmp(CALLS[i].name, name) == 0)
            return &CALLS[i];
    return NULL;
}

bool find_constant(const char *name, int64_t *value)
{
    for (size_t i = 0; i < COUNT(CONSTANTS); i++) {
        if (strcmp(CONSTANTS[i].name, name) != 0)
            continue;
        *value = CONSTANTS[i].value;
        return true;
    }
    return false;
}

bool is_old_group_file(const char *name)
{
    for (size_t i = 0; i < COUNT(OLD_GROUP_FILES); i++)
        if (strcmp(OLD_GROUP_FILES[i], name) == 0)
            return true;
    return false;
}

bool may_bind(const char *name)
{
    int64_t value;
    for (size_t i = 0; i < COUNT(KEYWORDS); i++)
        if (strcmp(KEYWORDS[i], name) == 0)
            return false;
    return find_call(name) == NULL && !find_constant(name, &value);
}

const char *errno_name(int number)
{
    static char unnamed[16];
    if (number > 0 && (size_t)number < COUNT(ERRNO_NAMES) && ERRNO_NAMES[number])
        return ERRNO_NAMES[number];
    snprintf(unnamed, sizeof unnamed, "E%d", number);
    return unnamed;
}

const char *signal_name(int number)
{
    static char unnamed[24];
    if (number > 0 && (size_t)number < COUNT(SIGNAL_NAMES) && SIGNAL_NAMES[number])
        return SIGNAL_NAMES[number];
    snprintf(unnamed, sizeof unnamed, "signal %d", number);
    return unnamed;
}
