/*
 * What the real kernel takes for the operations that Pagewalk's own bench times: one line a figure on standard output,
 *
 *   <name> <pages> <nanoseconds>
 *
 * Usage: kernel-bench <MiB> <rounds>. The memory is private and anonymous, with huge pages refused, so that every page
 * is a page of its own, as in the model. Nothing is printed for a figure that could not be taken.
 * Linux: man 2 mmap, fork, madvise
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const size_t page = 4096;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void report(const char *name, size_t pages, double ns)
{
	printf("%s %zu %.0f\n", name, pages, ns);
	fflush(stdout);
}

static char *map(size_t bytes, int flags)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void touch(char *p, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += page)
		*(volatile char *)(p + at) = 1;
}

/* One fork of a process with all of `p` present; the child waits until it is told, then ends. */
static int time_fork(char *p, size_t bytes)
{
	size_t pages = bytes / page;
	double start;
	char go = 1;
	pid_t child;
	int hold[2];
	int status;

	if (pipe(hold) != 0)
		return -1;
	start = now();
	child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		close(hold[1]);
		_exit(read(hold[0], &go, 1) == 1 ? 0 : 1);
	}
	report("fork", pages, now() - start);

	/* The child still has every page, so each first store copies one. */
	start = now();
	touch(p, bytes);
	report("cow", pages, now() - start);

	if (write(hold[1], &go, 1) != 1)
		return -1;
	waitpid(child, &status, 0);
	close(hold[0]);
	close(hold[1]);
	return 0;
}

static int one_round(size_t bytes)
{
	size_t pages = bytes / page;
	double start;
	char *p;

	p = map(bytes, 0);
	if (!p || madvise(p, bytes, MADV_NOHUGEPAGE) != 0)
		return -1;
	start = now();
	touch(p, bytes);
	report("fault", pages, now() - start);
	if (time_fork(p, bytes) != 0)
		return -1;
	start = now();
	munmap(p, bytes);
	report("munmap", pages, now() - start);

	start = now();
	p = map(bytes, MAP_POPULATE);
	if (!p)
		return -1;
	report("populate", pages, now() - start);
	munmap(p, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 512) << 20;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;

	/* MAP_POPULATE cannot be preceded by madvise, so huge pages are refused for the whole process. */
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
		return 1;
	for (int i = 0; i < rounds; i++)
		if (one_round(bytes) != 0)
			return 1;
	return 0;
}
