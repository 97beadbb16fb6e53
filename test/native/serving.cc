#include "serving.h"

#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "sys/sys.h"

namespace spliceway::testing {
namespace {

constexpr std::size_t kSessions = 2048;

UniqueFd ConnectFrom(const std::string& from, const SocketAddress& to) {
  UniqueFd client = std::move(sys::OpenSocket(AF_INET).fd);
  const SocketAddress source = *SocketAddress::FromIp(from, 0);
  if (bind(client.get(), reinterpret_cast<const sockaddr*>(&source.storage), source.length) != 0) {
    std::abort();
  }
  sys::Connect(client.get(), to);
  return client;
}

}  // namespace

Serving::Serving(std::size_t backends, PickPlan plan, std::size_t loops)
    : crew(kSessions, backends, 1, std::make_shared<Counters>(loops, 1, backends, kSessions),
           PipeLimits::ForThisMachine(loops), loops, [] {}),
      opened_(backends) {
  while (crew.workers.size() < loops) AddWorker(crew);
  crew.attention.store(Attention::kNone);
  for (std::size_t row = 0; row < backends; ++row) {
    crew.table.SetAddresses(static_cast<std::uint16_t>(row), {backend_.address},
                            AddressOrder::kAsGiven);
  }
  SetPlan(std::move(plan));
  Listener listener = ListenTcp();
  address = listener.address;
  ListenOn(crew, std::move(listener.fd));
  Run();
}

void Serving::SetPlan(PickPlan plan) {
  crew.table.SetPool(0, std::move(plan));
  crew.Publish();
}

void Serving::SetRefuses(std::uint16_t row, bool refuses) {
  crew.table.SetAddresses(row, {refuses ? refusing_.address : backend_.address},
                          AddressOrder::kAsGiven);
  crew.Publish();
  Run();
}

void Serving::Run() {
  for (const auto& worker : crew.workers) {
    worker->Post(PauseListenerCommand{.listener = kNoRow, .pauses = false});
    worker->RunTurn();
  }
}

std::uint64_t Serving::Opened(std::uint16_t row) {
  std::uint64_t opened = 0;
  for (std::size_t loop = 0; loop < crew.workers.size(); ++loop) {
    opened += crew.counters->Backend(loop, row).opened.value();
  }
  return opened;
}

std::size_t Serving::InUse() {
  std::size_t in_use = 0;
  for (std::uint16_t row = 0; row < opened_.size(); ++row) in_use += Row(row).in_use();
  return in_use;
}

std::uint16_t Serving::Serve(const std::string& from) {
  clients_.push_back(ConnectFrom(from, address));
  for (;;) {
    Run();
    for (std::uint16_t row = 0; row < opened_.size(); ++row) {
      const std::uint64_t opened = Opened(row);
      if (std::exchange(opened_[row], opened) != opened) return row;
    }
    std::vector<SessionEvent> events(64);
    events.resize(crew.events.Take(events));
    for (const SessionEvent& event : events) {
      if (event.kind == SessionEvent::Kind::kNeedBackend) return kNoRow;
    }
  }
}

std::uint16_t Serving::ServeOnce(const std::string& from) {
  const std::uint16_t row = Serve(from);
  Leave(clients_.size() - 1);
  clients_.pop_back();
  return row;
}

void Serving::Leave(std::size_t index) {
  const std::size_t before = InUse();
  ResetPeer(clients_[index]);
  while (before > 0 && InUse() == before) Run();
}

}  // namespace spliceway::testing
