/* A C host with the system's SQLite and Knocker in one process. It is linked
   against both, in both orders, or loads both with everything visible, in both
   orders; each must keep its own SQLite, and both work on one file. */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "knocker.h"

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "symbols: %s: %s\n", what, detail ? detail : "");
  exit(1);
}

/* What is called, linked or loaded. */
static struct {
  const char *(*libversion)(void);
  int (*open)(const char *, sqlite3 **);
  int (*exec)(sqlite3 *, const char *, int (*)(void *, int, char **, char **),
              void *, char **);
  int (*close)(sqlite3 *);
  sqlite3_vfs *(*vfs_find)(const char *);
  char *(*knocker_open)(const char *, size_t);
  char *(*knocker_close)(uint64_t);
  void (*knocker_free)(void *);
} f;

#ifdef LINKED
static void load(const char *order, const char *knocker, const char *sqlite) {
  (void)order, (void)knocker, (void)sqlite;
  f.libversion = sqlite3_libversion;
  f.open = sqlite3_open;
  f.exec = sqlite3_exec;
  f.close = sqlite3_close;
  f.vfs_find = sqlite3_vfs_find;
  f.knocker_open = knocker_open_json;
  f.knocker_close = knocker_close_json;
  f.knocker_free = knocker_free;
}
#else
static void *dl(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!handle) fail("dlopen", dlerror());
  return handle;
}

static void load(const char *order, const char *knocker, const char *sqlite) {
  void *k, *s;
  if (strcmp(order, "knocker-first") == 0) k = dl(knocker), s = dl(sqlite);
  else s = dl(sqlite), k = dl(knocker);
  if (dlsym(k, "sqlite3_open_v2")) fail("the library shows its SQLite", "");
  *(void **)&f.libversion = dlsym(s, "sqlite3_libversion");
  *(void **)&f.open = dlsym(s, "sqlite3_open");
  *(void **)&f.exec = dlsym(s, "sqlite3_exec");
  *(void **)&f.close = dlsym(s, "sqlite3_close");
  *(void **)&f.vfs_find = dlsym(s, "sqlite3_vfs_find");
  *(void **)&f.knocker_open = dlsym(k, "knocker_open_json");
  *(void **)&f.knocker_close = dlsym(k, "knocker_close_json");
  *(void **)&f.knocker_free = dlsym(k, "knocker_free");
}
#endif

static int keep(void *into, int count, char **values, char **names) {
  (void)count, (void)names;
  snprintf(into, 64, "%s", values[0]);
  return 0;
}

static void host(sqlite3 *db, const char *sql, char *into) {
  char *message = NULL;
  if (f.exec(db, sql, keep, into, &message) != SQLITE_OK) fail(sql, message);
}

/* Knocker's file locks hook the system calls of its own SQLite, not of this. */
static void check_system_calls(void) {
  sqlite3_vfs *vfs = f.vfs_find(NULL);
  for (const char *name = NULL; (name = vfs->xNextSystemCall(vfs, name));) {
    Dl_info in;
    void *call;
    *(sqlite3_syscall_ptr *)&call = vfs->xGetSystemCall(vfs, name);
    if (dladdr(call, &in) && strstr(in.dli_fname, "knocker"))
      fail("Knocker has changed a system call of the host's SQLite", name);
  }
}

int main(int count, char **arguments) {
  char request[512], result[64] = "", version[64];
  sqlite3 *db;
  if (count != 5) fail("usage", "host ORDER LIBKNOCKER LIBSQLITE3 FILE");
  load(arguments[1], arguments[2], arguments[3]);
  if (strcmp(f.libversion(), SQLITE_VERSION) != 0)
    fail("the host's SQLite is not the system's", f.libversion());
  if (f.open(arguments[4], &db) != SQLITE_OK) fail("open", arguments[4]);
  host(db, "CREATE TABLE IF NOT EXISTS host(n); INSERT INTO host VALUES(1)", result);

  snprintf(request, sizeof request, "{\"path\":\"%s\"}", arguments[4]);
  char *reply = f.knocker_open(request, strlen(request));
  char *at = strstr(reply, "\"sqlite_version\":\"");
  uint64_t handle = 0;
  if (!at || !strstr(reply, "\"ok\"")) fail("knocker_open_json", reply);
  sscanf(at, "\"sqlite_version\":\"%63[0-9.]", version);
  sscanf(strstr(reply, "\"db\":"), "\"db\":%lu", &handle);
  if (strcmp(version, SQLITE_VERSION) == 0)
    fail("Knocker runs on the host's SQLite", version);
  f.knocker_free(reply);

  host(db, "SELECT sqlite_version()", result);
  if (strcmp(result, SQLITE_VERSION) != 0) fail("the host's SQLite has changed", result);
  host(db, "SELECT count(*) FROM knocker_events", result);
  host(db, "PRAGMA integrity_check", result);
  if (strcmp(result, "ok") != 0) fail("integrity_check", result);
  check_system_calls();
  f.close(db);
  f.knocker_free(f.knocker_close(handle));
  printf("symbols: %s: host %s, Knocker %s\n", arguments[1], SQLITE_VERSION, version);
  return 0;
}
