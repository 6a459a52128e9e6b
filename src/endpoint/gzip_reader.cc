// SPDX-License-Identifier: Apache-2.0
#include "endpoint/gzip_reader.h"

#include <zlib.h>

#include <array>

namespace kgs::endpoint {
namespace {

// The largest window, and gzip's head and checksum alone (zlib.h, inflateInit2).
constexpr int kGzipOnly = MAX_WBITS + 16;

}  // namespace

void GzipReader::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

GzipReader::GzipReader()
    : stream_(new z_stream{}), ready_(inflateInit2(stream_.get(), kGzipOnly) == Z_OK) {}

GzipReader::~GzipReader() = default;

absl::Status GzipReader::Feed(std::string_view packed, const Sink& sink) {
  if (!ready_) return absl::ResourceExhaustedError("no memory to unpack a gzip body");
  z_stream& stream = *stream_;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::array<char, 16384> buffer;
  bool more = !packed.empty();
  while (more) {
    // A body may be several gzip files, one after the other.
    if (whole_ && inflateReset(&stream) != Z_OK) return absl::InternalError("zlib fails");
    whole_ = false;
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    // Z_BUF_ERROR: all that came is used up.
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return absl::DataLossError("the gzip body is damaged");
    }
    whole_ = code == Z_STREAM_END;
    const size_t size = buffer.size() - stream.avail_out;
    if (size > 0) {
      if (absl::Status taken = sink({buffer.data(), size}); !taken.ok()) return taken;
    }
    more = stream.avail_in > 0 || (stream.avail_out == 0 && !whole_);
  }
  return absl::OkStatus();
}

}  // namespace kgs::endpoint
