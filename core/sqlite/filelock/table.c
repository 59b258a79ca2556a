//go:build linux || darwin

#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 512, PARKED_MAX = 32 };

pthread_mutex_t filelock_mutex = PTHREAD_MUTEX_INITIALIZER;

static inode *buckets[BUCKETS];
static descriptor **by_fd;
static int by_fd_length;
static inode *idle_first, **idle_end = &idle_first;
static struct filelock_counts counts;

static struct { int fd; dev_t device; ino_t number; } *early;
static int early_count;

/* ---- lookup ---- */

static inode **bucket(dev_t device, ino_t number) {
  uint64_t h = ((uint64_t)number * 0x9E3779B97F4A7C15u) ^ (uint64_t)device;
  return &buckets[(h >> 32 ^ h) % BUCKETS];
}

inode *table_find(dev_t device, ino_t number) {
  inode *i = *bucket(device, number);
  while (i && (i->device != device || i->number != number)) i = i->next;
  return i;
}

descriptor *table_descriptor(int fd) {
  return fd >= 0 && fd < by_fd_length ? by_fd[fd] : NULL;
}

/* A program may close every descriptor above 2 behind our back, and the number
   may be a socket by now: SQLite would write pages into it. */
static int still_ours(const descriptor *d, struct stat *st) {
  return fstat(d->fd, st) == 0 && st->st_dev == d->owner->device &&
         st->st_ino == d->owner->number;
}

/* ---- the idle list: oldest first ---- */

static void idle_add(inode *i) {
  i->idle_next = NULL;
  i->idle_link = idle_end;
  *idle_end = i;
  idle_end = &i->idle_next;
  counts.idle++;
}

static void idle_remove(inode *i) {
  if (!i->idle_link) return;
  *i->idle_link = i->idle_next;
  if (i->idle_next) i->idle_next->idle_link = i->idle_link;
  else idle_end = i->idle_link;
  i->idle_link = NULL;
  counts.idle--;
}

/* ---- entering and leaving ---- */

static int reserve(int fd) {
  if (fd < by_fd_length) return 1;
  int length = (fd + 64) / 64 * 64 * 2;
  descriptor **grown = realloc(by_fd, (size_t)length * sizeof *grown);
  if (!grown) return 0;
  for (int n = by_fd_length; n < length; n++) grown[n] = NULL;
  by_fd = grown;
  by_fd_length = length;
  return 1;
}

/* Do OFD locks work on this very file, and do they exclude the POSIX locks of
   this same process? A read lock on a byte that SQLite never locks answers it
   without disturbing anyone, and on a read-only descriptor too. */
static int ofd_locks_work(int fd) {
#ifdef KNOCKER_TORTURE
  const char *cure = getenv("KNOCKER_CURE");
  if (cure && strcmp(cure, "classic") == 0) return 0; /* as if they did not */
#endif
#if defined(F_OFD_SETLK) && (!defined(__APPLE__) || defined(KNOCKER_DARWIN_OFD))
  off_t byte = 0x40000000 + 1024 + getpid();
  for (int attempt = 0;; attempt++) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET,
                         .l_start = byte, .l_len = 1};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) break;
    if ((errno != EAGAIN && errno != EACCES) || attempt == 50) return 0;
    usleep(1000); /* somebody retires the inode just now */
  }
  struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET,
                        .l_start = byte, .l_len = 1};
  int works = fcntl(fd, F_GETLK, &query) == 0 && query.l_type != F_UNLCK;
  struct flock unlock = {.l_type = F_UNLCK, .l_whence = SEEK_SET,
                         .l_start = byte, .l_len = 1};
  fcntl(fd, F_OFD_SETLK, &unlock);
  return works;
#else
  (void)fd;
  return 0;
#endif
}

/* Takes d out of the table; its inode too when it was the last one. */
static void leave(descriptor *d) {
  inode *i = d->owner;
  descriptor **link = &i->descriptors;
  while (*link != d) link = &(*link)->next;
  *link = d->next;
  by_fd[d->fd] = NULL;
  counts.descriptors--;
  counts.parked--;
  if (i->canonical == d) {
    i->canonical = i->descriptors;
    for (descriptor *other = i->descriptors; other; other = other->next)
      if (other->access == O_RDWR) i->canonical = other;
  }
  free(d);
  if (i->descriptors) return;
  inode **chain = bucket(i->device, i->number);
  while (*chain != i) chain = &(*chain)->next;
  *chain = i->next;
  idle_remove(i);
  counts.inodes--;
  free(i);
}

