// SPDX-License-Identifier: Apache-2.0
//
// For the files of exported functions: each names its functions with their types of gpu/nvml/abi.h,
// so that a definition of another type than our code calls it by does not compile.
#pragma once

#include "gpu/nvml/abi.h"
#include "tests/fake_nvml/driver.h"

namespace abi = kgs::gpu::nvml::abi;

#define FAKE_NVML_EXPORT extern "C" __attribute__((visibility("default")))
