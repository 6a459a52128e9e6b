// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_folder.h"

namespace kgs::gpu::rocm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Refusal(const std::vector<std::string>& files) {
  const auto library = Library::Load(files);
  EXPECT_EQ(library.status().code(), absl::StatusCode::kUnavailable);
  return std::string(library.status().message());
}

TEST(RocmLibraryTest, TheNewestReleaseIsTriedFirst) {
  EXPECT_EQ(Sonames().front(), "librocm_smi64.so.7");
  EXPECT_EQ(Sonames().back(), "librocm_smi64.so");
}

TEST(RocmLibraryTest, BindsWhatThereIs) {
  const auto library = Library::Load({"/nowhere/librocm_smi64.so.7", FAKE_ROCM});
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_NE((*library)->power.address, nullptr);
}

TEST(RocmLibraryTest, AnOldReleaseOnlyLacksWhatIsOptional) {
  const auto library = Library::Load({FAKE_ROCM_OLD});
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_NE((*library)->power_average.address, nullptr);
  EXPECT_EQ((*library)->power.address, nullptr);
  CallMark mark;
  uint64_t power = 0;
  abi::PowerType type = abi::kCurrentPower;
  EXPECT_EQ(Invoke(mark, (*library)->power, 0U, &power, &type), abi::kNoSuchFunction);
}

TEST(RocmLibraryTest, AMissingLibraryIsNamedUnderEveryNameThatWasTried) {
  EXPECT_EQ(Refusal({"libnone_a.so.7", "libnone_b.so.1"}),
            "cannot load any of libnone_a.so.7 and libnone_b.so.1: cannot open shared object file: "
            "No such file or directory; this node has an AMD GPU, but ROCm SMI is not installed "
            "where this process runs");
  EXPECT_THAT(Refusal({"/nowhere/librocm_smi64.so.1"}),
              StartsWith("cannot load /nowhere/librocm_smi64.so.1: cannot open"));
  EXPECT_LT(
      Refusal({"libnone_a.so.7", "libnone_a.so.6", "libnone_a.so.5", "libnone_a.so.1"}).size(),
      400U);
}

TEST(RocmLibraryTest, ALibraryThatIsThereAndCannotBeLoadedIsNotPassedOver) {
  const kgs::testing::TempFolder folder;
  const std::string file = (folder.path() / "text.so").string();
  std::ofstream(file) << std::string(4096, 'x');
  EXPECT_THAT(Refusal({"libnone_a.so.7", file, FAKE_ROCM}),
              AllOf(StartsWith("cannot load " + file + ": "), HasSubstr("ELF")));
}

TEST(RocmLibraryTest, ALibraryThatIsNotRocmSmiIsNamedWithWhatItLacks) {
  EXPECT_EQ(Refusal({"libm.so.6"}), "libm.so.6 has no function rsmi_init: it is not ROCm SMI");
}

}  // namespace
}  // namespace kgs::gpu::rocm
