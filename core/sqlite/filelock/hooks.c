//go:build linux || darwin

/* Hooks in the system call table of the embedded SQLite's unix VFS, so that it
   can share a file with another copy of SQLite in the same process. The
   mechanism and its reasons: docs/two-sqlites.md. */
#include "table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __APPLE__
#include <mach/vm_inherit.h>
#endif

#include "sqlite3.h"

/* Weak, so that this package links alone too; a program that opens files has
   the amalgamation beside it. */
extern sqlite3_vfs *sqlite3_vfs_find(const char *) __attribute__((weak));
extern int sqlite3_config(int, ...) __attribute__((weak));

static int installed;

static void enter(void) { pthread_mutex_lock(&filelock_mutex); }
static void leave(void) { pthread_mutex_unlock(&filelock_mutex); }

/* ---- open ---- */

/* A database on descriptor 1 would receive what the program prints. SQLite
   avoids that by opening and closing, which drops locks; so the numbers are
   taken beforehand. Close-on-exec: a child finds them closed, as they were. */
static void occupy_standard_descriptors(void) {
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
      int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (null > 2) close(null); /* another thread took the number */
    }
}

static int open_new(const char *path, int flags, int mode) {
  occupy_standard_descriptors();
  int fd;
  do fd = open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  if (fd >= 0) {
    enter();
    table_drop_stale(fd);
    leave();
  }
  return fd;
}

static int ends_with(const char *path, size_t length, const char *suffix) {
  size_t n = strlen(suffix);
  return length >= n && memcmp(path + length - n, suffix, n) == 0;
}

/* -wal, -journal and super-journal (-mjXXXXXX9XX): nobody locks these, and
   SQLite must really close them. A database with such a name is recognised by
   its inode, when filelock_prepare has seen it. */
static int is_side_file(const char *path) {
  size_t length = strlen(path);
  return ends_with(path, length, "-wal") ||
         ends_with(path, length, "-journal") ||
         (length > 12 && memcmp(path + length - 12, "-mj", 3) == 0 &&
          path[length - 3] == '9');
}

