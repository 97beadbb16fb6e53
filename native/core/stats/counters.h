#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stats/counter.h"
#include "stats/counter_block.h"
#include "stats/ends.h"
#include "stats/histogram_rows.h"

namespace spliceway {

/// A row of the counters that stands for none.
inline constexpr std::uint16_t kNoRow = 0xFFFF;

/// What one loop counts for one listener or one backend. src/engine/counters.ts reads the
/// same layout.
struct alignas(64) CounterRow {
  Counter opened;  ///< Sessions that began here.
  Counter open;    ///< Sessions alive.
  Counter failed;  ///< Listener: sessions that found no backend. Backend: clients that it failed,
                   ///< at all of its addresses.
  Counter bytes_upstream;    ///< Client to backend, written to the backend's socket.
  Counter bytes_downstream;  ///< Backend to client, written to the client's socket.
  Counter rejected;  ///< Listener: clients that had as many sessions as one may, or were denied.
                     ///< Backend: clients that it had no room for.
  Counter unheard;  ///< Listener: sessions that went on before the owner, who watched, had heard of
                    ///< them.
  Counter rebalanced;  ///< Sessions that were ended so that their clients come back elsewhere.
};
static_assert(sizeof(CounterRow) == 64);

/// What a loop tells of itself. src/engine/loops.ts reads the same layout.
struct alignas(64) LoopRow {
  Counter wake_ups;         ///< Turns before which it had nothing to do, and waited.
  Counter longest_turn_us;  ///< See `EventLoop::turn_us`.
  Counter bytes_copied;     ///< Both ways, of all its sessions.
  Counter bytes_spliced;
  Counter busy_us;  ///< All turns together.
  std::array<Counter, 3> unused;
  HistogramCounts turns;  ///< By microseconds, from 10 on.

  void NoteTurn(std::uint64_t turn_us) {
    if (turn_us > longest_turn_us.value()) longest_turn_us.Set(turn_us);
    busy_us.Add(turn_us);
    turns.Note(turn_us, 1);
  }
};
static_assert(sizeof(LoopRow) == (8 + 136) * sizeof(Counter));

/// What one session has moved so far.
struct SessionCounters {
  Counter bytes_upstream;
  Counter bytes_downstream;
};

/// All counters of one engine. Shared with JavaScript, which may read them after the engine is
/// gone.
class Counters {
 public:
  /// `writers`: loops and, last, their engine's owner, each with its own rows. `sessions`: slots
  /// for live sessions.
  Counters(std::size_t writers, std::size_t listeners, std::size_t backends, std::size_t sessions)
      : writers_(writers),
        listeners_(listeners),
        rows_(listeners + backends),
        table_(writers * rows_),
        sessions_(sessions),
        ends_(writers * listeners),
        loops_(writers),
        histograms_(writers) {}

  [[nodiscard]] std::size_t writers() const { return writers_; }
  CounterRow& Listener(std::size_t writer, std::size_t listener) {
    return table_[writer * rows_ + listener];
  }
  CounterRow& Backend(std::size_t writer, std::size_t backend) {
    return table_[writer * rows_ + listeners_ + backend];
  }
  LoopRow& Loop(std::size_t loop) { return loops_[loop]; }
  EndRow& Ends(std::size_t writer, std::size_t listener) {
    return ends_[writer * listeners_ + listener];
  }
  SessionCounters& Session(std::size_t slot) { return sessions_[slot]; }
  HistogramRows& histograms() { return histograms_; }

  std::span<CounterRow> table() { return table_.all(); }
  std::span<SessionCounters> sessions() { return sessions_.all(); }
  std::span<EndRow> ends() { return ends_.all(); }
  /// Of each writer, though the owner is no loop.
  std::span<LoopRow> loops() { return loops_.all(); }

 private:
  std::size_t writers_;
  std::size_t listeners_;
  std::size_t rows_;
  CounterBlock<CounterRow> table_;
  CounterBlock<SessionCounters> sessions_;
  CounterBlock<EndRow> ends_;
  CounterBlock<LoopRow> loops_;
  HistogramRows histograms_;
};

}  // namespace spliceway
