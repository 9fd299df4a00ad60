/*
 * The three worlds; see world.h.
 */
#include "world.h"

#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/loop.h>
#include <linux/module.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STUB_NAME "stub"

/* Where an initramfs has modules, compressed, in their order. */
#define MODULES "/modules"
#define MODULES_MAX 64

#define READ_AHEAD_KB "128"

/* On the kernel's command line: milliseconds until the first script. */
#define DELAY_WORD "pagewalk.delay="

/* Where an initramfs has the driver of virtio disks, compressed. */
#define DRIVER "/virtio_blk.ko.xz"

/* No journal runs behind a script's back, no access times, no flush at close. */
#define EXT4_OPTIONS "noauto_da_alloc"

/* Opens what has to be there. */
static int open_or_refuse(int directory, const char *path, int flags)
{
    int descriptor = openat(directory, path, flags | O_CLOEXEC);
    if (descriptor < 0)
        refuse("%s: %s", path, strerror(errno));
    return descriptor;
}

/* Mounts what has to be mounted. */
static void mount_or_refuse(const char *source, const char *target, const char *type, unsigned long flags, const char *options)
{
    if (mount(source, target, type, flags, options) < 0)
        refuse("mounting %s on %s: %s", source, target, strerror(errno));
}

int write_text(int directory, const char *path, const char *text)
{
    int descriptor = openat(directory, path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    ssize_t written = write(descriptor, text, strlen(text));
    int error = written < 0 ? errno : 0;
    close(descriptor);
    return error;
}

/* Copies the stub into the world's directory; its page stays in the page cache, clean. Closes `from`. */
static void install_stub(const World *world, int from)
{
    size_t length;
    char *bytes = take_contents(from, &length);
    close(from);
    unlinkat(world->directory, STUB_NAME, 0);
    int to = openat(world->directory, STUB_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (bytes == NULL || to < 0 || write(to, bytes, length) != (ssize_t)length || fsync(to) < 0)
        refuse("copying the stub: %s", strerror(errno));
    close(to);
}

/* Order of modules: their names begin with a number. */
static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Loads what the initramfs has of the kernel's modules, and waits for the disk whose driver may be among them. */
static void load_modules(void)
{
    static char *names[MODULES_MAX];
    size_t count = 0;
    DIR *directory = opendir(MODULES);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; count < MODULES_MAX && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            names[count++] = take_text(entry->d_name, strlen(entry->d_name));
    closedir(directory);
    qsort(names, count, sizeof names[0], compare_names);
    for (size_t i = 0; i < count; i++) {
        int file = open_or_refuse(AT_FDCWD, take_format("%s/%s", MODULES, names[i]), O_RDONLY);
        if (syscall(SYS_finit_module, file, "", MODULE_INIT_COMPRESSED_FILE) < 0)
            refuse("loading %s: %s", names[i], strerror(errno));
        close(file);
    }
    for (int tries = 0; tries < 1000 && access("/dev/nvme0n1", F_OK) < 0; tries++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
}

/* Switches zswap on, as the boot asks: with lz4, which is a module. */
static void start_zswap(void)
{
    static const char *const WORDS[][2] = {{"compressor", "lz4"}, {"enabled", "1"}};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        int error = write_text(AT_FDCWD, take_format("/sys/module/zswap/parameters/%s", WORDS[i][0]), WORDS[i][1]);
        if (error)
            refuse("zswap: %s: %s", WORDS[i][0], strerror(error));
    }
}

bool has_boot_word(const char *word)
{
    size_t mark = take_mark();
    int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    const char *text = file < 0 ? NULL : take_contents(file, NULL);
    bool is_there = text && strstr(text, word);
    if (file >= 0)
        close(file);
    give_back(mark);
    return is_there;
}

/* Waits as many milliseconds as the kernel's command line says. */
static void wait_as_told(void)
{
    size_t mark = take_mark();
    int file = open_or_refuse(AT_FDCWD, "/proc/cmdline", O_RDONLY);
    const char *text = take_contents(file, NULL);
    const char *word = text ? strstr(text, DELAY_WORD) : NULL;
    long delay = word ? strtol(word + strlen(DELAY_WORD), NULL, 10) : 0;
    nanosleep(&(struct timespec){delay / 1000, delay % 1000 * 1000000}, NULL);
    close(file);
    give_back(mark);
}

/* Opens what a change of the root directory would hide. */
static void open_kernel_files(World *world)
{
    world->proc = open_or_refuse(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
    world->null = open_or_refuse(AT_FDCWD, "/dev/null", O_RDWR);
    world->sys = open_or_refuse(AT_FDCWD, "/sys", O_RDONLY | O_DIRECTORY);
    world->loop_control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    world->old_groups = open("/sys/fs/cgroup/memory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world->messages = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    world->groups = -1;
    if (faccessat(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control", W_OK, 0) == 0)
        world->groups = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world->inflight = -1;
    world->disk_stat = -1;
}

/* Opens the count of requests under way of a disk and gives it the read-ahead that scripts are defined with. */
static void adopt_disk(World *world, const char *disk)
{
    write_text(AT_FDCWD, take_format("/sys/block/%s/queue/read_ahead_kb", disk), READ_AHEAD_KB);
    world->inflight = open_or_refuse(AT_FDCWD, take_format("/sys/block/%s/inflight", disk), O_RDONLY);
    world->disk_stat = open_or_refuse(AT_FDCWD, take_format("/sys/block/%s/stat", disk), O_RDONLY);
}

const char *guest_disk(int number)
{
    bool is_virtio = access("/sys/module/virtio_blk", F_OK) == 0;
    return is_virtio ? take_format("vd%c", 'a' + number) : take_format("nvme%dn1", number);
}

/* Loads the driver of virtio disks and makes them as the kernel makes a flash disk: it takes them for rotating ones. */
static void load_disks(void)
{
    static const struct {
        const char *file;
        const char *text;
    } QUEUE[] = {{"rotational", "0"}, {"max_sectors_kb", "512"}, {"wbt_lat_usec", "2000"}};
    int driver = open_or_refuse(AT_FDCWD, DRIVER, O_RDONLY);
    if (syscall(SYS_finit_module, driver, "", MODULE_INIT_COMPRESSED_FILE) < 0)
        refuse("loading %s: %s", DRIVER, strerror(errno));
    close(driver);
    for (int number = 0; access(take_format("/sys/block/%s", guest_disk(number)), F_OK) == 0; number++)
        for (size_t i = 0; i < sizeof QUEUE / sizeof QUEUE[0]; i++)
            write_text(AT_FDCWD, take_format("/sys/block/%s/queue/%s", guest_disk(number), QUEUE[i].file), QUEUE[i].text);
}

void enter_guest(World *world)
{
    static const struct {
        const char *path;
        const char *text;
    } KNOBS[] = {
        {"/sys/kernel/mm/transparent_hugepage/enabled", "never"},
        {"/sys/kernel/mm/lru_gen/enabled", "0"},
        {"/proc/sys/vm/dirty_writeback_centisecs", "0"},
        {"/proc/sys/vm/dirty_background_ratio", "90"},
        {"/proc/sys/vm/dirty_ratio", "95"},
    };
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mkdir("/pw", 0755);
    mount_or_refuse("proc", "/proc", "proc", 0, NULL);
    mount_or_refuse("sysfs", "/sys", "sysfs", 0, NULL);
    mount_or_refuse("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    load_modules();
    if (has_boot_word("pagewalk.zswap"))
        start_zswap();
    /* A machine for scripts of memory pressure keeps the kernel's own ways of writing back, and has the policy it asks for. */
    bool is_pressure = has_boot_word("pagewalk.pressure");
    size_t knobs = is_pressure ? 1 : sizeof KNOBS / sizeof KNOBS[0];
    if (is_pressure)
        write_text(AT_FDCWD, "/sys/kernel/mm/lru_gen/enabled", has_boot_word("pagewalk.mglru") ? "y" : "n");
    mount_or_refuse("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
    if (access(DRIVER, R_OK) == 0)
        load_disks();
    for (size_t i = 0; i < knobs; i++) {
        int error = write_text(AT_FDCWD, KNOBS[i].path, KNOBS[i].text);
        if (error)
            refuse("%s: %s", KNOBS[i].path, strerror(error));
    }
    open_kernel_files(world);
    adopt_disk(world, guest_disk(0));
    mount_or_refuse(take_format("/dev/%s", guest_disk(0)), "/pw", "ext4", MS_NOATIME, EXT4_OPTIONS);
    world->path = "/pw";
    world->directory = open_or_refuse(AT_FDCWD, "/pw", O_RDONLY | O_DIRECTORY);
    world->may_tune = true;
    install_stub(world, open_or_refuse(AT_FDCWD, "/stub.elf", O_RDONLY));
    world->notes_flushes = has_boot_word("pagewalk.clock") && start_noting_flushes(world);
    wait_as_told();
}

/* Attaches an image to a free loop device that goes away with its last user. Returns the device's number. */
static int attach_loop(const char *image)
{
    int control = open_or_refuse(AT_FDCWD, "/dev/loop-control", O_RDWR);
    struct loop_config config = {.info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    config.fd = (unsigned)open_or_refuse(AT_FDCWD, image, O_RDWR);
    for (int attempt = 0; attempt < 20; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            refuse("no loop device: %s", strerror(errno));
        /* The descriptor stays open: with its close an unmounted device would be cleared. */
        int device = open_or_refuse(AT_FDCWD, take_format("/dev/loop%d", number), O_RDWR);
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) {
            close(control);
            close((int)config.fd);
            return number;
        }
        if (errno != EBUSY)
            refuse("attaching %s: %s", image, strerror(errno));
        close(device);
    }
    refuse("every loop device was taken by somebody else");
}

/*
 * Keeps idle processors from sleeping deeply for as long as this process lives: how long one takes to wake up depends on how long it slept,
 * and a task that waits for a disk of ours waits for that too (Documentation/power/pm_qos_interface.rst).
 */
static void keep_awake(void)
{
    int32_t longest = 0;
    int quality = open("/dev/cpu_dma_latency", O_WRONLY);
    if (quality >= 0 && write(quality, &longest, sizeof longest) < 0)
        close(quality);
}

void enter_image(World *world, const char *image, const char *stub)
{
    int stub_file = open_or_refuse(AT_FDCWD, stub, O_RDONLY);
    /* Any directory will do: only we see what is mounted on it. */
    const char *root = dirname(take_text(image, strlen(image)));
    const char *directory = take_format("%s/pw", root);
    int number = attach_loop(image);
    open_kernel_files(world);
    adopt_disk(world, take_format("loop%d", number));
    keep_awake();
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        refuse("a mount namespace: %s", strerror(errno));
    mount_or_refuse("tmpfs", root, "tmpfs", 0, "size=64k");
    mkdir(directory, 0755);
    mount_or_refuse(take_format("/dev/loop%d", number), directory, "ext4", MS_NOATIME, EXT4_OPTIONS);
    world->path = "/pw";
    world->directory = open_or_refuse(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
    world->hides_huge_pages = true;
    install_stub(world, stub_file);
    if (chdir(root) < 0 || chroot(".") < 0)
        refuse("chroot: %s", strerror(errno));
}

void enter_directory(World *world, const char *directory, const char *stub)
{
    static char path[4096];
    open_kernel_files(world);
    if (realpath(directory, path) == NULL)
        refuse("%s: %s", directory, strerror(errno));
    world->path = path;
    world->directory = open_or_refuse(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    world->hides_huge_pages = true;
    install_stub(world, open_or_refuse(AT_FDCWD, stub, O_RDONLY));
}

void wait_for_quiet_disk(const World *world)
{
    wait_for_quiet(world->inflight);
}

void wait_for_quiet(int inflight)
{
    char text[64];
    while (inflight >= 0) {
        int reads = 0;
        int writes = 0;
        ssize_t length = pread(inflight, text, sizeof text - 1, 0);
        text[length > 0 ? length : 0] = 0;
        if (sscanf(text, "%d %d", &reads, &writes) != 2 || reads + writes == 0)
            return;
        nanosleep(&(struct timespec){0, 100000}, NULL);
    }
}
