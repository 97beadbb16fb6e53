#include "ends.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "end.h"
#include "newcomer.h"
#include "script.h"
#include "sockets.h"

namespace load {
namespace {

/// Beyond what net.core allows to others, for the largest.
void SetBuffer(int fd, int option, int forcing_option, std::uint64_t bytes) {
  if (bytes == 0) return;
  const int size = static_cast<int>(bytes);
  if (setsockopt(fd, SOL_SOCKET, forcing_option, &size, sizeof(size)) != 0) {
    setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));
  }
}

void SetBuffers(int fd, const Script& script) {
  SetBuffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, script.send_buffer);
  SetBuffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, script.receive_buffer);
}

class Ends {
 public:
  /// Clients of `address`, or servers with a `listener`.
  Ends(const sockaddr_in& address, UniqueFd listener)
      : address_(address), listener_(std::move(listener)) {}

  int Run() {
    for (;;) {
      std::vector<pollfd> polled = Wanted();
      if (poll(polled.data(), polled.size(), Timeout()) < 0 && errno != EINTR) return 1;
      if (polled[0].revents != 0 && !ReadLines()) return 0;
      // Later ones are behind these and not in `polled`.
      AdvanceEnds(std::span(polled).subspan(2, ends_polled_));
      AdvanceNewcomers();
      if (polled[1].revents != 0) Accept();
      ReportThoseOver();
    }
  }

 private:
  std::vector<pollfd> Wanted() {
    const Clock::time_point now = Clock::now();
    std::vector<pollfd> polled = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                  {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const auto& end : ends_) polled.push_back(end->Wanted(now));
    ends_polled_ = ends_.size();
    for (const Newcomer& newcomer : newcomers_) {
      polled.push_back({.fd = newcomer.fd(), .events = POLLIN, .revents = 0});
    }
    return polled;
  }

  int Timeout() const {
    std::optional<Clock::time_point> next;
    for (const auto& end : ends_) {
      const auto at = end->wake_up();
      if (at) next = next ? std::min(*next, *at) : at;
    }
    return next ? PollTimeout(*next) : -1;
  }

  void AdvanceEnds(std::span<const pollfd> polled) {
    // Those whose pause is over have no event; a turn for nothing costs two calls that say so.
    for (size_t i = 0; i < polled.size(); i++) {
      const bool paused = polled[i].fd < 0;
      if (paused || polled[i].revents != 0) ends_[i]->Advance();
    }
  }

  /// False when there will be no more.
  bool ReadLines() {
    std::array<char, 4096> buffer;
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count <= 0) return false;
    input_.append(buffer.data(), static_cast<size_t>(count));
    for (size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      Obey(std::string_view(input_).substr(0, end));
      input_.erase(0, end + 1);
    }
    return true;
  }

  void Obey(std::string_view line) {
    if (line == "show") {
      for (const auto& end : ends_) Print(end->Report());
      return;
    }
    const std::optional<Script> script = ParseScript(line);
    if (!script) return Print("{\"misunderstood\":true}\n");
    if (!listener_.valid()) return Connect(*script);
    if (script->named != 0) {
      expected_[script->expect_key] = *script;
    } else {
      next_ = *script;
    }
    Print("{\"expecting\":" + std::to_string(script->number) + "}\n");
  }

  void Connect(const Script& script) {
    UniqueFd fd = ConnectingSocket();
    if (fd.valid()) SetBuffers(fd.get(), script);
    if (fd.valid() && !StartConnect(fd.get(), address_)) fd.Reset();
    ends_.push_back(std::make_unique<End>(std::move(fd), script, true, std::span<const char>()));
  }

  void Accept() {
    for (;;) {
      UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd.valid()) return;
      if (next_) {
        Start(std::move(fd), *std::exchange(next_, std::nullopt), {});
      } else {
        newcomers_.emplace_back(std::move(fd));
      }
    }
  }

  void AdvanceNewcomers() {
    std::erase_if(newcomers_, [this](Newcomer& newcomer) {
      const bool goes_on = newcomer.Advance();
      const auto key = newcomer.key();
      if (goes_on && !key) return false;
      const auto found = key ? expected_.find(*key) : expected_.end();
      if (found == expected_.end()) {
        Print("{\"stranger\":" + std::to_string(newcomer.bytes()) + "}\n");
        return true;
      }
      Start(newcomer.Take(), found->second, newcomer.read());
      expected_.erase(found);
      return true;
    });
  }

  void Start(UniqueFd fd, const Script& script, std::span<const char> read) {
    SetBuffers(fd.get(), script);
    ends_.push_back(std::make_unique<End>(std::move(fd), script, false, read));
    ends_.back()->Advance();
  }

  void ReportThoseOver() {
    std::erase_if(ends_, [](const std::unique_ptr<End>& end) {
      if (end->over()) Print(end->Report());
      return end->over();
    });
  }

  static void Print(const std::string& line) {
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
  }

  const sockaddr_in address_;
  UniqueFd listener_;
  std::string input_;
  std::optional<Script> next_;
  std::unordered_map<std::uint64_t, Script> expected_;
  std::vector<Newcomer> newcomers_;
  std::vector<std::unique_ptr<End>> ends_;
  size_t ends_polled_ = 0;
};

}  // namespace

int RunClients(const sockaddr_in& address) { return Ends(address, UniqueFd()).Run(); }

int RunServers(const char* host, const sockaddr_in& address) {
  UniqueFd listener = Listen(address);
  if (!listener.valid()) {
    std::perror("listen");
    return 1;
  }
  std::printf("listening on %s:%u\n", host, unsigned{LocalPort(listener.get())});
  std::fflush(stdout);
  return Ends(address, std::move(listener)).Run();
}

}  // namespace load
