// What the machine, and whoever runs the process, allow.

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>

#include "sys/sys.h"

namespace spliceway::sys {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File OpenToRead(const char* path) { return File(std::fopen(path, "re")); }

/// True when every user id maps to itself, which is so in the initial user namespace.
bool IsInInitialUserNamespace() {
  const File file = OpenToRead("/proc/self/uid_map");
  unsigned long inside = 1;
  unsigned long outside = 1;
  unsigned long count = 0;
  return file != nullptr &&
         std::fscanf(file.get(), "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 &&
         outside == 0 && count == 0xFFFFFFFFUL;
}

/// First unsigned number in a file under /proc, or `fallback`.
std::size_t ReadNumber(const char* path, std::size_t fallback) {
  const File file = OpenToRead(path);
  unsigned long long number = 0;
  if (file == nullptr || std::fscanf(file.get(), "%llu", &number) != 1) return fallback;
  return static_cast<std::size_t>(number);
}

}  // namespace

std::size_t DescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<int>::max();
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t PageSize() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::size_t PipePagesSoftLimit() {
  // The kernel's default, should /proc be hidden: fs/pipe.c, PIPE_DEF_BUFFERS × INR_OPEN_CUR.
  return ReadNumber("/proc/sys/fs/pipe-user-pages-soft", 16'384);
}

bool IsExemptFromPipeLimits() {
  if (!IsInInitialUserNamespace()) return false;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  constexpr std::uint32_t kExempting = (1U << CAP_SYS_RESOURCE) | (1U << CAP_SYS_ADMIN);
  return (data[0].effective & kExempting) != 0;
}

std::uint16_t FirstEphemeralPort() {
  const std::size_t first = ReadNumber("/proc/sys/net/ipv4/ip_local_port_range", 32'768);
  return static_cast<std::uint16_t>(std::min<std::size_t>(first, 65'535));
}

std::optional<PeerCredentials> CredentialsOfPeer(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  // What has no peer of this machine has a user that nobody is.
  if (peer.pid == 0 && peer.uid == std::numeric_limits<uid_t>::max()) return std::nullopt;
  return PeerCredentials{.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
}

int TrySplice() {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets.data()) != 0)
    return errno;
  const UniqueFd near(sockets[0]);
  const UniqueFd far(sockets[1]);
  const OpenedPipe pipe = OpenPipe();
  if (pipe.status != Status::kOk) return pipe.error;
  const std::array<std::byte, 1> byte{};
  const Result sent = Send(far.get(), byte);
  if (sent.status != Status::kOk) return sent.error;
  const Result in = Splice(near.get(), pipe.write_end.get(), 1);
  if (in.status != Status::kOk) return in.error;
  return Splice(pipe.read_end.get(), near.get(), 1).error;
}

}  // namespace spliceway::sys
