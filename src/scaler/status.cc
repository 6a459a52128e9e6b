// SPDX-License-Identifier: Apache-2.0
#include "scaler/status.h"

#include <string>

#include "base/strings.h"

namespace kgs::scaler {
namespace {

constexpr size_t kLongestMessage = 511;

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // What Kubernetes does not know is the asker's mistake. Else abseil numbers its codes as gRPC
  // does.
  const absl::StatusCode code =
      absl::IsNotFound(status) ? absl::StatusCode::kInvalidArgument : status.code();
  return grpc::Status(static_cast<grpc::StatusCode>(code),
                      base::Truncate(std::string(status.message()), kLongestMessage));
}

}  // namespace kgs::scaler
