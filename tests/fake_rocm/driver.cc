// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_rocm/driver.h"

namespace kgs::fake_rocm {
namespace {

constexpr char kPciId[] = "rsmi_dev_pci_id_get";

}  // namespace

Driver& Driver::Instance() {
  static Driver* const driver = new Driver;
  return *driver;
}

void Driver::Reload() {
  std::string text;
  if (script_file_.Changed(text)) script_ = ParseScript(script_file_.name(), text);
}

const GpuScript* Driver::Now(const GpuScript& opened) const {
  return script_.Find(opened.pci, opened.partition);
}

fake_driver::CallRule Driver::Obey(Lock& lock, const char* symbol, const GpuScript* opened) {
  // A copy: the list goes when another thread ends the session.
  const GpuScript of = opened == nullptr ? GpuScript{} : *opened;
  return fake_driver::Obey(lock, [&] {
    Reload();
    fake_driver::CallRule rule;
    const GpuScript* now = opened == nullptr ? nullptr : Now(of);
    if (now != nullptr) rule.Merge(now->rules, symbol);
    rule.Merge(script_.rules, symbol);
    return rule;
  });
}

abi::Status Driver::Init() {
  Lock lock(mutex_);
  counts_.Count("rsmi_init");
  if (!script_file_.given()) return abi::kInitError;
  const fake_driver::CallRule rule = Obey(lock, "rsmi_init", nullptr);
  if (rule.error) return static_cast<abi::Status>(*rule.error);
  if (++sessions_ == 1) opened_ = script_.gpus;
  return abi::kSuccess;
}

abi::Status Driver::ShutDown() {
  Lock lock(mutex_);
  counts_.Count("rsmi_shut_down");
  const fake_driver::CallRule rule = Obey(lock, "rsmi_shut_down", nullptr);
  if (rule.error) return static_cast<abi::Status>(*rule.error);
  if (sessions_ == 0) return abi::kInitError;
  if (--sessions_ == 0) opened_.clear();
  return abi::kSuccess;
}

abi::Status Driver::OnLibrary(const char* symbol,
                              const std::function<abi::Status(const Script&, uint32_t)>& body) {
  Lock lock(mutex_);
  counts_.Count(symbol);
  const fake_driver::CallRule rule = Obey(lock, symbol, nullptr);
  if (rule.error) return static_cast<abi::Status>(*rule.error);
  return body(script_, static_cast<uint32_t>(opened_.size()));
}

abi::Status Driver::OnGpu(const char* symbol, uint32_t index,
                          const std::function<abi::Status(const GpuScript&)>& body) {
  Lock lock(mutex_);
  counts_.Count(symbol);
  Reload();
  if (index >= opened_.size()) return abi::kInvalidArguments;
  const fake_driver::CallRule rule = Obey(lock, symbol, &opened_[index]);
  if (index >= opened_.size()) return abi::kInvalidArguments;
  if (rule.error) return static_cast<abi::Status>(*rule.error);
  const GpuScript* now = Now(opened_[index]);
  if (now != nullptr) return body(*now);
  return symbol == std::string(kPciId) ? body(opened_[index]) : abi::kNotSupported;
}

uint64_t Driver::Calls(const std::string& symbol) {
  const Lock lock(mutex_);
  return counts_.Of(symbol);
}

}  // namespace kgs::fake_rocm
