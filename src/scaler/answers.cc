// SPDX-License-Identifier: Apache-2.0
#include "scaler/answers.h"

namespace kgs::scaler {
namespace {

/// Each is asked, whatever the others are: what each was answered is kept.
template <typename Ask>
absl::StatusOr<bool> Any(const Specs& specs, Ask ask) {
  absl::StatusOr<bool> any = false;
  for (size_t place = 0; place < specs.size(); ++place) {
    const absl::StatusOr<bool> active = ask(place);
    const bool decided = any.ok() && *any;
    if (active.ok() ? *active : any.ok() && !decided) any = active;
  }
  return any;
}

}  // namespace

absl::StatusOr<bool> AnyActive(const Answers& answers,
                               const externalscaler::ScaledObjectRef& object, const Specs& specs) {
  return Any(specs, [&](size_t place) { return answers.Active({object, specs[place], place}); });
}

absl::StatusOr<bool> AnyActiveForStream(const Answers& answers,
                                        const externalscaler::ScaledObjectRef& object,
                                        const Specs& specs) {
  return Any(specs,
             [&](size_t place) { return answers.ActiveForStream({object, specs[place], place}); });
}

}  // namespace kgs::scaler
