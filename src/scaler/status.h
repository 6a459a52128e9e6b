// SPDX-License-Identifier: Apache-2.0
//
// The one place where our errors become gRPC's.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

namespace kgs::scaler {

/// The same code, INVALID_ARGUMENT for NOT_FOUND; the message cut to under 512 bytes, since KEDA
/// makes a Kubernetes event of it.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace kgs::scaler
