#include "faults.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <utility>

namespace spliceway::testing {
namespace {

Hooks installed;

}  // namespace

HookScope::HookScope(Hooks hooks) { installed = std::move(hooks); }
HookScope::~HookScope() { installed = {}; }

const Hooks& InstalledHooks() { return installed; }

bool IsPipe(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

bool IsStream(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

}  // namespace spliceway::testing