void table_drop_stale(int fd) {
  descriptor *d = table_descriptor(fd);
  if (!d) return;
  if (d->in_use) {
    d->in_use = 0;
    counts.parked++;
    if (--d->owner->users == 0) idle_add(d->owner);
  }
  leave(d);
}

/* Forgets the descriptors of an idle inode that were closed behind our back. 0:
   none is left, and the inode is gone. */
static int forget_closed(inode *i) {
  struct stat st;
  for (descriptor *d = i->descriptors, *next; d; d = next) {
    next = d->next;
    if (still_ours(d, &st)) continue;
    int last = i->descriptors == d && !next;
    leave(d);
    if (last) return 0;
  }
  return 1;
}

inode *table_living(dev_t device, ino_t number) {
  inode *i = table_find(device, number);
  return i && i->users == 0 && !forget_closed(i) ? NULL : i;
}

descriptor *table_enter(int fd, int access, const struct stat *st) {
  table_drop_stale(fd);
  inode *i = table_living(st->st_dev, st->st_ino);
  descriptor *d = calloc(1, sizeof *d);
  if (!d || !reserve(fd)) goto out_of_memory;
  if (!i) {
    i = calloc(1, sizeof *i);
    if (!i) goto out_of_memory;
    i->device = st->st_dev;
    i->number = st->st_ino;
    if (table_is_early(i->device, i->number)) i->obstacle = FILELOCK_EARLY;
    else if (ofd_locks_work(fd)) i->kind = FILELOCK_OFD;
    inode **head = bucket(i->device, i->number);
    i->next = *head;
    *head = i;
    counts.inodes++;
    idle_add(i);
  }
  *d = (descriptor){.fd = fd, .access = access, .owner = i,
                    .next = i->descriptors};
  i->descriptors = by_fd[fd] = d;
  counts.descriptors++;
  counts.parked++;
  if (!i->canonical) i->canonical = d;
  return d;
out_of_memory:
  free(d);
  return NULL;
}

descriptor *table_parked(inode *i, int access) {
  struct stat st;
  for (descriptor *d = i->descriptors; d; d = d->next)
    if (!d->in_use && d->access == access && still_ours(d, &st)) return d;
  return NULL;
}

int table_use(descriptor *d) {
  inode *i = d->owner;
  if (i->kind == FILELOCK_OFD && d->access == O_RDWR &&
      i->canonical->access == O_RDONLY) {
    /* A write lock needs a writable canonical descriptor, and locks cannot
       move: it changes only while nobody has any. (Rare: the file has become
       writable since others opened it. SQLite opens it read-only then.) */
    if (i->users) return 0;
    i->canonical = d;
  }
  d->in_use = 1;
  counts.parked--;
  if (i->users++ == 0) idle_remove(i);
  return 1;
}

void table_park(descriptor *d) {
  inode *i = d->owner;
  d->in_use = 0;
  counts.parked++;
  if (--i->users > 0) return;
  idle_add(i);
  if (i->kind != FILELOCK_OFD) return;
  /* SQLite never unlocks the -shm file's dead-man-switch byte: it counts on
     close() for that. */
  struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  fcntl(i->canonical->fd, F_OFD_SETLK, &all);
}

int table_close(descriptor *d) {
  int fd = d->fd;
  leave(d);
  return close(fd);
}

/* ---- retiring ---- */

int table_retire(inode *i) {
  if (i->users) return 0;
  if (!forget_closed(i)) return 1;
  descriptor *last = i->canonical;
  if (i->kind == FILELOCK_CLASSIC) {
    if (table_has_foreign(i->device, i->number)) return 0;
  } else {
    /* close() drops the host's POSIX locks on this inode, unless there are
       none. While we hold all of the file exclusively there are none, and none
       can be taken until our last descriptor has gone. A read-only descriptor
       cannot do this and stays. */
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(last->fd, F_OFD_SETLK, &all) != 0) return 0;
  }
  for (descriptor *d = i->descriptors, *next; d; d = next) {
    next = d->next;
    if (d != last) table_close(d);
  }
  table_close(last);
  return 1;
}

