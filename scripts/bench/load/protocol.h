#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// What the clients here and the server say to each other. A session's first byte tells its kind.
namespace load::protocol {

/// The server sends every byte back.
inline constexpr char kEcho = 'E';
/// A length of 8 bytes follows, little-endian, and as many bytes of payload. The server throws them
/// away and answers with how many came, in the same form, when all have or when the client has
/// ended.
inline constexpr char kTransfer = 'T';

inline constexpr size_t kExchangeBytes = 64;
inline constexpr size_t kLengthBytes = 8;
inline constexpr uint64_t kUntilEnd = UINT64_MAX;

using Length = std::array<unsigned char, kLengthBytes>;

inline Length EncodeLength(uint64_t value) {
  Length bytes{};
  for (size_t i = 0; i < kLengthBytes; i++) {
    bytes[i] = static_cast<unsigned char>(value >> (8 * i));
  }
  return bytes;
}

inline uint64_t DecodeLength(const Length& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kLengthBytes; i++) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace load::protocol
