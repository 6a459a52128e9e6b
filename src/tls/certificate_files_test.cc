// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tls/test_files.h"

namespace kgs::tls {
namespace {

using kgs::testing::PemPair;
using kgs::testing::TestAuthority;
using ::testing::HasSubstr;
using testing::TestFiles;

class CertificateFilesTest : public ::testing::Test {
 protected:
  std::string LogOfReload() {
    ::testing::internal::CaptureStderr();
    files_->Reload();
    return ::testing::internal::GetCapturedStderr();
  }

  const TestAuthority authority_;
  const PemPair first_ = authority_.Issue("scaler", "IP:127.0.0.1");
  const PemPair second_ = authority_.Issue("scaler", "IP:127.0.0.1");
  TestFiles folder_{first_};
  std::unique_ptr<CertificateFiles> files_ = *CertificateFiles::Load("keda", folder_.Pair());
};

TEST_F(CertificateFilesTest, IsAnErrorWithoutFiles) {
  EXPECT_THAT(
      std::string(CertificateFiles::Load("keda", folder_.PairAndAuthorities()).status().message()),
      HasSubstr(folder_.Path("ca.crt")));
}

TEST_F(CertificateFilesTest, TakesWhatIsRenewed) {
  const auto before = files_->Current();
  EXPECT_EQ(LogOfReload(), "");
  EXPECT_EQ(files_->Current(), before);
  folder_.Write(second_);
  EXPECT_THAT(LogOfReload(), HasSubstr("certificates were renewed"));
  EXPECT_EQ(files_->Current()->certificate, second_.certificate);
  EXPECT_EQ(before->certificate, first_.certificate);
  EXPECT_EQ(files_->failures().value(), 0);
}

TEST_F(CertificateFilesTest, KeepsWhatIsGoodAndSaysOnceWhatLasts) {
  folder_.Write("tls.crt", second_.certificate);
  EXPECT_EQ(LogOfReload(), "") << "it may be half of a renewal";
  EXPECT_THAT(LogOfReload(), HasSubstr("is not the key of the certificate"));
  EXPECT_EQ(LogOfReload(), "");
  EXPECT_EQ(files_->Current()->certificate, first_.certificate);
  EXPECT_EQ(files_->failures().value(), 3);
  folder_.Write("tls.key", second_.key);
  EXPECT_THAT(LogOfReload(), HasSubstr("certificates were renewed"));
  EXPECT_EQ(files_->Current()->key, second_.key);
  // The same trouble is news again.
  folder_.Write("tls.crt", first_.certificate);
  LogOfReload();
  EXPECT_THAT(LogOfReload(), HasSubstr("is not the key of the certificate"));
}

TEST_F(CertificateFilesTest, TheWatchReadsThemAgain) {
  CertificateWatch watch;
  EXPECT_TRUE(watch.Health({}).empty());
  CertificateFiles& files = watch.Add(std::move(files_));
  folder_.Write(second_);
  watch.Start();
  while (files.Current()->certificate != second_.certificate) std::this_thread::yield();
  EXPECT_EQ(watch.Health(std::chrono::steady_clock::now()).size(), 1);
  watch.Stop();
}

}  // namespace
}  // namespace kgs::tls