static int access_of(int flags) {
  return (flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR;
}

/* Enters fd and marks it used or parked. The result is fd, or -1. */
static int adopt(int fd, int flags, int use) {
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return fd;
  enter();
  descriptor *d = table_enter(fd, access_of(flags), &st);
  /* Not entered: left open for good, because closing could drop locks. */
  int error = !d ? ENOMEM : use && !table_use(d) ? EACCES : 0;
  leave();
  if (!error) return fd;
  errno = error;
  return -1;
}

static int hook_open(const char *path, int flags, int mode) {
  int access = access_of(flags), known = 0, refused = 0, fd = -1;
  struct stat st;
  if (flags & O_EXCL) return open_new(path, flags, mode); /* temporary */
  if ((flags & O_NOFOLLOW ? lstat : stat)(path, &st) == 0) {
    if (!S_ISREG(st.st_mode)) return open_new(path, flags, mode);
    enter();
    inode *i = table_living(st.st_dev, st.st_ino);
    known = i != NULL;
    descriptor *d = i ? table_parked(i, access) : NULL;
    /* A parked descriptor may be older than the file's permissions. */
    if (d && faccessat(AT_FDCWD, path, access == O_RDWR ? R_OK | W_OK : R_OK,
                       AT_EACCESS) == 0) {
      if (table_use(d)) fd = d->fd;
      else refused = 1;
    }
    leave();
    if (fd >= 0) return fd;
    if (refused) {
      errno = EACCES;
      return -1;
    }
  }
  if (!known && is_side_file(path)) return open_new(path, flags, mode);
  /* All locks of an inode go through one descriptor, and a later connection
     may need it to be writable. */
  if (!known && access == O_RDONLY)
    adopt(open_new(path, O_RDWR | (flags & O_NOFOLLOW), 0), O_RDWR, 0);
  return adopt(open_new(path, flags, mode), flags, 1);
}

/* ---- close ---- */

static int hook_close(int fd) {
  int result = 0;
  enter();
  descriptor *d = table_descriptor(fd);
  if (!d) {
    table_forget_early(fd);
    leave();
    return close(fd);
  }
  inode *i = d->owner;
  table_park(d);
  if (i->kind == FILELOCK_CLASSIC) {
    /* SQLite closes when none of its own locks would suffer; it stays open if
       another copy's would. */
    if (i->obstacle == FILELOCK_EARLY ||
        (!i->obstacle && !table_has_foreign(i->device, i->number)))
      result = table_close(d);
  } else if (i->users == 0) {
    struct stat st; /* SQLite has unlinked the -shm file if it was the last */
    if (fstat(fd, &st) == 0 && st.st_nlink == 0) table_retire(i);
    table_trim(8);
  }
  leave();
  return result;
}

/* ---- fcntl ---- */

static int ofd_command(int command) {
#ifdef F_OFD_SETLK
  switch (command) {
  case F_SETLK: return F_OFD_SETLK;
  case F_SETLKW: return F_OFD_SETLKW;
  case F_GETLK: return F_OFD_GETLK;
  }
#endif
  return command;
}

static int hook_fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (command != F_SETLK && command != F_SETLKW && command != F_GETLK)
    return fcntl(fd, command, argument);

  struct flock *lock = argument;
  int target = fd, ofd = 0, frozen = 0, read_only = 0;
  enter();
  descriptor *d = table_descriptor(fd);
  if (d) {
    ofd = d->owner->kind == FILELOCK_OFD;
    frozen = d->owner->obstacle == FILELOCK_FOREIGN;
    read_only = d->access == O_RDONLY;
    if (ofd) target = d->owner->canonical->fd;
  }
  leave();
  if (frozen) { /* the other copy's locks would change with ours */
    if (command != F_GETLK && lock->l_type == F_UNLCK) return 0;
    errno = EPERM;
    return -1;
  }
  if (!ofd) return fcntl(fd, command, lock);
  if (command != F_GETLK && lock->l_type == F_WRLCK && read_only) {
    errno = EBADF; /* what the kernel says of the caller's own descriptor */
    return -1;
  }
  lock->l_pid = 0;
  return fcntl(target, ofd_command(command), lock);
}

/* ---- mmap ---- */

/* A mapping holds the open file description: one inherited by a child would
   keep our locks alive after us. */
static void *hook_mmap(void *address, size_t length, int protection, int flags,
                       int fd, off_t offset) {
  void *memory = mmap(address, length, protection, flags, fd, offset);
  enter();
  int known = table_descriptor(fd) != NULL;
  leave();
  if (memory != MAP_FAILED && known) {
#ifdef __linux__
    madvise(memory, length, MADV_DONTFORK);
#else
    minherit(memory, length, VM_INHERIT_NONE);
#endif
  }
  return memory;
}

/* ---- fork ---- */

static void fork_child(void) {
  table_abandon();
  pthread_mutex_init(&filelock_mutex, NULL);
}

/* ---- for Go ---- */

int filelock_install(void) {
#ifdef KNOCKER_TORTURE /* a test build: shows what happens without the hooks */
  const char *cure = getenv("KNOCKER_CURE");
  if (cure && (strcmp(cure, "off") == 0 || strcmp(cure, "late") == 0)) return 0;
#endif
  if (!sqlite3_vfs_find || !sqlite3_config) return 0;
  /* An initialised SQLite refuses every option, an unknown one included. */
  if (sqlite3_config(-1) == SQLITE_MISUSE) table_note_early();
  sqlite3_vfs *vfs = sqlite3_vfs_find(0);
  if (!vfs || vfs->iVersion < 3 || !vfs->xSetSystemCall) return 0;
  static const struct { const char *name; sqlite3_syscall_ptr hook; } hooks[] = {
      {"open", (sqlite3_syscall_ptr)hook_open},
      {"close", (sqlite3_syscall_ptr)hook_close},
      {"fcntl", (sqlite3_syscall_ptr)hook_fcntl},
      {"mmap", (sqlite3_syscall_ptr)hook_mmap},
  };
  for (size_t n = 0; n < sizeof hooks / sizeof *hooks; n++)
    if (vfs->xSetSystemCall(vfs, hooks[n].name, hooks[n].hook) != SQLITE_OK)
      return 0;
  return installed = pthread_atfork(enter, leave, fork_child) == 0;
}

