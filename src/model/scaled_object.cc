// SPDX-License-Identifier: Apache-2.0
#include "model/scaled_object.h"

namespace kgs::model {

const char* KindName(ObjectKind kind) {
  return kind == ObjectKind::kScaledJob ? "ScaledJob" : "ScaledObject";
}

}  // namespace kgs::model
