/*
 * What the real kernel takes for the swapping replay of Pagewalk's bench: a process that may keep less memory than it
 * touches stores once to every page, then loads and stores at pages drawn from a zipf distribution. Standard input is
 * the list of accesses, one little-endian word of 32 bits each: page * 2, plus 1 for a store. Standard output is
 *
 *   replay <accesses> <nanoseconds> <major faults>
 *
 * Usage: swap-replay <pages> <limit in MiB> <folder for a swap file>. Needs root, memory cgroups of version 1, and a file
 * system that can hold a swap file. When something of that is missing, the reason is printed on standard output after
 * the word "skipped" and the exit status is 2. A run that the kernel kills because reclaim finds nothing for a moment
 * prints "killed". The swap file and the cgroup are gone afterwards in any case.
 * Linux: man 2 swapon, Documentation/admin-guide/cgroup-v1/memory.rst
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define SWAP_BYTES (1024L << 20)
#define GROUPS_V1 "/sys/fs/cgroup/memory"

/* Where a swap header says what it is. */
#define SIGNATURE "SWAPSPACE2"
#define HEADER_VERSION 1024
#define HEADER_LAST_PAGE 1028

static char group[256];
static char swap_file[512];
static int is_swapping;

/* Takes back what was set up. */
static void clean_up(void)
{
	if (is_swapping)
		swapoff(swap_file);
	if (swap_file[0])
		unlink(swap_file);
	/* A group that was just emptied may be busy for a moment. */
	for (int i = 0; group[0] && rmdir(group) != 0 && errno == EBUSY && i < 400; i++)
		usleep(5000);
}

/* Prints why the replay cannot be done here, and ends. */
static void skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("skipped ");
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
	clean_up();
	exit(2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Writes text into a file of the group. */
static int set_group(const char *file, long value)
{
	char path[300];
	FILE *stream;

	snprintf(path, sizeof path, "%s/%s", group, file);
	stream = fopen(path, "w");
	if (!stream)
		return -1;
	fprintf(stream, "%ld", value);
	return fclose(stream);
}

static void make_group(long limit)
{
	if (access(GROUPS_V1 "/memory.limit_in_bytes", F_OK) != 0 && access(GROUPS_V1 "/memory.use_hierarchy", F_OK) != 0)
		skip("this kernel has no memory cgroups of version 1 at " GROUPS_V1);
	snprintf(group, sizeof group, GROUPS_V1 "/pagewalk-bench-%d", (int)getpid());
	if (mkdir(group, 0755) != 0) {
		int error = errno;

		group[0] = 0;
		skip("no memory cgroup can be made: %s", strerror(error));
	}
	if (set_group("memory.limit_in_bytes", limit) != 0)
		skip("the memory cgroup takes no limit: %s", strerror(errno));
}

/* A swap area of its own, written as mkswap does: version 1, the number of the last page, no bad pages. */
static void add_swap(const char *folder)
{
	static unsigned char header[PAGE];
	uint32_t version = 1;
	uint32_t last = SWAP_BYTES / PAGE - 1;
	int file;

	snprintf(swap_file, sizeof swap_file, "%s/pagewalk-bench-%d.swap", folder, (int)getpid());
	file = open(swap_file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0) {
		int error = errno;

		swap_file[0] = 0;
		skip("no swap file can be made in %s: %s", folder, strerror(error));
	}
	memcpy(header + HEADER_VERSION, &version, sizeof version);
	memcpy(header + HEADER_LAST_PAGE, &last, sizeof last);
	memcpy(header + PAGE - (sizeof SIGNATURE - 1), SIGNATURE, sizeof SIGNATURE - 1);
	if (fallocate(file, 0, 0, SWAP_BYTES) != 0 || pwrite(file, header, PAGE, 0) != PAGE || fsync(file) != 0)
		skip("no swap file can be made in %s: %s", folder, strerror(errno));
	close(file);
	if (swapon(swap_file, 0) != 0)
		skip("the swap file is refused: %s", strerror(errno));
	is_swapping = 1;
}

/* All of standard input, as words. */
static uint32_t *read_accesses(size_t *count)
{
	size_t room = 1 << 20;
	uint32_t *words = malloc(room * sizeof *words);

	for (*count = 0; words; ) {
		size_t got = fread(words + *count, sizeof *words, room - *count, stdin);

		*count += got;
		if (*count < room)
			return words;
		room *= 2;
		words = realloc(words, room * sizeof *words);
	}
	return NULL;
}

/* The replay itself, in the cgroup; the list of accesses was read before, so it belongs to another one. */
static int replay(const uint32_t *words, size_t count, size_t pages)
{
	struct rusage before, after;
	volatile char *memory;
	double start;

	if (set_group("cgroup.procs", getpid()) != 0)
		return 1;
	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	getrusage(RUSAGE_SELF, &before);
	start = now();
	for (size_t i = 0; i < count; i++) {
		volatile char *byte = memory + (size_t)(words[i] >> 1) * PAGE;

		if (words[i] & 1)
			*byte = (char)(i | 1);
		else
			(void)*byte;
	}
	start = now() - start;
	getrusage(RUSAGE_SELF, &after);
	printf("replay %zu %.0f %ld\n", count, start, after.ru_majflt - before.ru_majflt);
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	size_t pages, count;
	uint32_t *words;
	pid_t child;
	int status = 0;

	if (argc != 4)
		return 1;
	pages = strtoul(argv[1], NULL, 10);
	if (geteuid() != 0)
		skip("only root may set a limit and add swap");
	words = read_accesses(&count);
	if (!words || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
		return 1;
	make_group(strtol(argv[2], NULL, 10) << 20);
	add_swap(argv[3]);
	child = fork();
	if (child == 0)
		_exit(replay(words, count, pages));
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = -1;
	clean_up();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		printf("killed\n");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
