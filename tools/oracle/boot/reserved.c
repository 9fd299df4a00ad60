/*
 * Prints physical memory as ranges of frames that are reserved, absent, or managed by the page allocator, as
 * /proc/kpageflags has them. Linked statically, run as root inside the kernel that is to be described.
 * Linux: fs/proc/page.c (6.12)   Doc: Documentation/admin-guide/mm/pagemap.rst
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { KPF_NOPAGE = 20, KPF_RESERVED = 32 };

static const char *const names[] = { "managed", "reserved", "nopage" };

static void print_range(int kind, uint64_t first, uint64_t end)
{
	printf("%s %#llx-%#llx\n", names[kind], (unsigned long long)first * 4096, (unsigned long long)end * 4096);
}

int main(void)
{
	static uint64_t flags[4096];
	uint64_t pfn = 0, first = 0;
	int kind = -1;
	ssize_t got;
	int fd = open("/proc/kpageflags", O_RDONLY);

	while (fd >= 0 && (got = read(fd, flags, sizeof(flags))) > 0) {
		for (ssize_t i = 0; i < got / 8; i++, pfn++) {
			int now = (flags[i] >> KPF_NOPAGE & 1) ? 2 : (flags[i] >> KPF_RESERVED & 1) ? 1 : 0;

			if (now == kind)
				continue;
			if (kind >= 0)
				print_range(kind, first, pfn);
			kind = now;
			first = pfn;
		}
	}
	if (kind >= 0)
		print_range(kind, first, pfn);
	return fd < 0;
}
