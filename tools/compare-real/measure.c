/*
 * Runs a command and prints what its kernel counted for it, in a process as small as can be: a static program whose
 * own pages hardly show in the figures of the command it starts.
 *
 * A child is forked, notes the faults it has taken so far (they belong to the fork, not to the command) in shared
 * memory and executes the command. It has done the same with a program that does not exist before, so that none of its
 * own pages is touched for the first time between the two. ru_maxrss counts from the fork on, so it includes this
 * program's own resident size, which is smaller than that of any dynamically linked program.
 * Doc: man 2 getrusage, man 2 wait4
 *
 * usage: measure CMD ARGS...   prints on descriptor 3:
 *   faults before exec, minor faults, major faults, ru_maxrss (kB) of the command and all its waited-for children, status
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    int status = 0;
    char line[160];
    long *before = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (argc < 2 || before == MAP_FAILED)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        close(3);
        getrusage(RUSAGE_SELF, &usage);
        before[0] = usage.ru_minflt;
        execvp("pagewalk: no such program", argv + 1);
        getrusage(RUSAGE_SELF, &usage);
        before[0] = usage.ru_minflt;
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
        return 2;
    int length = snprintf(line, sizeof line, "%ld %ld %ld %ld %d\n", before[0], usage.ru_minflt, usage.ru_majflt,
                          usage.ru_maxrss, status);
    return write(3, line, length) == length ? 0 : 2;
}
