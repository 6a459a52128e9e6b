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
  // abseil numbers its codes as gRPC does.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      base::Truncate(std::string(status.message()), kLongestMessage));
}

}  // namespace kgs::scaler
