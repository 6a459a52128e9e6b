// SPDX-License-Identifier: Apache-2.0
#include "endpoint/gzip_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "endpoint/test_gzip.h"

namespace kgs::endpoint {
namespace {

struct Unpacked {
  absl::Status status;
  std::string text;
  bool whole = false;
};

Unpacked Unpack(const std::string& packed, size_t piece) {
  GzipReader reader;
  Unpacked unpacked;
  for (size_t at = 0; at < packed.size() && unpacked.status.ok(); at += piece) {
    unpacked.status = reader.Feed(packed.substr(at, piece), [&](std::string_view data) {
      unpacked.text += data;
      return absl::OkStatus();
    });
  }
  unpacked.whole = reader.whole();
  return unpacked;
}

std::string Page() {
  std::string page;
  for (int i = 0; i < 5000; ++i)
    page += "vllm:num_requests_waiting " + std::to_string(i * i) + "\n";
  return page;
}

TEST(GzipReaderTest, UnpacksHoweverItIsCut) {
  const std::string packed = Gzip(Page());
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, packed.size()}) {
    const Unpacked unpacked = Unpack(packed, piece);
    EXPECT_EQ(unpacked.status, absl::OkStatus());
    EXPECT_TRUE(unpacked.whole);
    EXPECT_EQ(unpacked.text, Page()) << piece;
  }
}

TEST(GzipReaderTest, UnpacksSeveralFilesAndAnEmptyOne) {
  for (const size_t piece : {size_t{1}, size_t{100000}}) {
    const Unpacked unpacked = Unpack(Gzip("a 1\n") + Gzip("b 2\n"), piece);
    EXPECT_TRUE(unpacked.whole);
    EXPECT_EQ(unpacked.text, "a 1\nb 2\n");
  }
  EXPECT_TRUE(Unpack(Gzip(""), 100).whole);
}

TEST(GzipReaderTest, SeesThatTheEndIsMissing) {
  const std::string packed = Gzip(Page());
  EXPECT_FALSE(GzipReader().whole());
  for (const size_t cut : {size_t{1}, size_t{4}, size_t{8}, size_t{9}, packed.size() - 1}) {
    const Unpacked unpacked = Unpack(packed.substr(0, packed.size() - cut), 1000);
    EXPECT_EQ(unpacked.status, absl::OkStatus());
    EXPECT_FALSE(unpacked.whole) << cut;
  }
  EXPECT_FALSE(Unpack(Gzip("a 1\n") + Gzip("b 2\n").substr(0, 5), 1000).whole);
}

TEST(GzipReaderTest, SeesDamage) {
  const std::string packed = Gzip(Page());
  std::string damaged = packed;
  // In the checksum.
  damaged[damaged.size() - 6] ^= 1;
  EXPECT_EQ(Unpack(damaged, 1000).status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Unpack(Page(), 1000).status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Unpack(packed + "more", 1000).status.code(), absl::StatusCode::kDataLoss);
}

TEST(GzipReaderTest, StopsWhereTheSinkDoes) {
  GzipReader reader;
  size_t calls = 0;
  const absl::Status status =
      reader.Feed(Gzip(std::string(size_t{1} << 20, 'a')), [&](std::string_view) {
        return ++calls < 3 ? absl::OkStatus() : absl::ResourceExhaustedError("enough");
      });
  EXPECT_EQ(status, absl::ResourceExhaustedError("enough"));
  EXPECT_EQ(calls, 3U);
}

}  // namespace
}  // namespace kgs::endpoint
