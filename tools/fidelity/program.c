/*
 * Runs a command in a memory cgroup with swap, and prints what its kernel counted: what `show totals` of a script prints.
 *
 *   program --limit BYTES --swap BYTES COMMAND ARGS...   as root, on this machine: cgroup of version 1, swap on a loop device over memory
 *   program                                              as process 1 of a virtual machine: the same words, one a line, in /words;
 *                                                        cgroup of version 2, swap on the second disk, output on /dev/ttyS1, then power off
 *
 * What it prints is framed as the controller's output is (tools/oracle/controller/main.c), as script 000000.
 *
 * The command is executed once before without a limit, so that its files are in the page cache and charged to nobody. Faults that
 * belong to the fork are taken out, as in tools/compare-real/measure.c.
 * Linux: Documentation/admin-guide/cgroup-v2.rst (6.12)   Doc: docs/fidelity.md, man 2 getrusage
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/module.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define WORDS_MAX 64
#define LOOP_MAJOR 7
#define LOOP_NODE "/tmp/pagewalk-swap"
#define GUEST_DRIVER "/virtio_blk.ko.xz"
#define GUEST_DISK (access("/dev/vdb", F_OK) == 0 ? "/dev/vdb" : "/dev/nvme1n1")
#define GUEST_CONSOLE "/dev/ttyS1"

/* What the kernel counts for the whole machine. */
typedef struct Totals {
    long long swapin, swapout, refault_anon, refault_file, filein, fileout;
} Totals;

static char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL};
static int is_guest;
static int out = STDOUT_FILENO;
static const char *group;

/* Says what is wrong and ends, with the machine if it is ours. */
static void fail(const char *what)
{
    dprintf(out, "@@ error %s: %s\n@@ end 000000 1\n", what, strerror(errno));
    if (is_guest) {
        tcdrain(out);
        reboot(RB_AUTOBOOT);
    }
    exit(1);
}

static void write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, strlen(text)) < 0)
        fail(path);
    close(file);
}

/* Reads a file into a static buffer. */
static char *read_file(const char *path)
{
    static char text[65536];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = 0, got;
    if (file < 0)
        fail(path);
    while ((got = read(file, text + length, sizeof text - 1 - (size_t)length)) > 0)
        length += got;
    text[length] = 0;
    close(file);
    return text;
}

static long long value_of(const char *text, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\n%s ", name);
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static Totals read_totals(void)
{
    char refreshed[16];
    int refresh = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
    if (refresh >= 0 && read(refresh, refreshed, sizeof refreshed) < 0)
        errno = 0;
    close(refresh);
    const char *text = read_file("/proc/vmstat");
    Totals totals = {value_of(text, "pswpin"), value_of(text, "pswpout"), value_of(text, "workingset_refault_anon"),
                     value_of(text, "workingset_refault_file"), 0, 0};
    totals.filein = value_of(text, "pgpgin") / 4 - totals.swapin;
    totals.fileout = value_of(text, "pgpgout") / 4 - totals.swapout;
    return totals;
}

/* A loop device over memory that is all there before the command starts. */
static const char *make_loop_disk(off_t size)
{
    int memory = memfd_create("pagewalk-swap", MFD_CLOEXEC);
    if (memory < 0 || fallocate(memory, 0, 0, size) < 0)
        fail("memory for swap");
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0)
        fail("/dev/loop-control");
    unlink(LOOP_NODE);
    if (mknod(LOOP_NODE, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number)) < 0)
        fail(LOOP_NODE);
    int device = open(LOOP_NODE, O_RDWR | O_CLOEXEC);
    struct loop_config config = {.fd = (unsigned)memory, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    if (device < 0 || ioctl(device, LOOP_CONFIGURE, &config) < 0)
        fail("a loop device");
    char knob[64];
    snprintf(knob, sizeof knob, "/sys/block/loop%d/queue/rotational", number);
    write_file(knob, "0");
    return LOOP_NODE;
}

/* Writes the header and swaps on. */
static void add_swap(off_t size)
{
    static unsigned char header[PAGE_BYTES];
    const char *disk = is_guest ? GUEST_DISK : make_loop_disk(size);
    uint32_t version = 1, last = (uint32_t)(size / PAGE_BYTES - 1);
    memcpy(header + 1024, &version, sizeof version);
    memcpy(header + 1028, &last, sizeof last);
    memcpy(header + PAGE_BYTES - 10, "SWAPSPACE2", 10);
    int file = open(disk, O_RDWR | O_CLOEXEC);
    if (file < 0 || pwrite(file, header, sizeof header, 0) != (ssize_t)sizeof header || fsync(file) < 0)
        fail(disk);
    close(file);
    if (swapon(disk, 0) < 0)
        fail("swapon");
}

