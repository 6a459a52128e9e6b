// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string_view>

struct z_stream_s;

namespace kgs::endpoint {

/// Unpacks a gzip body as it arrives. An own one, since curl's takes a body that stops in the
/// middle for a whole one. Not thread-safe.
class GzipReader {
 public:
  /// A failure ends the reading and is returned as it is.
  using Sink = std::function<absl::Status(std::string_view)>;

  GzipReader();
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// Hands what \p packed unpacks to, in pieces of some KiB, to \p sink. DATA_LOSS where it is no
  /// gzip or its checksum is wrong.
  absl::Status Feed(std::string_view packed, const Sink& sink);

  /// Whether all that came is whole, checksum included.
  bool whole() const { return whole_; }

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };

  const std::unique_ptr<z_stream_s, End> stream_;
  bool ready_ = false;
  bool whole_ = false;
};

}  // namespace kgs::endpoint
