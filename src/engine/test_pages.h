// SPDX-License-Identifier: Apache-2.0
//
// Real metrics pages, and what a reader tells of one, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "engine/exposition_reader.h"

namespace kgs::engine {

/// The page \p name of tests/fixtures/exposition.
inline std::string RealPage(const std::string& name) {
  std::ifstream in(std::string(KGS_FIXTURES) + "/" + name);
  EXPECT_TRUE(in.is_open()) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// All that a visitor is told, a line each: "a{b="c"} 1", "TYPE a 2", "malformed a: line 3: no
/// value".
class Recorder final : public ExpositionVisitor {
 public:
  void OnFamily(std::string_view name, FamilyType type) override {
    told.push_back("TYPE " + std::string(name) + " " + std::to_string(static_cast<int>(type)));
  }
  void OnSample(const Sample& sample) override {
    std::string text(sample.name);
    for (const Label& label : sample.labels) {
      text += "|" + std::string(label.name) + "=" + std::string(label.value);
    }
    text += " " + base::FormatNumber(sample.value);
    if (sample.timestamp_ms) text += " @" + std::to_string(*sample.timestamp_ms);
    if (sample.type != FamilyType::kUntyped) {
      text += " type " + std::to_string(static_cast<int>(sample.type));
    }
    told.push_back(text);
  }
  void OnMalformed(std::string_view name, size_t line, const char* what) override {
    told.push_back("malformed " + std::string(name) + ": line " + std::to_string(line) + ": " +
                   what);
  }

  std::vector<std::string> told;
};

struct ReadPage {
  absl::Status status;
  std::vector<std::string> told;

  bool operator==(const ReadPage&) const = default;
};

/// \p page in pieces of \p piece bytes each.
inline ReadPage ReadInPieces(std::string_view page, Format format, size_t piece,
                             ExpositionLimits limits = {}, BodyEnd end = BodyEnd::kKnown) {
  Recorder recorder;
  ExpositionReader reader(format, recorder, limits);
  absl::Status status;
  for (size_t at = 0; at < page.size() && status.ok(); at += piece) {
    status = reader.Feed(page.substr(at, piece));
  }
  if (status.ok()) status = reader.Finish(end);
  return {status, recorder.told};
}

inline ReadPage ReadAtOnce(std::string_view page, Format format = Format::kText,
                           ExpositionLimits limits = {}, BodyEnd end = BodyEnd::kKnown) {
  return ReadInPieces(page, format, std::max<size_t>(page.size(), 1), limits, end);
}

}  // namespace kgs::engine
