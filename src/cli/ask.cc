// SPDX-License-Identifier: Apache-2.0
#include "cli/ask.h"

#include <absl/status/statusor.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "base/strings.h"
#include "externalscaler.grpc.pb.h"
#include "tls/certificates.h"
#include "tls/grpc_credentials.h"

namespace kgs::cli {
namespace {

using externalscaler::ExternalScaler;

constexpr char kUsage[] =
    "usage: keda-gpu-scaler ask [FLAGS] [HOST:PORT] [NAMESPACE/NAME] [KEY=VALUE ...]\n"
    "Asks a running scaler (default localhost:6000) as KEDA does for that ScaledObject or\n"
    "ScaledJob, with the trigger metadata given. Where the scaler knows Kubernetes, both must be "
    "as\n"
    "Kubernetes has them, scalerAddress included.\n"
    "Flags, for a port with TLS (PEM files):\n"
    "  --ca-file FILE             the authorities of the scaler's certificate\n"
    "  --cert-file, --key-file    our own certificate and its key, where the scaler wants one\n"
    "  --server-name NAME         the name in its certificate, where that is not the host\n"
    "Examples:\n"
    "  keda-gpu-scaler ask localhost:6000 profile=vllm-inference gpuIndex=0\n"
    "  keda-gpu-scaler ask localhost:6000 default/web scalerAddress=keda-gpu-scaler.keda:6000\n";

constexpr auto kDeadline = std::chrono::seconds(5);

bool Failed(const char* call, const grpc::Status& status) {
  if (status.ok()) return false;
  std::printf("%-14s error %d: %s\n", call, status.error_code(), status.error_message().c_str());
  return true;
}

bool IsHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || text.find('/') != std::string::npos) return false;
  const auto port = base::ParseInteger(text.substr(colon + 1));
  return port && *port >= 1 && *port <= 65535;
}

bool IsObject(const std::string& text) {
  const size_t slash = text.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
         text.find('/', slash + 1) == std::string::npos && text.front() != '-';
}

/// Whom to ask, what, and how.
struct Question {
  std::string address = "localhost:6000";
  externalscaler::ScaledObjectRef object;
  tls::CertificatePaths tls;
  std::string server_name;
};

/// The place for the value of a flag; null where it is none.
std::string* PlaceOf(const std::string& flag, Question& question) {
  if (flag == "--ca-file") return &question.tls.authorities;
  if (flag == "--cert-file") return &question.tls.certificate;
  if (flag == "--key-file") return &question.tls.key;
  if (flag == "--server-name") return &question.server_name;
  return nullptr;
}

/// INVALID_ARGUMENT names what cannot be understood.
absl::StatusOr<Question> ReadQuestion(const std::vector<std::string>& arguments) {
  Question question;
  question.object.set_name("ask");
  question.object.set_namespace_("default");
  bool has_address = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const size_t equals = argument.find('=');
    if (std::string* place = PlaceOf(argument.substr(0, equals), question)) {
      if (equals == std::string::npos && i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(argument + ": needs a value");
      }
      *place = equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1);
    } else if (equals != std::string::npos && equals > 0 && argument.front() != '-') {
      (*question.object.mutable_scalermetadata())[argument.substr(0, equals)] =
          argument.substr(equals + 1);
    } else if (!has_address && IsHostPort(argument)) {
      question.address = argument;
      has_address = true;
    } else if (IsObject(argument)) {
      question.object.set_namespace_(argument.substr(0, argument.find('/')));
      question.object.set_name(argument.substr(argument.find('/') + 1));
    } else {
      return absl::InvalidArgumentError(base::QuoteForMessage(argument) +
                                        " is neither HOST:PORT, NAMESPACE/NAME nor KEY=VALUE");
    }
  }
  if (question.tls.certificate.empty() != question.tls.key.empty()) {
    return absl::InvalidArgumentError("--cert-file and --key-file need each other");
  }
  if (question.tls.authorities.empty() && !question.tls.certificate.empty()) {
    return absl::InvalidArgumentError("--cert-file needs --ca-file");
  }
  return question;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const Question& question) {
  if (question.tls.authorities.empty()) return grpc::InsecureChannelCredentials();
  const auto certificates = tls::ReadCertificates(question.tls);
  if (!certificates.ok()) return certificates.status();
  return tls::ChannelCredentials(*certificates);
}

/// A scaler that is asked by hand is reached directly, whatever proxy the machine is set to.
std::shared_ptr<grpc::Channel> DirectChannel(
    const Question& question, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!question.server_name.empty()) arguments.SetSslTargetNameOverride(question.server_name);
  return grpc::CreateCustomChannel(question.address, credentials, arguments);
}

int AskAll(ExternalScaler::Stub& stub, const externalscaler::ScaledObjectRef& object) {
  const auto deadline = std::chrono::system_clock::now() + kDeadline;
  bool failed = false;

  grpc::ClientContext spec_context;
  spec_context.set_deadline(deadline);
  externalscaler::GetMetricSpecResponse specs;
  failed |= Failed("GetMetricSpec", stub.GetMetricSpec(&spec_context, object, &specs));
  for (const auto& spec : specs.metricspecs()) {
    std::printf("GetMetricSpec  %s target %s\n", spec.metricname().c_str(),
                base::FormatNumber(spec.targetsizefloat()).c_str());
    grpc::ClientContext context;
    context.set_deadline(deadline);
    externalscaler::GetMetricsRequest request;
    *request.mutable_scaledobjectref() = object;
    request.set_metricname(spec.metricname());
    externalscaler::GetMetricsResponse metrics;
    failed |= Failed("GetMetrics", stub.GetMetrics(&context, request, &metrics));
    for (const auto& metric : metrics.metricvalues()) {
      std::printf("GetMetrics     %s value %s\n", metric.metricname().c_str(),
                  base::FormatNumber(metric.metricvaluefloat()).c_str());
    }
  }

  grpc::ClientContext active_context;
  active_context.set_deadline(deadline);
  externalscaler::IsActiveResponse active;
  if (Failed("IsActive", stub.IsActive(&active_context, object, &active))) {
    failed = true;
  } else {
    std::printf("IsActive       %s\n", active.result() ? "true" : "false");
  }
  return failed ? 1 : 0;
}

}  // namespace

int Ask(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
  }
  const auto question = ReadQuestion(arguments);
  const auto credentials = question.ok() ? CredentialsOf(*question) : question.status();
  if (!credentials.ok()) {
    std::fprintf(stderr, "keda-gpu-scaler: %s\n%s",
                 std::string(credentials.status().message()).c_str(), question.ok() ? "" : kUsage);
    return 2;
  }
  const auto stub = ExternalScaler::NewStub(DirectChannel(*question, *credentials));
  return AskAll(*stub, question->object);
}

}  // namespace kgs::cli
