#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "relay/pipe_budget.h"
#include "sys/unique_fd.h"

namespace spliceway {

/// A kernel pipe, as the buffer between two sockets.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
  std::size_t capacity = 0;  ///< Bytes, as the kernel counts; what it holds can exceed that.
  std::size_t held = 0;      ///< Bytes in it now, kept by whoever moves them.
};

/// Lends pipes to relays that hold bytes. Belongs to one loop; no lock, and nothing that is shared
/// as long as an idle pipe is there.
class PipePool {
 public:
  /// `budget`, of this pool and others, must outlive it.
  explicit PipePool(PipeBudget& budget) : budget_(budget) {}
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;
  /// Lent pipes have come back.
  ~PipePool();

  /// An empty pipe, or none when the budget or the kernel has none to give; the caller then copies.
  /// `now_ms` spares the kernel from being asked again at once after it refused.
  std::unique_ptr<Pipe> Borrow(std::uint64_t now_ms);
  /// Takes a pipe back. One that still holds bytes is closed: they must never reach another
  /// session.
  void Return(std::unique_ptr<Pipe> pipe);

  /// Closes the idle pipes that nobody needed since the last call. Called about once a second while
  /// any are idle, so that a quiet loop holds none.
  void Trim();

  /// Pipes that exist, lent or idle.
  [[nodiscard]] std::size_t alive() const { return alive_; }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

 private:
  std::unique_ptr<Pipe> Create(std::uint64_t now_ms);
  void Discard(std::unique_ptr<Pipe> pipe);

  PipeBudget& budget_;
  std::vector<std::unique_ptr<Pipe>> idle_;
  std::size_t fewest_idle_ = 0;  // since the last Trim
  std::size_t alive_ = 0;
  std::uint64_t refused_until_ms_ = 0;
};

}  // namespace spliceway
