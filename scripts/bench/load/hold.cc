#include "hold.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <span>
#include <vector>

#include "clock.h"
#include "exchange.h"
#include "sockets.h"

namespace load {
namespace {

/// Few enough that no queue of a listener overflows.
constexpr size_t kBatch = 100;
/// A session that has not answered by then is not held; nobody measures speed here.
constexpr auto kPatience = std::chrono::seconds(3);

/// Advances all until none is pending or patience ends. Those that did not answer are closed.
void Finish(std::span<Exchange> sessions) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  std::vector<pollfd> polled;
  std::vector<Exchange*> waiting;
  for (;;) {
    polled.clear();
    waiting.clear();
    for (Exchange& session : sessions) {
      if (!session.pending()) continue;
      polled.push_back(session.Wanted());
      waiting.push_back(&session);
    }
    if (polled.empty()) return;
    if (poll(polled.data(), polled.size(), PollTimeout(deadline)) <= 0) break;
    for (size_t i = 0; i < polled.size(); i++) {
      if (polled[i].revents != 0) waiting[i]->Advance();
    }
  }
  for (Exchange* session : waiting) session->GiveUp();
}

size_t CountDone(std::span<const Exchange> sessions) {
  return static_cast<size_t>(std::ranges::count_if(
      sessions, [](const Exchange& session) { return session.state() == Exchange::State::kDone; }));
}

std::vector<Exchange> Open(const sockaddr_in& address, size_t wanted) {
  std::vector<Exchange> sessions;
  sessions.reserve(wanted);
  while (sessions.size() < wanted) {
    const size_t begin = sessions.size();
    const size_t count = std::min(kBatch, wanted - begin);
    for (size_t i = 0; i < count; i++) {
      UniqueFd fd = StartConnect(address);
      if (fd.valid()) ResetOnClose(fd.get());
      sessions.emplace_back(std::move(fd));
    }
    const std::span<Exchange> batch = std::span(sessions).subspan(begin);
    Finish(batch);
    if (CountDone(batch) < count) break;
  }
  return sessions;
}

void AskAgain(std::span<Exchange> sessions) {
  for (size_t begin = 0; begin < sessions.size(); begin += kBatch) {
    const std::span<Exchange> batch =
        sessions.subspan(begin, std::min(kBatch, sessions.size() - begin));
    for (Exchange& session : batch) session.Again();
    Finish(batch);
  }
}

void Print(const char* name, size_t count) {
  std::printf("{\"%s\":%zu}\n", name, count);
  std::fflush(stdout);
}

}  // namespace

int Hold(const sockaddr_in& address, size_t wanted) {
  std::vector<Exchange> sessions = Open(address, wanted);
  Print("held", CountDone(sessions));
  for (int character = std::getchar(); character != EOF; character = std::getchar()) {
    if (character != '\n') continue;
    AskAgain(sessions);
    Print("answered", CountDone(sessions));
  }
  return 0;
}

}  // namespace load
