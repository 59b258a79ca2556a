// Package forker makes children with fork(2), as a prefork server does. The Go
// runtime does not survive it: a child only waits for its end.
package forker

/*
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

// Returns when the child has come out of fork, its handlers included.
static int fork_and_wait(void) {
  int ready[2];
  char byte = 0;
  if (pipe(ready) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    if (write(ready[1], &byte, 1) == 1)
      for (;;) pause();
    _exit(1);
  }
  close(ready[1]);
  if (child > 0 && read(ready[0], &byte, 1) != 1) child = -1;
  close(ready[0]);
  return child;
}

static void end(int child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}
*/
import "C"

import "errors"

// Fork returns the process id of a child that does nothing, and the function
// that ends it.
func Fork() (int, func(), error) {
	child := C.fork_and_wait()
	if child < 0 {
		return 0, nil, errors.New("fork failed")
	}
	return int(child), func() { C.end(child) }, nil
}
