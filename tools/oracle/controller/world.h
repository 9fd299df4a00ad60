/*
 * Where a script runs: the directory with the stub and the script's files, and the kernel's files to look at. A world is entered once;
 * every script then runs in a process of its own inside it.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct World {
    int proc;          /* /proc */
    int directory;     /* the runner's directory, where the stub and a script's files are */
    int null;          /* /dev/null */
    int inflight;      /* the disk's count of requests under way, or -1 where the disk is not ours */
    const char *path;  /* the directory's path as /proc/PID/maps shows it */
    bool hides_huge_pages; /* transparent huge pages are kept away from the stub only, not from the machine */
    bool may_tune;     /* sysctls may be changed: nobody else lives on this machine */
} World;

/* A virtual machine of our own: mounts everything, sets the knobs. This process is its init. */
void enter_guest(World *world);

/*
 * This machine, as root: an ext4 image on a loop device, mounted where only we see it, and a root directory of our own, so that paths
 * are the same as in a guest. The image and the mount vanish with the last process that uses them.
 */
void enter_image(World *world, const char *image, const char *stub);

/* This machine, in a directory as it is: paths differ, and its file system may use large folios. */
void enter_directory(World *world, const char *directory, const char *stub);

/* Waits until no request is under way on the world's disk. */
void wait_for_quiet_disk(const World *world);

/* Writes text to a file below a directory descriptor. Returns 0 or the errno. */
int write_text(int directory, const char *path, const char *text);

#endif
