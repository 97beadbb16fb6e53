#include "faults.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <utility>

namespace spliceway::testing {
namespace {

Hooks installed;

/// Sets errno to what the hook wants; true when the call must fail.
template <typename... Arguments>
bool Fails(const std::function<int(Arguments...)>& hook, Arguments... arguments) {
  const int error = hook ? hook(arguments...) : 0;
  if (error != 0) errno = error;
  return error != 0;
}

}  // namespace

HookScope::HookScope(Hooks hooks) { installed = std::move(hooks); }
HookScope::~HookScope() { installed = {}; }

bool IsPipe(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace spliceway::testing

using spliceway::testing::Fails;
using spliceway::testing::installed;

extern "C" {

ssize_t __real_splice(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t length,
                      unsigned flags);
ssize_t __wrap_splice(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t length,
                      unsigned flags);
ssize_t __wrap_splice(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t length,
                      unsigned flags) {
  if (Fails(installed.splice, from, to, flags)) return -1;
  return __real_splice(from, from_offset, to, to_offset, length, flags);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol) {
  if (Fails(installed.socket)) return -1;
  return __real_socket(domain, type, protocol);
}

int __real_pipe2(int* ends, int flags);
int __wrap_pipe2(int* ends, int flags);
int __wrap_pipe2(int* ends, int flags) {
  if (Fails(installed.pipe)) return -1;
  return __real_pipe2(ends, flags);
}

int __real_connect(int fd, const sockaddr* address, socklen_t length);
int __wrap_connect(int fd, const sockaddr* address, socklen_t length);
int __wrap_connect(int fd, const sockaddr* address, socklen_t length) {
  if (Fails(installed.connect, fd)) return -1;
  return __real_connect(fd, address, length);
}

}  // extern "C"
