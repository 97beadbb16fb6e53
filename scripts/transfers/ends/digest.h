#pragma once

#include <openssl/evp.h>

#include <memory>
#include <span>
#include <string>

namespace load {

/// SHA-256 of what was added so far.
class Digest {
 public:
  Digest();
  void Add(std::span<const char> bytes);
  /// In hexadecimal. The last call.
  [[nodiscard]] std::string Finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace load
