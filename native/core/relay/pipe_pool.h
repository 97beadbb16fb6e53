#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sys/unique_fd.h"

namespace spliceway {

/// A kernel pipe, as the buffer between two sockets.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
  std::size_t capacity = 0;  ///< Bytes, as the kernel counts; what it holds can exceed that.
  std::size_t held = 0;      ///< Bytes in it now, kept by whoever moves them.
};

/// What pipes may cost. `PipeLimits::ForThisMachine` derives it from the limits of process and
/// user.
struct PipeLimits {
  std::size_t large_bytes = 0;    ///< Size asked for while half the budget is free.
  std::size_t default_bytes = 0;  ///< Size of a pipe as the kernel makes it.
  std::size_t total_bytes = 0;    ///< Capacity of all pipes of one pool together.
  std::size_t pipes = 0;          ///< Pipes alive at once in one pool; each costs two descriptors.
  std::size_t idle = 0;           ///< Empty pipes kept for reuse, for a second or two.

  /// The share of one of `pools` pools: at most one pipe for 64 descriptors (a pipe is lent only
  /// while it holds bytes of a bulk stream, and without one a relay copies), and at most half of
  /// the pages that the kernel grants the user (`pipe-user-pages-soft`), or 256 MiB where it grants
  /// any number.
  static PipeLimits ForThisMachine(std::size_t pools);
};

/// Lends pipes to relays that hold bytes. Belongs to one loop; no lock.
class PipePool {
 public:
  explicit PipePool(const PipeLimits& limits) : limits_(limits) {}

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

  PipeLimits limits_;
  std::vector<std::unique_ptr<Pipe>> idle_;
  std::size_t fewest_idle_ = 0;  // since the last Trim
  std::size_t alive_ = 0;
  std::size_t capacity_ = 0;  // of all pipes alive, bytes
  std::uint64_t refused_until_ms_ = 0;
};

}  // namespace spliceway
