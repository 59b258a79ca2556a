#include "power.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The disk as a power cut would leave it: per file an image of what was synced,
 * kept in a directory of its own, and the writes since then in order. A cut
 * copies the images and adds any of the later writes, as a disk may. */

struct operation {
	struct operation *next;
	long long offset; /* -1: truncate to size */
	long long size;
	unsigned char bytes[];
};

struct image {
	struct image *next;
	char name[128];
	struct operation *first, **last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[512];
static struct image *images;

void power_start(const char *dir) {
	pthread_mutex_lock(&lock);
	snprintf(directory, sizeof directory, "%s", dir);
	while (images) {
		struct image *gone = images;
		images = gone->next;
		while (gone->first) {
			struct operation *op = gone->first;
			gone->first = op->next;
			free(op);
		}
		free(gone);
	}
	pthread_mutex_unlock(&lock);
}

static struct image *find(const char *path) {
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	for (struct image *i = images; i; i = i->next)
		if (strcmp(i->name, name) == 0) return i;
	struct image *made = calloc(1, sizeof *made);
	if (!made) abort();
	snprintf(made->name, sizeof made->name, "%s", name);
	made->last = &made->first;
	made->next = images;
	return images = made;
}

void power_write(const char *path, const void *bytes, int size, long long offset) {
	if (!path || !directory[0]) return;
	struct operation *op = malloc(sizeof *op + (bytes ? (size_t)size : 0));
	if (!op) abort();
	op->next = NULL;
	op->offset = offset;
	op->size = size;
	if (bytes) memcpy(op->bytes, bytes, (size_t)size);
	pthread_mutex_lock(&lock);
	struct image *i = find(path);
	*i->last = op;
	i->last = &op->next;
	pthread_mutex_unlock(&lock);
}

static void apply(int fd, const struct operation *op) {
	if (op->offset < 0) {
		if (ftruncate(fd, op->size) != 0) abort();
	} else if (pwrite(fd, op->bytes, (size_t)op->size, op->offset) != op->size) {
		abort();
	}
}

static int image_file(const char *dir, const char *name) {
	char path[700];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) abort();
	return fd;
}

void power_sync(const char *path) {
	if (!path || !directory[0]) return;
	pthread_mutex_lock(&lock);
	struct image *i = find(path);
	int fd = image_file(directory, i->name);
	while (i->first) {
		struct operation *op = i->first;
		i->first = op->next;
		apply(fd, op);
		free(op);
	}
	i->last = &i->first;
	close(fd);
	pthread_mutex_unlock(&lock);
}

void power_delete(const char *path) {
	if (!path || !directory[0]) return;
	char gone[700];
	pthread_mutex_lock(&lock);
	struct image **at = &images, *found = find(path);
	while (*at != found) at = &(*at)->next;
	*at = found->next;
	while (found->first) {
		struct operation *op = found->first;
		found->first = op->next;
		free(op);
	}
	snprintf(gone, sizeof gone, "%s/%s", directory, found->name);
	unlink(gone);
	free(found);
	pthread_mutex_unlock(&lock);
}

static void copy(int from, int to) {
	char buffer[65536];
	ssize_t n;
	long long at = 0;
	while ((n = pread(from, buffer, sizeof buffer, at)) > 0) {
		if (pwrite(to, buffer, (size_t)n, at) != n) abort();
		at += n;
	}
}

void power_cut(const char *dir, unsigned seed) {
	pthread_mutex_lock(&lock);
	for (struct image *i = images; i; i = i->next) {
		int from = image_file(directory, i->name), to = image_file(dir, i->name);
		copy(from, to);
		close(from);
		for (struct operation *op = i->first; op; op = op->next)
			if (rand_r(&seed) % 2) apply(to, op);
		close(to);
	}
	pthread_mutex_unlock(&lock);
}
