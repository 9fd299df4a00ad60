/*
 * Where a script runs: the directory with the stub and the script's files, and the kernel's files to look at. A world is entered once;
 * every script then runs in a process of its own inside it.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct World {
    int proc;          /* /proc */
    int directory;     /* the runner's directory, where the stub and a script's files are */
    int null;          /* /dev/null */
    int inflight;      /* the disk's count of requests under way, or -1 where the disk is not ours */
    int disk_stat;     /* the disk's statistics, or -1 */
    int sys;           /* /sys */
    int loop_control;  /* where loop devices are asked for, or -1 */
    int old_groups;    /* the hierarchy of memory cgroups of version 1, or -1 */
    int messages;      /* the kernel's messages, or -1 */
    int groups;        /* that of version 2 with the memory controller, or -1 */
    const char *path;  /* the directory's path as /proc/PID/maps shows it */
    bool hides_huge_pages; /* transparent huge pages are kept away from the stub only, not from the machine */
    bool notes_flushes; /* when the kernel adds up its statistics of cgroups is noted; see clock.c */
    bool may_tune;     /* sysctls may be changed: nobody else lives on this machine */
} World;

/*
 * A virtual machine of our own: mounts everything, sets the knobs. This process is its init. Where the initramfs has a driver for virtio
 * disks, it is loaded and the disks are such; else they are NVMe disks.
 */
void enter_guest(World *world);

/*
 * This machine, as root: an ext4 image on a loop device, mounted where only we see it, and a root directory of our own, so that paths
 * are the same as in a guest. The image and the mount vanish with the last process that uses them.
 */
void enter_image(World *world, const char *image, const char *stub);

/* This machine, in a directory as it is: paths differ, and its file system may use large folios. */
void enter_directory(World *world, const char *directory, const char *stub);

/* The name of a guest's disk with that number, from 0. */
const char *guest_disk(int number);

/* A disk for a swap area. */
typedef struct SwapDisk {
    char path[32];
    int device;   /* keeps a loop device attached; else -1 */
    int inflight;
    int zram;     /* the zram device's number; else -1 */
} SwapDisk;

/* Gets a disk for the swap area with that number, from 0: in a guest one of its own, else a loop device over memory. Returns its path. */
const char *prepare_swap_disk(const World *world, int number, int64_t size);

/* Makes a zram device of that size for the area with that number, which may take `limit` bytes of memory (0: any). Returns its path. */
const char *prepare_zram(const World *world, int number, int64_t size, int64_t limit);

/* The disk of that area, prepared. */
const SwapDisk *swap_disk(const World *world, int number);

/* Swaps the area off and gives its disk back. */
void release_swap_disk(const World *world, int number);

/* The root of the memory cgroups of version 1 or 2, or -1. */
int open_groups(const World *world, bool is_old);

/* Waits until a disk's count of requests under way is zero. */
void wait_for_quiet(int inflight);

/* clock.c: has the kernel note when it adds up its statistics of cgroups, from now on; says whether it does. And no longer. */
bool start_noting_flushes(const World *world);
void stop_noting_flushes(const World *world);

/* Whether word=value or word alone stands on the kernel's command line. */
bool has_boot_word(const char *word);

/* Waits until no request is under way on the world's disk. */
void wait_for_quiet_disk(const World *world);

/* Writes text to a file below a directory descriptor. Returns 0 or the errno. */
int write_text(int directory, const char *path, const char *text);

#endif
