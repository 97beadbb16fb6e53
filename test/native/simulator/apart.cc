#include "apart.h"

#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace spliceway::simulator {

std::string RunApart(const std::function<void()>& work) {
  std::fflush(stdout);  // The child would print it once more.
  const pid_t child = fork();
  if (child < 0) return std::string("no process: ") + std::strerror(errno);
  if (child == 0) {
    work();
    std::exit(0);  // With LeakSanitizer's look.
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) {
    if (WEXITSTATUS(status) == 0) return {};
    return "ends with status " + std::to_string(WEXITSTATUS(status)) + " (a sanitizer's report?)";
  }
  if (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGALRM) return "does not end";
  return std::string("crashes: ") + strsignal(WTERMSIG(status));
}

void ExpectEndWithin(unsigned seconds) {
  const itimerval processor{.it_interval = {}, .it_value = {.tv_sec = seconds, .tv_usec = 0}};
  setitimer(ITIMER_PROF, &processor, nullptr);
  // One that waits for a lock for ever uses none.
  alarm(seconds * 10);
}

}  // namespace spliceway::simulator
