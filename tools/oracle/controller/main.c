/*
 * The controller: runs scripts on the kernel it finds itself on and prints their transcripts. docs/script.md is the language.
 *
 *     controller --image IMAGE --stub STUB SCRIPT...      as root; IMAGE: an ext4 image that is used up
 *     controller --directory DIRECTORY --stub STUB [SCRIPT...]
 *     ... --stub STUB --clock SCRIPT...                    with @@ clock lines: what the time of a script was, see clock.c
 *     controller                                           as process 1 of a virtual machine: /scripts, results on /dev/ttyS1
 *
 * Each script runs in a process of its own. Output is framed, so that several transcripts come out of one run:
 *
 *     @@ kernel RELEASE
 *     @@ begin SCRIPT
 *     ...the transcript
 *     @@ error MESSAGE          only when it failed
 *     @@ end SCRIPT STATUS
 */
#include "base.h"
#include "script.h"
#include "run.h"
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SCRIPTS_MAX 4096
#define GUEST_SCRIPTS "/scripts"
#define GUEST_CONSOLE "/dev/ttyS1"

/* A script's name and text, read before the world is entered. */
typedef struct Source {
    const char *name;
    const char *text;
} Source;

static Source sources[SCRIPTS_MAX];
static int source_count;
static char output[1 << 16];

/* Reads a script. Its name is what comes out again in the output. */
static void add_source(const char *path, const char *name)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    const char *text = file < 0 ? NULL : take_contents(file, NULL);
    if (text == NULL)
        refuse("%s: %s", path, strerror(errno));
    close(file);
    if (source_count == SCRIPTS_MAX)
        refuse("more than %d scripts", SCRIPTS_MAX);
    sources[source_count++] = (Source){take_text(name, strlen(name)), text};
}

/* Order by name: a directory has none of its own. */
static int compare_sources(const void *left, const void *right)
{
    return strcmp(((const Source *)left)->name, ((const Source *)right)->name);
}

/* Reads all scripts that were packed beside us. */
static void add_guest_sources(void)
{
    DIR *directory = opendir(GUEST_SCRIPTS);
    if (directory == NULL)
        refuse("%s: %s", GUEST_SCRIPTS, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            add_source(take_format("%s/%s", GUEST_SCRIPTS, entry->d_name), entry->d_name);
    closedir(directory);
    qsort(sources, (size_t)source_count, sizeof sources[0], compare_sources);
}

/* Reads what the script's process writes to its error stream; passes it on as framed lines. */
static void forward_errors(int from)
{
    FILE *stream = fdopen(from, "r");
    char line[4096];
    while (stream && fgets(line, sizeof line, stream))
        printf("@@ error %.*s\n", (int)strcspn(line, "\n"), line);
    if (stream)
        fclose(stream);
}

/* Runs one script in a process of its own, between its frame lines. */
static void run_source(const World *world, const Source *source)
{
    int errors[2];
    int status = 0;
    printf("@@ begin %s\n", source->name);
    fflush(stdout);
    if (pipe2(errors, O_CLOEXEC) < 0)
        refuse("pipe: %s", strerror(errno));
    pid_t id = fork();
    if (id < 0)
        refuse("fork: %s", strerror(errno));
    if (id == 0) {
        dup2(errors[1], STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* A script that runs out of memory kills its own tasks; they begin with 0 again. */
        write_text(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");
        /* Everything present: the controller's own page faults would be counted in /proc/vmstat. */
        mlockall(MCL_CURRENT);
        run_script(world, read_script(source->name, source->text));
    }
    close(errors[1]);
    forward_errors(errors[0]);
    waitpid(id, &status, 0);
    printf("@@ end %s %d\n", source->name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
}

/* Runs everything on one processor: counters kept per processor then always take the same way into their sum. */
static void run_sources(const World *world)
{
    struct utsname about;
    cpu_set_t one;
    int processor = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET((size_t)(processor < 0 ? 0 : processor), &one);
    sched_setaffinity(0, sizeof one, &one);
    uname(&about);
    printf("@@ kernel %s\n", about.release);
    for (int i = 0; i < source_count; i++)
        run_source(world, &sources[i]);
}

/* Makes the second serial line our output, byte for byte. */
static void use_guest_console(void)
{
    struct termios raw;
    int line = open(GUEST_CONSOLE, O_RDWR | O_NOCTTY);
    if (line < 0)
        refuse("%s: %s", GUEST_CONSOLE, strerror(errno));
    tcgetattr(line, &raw);
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    tcsetattr(line, TCSANOW, &raw);
    dup2(line, STDOUT_FILENO);
    close(line);
}

/* Ends the machine with its first process, however that ends; the processes of scripts end without. */
static void leave_guest(void)
{
    if (getpid() != 1)
        return;
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    sync();
    reboot(RB_AUTOBOOT);
}

/* What process 1 of a virtual machine does. */
static void run_guest(void)
{
    World world = {0};
    atexit(leave_guest);
    add_guest_sources();
    enter_guest(&world);
    use_guest_console();
    run_sources(&world);
}

int main(int argc, char **argv)
{
    World world = {0};
    setvbuf(stdout, output, _IOFBF, sizeof output);
    if (getpid() == 1) {
        run_guest();
        return EXIT_RAN;
    }
    if (argc < 5 || strcmp(argv[3], "--stub") != 0)
        refuse("usage: controller (--image IMAGE | --directory DIRECTORY) --stub STUB [--clock] [SCRIPT...]");
    bool has_clock = argc > 5 && strcmp(argv[5], "--clock") == 0;
    for (int i = has_clock ? 6 : 5; i < argc; i++)
        add_source(argv[i], basename(argv[i]));
    if (strcmp(argv[1], "--image") == 0)
        enter_image(&world, argv[2], argv[4]);
    else
        enter_directory(&world, argv[2], argv[4]);
    world.notes_flushes = has_clock && start_noting_flushes(&world);
    run_sources(&world);
    if (has_clock)
        stop_noting_flushes(&world);
    return EXIT_RAN;
}
