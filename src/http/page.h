// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace kgs::http {

/// What a GET of one path answers.
struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

}  // namespace kgs::http
