#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine_harness.h"
#include "plans.h"
#include "sockets.h"

namespace spliceway::testing {

/// A pool of backends that are all at one address, and loops whose turns the test runs itself: who
/// is sent to which backend is read from their rows.
class Serving {
 public:
  Serving(std::size_t backends, PickPlan plan, std::size_t loops = 1);

  /// Published. The loops have it in their next turn, or when nobody is left in the one before.
  void SetPlan(PickPlan plan);
  /// A backend that refuses, or answers again, as the loops know.
  void SetRefuses(std::uint16_t row, bool refuses);
  [[nodiscard]] BackendRow& Row(std::uint16_t row) { return crew.table.Row(row); }

  /// One client more, which stays: the row of its backend, or `kNoRow` where the owner is asked for
  /// one.
  std::uint16_t Serve(const std::string& from = "127.0.0.1");
  /// The same, but it leaves at once.
  std::uint16_t ServeOnce(const std::string& from = "127.0.0.1");
  /// Has the client leave that came as the `index`th of those who stay, counted from 0.
  void Leave(std::size_t index);
  /// The port of the client that came last.
  [[nodiscard]] std::uint16_t client_port() const { return LocalPort(clients_.back()); }
  /// A turn of each loop, also where there is nothing to do.
  void Run();

  Crew crew;
  SocketAddress address;  ///< Of the listener.

 private:
  [[nodiscard]] std::uint64_t Opened(std::uint16_t row);
  [[nodiscard]] std::size_t InUse();

  Listener backend_ = ListenTcp(4096);
  const Refusing refusing_;
  std::vector<UniqueFd> clients_;
  std::vector<std::uint64_t> opened_;
};

}  // namespace spliceway::testing
