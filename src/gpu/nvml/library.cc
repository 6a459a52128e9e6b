// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/library.h"

#include <absl/status/status.h>

#include "gpu/dynamic_library.h"

namespace kgs::gpu::nvml {

absl::StatusOr<std::shared_ptr<const Library>> Library::Load(const std::string& file) {
  const auto loaded = DynamicLibrary::Load(file);
  if (!loaded.ok()) {
    return absl::UnavailableError("cannot load " + file + ": " +
                                  std::string(loaded.status().message()) +
                                  "; is the NVIDIA driver installed on this node?");
  }
  std::shared_ptr<Library> library(new Library);
  if (const char* lacking = Bind(*loaded, library->table_)) {
    return absl::UnavailableError(file + " has no function " + lacking +
                                  ": it is not NVML, or of a driver too old to use");
  }
  return library;
}

}  // namespace kgs::gpu::nvml
