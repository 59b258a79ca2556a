/* The inode table: every descriptor that the embedded SQLite has, or has had,
   on a database or -shm file. All functions expect filelock_mutex to be held
   unless they say otherwise. */
#ifndef KNOCKER_FILELOCK_TABLE_H
#define KNOCKER_FILELOCK_TABLE_H

#define _GNU_SOURCE /* F_OFD_* */
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filelock.h"

#if defined(__APPLE__) && !defined(F_OFD_SETLK)
#define F_OFD_SETLK 90
#define F_OFD_SETLKW 91
#define F_OFD_GETLK 92
#endif

typedef struct descriptor descriptor;
typedef struct inode inode;

struct descriptor {
  int fd;
  int access;          /* O_RDONLY or O_RDWR */
  int in_use;          /* 0: parked */
  inode *owner;
  descriptor *next;    /* of the same inode */
};

struct inode {
  dev_t device;
  ino_t number;
  int kind;            /* FILELOCK_OFD or FILELOCK_CLASSIC, for life */
  int obstacle;        /* of a classic inode; stays while there are users */
  int users;           /* descriptors in use */
  descriptor *canonical; /* all OFD locks are taken through this one */
  descriptor *descriptors;
  inode *next;         /* of the same bucket */
  inode *idle_next, **idle_link; /* the idle list; idle_link is NULL off it */
};

extern pthread_mutex_t filelock_mutex;

inode *table_find(dev_t device, ino_t number);
/* The same for an inode that is about to be used: what was closed behind our
   back is forgotten first. */
inode *table_living(dev_t device, ino_t number);
descriptor *table_descriptor(int fd);
descriptor *table_parked(inode *i, int access);

/* Enters an open descriptor, parked. NULL: out of memory. */
descriptor *table_enter(int fd, int access, const struct stat *st);

/* fd was just opened: what the table knew under this number was closed by
   somebody else. */
void table_drop_stale(int fd);

/* 0: refused, the inode's locks cannot be taken through what is open. */
int table_use(descriptor *d);
void table_park(descriptor *d);

/* Classic locks only: really closes a parked descriptor. */
int table_close(descriptor *d);

/* Closes all descriptors of an idle inode, if that can drop nobody's locks. */
int table_retire(inode *i);
/* Retires some idle inodes when too many are parked; all unlinked ones that it
   meets. limit bounds how many it looks at. */
void table_trim(int limit);

int table_is_early(dev_t device, ino_t number);
void table_note_early(void);
void table_forget_early(int fd);

/* 1 if code other than this table has a descriptor of the inode. */
int table_has_foreign(dev_t device, ino_t number);
/* pthread_atfork, child: gives all descriptors up. */
void table_abandon(void);

#endif
