// SPDX-License-Identifier: Apache-2.0
#include "kube/client/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kgs::kube {
namespace {

using ::testing::ElementsAre;

class LineReaderTest : public ::testing::Test {
 protected:
  absl::Status Feed(LineReader& reader, std::string_view piece) {
    return reader.Feed(piece, [this](std::string_view line) {
      lines_.emplace_back(line);
      return true;
    });
  }
  std::vector<std::string> lines_;
};

TEST_F(LineReaderTest, TheSameLinesWhateverTheSizeOfThePieces) {
  const std::string text = "{\"a\":1}\n\n{}\r\nthree\n";
  for (size_t size = 1; size <= text.size(); ++size) {
    lines_.clear();
    LineReader reader;
    for (size_t at = 0; at < text.size(); at += size) {
      ASSERT_TRUE(Feed(reader, std::string_view(text).substr(at, size)).ok());
    }
    EXPECT_THAT(lines_, ElementsAre("{\"a\":1}", "{}", "three")) << "pieces of " << size;
    EXPECT_FALSE(reader.has_partial_line());
  }
}

TEST_F(LineReaderTest, ALineWithoutEndIsNotHandedOut) {
  LineReader reader;
  ASSERT_TRUE(Feed(reader, "one\ntw").ok());
  EXPECT_THAT(lines_, ElementsAre("one"));
  EXPECT_TRUE(reader.has_partial_line());
  ASSERT_TRUE(Feed(reader, "o\n").ok());
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(LineReaderTest, ALineAtTheBoundPassesAndOneByteMoreDoesNot) {
  LineReader at_bound(4);
  EXPECT_TRUE(Feed(at_bound, "12").ok());
  EXPECT_TRUE(Feed(at_bound, "34\n").ok());
  EXPECT_THAT(lines_, ElementsAre("1234"));

  LineReader in_pieces(4);
  EXPECT_TRUE(Feed(in_pieces, "1234").ok());
  EXPECT_EQ(Feed(in_pieces, "5"), absl::ResourceExhaustedError("a line of more than 4 bytes"));
  LineReader at_once(4);
  EXPECT_EQ(Feed(at_once, "12345\n").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(lines_, ElementsAre("1234"));
}

TEST_F(LineReaderTest, TheRestIsDroppedWhenTheReceiverHasEnough) {
  LineReader reader;
  ASSERT_TRUE(reader
                  .Feed("one\ntwo\nthr",
                        [this](std::string_view line) {
                          lines_.emplace_back(line);
                          return false;
                        })
                  .ok());
  EXPECT_THAT(lines_, ElementsAre("one"));
  EXPECT_FALSE(reader.has_partial_line());
}

}  // namespace
}  // namespace kgs::kube
