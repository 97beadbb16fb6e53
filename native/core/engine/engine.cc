#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// Descriptors left for the program around the engine: Node's own, log files, name look-ups,
/// listeners.
constexpr std::size_t kReservedDescriptors = 64;
/// A slot costs 18 bytes. More sessions than this need more than one process.
constexpr std::size_t kMostSessions = 1 << 20;

}  // namespace

std::size_t Engine::MaxSessions() {
  const std::size_t limit = sys::DescriptorLimit();
  // A sixteenth of the descriptors may be pipes, of two descriptors each; see PipeLimits.
  const std::size_t taken = kReservedDescriptors + limit / 8;
  return std::clamp<std::size_t>(limit > taken ? (limit - taken) / 2 : 0, 16, kMostSessions);
}

std::unique_ptr<Engine> Engine::Create(const Options& options, std::function<void()> doorbell,
                                       int& error) {
  const std::size_t sessions = MaxSessions();
  auto counters =
      std::make_shared<Counters>(options.threads, options.listeners, options.backends, sessions);
  std::unique_ptr<Engine> engine(new Engine(sessions, counters, std::move(doorbell)));
  const PipeLimits pipes = PipeLimits::ForThisMachine(options.threads);
  for (std::size_t index = 0; index < options.threads; ++index) {
    std::unique_ptr<Worker> worker =
        Worker::Create({.index = index, .pipes = pipes}, counters, engine->events_, error);
    if (worker == nullptr) return nullptr;
    engine->workers_.push_back(std::move(worker));
  }
  return engine;
}

Engine::~Engine() = default;

void Engine::Start(StartCommand command) {
  const auto least =
      std::min_element(workers_.begin(), workers_.end(), [](const auto& left, const auto& right) {
        return left->sessions_alive() < right->sessions_alive();
      });
  worker_of_slot_[command.slot] = static_cast<std::uint16_t>(least - workers_.begin());
  (*least)->Start(std::move(command));
}

Worker& Engine::WorkerOf(std::uint32_t slot) { return *workers_[worker_of_slot_[slot]]; }

void Engine::Connect(const ConnectCommand& command) { WorkerOf(command.slot).Post(command); }

void Engine::Join(JoinCommand command) {
  Worker& worker = WorkerOf(command.slot);
  worker.Post(std::move(command));
}

void Engine::End(const EndCommand& command) { WorkerOf(command.slot).Post(command); }

}  // namespace spliceway
