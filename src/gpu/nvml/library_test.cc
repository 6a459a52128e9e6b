// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "gpu/call_mark.h"
#include "tests/fake_nvml/fake_nvml.h"

namespace kgs::gpu::nvml {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(LibraryTest, BindsWhatAPresentDriverHas) {
  const auto library = Library::Load(FAKE_NVML);
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_NE((*library)->init.address, nullptr);
  EXPECT_NE((*library)->samples.address, nullptr);
  EXPECT_NE((*library)->memory_info_v2.address, nullptr);
}

TEST(LibraryTest, AnOldDriverOnlyLacksWhatIsOptional) {
  const auto library = Library::Load(FAKE_NVML_OLD);
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_NE((*library)->init.address, nullptr);
  EXPECT_NE((*library)->memory_info.address, nullptr);
  EXPECT_EQ((*library)->samples.address, nullptr);
  EXPECT_EQ((*library)->memory_info_v2.address, nullptr);

  CallMark mark;
  unsigned int minor = 0;
  EXPECT_EQ(Invoke(mark, (*library)->minor_number, static_cast<abi::Device>(nullptr), &minor),
            abi::kFunctionNotFound);
}

TEST(LibraryTest, AMissingLibraryIsNamedWithTheCause) {
  const auto library = Library::Load("/nowhere/libnvidia-ml.so.1");
  EXPECT_EQ(library.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(library.status().message()),
            "cannot load /nowhere/libnvidia-ml.so.1: cannot open shared object file: No such file "
            "or directory; is the NVIDIA driver installed on this node?");
}

TEST(LibraryTest, AFileThatIsNoLibraryIsNamedWithTheCause) {
  const auto file = testing::FakeNvml::Instance().directory() / "text.so";
  std::ofstream(file) << std::string(4096, 'x');
  const auto library = Library::Load(file);
  EXPECT_EQ(library.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(library.status().message()),
              AllOf(StartsWith("cannot load " + file.string() + ": "), HasSubstr("ELF")));
}

TEST(LibraryTest, ALibraryThatIsNotNvmlIsNamedWithWhatItLacks) {
  const auto library = Library::Load("libm.so.6");
  EXPECT_EQ(library.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(library.status().message()),
            "libm.so.6 has no function nvmlInit_v2: it is not NVML, or of a driver too old to use");
}

}  // namespace
}  // namespace kgs::gpu::nvml
