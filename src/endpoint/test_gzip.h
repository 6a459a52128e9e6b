// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace kgs::endpoint {

/// \p text as a gzip file, for tests.
inline std::string Gzip(const std::string& text) {
  z_stream stream{};
  std::string packed(compressBound(static_cast<uLong>(text.size())) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const bool done =
      deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
      deflate(&stream, Z_FINISH) == Z_STREAM_END;
  if (!done) {
    std::fprintf(stderr, "deflate failed\n");
    std::abort();
  }
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace kgs::endpoint
