#include "engine/engine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// Descriptors left for the program around the engine: Node's own, log files, name look-ups.
constexpr std::size_t kReservedDescriptors = 64;
/// Of listeners. A proxy with many of them has so many sessions less than it could begin: it
/// pauses, as where another program has taken descriptors.
constexpr std::size_t kListenerDescriptors = 1;
/// Of each loop: epoll's, and that of its mailbox.
constexpr std::size_t kLoopDescriptors = 2;

}  // namespace

std::size_t Engine::MaxSessions(const Options& options) {
  const std::size_t limit = sys::DescriptorLimit();
  const std::size_t pipes = PipeLimits::ForThisMachine(options.threads).pipes;
  const std::size_t taken =
      kReservedDescriptors + kListenerDescriptors + options.threads * kLoopDescriptors + 2 * pipes;
  const std::size_t possible =
      std::clamp<std::size_t>(limit > taken ? (limit - taken) / 2 : 0, 16, kMostSessions);
  return options.max_sessions == 0 ? possible : std::min(possible, options.max_sessions);
}

Engine::Engine(const Options& options, std::size_t sessions, std::function<void()> doorbell)
    : crew_(sessions, options.backends, options.listeners,
            // One writer more, which is the owner.
            std::make_shared<Counters>(options.threads + 1, options.listeners, options.backends,
                                       sessions),
            PipeLimits::ForThisMachine(options.threads), options.threads, std::move(doorbell)) {}

std::unique_ptr<Engine> Engine::Create(const Options& options, std::function<void()> doorbell,
                                       int& error) {
  std::unique_ptr<Engine> engine(new Engine(options, MaxSessions(options), std::move(doorbell)));
  for (std::size_t index = 0; index < options.threads; ++index) {
    std::unique_ptr<Worker> worker = Worker::Create({.index = index,
                                                     .transfer = options.transfer,
                                                     .busy_poll_us = options.busy_poll_us,
                                                     .keep_alive_s = options.keep_alive_s},
                                                    engine->crew_, error);
    if (worker == nullptr) return nullptr;
    engine->crew_.workers.push_back(std::move(worker));
  }
  // Only now: a loop may look at the others.
  for (const std::unique_ptr<Worker>& worker : engine->crew_.workers) {
    error = worker->Run();
    if (error != 0) return nullptr;
  }
  return engine;
}

Engine::~Engine() {
  for (const std::unique_ptr<Worker>& worker : crew_.workers) worker->Stop();
  for (const std::unique_ptr<Worker>& worker : crew_.workers) worker->Join();
  for (const std::unique_ptr<Worker>& worker : crew_.workers) worker->ResetWhatIsPosted();
}

void Engine::SetBackend(std::uint16_t row, Addresses addresses, AddressOrder order,
                        std::uint16_t pool) {
  constexpr std::size_t kMostAddresses = std::numeric_limits<std::uint8_t>::max();
  addresses.resize(std::min(addresses.size(), kMostAddresses));
  crew_.table.SetAddresses(row, std::move(addresses), order, pool);
  PublishUnlessHeld();
}

void Engine::SetSources(std::uint16_t row, const Addresses& sources) {
  crew_.table.SetSources(row, sources);
  PublishUnlessHeld();
}

void Engine::SetPool(std::uint16_t pool, PickPlan plan) {
  crew_.table.SetPool(pool, std::move(plan));
  PublishUnlessHeld();
}

void Engine::RemovePool(std::uint16_t pool) {
  crew_.table.RemovePool(pool);
  PublishUnlessHeld();
}

std::uint64_t Engine::RemoveBackend(std::uint16_t row) {
  crew_.table.RemoveAddresses(row);
  PublishUnlessHeld();
  return crew_.table.generation();
}

void Engine::SetListener(std::uint16_t listener, ListenerOptions options,
                         const ServiceLimits& limits) {
  if (limits.number != 0) crew_.LimitService(options, limits);
  crew_.table.SetListener(listener, options);
  PublishUnlessHeld();
}

void Engine::Publish() {
  holds_ = false;
  crew_.Publish();
}

void Engine::PublishUnlessHeld() {
  if (!holds_) crew_.Publish();
}

void Engine::Drain() {
  crew_.draining.store(true);
  for (const std::unique_ptr<Worker>& worker : crew_.workers) {
    worker->Post(CloseListenersCommand{});
  }
  // A shutdown(2) of the sockets would be quicker, and end them for other holders of the same
  // queue, too.
  for (std::size_t open = crew_.open_listeners.load(); open > 0;
       open = crew_.open_listeners.load()) {
    crew_.open_listeners.wait(open);
  }
  crew_.ReportIfDrained();
}

std::optional<SessionName> Engine::TakeSlot() {
  int error = 0;
  const std::optional<std::uint32_t> slot = crew_.TakeSlot(error);
  if (!slot) return std::nullopt;
  return crew_.slab.NameOf(*slot);
}

void Engine::Start(SessionStart start) {
  const auto least = std::min_element(crew_.workers.begin(), crew_.workers.end(),
                                      [](const auto& left, const auto& right) {
                                        return left->sessions_alive() < right->sessions_alive();
                                      });
  crew_.slab.SetLoop(start.slot, static_cast<std::uint16_t>(least - crew_.workers.begin()));
  start.route.reported = true;
  start.route.is_remote = !sys::PeerAddress(start.client.get()).is_loopback();
  (*least)->Start({.start = std::move(start)});
}

void Engine::Connect(const ConnectCommand& command) {
  if (Worker* const worker = WorkerOf(command.session)) worker->Post(command);
}

void Engine::Queue(const QueueCommand& command) {
  if (Worker* const worker = WorkerOf(command.session)) worker->Post(command);
}

void Engine::Join(JoinCommand command) {
  if (Worker* const worker = WorkerOf(command.session)) {
    worker->Post(std::move(command));
  } else {
    sys::SetResetOnClose(command.backend.get());
  }
}

bool Engine::End(const EndCommand& command) {
  Worker* const worker = WorkerOf(command.session);
  if (worker != nullptr) worker->Post(command);
  return worker != nullptr;
}

std::optional<SessionEvent::Moved> Engine::MovedBy(const SessionName& name) const {
  const SessionCounters& counters = crew_.counters->Session(name.slot);
  const SessionEvent::Moved moved = {.upstream = counters.bytes_upstream.value(),
                                     .downstream = counters.bytes_downstream.value()};
  // Looked at afterwards: the name is taken from the slot before its counters are another's.
  if (!crew_.slab.LoopOf(name)) return std::nullopt;
  return moved;
}

Worker* Engine::WorkerOf(const SessionName& name) const {
  const std::optional<std::uint32_t> loop = crew_.slab.LoopOf(name);
  return loop && *loop != SessionSlab::kNoLoop ? crew_.workers[*loop].get() : nullptr;
}

}  // namespace spliceway
