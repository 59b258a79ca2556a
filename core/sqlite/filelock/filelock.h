#ifndef KNOCKER_FILELOCK_H
#define KNOCKER_FILELOCK_H

#include <stdint.h>
#include <sys/types.h>

/* How the embedded SQLite locks one inode. */
enum {
  FILELOCK_CLASSIC = 0,  /* POSIX locks, owned by the process */
  FILELOCK_OFD = 1       /* open-file-description locks */
};

/* Why an inode with classic locks may not be used. */
enum {
  FILELOCK_FREE = 0,
  FILELOCK_FOREIGN = 1,  /* other code of this process has it open */
  FILELOCK_EARLY = 2     /* this SQLite had it open before the hooks went in */
};

struct filelock_file {
  uint64_t device, inode;
  int kind;      /* FILELOCK_CLASSIC or FILELOCK_OFD */
  int obstacle;  /* FILELOCK_FREE, …; only looked for when kind is classic */
};

struct filelock_counts {
  int inodes;       /* known inodes, idle ones included */
  int idle;         /* inodes that no connection uses */
  int descriptors;  /* all descriptors of known inodes */
  int parked;       /* those that no connection uses */
};

/* Puts the hooks into the embedded SQLite. 1: installed, 0: left out. */
int filelock_install(void);

/* Makes the inode of path known, creating the file with exactly this mode if
   create is set, and says how it will be locked. Returns 0 or an errno. */
int filelock_prepare(const char *path, int read_only, int create, mode_t mode,
                     struct filelock_file *out);

/* Looks again for other users of a classic inode and remembers the answer:
   from then on nothing of this inode is locked, unlocked or closed. */
int filelock_obstacle(uint64_t device, uint64_t inode);

/* Tries to close the parked descriptors of an inode and of all unlinked ones.
   1: nothing of the inode is left, 0: it is in use or locked by somebody. */
int filelock_release(uint64_t device, uint64_t inode);

void filelock_count(struct filelock_counts *out);

#endif
