#include "select/walk.h"

#include <algorithm>
#include <span>

namespace spliceway {
namespace {

bool IsAnyUp(const Tiers& tiers, const BackendTable& table) {
  for (std::size_t tier = 0; tier < tiers.size(); ++tier) {
    for (const std::uint16_t row : tiers[tier].members()) {
      if (table.Row(row).state() == BackendState::kUp) return true;
    }
  }
  return false;
}

}  // namespace

bool Walk::EntersAnew(const Tables::Pool& pool) {
  if (serial_ != pool.serial) {
    if (serial_ != 0) {
      BeginAgain();
      enters_anew_ = true;
    }
    serial_ = pool.serial;
  }
  return std::exchange(enters_anew_, false);
}

std::optional<std::uint16_t> Walk::Next(const Tiers& tiers, std::uint32_t place,
                                        const BackendTable& table) {
  const Cycle& cycle = tiers[tier_];
  if (steps_ == 0) {
    met_rows_.assign((cycle.row_span() + 63) / 64, 0);
    left_ = static_cast<std::uint32_t>(cycle.members().size());
  }
  const bool takes_down = round_ == Round::kDown && !IsAnyUp(tiers, table);
  while (left_ > 0) {
    ++looks_;
    const std::uint16_t row = cycle.RowAt(cycle.After(place, steps_++ + (is_behind_ ? 1 : 0)));
    if (!MeetsFirst(cycle, row)) continue;
    if (HasTried(row) || (is_first_round() && row == met_)) continue;
    if (round_ == Round::kDown && !takes_down && table.Row(row).state() != BackendState::kUp)
      continue;
    if (takes_failed() || !table.Row(row).IsTriedLast()) return row;
    passed_over_ = true;
  }
  return std::nullopt;
}

bool Walk::GoOn(const Tiers& tiers) {
  if (tier_ + std::size_t{1} < tiers.size()) {
    BeginTier(static_cast<std::uint16_t>(tier_ + 1));
    return true;
  }
  if (takes_failed() || !passed_over_) return false;
  BeginRound(Round::kFailed);
  return true;
}

bool Walk::TakeDown(const Tiers& tiers) {
  if (takes_down() || !tiers.tries_down()) return false;
  BeginRound(Round::kDown);
  return true;
}

void Walk::EnterAgain(const BackendTable& table) {
  const auto tried = std::span(tried_).first(count_);
  const auto left = std::remove_if(
      tried.begin(), tried.end(), [&](std::uint16_t row) { return !table.Row(row).IsTriedLast(); });
  count_ = static_cast<std::uint8_t>(left - tried.begin());
  BeginAgain();
  enters_anew_ = true;
}

void Walk::BeginRound(Round round) {
  round_ = round;
  BeginTier(0);
}

void Walk::BeginTier(std::uint16_t tier) {
  // Of one tier alone, the place of the first pick is as good as any.
  if (tier != tier_) enters_anew_ = true;
  tier_ = tier;
  steps_ = 0;
  is_behind_ = false;
}

/// Whether a row was not met before in this tier. That costs little memory, however often rows
/// recur; and the walk is over when it has met all of them.
bool Walk::MeetsFirst(const Cycle& cycle, std::uint16_t row) {
  const std::size_t index = std::size_t{row} - cycle.first_row();
  std::uint64_t& word = met_rows_[index / 64];
  const std::uint64_t bit = std::uint64_t{1} << index % 64;
  if ((word & bit) != 0) return false;
  word |= bit;
  --left_;
  return true;
}

bool Walk::HasTried(std::uint16_t row) const {
  const auto tried = std::span(tried_).first(count_);
  return std::find(tried.begin(), tried.end(), row) != tried.end();
}

}  // namespace spliceway