/* Opens the file for writing if it can, and creates it with exactly mode. */
static int open_database(const char *path, int *flags, int create, mode_t mode) {
  int fd = open_new(path, *flags, 0);
  for (int attempt = 0; fd < 0 && create && errno == ENOENT; attempt++) {
    /* The last attempt follows a link that points to nothing yet. */
    fd = open_new(path, *flags | O_CREAT | (attempt < 5 ? O_EXCL : 0), mode);
    if (fd >= 0 && attempt < 5) fchmod(fd, mode);
    else if (attempt >= 5) break;
    else if (errno == EEXIST) fd = open_new(path, *flags, 0);
    else break;
  }
  if (fd < 0 && *flags == O_RDWR && (errno == EACCES || errno == EROFS || errno == EPERM))
    fd = open_new(path, *flags = O_RDONLY, 0);
  return fd;
}

int filelock_prepare(const char *path, int read_only, int create, mode_t mode,
                     struct filelock_file *out) {
  struct stat st;
  int known = 0, flags = read_only ? O_RDONLY : O_RDWR;
  *out = (struct filelock_file){0};
  if (stat(path, &st) == 0) {
    if (!S_ISREG(st.st_mode)) return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    enter();
    known = table_living(st.st_dev, st.st_ino) != NULL;
    int is_early = !known && table_is_early(st.st_dev, st.st_ino);
    leave();
    if (is_early) { /* one more descriptor could never be closed again */
      out->device = st.st_dev;
      out->inode = st.st_ino;
      out->obstacle = FILELOCK_EARLY;
      return 0;
    }
  } else if (errno != ENOENT) {
    return errno;
  }
  if (!known) {
    if (read_only && installed) adopt(open_new(path, O_RDWR, 0), O_RDWR, 0);
    int fd = open_database(path, &flags, create && !read_only, mode);
    if (fd < 0 || fstat(fd, &st) != 0) return errno;
    if (!installed) close(fd); /* nobody would ever take it from the table */
    else if (adopt(fd, flags, 0) < 0) return errno;
  }
  enter();
  inode *i = table_find(st.st_dev, st.st_ino);
  out->kind = i ? i->kind : FILELOCK_CLASSIC;
  leave();
  out->device = st.st_dev;
  out->inode = st.st_ino;
  if (installed && out->kind == FILELOCK_CLASSIC)
    out->obstacle = filelock_obstacle(out->device, out->inode);
  return 0;
}

/* What stands in the way of a classic inode now; remembered if told to. */
static int look(dev_t device, ino_t number, int remember) {
  int obstacle = FILELOCK_FREE;
  enter();
  inode *i = table_find(device, number);
  if (i && i->kind == FILELOCK_CLASSIC) {
    obstacle = i->obstacle;
    if (obstacle != FILELOCK_EARLY && (i->users == 0 || !obstacle)) {
      obstacle = table_has_foreign(device, number) ? FILELOCK_FOREIGN
                                                   : FILELOCK_FREE;
      if (remember || !obstacle) i->obstacle = obstacle;
    }
  }
  leave();
  return obstacle;
}

int filelock_obstacle(uint64_t device, uint64_t number) {
  /* A descriptor that another thread is just opening is not in the table yet:
     a moment later it is. */
  for (int attempt = 0;; attempt++) {
    int obstacle = look((dev_t)device, (ino_t)number, attempt == 2);
    if (obstacle != FILELOCK_FOREIGN || attempt == 2) return obstacle;
    usleep(2000);
  }
}

int filelock_release(uint64_t device, uint64_t number) {
  enter();
  inode *i = table_find((dev_t)device, (ino_t)number);
  int gone = !i || table_retire(i);
  table_trim(64);
  leave();
  return gone;
}
