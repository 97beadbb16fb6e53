#include "faults.h"

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

}  // namespace spliceway::testing
