// SPDX-License-Identifier: Apache-2.0
//
// THE list of backends: a vendor is a folder beside this file and a row here.
#include "gpu/backends.h"

#include <functional>

#include "gpu/nvml/nvml_backend.h"
#include "gpu/simulated/simulated_backend.h"

namespace kgs::gpu {
namespace {

struct BackendRow {
  const char* name;
  /// Part of "auto".
  bool real;
  std::function<absl::StatusOr<std::unique_ptr<Backend>>(const BackendOptions&, const base::Clock&)>
      make;
};

const std::vector<BackendRow>& Rows() {
  static const std::vector<BackendRow> rows = {
      {"nvml", true,
       [](const BackendOptions& options, const base::Clock&) {
         return absl::StatusOr<std::unique_ptr<Backend>>(
             nvml::MakeNvmlBackend(options.nvml_library));
       }},
      {"simulated", false,
       [](const BackendOptions& options, const base::Clock& clock) {
         return simulated::MakeSimulatedBackend(options.simulated_gpus, clock);
       }},
  };
  return rows;
}

}  // namespace

std::vector<std::string> BackendNames() {
  std::vector<std::string> names = {"auto"};
  for (const BackendRow& row : Rows()) names.emplace_back(row.name);
  return names;
}

absl::StatusOr<std::vector<std::unique_ptr<Backend>>> MakeBackends(const BackendOptions& options,
                                                                   const base::Clock& clock) {
  std::vector<std::unique_ptr<Backend>> backends;
  for (const BackendRow& row : Rows()) {
    const bool wanted = options.backend == "auto" ? row.real : options.backend == row.name;
    if (!wanted) continue;
    auto backend = row.make(options, clock);
    if (!backend.ok()) return backend.status();
    backends.push_back(*std::move(backend));
  }
  return backends;
}

}  // namespace kgs::gpu
