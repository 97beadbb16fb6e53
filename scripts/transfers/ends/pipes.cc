#include "pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <vector>

#include "sys/unique_fd.h"

namespace load {
namespace {

using spliceway::UniqueFd;

constexpr int kLargestPipe = 1 << 20;

std::size_t SoftLimit() {
  std::size_t pages = 0;
  std::ifstream("/proc/sys/fs/pipe-user-pages-soft") >> pages;
  return pages;
}

}  // namespace

int HoldPipes() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t pages_each = kLargestPipe / page;
  const std::size_t count = SoftLimit() / pages_each;
  std::vector<UniqueFd> ends;
  for (std::size_t i = 0; i < count; i++) {
    std::array<int, 2> pipe;
    if (pipe2(pipe.data(), O_CLOEXEC) != 0 || fcntl(pipe[0], F_SETPIPE_SZ, kLargestPipe) < 0) {
      std::perror("pipe");
      return 1;
    }
    for (const int end : pipe) ends.emplace_back(end);
  }
  std::printf("holding %zu pipes\n", count);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace load