void table_trim(int limit) {
  for (inode *i = idle_first, *next; i && limit > 0; i = next, limit--) {
    struct stat st;
    next = i->idle_next;
    int wanted = counts.parked > PARKED_MAX ||
                 !still_ours(i->canonical, &st) || st.st_nlink == 0;
    if (wanted && table_retire(i)) continue;
    /* To the end, so that the next look begins with others. */
    idle_remove(i);
    idle_add(i);
    if (!next) break;
  }
}

/* ---- inodes that were open before the hooks went in ---- */

static int open_descriptor(const struct dirent *entry, struct stat *st) {
  char *end;
  long fd = strtol(entry->d_name, &end, 10);
  if (*end || end == entry->d_name || fstat((int)fd, st) != 0) return -1;
  return S_ISREG(st->st_mode) ? (int)fd : -1;
}

#ifdef __linux__
#define DESCRIPTOR_DIRECTORY "/proc/self/fd"
#else
#define DESCRIPTOR_DIRECTORY "/dev/fd"
#endif

void table_note_early(void) {
  DIR *directory = opendir(DESCRIPTOR_DIRECTORY);
  struct dirent *entry;
  struct stat st;
  while (directory && (entry = readdir(directory))) {
    int fd = open_descriptor(entry, &st);
    void *grown = fd < 0 ? NULL
                         : realloc(early, (early_count + 1) * sizeof *early);
    if (!grown) continue;
    early = grown;
    early[early_count].fd = fd;
    early[early_count].device = st.st_dev;
    early[early_count++].number = st.st_ino;
  }
  if (directory) closedir(directory);
}

void table_forget_early(int fd) {
  for (int n = 0; n < early_count; n++)
    if (early[n].fd == fd) early[n--] = early[--early_count];
}

int table_is_early(dev_t device, ino_t number) {
  struct stat st;
  for (int n = 0; n < early_count; n++)
    if (early[n].device == device && early[n].number == number) {
      if (fstat(early[n].fd, &st) == 0 && st.st_dev == device &&
          st.st_ino == number)
        return 1;
      early[n--] = early[--early_count]; /* closed by its owner since */
    }
  return 0;
}

/* ---- other users in this process ---- */

int table_has_foreign(dev_t device, ino_t number) {
  DIR *directory = opendir(DESCRIPTOR_DIRECTORY);
  struct dirent *entry;
  struct stat st;
  int found = 0;
  if (!directory) { /* no /proc: ask each number instead */
    for (int fd = 0; fd < 65536 && !found; fd++)
      found = !table_descriptor(fd) && fstat(fd, &st) == 0 &&
              st.st_dev == device && st.st_ino == number;
    return found;
  }
  while (!found && (entry = readdir(directory))) {
    int fd = open_descriptor(entry, &st);
    found = fd >= 0 && !table_descriptor(fd) && st.st_dev == device &&
            st.st_ino == number;
  }
  closedir(directory);
  return found;
}

void filelock_count(struct filelock_counts *out) {
  pthread_mutex_lock(&filelock_mutex);
  *out = counts;
  pthread_mutex_unlock(&filelock_mutex);
}

/* ---- fork ---- */

void table_abandon(void) {
  /* The parent's locks would live as long as the child's copies of these
     descriptors. /dev/null takes their numbers: a stray use of the child's
     dead connections then cannot reach a file that it opens later. Only what
     is safe in a signal handler is called here. */
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < by_fd_length; fd++) {
    if (!by_fd[fd]) continue;
#ifdef __linux__
    if (null < 0 || dup3(null, fd, O_CLOEXEC) < 0) close(fd);
#else
    if (null < 0 || dup2(null, fd) < 0) close(fd);
    else fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    by_fd[fd] = NULL;
  }
  if (null >= 0) close(null);
  for (int n = 0; n < BUCKETS; n++) buckets[n] = NULL;
  idle_first = NULL;
  idle_end = &idle_first;
  counts = (struct filelock_counts){0};
}
