// SPDX-License-Identifier: Apache-2.0
//
// What the load of scripts/hardware-check calls of libcuda.so.1. Each call looks at all that it is
// given; a wrong argument answers 1, CUDA's invalid value. FAKE_CUDA_FAIL names a call that answers
// 2, out of memory.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

using Code = int;
constexpr Code kSuccess = 0;
constexpr Code kInvalidValue = 1;
constexpr Code kOutOfMemory = 2;

constexpr int kDevice = 7;
constexpr uint64_t kMemory = 0x7f00'1234'5678'0000;
constexpr size_t kFreeBytes = size_t{40960} << 20;
constexpr unsigned int kMultiprocessors = 132;
constexpr unsigned int kBlocks = 8 * kMultiprocessors;
constexpr unsigned int kThreads = 256;

// Handles: their addresses, which do not fit into 32 bits.
char context;
char module;
char kernel;
bool current = false;
uint64_t rounds_launched = 0;
std::array<char, size_t{64} << 20> host;

Code Answer(std::string_view call, bool fits) {
  const char* fails = std::getenv("FAKE_CUDA_FAIL");  // NOLINT(concurrency-mt-unsafe)
  if (fails != nullptr && call == fails) return kOutOfMemory;
  return fits ? kSuccess : kInvalidValue;
}

bool InMemory(uint64_t at, size_t bytes) {
  return at >= kMemory && at + bytes <= kMemory + kFreeBytes / 2;
}

}  // namespace

extern "C" {

Code cuInit(unsigned int flags) { return Answer("cuInit", flags == 0); }

Code cuDeviceGet(int* device, int ordinal) {
  *device = kDevice;
  return Answer("cuDeviceGet", ordinal == 0);
}

Code cuDeviceGetName(char* name, int size, int device) {
  constexpr std::string_view kName = "NVIDIA Fake GPU";
  if (size <= static_cast<int>(kName.size())) return kInvalidValue;
  std::memcpy(name, kName.data(), kName.size());
  return Answer("cuDeviceGetName", device == kDevice);
}

// Of the first GPU of the fake NVML, as tests/support/fake_driver.py names it.
Code cuDeviceGetUuid(unsigned char* uuid, int device) {
  std::memset(uuid, 0, 16);
  return Answer("cuDeviceGetUuid", device == kDevice);
}

// With FAKE_CUDA_MIG the device is a MIG device of that GPU.
Code cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  const Code code = cuDeviceGetUuid(uuid, device);
  if (std::getenv("FAKE_CUDA_MIG") != nullptr) uuid[15] = 2;  // NOLINT(concurrency-mt-unsafe)
  return code;
}

Code cuDeviceGetAttribute(int* value, int attribute, int device) {
  const bool known = attribute == 16 || attribute == 75 || attribute == 76;
  *value = attribute == 16 ? static_cast<int>(kMultiprocessors) : attribute == 75 ? 9 : 0;
  return Answer("cuDeviceGetAttribute", known && device == kDevice);
}

Code cuDevicePrimaryCtxRetain(void** made, int device) {
  *made = &context;
  return Answer("cuDevicePrimaryCtxRetain", device == kDevice);
}

Code cuCtxSetCurrent(void* made) {
  current = made == &context;
  return Answer("cuCtxSetCurrent", current);
}

// Waiting and copying take their time, as on a GPU: without it a load would be calls without end.
Code cuCtxSynchronize() {
  usleep(rounds_launched > 100'000 ? 20'000 : 100);
  rounds_launched = 0;
  return Answer("cuCtxSynchronize", current);
}

Code cuMemGetInfo_v2(size_t* free, size_t* total) {
  *free = kFreeBytes;
  *total = 2 * kFreeBytes;
  return Answer("cuMemGetInfo_v2", current);
}

Code cuMemAlloc_v2(uint64_t* memory, size_t bytes) {
  *memory = kMemory;
  return Answer("cuMemAlloc_v2", current && bytes == kFreeBytes / 2);
}

Code cuMemHostAlloc(void** memory, size_t bytes, unsigned int flags) {
  *memory = host.data();
  return Answer("cuMemHostAlloc", current && bytes == host.size() && flags == 0);
}

Code cuMemsetD8_v2(uint64_t memory, unsigned char value, size_t bytes) {
  return Answer("cuMemsetD8_v2", value == 0 && InMemory(memory, bytes));
}

Code cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes) {
  usleep(1000);
  return Answer("cuMemcpyHtoD_v2",
                from == host.data() && bytes == host.size() && InMemory(to, bytes));
}

Code cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes) {
  usleep(1000);
  return Answer("cuMemcpyDtoH_v2",
                to == host.data() && bytes == host.size() && InMemory(from, bytes));
}

Code cuModuleLoadData(void** loaded, const void* image) {
  *loaded = &module;
  const std::string_view text = static_cast<const char*>(image);
  return Answer("cuModuleLoadData", current && text.find(".target sm_75\n") != text.npos &&
                                        text.find(".entry spin(") != text.npos &&
                                        text.find('%') != text.npos &&
                                        text.find("%%") == text.npos);
}

Code cuModuleGetFunction(void** function, void* of, const char* name) {
  *function = &kernel;
  return Answer("cuModuleGetFunction", of == &module && std::string_view(name) == "spin");
}

Code cuLaunchKernel(void* function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                    unsigned int block_x, unsigned int block_y, unsigned int block_z,
                    unsigned int shared, void* stream, void** arguments, void** extra) {
  uint64_t results = 0;
  uint32_t rounds = 0;
  std::memcpy(&results, arguments[0], sizeof(results));
  std::memcpy(&rounds, arguments[1], sizeof(rounds));
  rounds_launched += rounds;
  return Answer("cuLaunchKernel", function == &kernel && grid_x == kBlocks && grid_y == 1 &&
                                      grid_z == 1 && block_x == kThreads && block_y == 1 &&
                                      block_z == 1 && shared == 0 && stream == nullptr &&
                                      extra == nullptr && rounds > 0 &&
                                      InMemory(results, size_t{4} * kBlocks * kThreads));
}

}  // extern "C"
