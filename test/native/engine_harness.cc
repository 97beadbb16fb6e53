#include "engine_harness.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {

EngineHarness::EngineHarness(const Engine::Options& options) {
  int error = 0;
  engine_ = Engine::Create(
      options,
      [this] {
        rings.fetch_add(1);
        if (on_ring) on_ring();
        bell_.release();
      },
      error);
  if (engine_ == nullptr) std::abort();
}

namespace {

ListenerOptions WithPool(ListenerOptions options) {
  if (options.pool == kNoPool) options.pool = 0;
  return options;
}

}  // namespace

SocketAddress EngineHarness::Listen(const ListenerOptions& options, std::uint16_t listener) {
  Listener socket = ListenTcp(1024);
  ListenOn(std::move(socket.fd), options, listener);
  return socket.address;
}

void EngineHarness::ListenOn(UniqueFd fd, const ListenerOptions& options, std::uint16_t listener) {
  engine_->SetListener(listener, WithPool(options));
  engine_->Listen(listener, std::move(fd));
}

void ListenOn(Crew& crew, UniqueFd fd, const ListenerOptions& options, std::uint16_t listener) {
  crew.table.SetListener(listener, WithPool(options));
  crew.Publish();
  crew.Listen(std::move(fd), listener);
}

SocketAddress EngineHarness::ListenFor(const Listener& backend) {
  engine_->Attend(Attention::kNone);
  engine_->SetBackend(0, {backend.address});
  engine_->SetPool(0, InTurn({0}));
  return Listen();
}

void EngineHarness::TakeEvents() {
  std::array<SessionEvent, 64> batch;
  std::size_t taken = 0;
  do {
    taken = engine_->TakeEvents(batch);
    events.insert(events.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(taken));
  } while (taken == batch.size());
}

void EngineHarness::WaitFor(SessionEvent::Kind kind, std::size_t count) {
  while (Count(kind) < count) {
    if (!bell_.try_acquire_for(std::chrono::milliseconds(kDeadlineMs))) {
      return Fail(__FILE__, __LINE__, "no event of kind " + std::to_string(static_cast<int>(kind)));
    }
    TakeEvents();
  }
}

std::size_t EngineHarness::Count(SessionEvent::Kind kind) const {
  std::size_t count = 0;
  for (const SessionEvent& event : events) count += event.kind == kind ? 1 : 0;
  return count;
}

SessionEvent EngineHarness::First(SessionEvent::Kind kind) const {
  for (const SessionEvent& event : events) {
    if (event.kind == kind) return event;
  }
  Fail(__FILE__, __LINE__, "no event of kind " + std::to_string(static_cast<int>(kind)));
  return {.kind = kind};
}

std::int32_t EngineHarness::Failures(std::int32_t backend) const {
  std::int32_t sum = 0;
  for (const SessionEvent& event : events) {
    if (event.kind == SessionEvent::Kind::kAttemptFailed && event.backend == backend)
      sum += event.count;
  }
  return sum;
}

std::vector<SessionEvent::Kind> EngineHarness::KindsOf(std::int32_t slot) const {
  std::vector<SessionEvent::Kind> kinds;
  for (const SessionEvent& event : events) {
    if (event.slot == slot) kinds.push_back(event.kind);
  }
  return kinds;
}

std::uint32_t EngineHarness::TakeSlot() {
  const std::optional<SessionName> name = engine_->TakeSlot();
  return name ? name->slot : kNoSlot;
}

std::size_t EngineHarness::FreeSlots() {
  std::vector<std::uint32_t> slots;
  for (std::uint32_t slot = TakeSlot(); slot != kNoSlot; slot = TakeSlot()) slots.push_back(slot);
  for (const std::uint32_t slot : slots) engine_->ReleaseSlot(slot);
  return slots.size();
}

Worker& AddWorker(Crew& crew) {
  int error = 0;
  std::unique_ptr<Worker> worker = Worker::Create({.index = crew.workers.size(),
                                                   .transfer = Transfer::kAuto,
                                                   .busy_poll_us = 0,
                                                   .keep_alive_s = 0},
                                                  crew, error);
  if (worker == nullptr) std::abort();
  crew.workers.push_back(std::move(worker));
  return *crew.workers.back();
}

SessionName NameOf(const SessionEvent& event) {
  return {.slot = static_cast<std::uint32_t>(event.slot), .generation = event.generation};
}

std::uint16_t LocalPort(const UniqueFd& fd) {
  SocketAddress local;
  local.length = sizeof local.storage;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local.storage), &local.length);
  return local.port();
}

UniqueFd ConnectTo(const SocketAddress& address) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    const int error = errno;
    fd.Reset();
    errno = error;
  }
  return fd;
}

bool ClientWaits(const Listener& listener, int ms) {
  pollfd ready{.fd = listener.fd.get(), .events = POLLIN, .revents = 0};
  return poll(&ready, 1, ms) == 1;
}

UniqueFd AwaitClient(const Listener& listener) {
  if (!ClientWaits(listener, kDeadlineMs)) Fail(__FILE__, __LINE__, "nobody came to the backend");
  return Accept(listener);
}

std::string Await(const UniqueFd& fd, std::size_t wanted) {
  std::string got;
  while (got.size() < wanted) {
    pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kDeadlineMs) <= 0) break;
    if (ReadSome(fd.get(), got) <= 0) break;
  }
  return got;
}

int AwaitEnd(const UniqueFd& fd) {
  std::string got;
  for (;;) {
    pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kDeadlineMs) <= 0) return -ETIMEDOUT;
    const int result = ReadSome(fd.get(), got);
    if (result <= 0) return result;
  }
}

int AwaitRefusal(const SocketAddress& address) {
  const UniqueFd client = ConnectTo(address);
  return client.valid() ? AwaitEnd(client) : -errno;
}

bool AwaitThat(const std::function<bool()>& done, const char* what) {
  const std::uint64_t deadline = sys::NowMs() + kDeadlineMs;
  while (!done()) {
    if (sys::NowMs() > deadline) {
      Fail(__FILE__, __LINE__, std::string("still waiting for: ") + what);
      return false;
    }
    poll(nullptr, 0, 2);
  }
  return true;
}

namespace {

/// Its state is the field behind its name, which stands in parentheses: proc(5). Who has gone by
/// then counts as asleep.
bool Sleeps(const std::filesystem::path& thread) {
  std::ifstream file(thread / "stat");
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.compare(name_end, 3, ") S") == 0;
}

}  // namespace

bool AwaitSleep() {
  const auto all_sleep = [own = std::to_string(gettid())] {
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      if (thread.path().filename() != own && !Sleeps(thread.path())) return false;
    }
    return true;
  };
  return AwaitThat(all_sleep, "the loops' sleep");
}

Refusing::Refusing() : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  address = *SocketAddress::FromIp("127.0.0.1", 0);
  auto* at = reinterpret_cast<sockaddr*>(&address.storage);
  if (bind(fd.get(), at, address.length) != 0) std::abort();
  getsockname(fd.get(), at, &address.length);
}

DescriptorLimitScope::DescriptorLimitScope(std::size_t limit) {
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  before_ = now.rlim_cur;
  now.rlim_cur = limit;
  if (setrlimit(RLIMIT_NOFILE, &now) != 0) std::abort();
}

DescriptorLimitScope::~DescriptorLimitScope() {
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  now.rlim_cur = before_;
  setrlimit(RLIMIT_NOFILE, &now);
}

}  // namespace spliceway::testing
