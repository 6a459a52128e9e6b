// SPDX-License-Identifier: Apache-2.0
//
// Reads a metrics page as it arrives, in pieces of any size: Prometheus' text format 0.0.4
// and 1.0.0, or OpenMetrics 1.0. Strict, since what is read here decides about fleets:
// - a line that is no sample, though its metric's name could be read, is told to the visitor, who
//   knows whether it was wanted, and the page goes on;
// - a page with a line whose name cannot be read is no metrics page: an error;
// - so is one with a NUL, one beyond the limits, and one that stopped before its end.
// However a page is cut into pieces, the visitor is told the same and the result is the same.
// Nothing of a page's text is in an error: only the line's number and what is wrong.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/sample_line.h"

namespace kgs::engine {

/// As TYPE declares it.
enum class FamilyType {
  /// Not declared, or declared as untyped or unknown.
  kUntyped,
  kCounter,
  kGauge,
  kHistogram,
  kSummary,
  kGaugeHistogram,
  kInfo,
  kStateSet,
};

/// Views are valid during the call that shows it.
struct Sample {
  std::string_view name;
  /// In the order of the page.
  std::span<const Label> labels;
  /// May be NaN or infinite.
  double value;
  std::optional<int64_t> timestamp_ms;
  /// Of the family declared last, where this is one of its samples. Pages declare wrongly: a hint.
  FamilyType type;
};

class ExpositionVisitor {
 public:
  virtual ~ExpositionVisitor() = default;
  /// A TYPE line. The family may have no samples: a metric with labels that was never set.
  virtual void OnFamily(std::string_view name, FamilyType type) = 0;
  virtual void OnSample(const Sample& sample) = 0;
  /// A line whose name could be read, and no more. \p what is words of ours.
  virtual void OnMalformed(std::string_view name, size_t line, const char* what) = 0;
};

struct ExpositionLimits {
  size_t line_bytes = size_t{1} << 20;
  size_t page_bytes = size_t{8} << 20;
  size_t samples = 500'000;
};

/// Whether the transport knows that the body is whole.
enum class BodyEnd {
  /// By its length, or by the last chunk: the last line may lack its end.
  kKnown,
  /// The connection was closed: a last line without an end may have been cut.
  kUnknown,
};

/// Not thread-safe. One page each.
class ExpositionReader {
 public:
  /// \p visitor must outlive the reader.
  ExpositionReader(Format format, ExpositionVisitor& visitor, ExpositionLimits limits = {})
      : format_(format), visitor_(visitor), limits_(limits) {}

  /// INVALID_ARGUMENT where this is no metrics page, RESOURCE_EXHAUSTED beyond a limit. After an
  /// error the page is lost: every further call returns it.
  absl::Status Feed(std::string_view piece);

  /// After the last piece. DATA_LOSS where the page stopped before its end.
  absl::Status Finish(BodyEnd end);

  size_t samples() const { return samples_; }
  size_t lines() const { return line_ - 1; }

 private:
  absl::Status TakeLines(std::string_view piece);
  absl::Status TakeLine(std::string_view line);
  absl::Status TakeComment(std::string_view line);
  void TakeType(std::string_view text);
  FamilyType TypeOf(std::string_view sample_name) const;
  absl::Status Invalid(const char* what) const;
  absl::Status Exceeded(const char* what, size_t limit) const;

  const Format format_;
  ExpositionVisitor& visitor_;
  const ExpositionLimits limits_;

  absl::Status status_;
  /// The line that is being read, from 1.
  size_t line_ = 1;
  size_t bytes_ = 0;
  size_t samples_ = 0;
  bool ended_ = false;
  /// The beginning of a line that has not ended yet.
  std::string partial_;
  SampleLine sample_;
  std::string family_;
  FamilyType family_type_ = FamilyType::kUntyped;
};

}  // namespace kgs::engine
