// SPDX-License-Identifier: Apache-2.0
//
// The reader of metrics pages, whatever an engine serves. The first byte of the input chooses
// format, end and pieces; the rest is the page.
#include <absl/status/status.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/exposition_http.h"
#include "engine/exposition_reader.h"

namespace {

using namespace kgs::engine;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// All that the reader tells, in one text that two readings can be compared by.
class Transcript final : public ExpositionVisitor {
 public:
  void OnFamily(std::string_view name, FamilyType type) override {
    Add(name);
    text += static_cast<char>(type);
  }
  void OnSample(const Sample& sample) override {
    Check(!sample.name.empty(), "a sample has a name");
    Check(sample.labels.size() <= SampleLine::kMostLabels, "labels are bounded");
    Add(sample.name);
    for (const Label& label : sample.labels) {
      Add(label.name);
      Add(label.value);
    }
    char bytes[sizeof sample.value];
    std::memcpy(bytes, &sample.value, sizeof bytes);
    text.append(bytes, sizeof bytes);
    text += static_cast<char>(sample.type);
    text += sample.timestamp_ms ? std::to_string(*sample.timestamp_ms) : "-";
    ++samples;
  }
  void OnMalformed(std::string_view name, size_t line, const char* what) override {
    Check(!name.empty(), "a malformed line that is told has a name");
    Add(name);
    text += std::to_string(line) + what;
    ++samples;
  }

  std::string text;
  size_t samples = 0;

 private:
  void Add(std::string_view part) {
    text += std::to_string(part.size()) + ":";
    text += part;
  }
};

struct Reading {
  absl::Status status;
  std::string text;
};

Reading Read(std::string_view page, Format format, BodyEnd end, size_t piece) {
  constexpr ExpositionLimits kLimits{.line_bytes = 1000, .page_bytes = 6000, .samples = 300};
  Transcript transcript;
  ExpositionReader reader(format, transcript, kLimits);
  absl::Status status;
  for (size_t at = 0; at < page.size() && status.ok(); at += piece) {
    status = reader.Feed(page.substr(at, piece));
  }
  if (status.ok()) status = reader.Finish(end);
  Check(transcript.samples <= kLimits.samples, "samples are bounded");
  Check(!status.ok() || reader.samples() == transcript.samples, "every sample is told");
  Check(status.ok() || reader.Finish(end) == status, "an error stays");
  Check(status.message().size() < 100, "an error is short");
  return {status, transcript.text};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view page(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Format format = (data[0] & 1) != 0 ? Format::kOpenMetrics : Format::kText;
  const BodyEnd end = (data[0] & 2) != 0 ? BodyEnd::kUnknown : BodyEnd::kKnown;
  const Reading whole = Read(page, format, end, size);
  for (const size_t piece : {size_t{1}, size_t{data[0] / 4u + 2u}}) {
    const Reading pieces = Read(page, format, end, piece);
    Check(pieces.status == whole.status, "pieces do not change the result");
    Check(pieces.text == whole.text, "pieces do not change what is told");
  }
  const auto type = FormatOfContentType(page.substr(0, 200));
  Check(type.ok() || type.status().message().size() < 100, "a refusal is short");
  return 0;
}
