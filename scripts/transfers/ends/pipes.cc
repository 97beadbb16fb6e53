#include "pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <vector>

#include "sys/unique_fd.h"

namespace load {
namespace {

using spliceway::UniqueFd;

constexpr int kLargestPipe = 1 << 20;

}  // namespace

int HoldPipes() {
  const auto page = static_cast<int>(sysconf(_SC_PAGESIZE));
  std::vector<UniqueFd> ends;
  // Until a new pipe gets the two pages of those for whom none are left (pipe(7)). Other processes
  // of the user may hold some, so that the last ones are smaller.
  for (;;) {
    std::array<int, 2> pipe;
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) {
      std::perror("pipe");
      return 1;
    }
    for (const int end : pipe) ends.emplace_back(end);
    const int got = fcntl(pipe[0], F_GETPIPE_SZ);
    if (got <= 2 * page) break;
    for (int size = kLargestPipe; size > got; size /= 2) {
      if (fcntl(pipe[0], F_SETPIPE_SZ, size) >= 0) break;
    }
  }
  std::printf("holding %zu pipes\n", ends.size() / 2);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace load