static void make_group(const char *limit)
{
    group = is_guest ? "/sys/fs/cgroup/g" : "/sys/fs/cgroup/memory/pagewalk-program";
    char path[128];
    if (is_guest)
        write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    rmdir(group);
    if (mkdir(group, 0755) < 0)
        fail(group);
    snprintf(path, sizeof path, "%s/%s", group, is_guest ? "memory.max" : "memory.limit_in_bytes");
    write_file(path, limit);
}

/* Runs the command, in the group or outside of it. `before` is where the child leaves the faults of its fork. */
static int run(char **command, int in_group, long *before, struct rusage *usage)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        if (in_group) {
            char path[128];
            snprintf(path, sizeof path, "%s/cgroup.procs", group);
            write_file(path, "0");
        }
        struct rusage own;
        execve("/no such program", command, environment);
        getrusage(RUSAGE_SELF, &own);
        before[0] = own.ru_minflt;
        before[1] = own.ru_majflt;
        execvpe(command[0], command, environment);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, usage) != pid)
        fail("the command");
    return status;
}

static void print_status(int status)
{
    if (WIFEXITED(status))
        dprintf(out, "run = exit %d\n", WEXITSTATUS(status));
    else
        dprintf(out, "run = SIG%s\n", sigabbrev_np(WTERMSIG(status)));
}

/* Loads the driver of virtio disks, if there is one, and makes the second disk as the kernel makes a flash disk. */
static void load_driver(void)
{
    int driver = open(GUEST_DRIVER, O_RDONLY | O_CLOEXEC);
    if (driver < 0)
        return;
    if (syscall(SYS_finit_module, driver, "", MODULE_INIT_COMPRESSED_FILE) < 0)
        fail(GUEST_DRIVER);
    close(driver);
    write_file("/sys/block/vdb/queue/rotational", "0");
    write_file("/sys/block/vdb/queue/max_sectors_kb", "512");
    write_file("/sys/block/vdb/queue/wbt_lat_usec", "2000");
}

/* Makes a virtual machine one that the command can live in; reads what to do from /words. */
static int enter_guest(char **words)
{
    mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755), mkdir("/tmp", 01777);
    if (mount("proc", "/proc", "proc", 0, NULL) < 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0 || mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
        fail("mounting");
    load_driver();
    struct termios raw;
    out = open(GUEST_CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);
    tcgetattr(out, &raw);
    cfmakeraw(&raw);
    tcsetattr(out, TCSANOW, &raw);
    write_file("/sys/kernel/mm/lru_gen/enabled", strstr(read_file("/proc/cmdline"), "pagewalk.mglru") ? "7" : "0");
    int count = 0;
    char *rest = strdup(read_file("/words"));
    for (char *word; count < WORDS_MAX - 1 && (word = strsep(&rest, "\n")) && *word;)
        words[count++] = word;
    words[count] = NULL;
    return count;
}

int main(int argc, char **argv)
{
    char *guest_words[WORDS_MAX];
    char **words = argv + 1;
    struct rusage usage;
    struct utsname about;
    int count = argc - 1;
    if (getpid() == 1) {
        is_guest = 1;
        words = guest_words;
        count = enter_guest(words);
    }
    if (count < 5 || strcmp(words[0], "--limit") != 0 || strcmp(words[2], "--swap") != 0) {
        errno = EINVAL;
        fail("usage: program --limit BYTES --swap BYTES COMMAND ARGS...");
    }
    long *before = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (is_guest && chdir("/work") < 0)
        fail("/work");
    uname(&about);
    dprintf(out, "@@ kernel %s\n@@ begin 000000\n", about.release);
    int free_status = run(words + 4, 0, before, &usage);
    dprintf(out, "without a limit: ");
    print_status(free_status);
    add_swap(strtoll(words[3], NULL, 10));
    make_group(words[1]);
    dprintf(out, "swap %s = ok\ncgroup g memory.max=%s = ok\n", words[3], words[1]);
    Totals start = read_totals();
    int status = run(words + 4, 1, before, &usage);
    Totals end = read_totals();
    print_status(status);
    dprintf(out, "show totals\n| minor %ld\n| major %ld\n", usage.ru_minflt - before[0], usage.ru_majflt - before[1]);
    dprintf(out, "| swapin %lld\n| swapout %lld\n", end.swapin - start.swapin, end.swapout - start.swapout);
    dprintf(out, "| refault_anon %lld\n| refault_file %lld\n", end.refault_anon - start.refault_anon, end.refault_file - start.refault_file);
    dprintf(out, "| filein %lld\n| fileout %lld\n", end.filein - start.filein, end.fileout - start.fileout);
    dprintf(out, "| rss %ld\n| cache 0\n@@ end 000000 0\n", usage.ru_maxrss / 4);
    if (is_guest) {
        tcdrain(out);
        reboot(RB_AUTOBOOT);
    }
    swapoff(LOOP_NODE);
    unlink(LOOP_NODE);
    rmdir(group);
    return 0;
}
