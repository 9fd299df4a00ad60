/*
 * Disks for swap areas; see world.h. A guest has disks of its own behind the first. On this machine an area is a loop device over
 * memory that is all there before the script starts, so that writing to it takes no memory of the script's cgroup. A zram device
 * is made for its area and goes with it, anywhere.
 */
#include "base.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/module.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DISKS_MAX 8
#define LOOP_MAJOR 7

/* Makes a zram device, and removes one. */
#define ZRAM_ADD "class/zram-control/hot_add"
#define ZRAM_REMOVE "class/zram-control/hot_remove"
/* Where an initramfs has its modules, compressed. */
#define ZRAM_MODULE "/zram/%s.ko.xz"

static SwapDisk disks[DISKS_MAX];

/* Attaches a loop device to a descriptor. Returns its number; its descriptor, which keeps it attached, in `device`. */
static int attach_memory(const World *world, int memory, const char *node, int *device)
{
    struct loop_config config = {.fd = (unsigned)memory, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    for (int attempt = 0; attempt < 20; attempt++) {
        int number = ioctl(world->loop_control, LOOP_CTL_GET_FREE);
        if (number < 0)
            break;
        unlink(node);
        if (mknod(node, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number)) < 0)
            break;
        *device = open(node, O_RDWR | O_CLOEXEC);
        if (*device >= 0 && ioctl(*device, LOOP_CONFIGURE, &config) == 0)
            return number;
        if (errno != EBUSY)
            break;
        close(*device);
    }
    refuse("a loop device for swap: %s", strerror(errno));
}

/*
 * A loop device over memory. The memory is locked for as long as this process lives: where the kernel swaps out what is idle, it would send the
 * area's own pages to the area, and then wait for itself to read them.
 */
static void make_loop_disk(const World *world, SwapDisk *disk, int64_t size)
{
    int memory = memfd_create("pagewalk-swap", MFD_CLOEXEC);
    if (memory < 0 || fallocate(memory, 0, 0, size) < 0)
        refuse("memory for swap: %s", strerror(errno));
    void *pages = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (pages == MAP_FAILED || mlock(pages, (size_t)size) < 0)
        refuse("locking the memory for swap: %s", strerror(errno));
    int number = attach_memory(world, memory, disk->path, &disk->device);
    close(memory);
    write_text(world->sys, take_format("block/loop%d/queue/rotational", number), "0");
    disk->inflight = openat(world->sys, take_format("block/loop%d/inflight", number), O_RDONLY | O_CLOEXEC);
}

const char *prepare_swap_disk(const World *world, int number, int64_t size)
{
    if (number >= DISKS_MAX)
        refuse("more than %d swap areas", DISKS_MAX);
    SwapDisk *disk = &disks[number];
    disk->device = -1;
    disk->zram = -1;
    if (world->may_tune) {
        int before = 0;
        for (int i = 0; i < number; i++)
            before += disks[i].zram < 0;
        const char *name = guest_disk(before + 1);
        snprintf(disk->path, sizeof disk->path, "/dev/%s", name);
        disk->inflight = openat(world->sys, take_format("block/%s/inflight", name), O_RDONLY | O_CLOEXEC);
    } else {
        snprintf(disk->path, sizeof disk->path, "/swap%d", number + 1);
        make_loop_disk(world, disk, size);
    }
    return disk->path;
}

/* The first number in a file of /sys. */
static int read_number(const World *world, const char *path)
{
    char text[32] = "";
    int file = openat(world->sys, path, O_RDONLY | O_CLOEXEC);
    int number;
    if (file < 0 || read(file, text, sizeof text - 1) < 0 || sscanf(text, "%d", &number) != 1)
        refuse("this kernel has no zram: %s: %s", path, strerror(errno));
    close(file);
    return number;
}

/* Loads zram into a guest's kernel, unless it is there. */
static void load_zram(const World *world)
{
    static const char *const NAMES[] = {"zsmalloc", "lz4_compress", "lz4hc_compress", "zram"};
    if (!world->may_tune || faccessat(world->sys, ZRAM_ADD, F_OK, 0) == 0)
        return;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        int file = open(take_format(ZRAM_MODULE, NAMES[i]), O_RDONLY | O_CLOEXEC);
        if (file < 0 || syscall(SYS_finit_module, file, "", MODULE_INIT_COMPRESSED_FILE) < 0)
            refuse("loading %s: %s", NAMES[i], strerror(errno));
        close(file);
    }
}

const char *prepare_zram(const World *world, int number, int64_t size, int64_t limit)
{
    if (number >= DISKS_MAX)
        refuse("more than %d swap areas", DISKS_MAX);
    SwapDisk *disk = &disks[number];
    disk->device = -1;
    load_zram(world);
    disk->zram = read_number(world, ZRAM_ADD);
    const struct {
        const char *file;
        int64_t value;
    } SETTINGS[] = {{"disksize", size}, {"mem_limit", limit}};
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        const char *text = take_format("%lld", (long long)SETTINGS[i].value);
        int error = write_text(world->sys, take_format("block/zram%d/%s", disk->zram, SETTINGS[i].file), text);
        if (error)
            refuse("zram%d: %s: %s", disk->zram, SETTINGS[i].file, strerror(error));
    }
    snprintf(disk->path, sizeof disk->path, "/swap%d", number + 1);
    int major = read_number(world, take_format("block/zram%d/dev", disk->zram));
    unlink(disk->path);
    if (mknod(disk->path, S_IFBLK | 0600, makedev((unsigned)major, (unsigned)disk->zram)) < 0)
        refuse("%s: %s", disk->path, strerror(errno));
    disk->inflight = openat(world->sys, take_format("block/zram%d/inflight", disk->zram), O_RDONLY | O_CLOEXEC);
    return disk->path;
}

const SwapDisk *swap_disk(const World *world, int number)
{
    (void)world;
    return &disks[number];
}

void release_swap_disk(const World *world, int number)
{
    SwapDisk *disk = &disks[number];
    swapoff(disk->path);
    if (disk->inflight >= 0)
        close(disk->inflight);
    if (disk->device >= 0)
        close(disk->device);
    if (disk->zram >= 0)
        write_text(world->sys, ZRAM_REMOVE, take_format("%d", disk->zram));
    if (disk->device >= 0 || disk->zram >= 0)
        unlink(disk->path);
}

int open_groups(const World *world, bool is_old)
{
    return is_old ? world->old_groups : world->groups;
}
