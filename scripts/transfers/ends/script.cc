#include "script.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace load {
namespace {

struct Field {
  std::string_view name;
  std::uint64_t Script::* member;
};

constexpr std::array kFields = {
    Field{"number", &Script::number},
    Field{"named", &Script::named},
    Field{"send_key", &Script::send_key},
    Field{"send_bytes", &Script::send_bytes},
    Field{"expect_key", &Script::expect_key},
    Field{"send_buffer", &Script::send_buffer},
    Field{"receive_buffer", &Script::receive_buffer},
    Field{"write_size", &Script::write_size},
    Field{"read_size", &Script::read_size},
    Field{"write_pause_every", &Script::write_pause_every},
    Field{"write_pause_ms", &Script::write_pause_ms},
    Field{"read_pause_every", &Script::read_pause_every},
    Field{"read_pause_ms", &Script::read_pause_ms},
    Field{"first_read_ms", &Script::first_read_ms},
    Field{"sends_last", &Script::sends_last},
    Field{"ends_last", &Script::ends_last},
    Field{"gives_up", &Script::gives_up},
    Field{"gives_up_sent", &Script::gives_up_sent},
    Field{"gives_up_received", &Script::gives_up_received},
};

bool SetField(Script& script, std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const auto* const field = std::ranges::find(kFields, word.substr(0, equals), &Field::name);
  if (field == kFields.end()) return false;
  const std::string_view digits = word.substr(equals + 1);
  const char* const end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, script.*(field->member));
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

std::optional<Script> ParseScript(std::string_view line) {
  Script script;
  while (!line.empty()) {
    const size_t space = std::min(line.find(' '), line.size());
    if (!SetField(script, line.substr(0, space))) return std::nullopt;
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return script;
}

}  // namespace load
