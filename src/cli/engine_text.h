// SPDX-License-Identifier: Apache-2.0
//
// How pages of engines are shown, and where they are. Pure.
#pragma once

#include <string>

#include "cli/engine_page.h"
#include "cli/engine_url.h"
#include "engine/dialect.h"

namespace kgs::cli {

/// A line for the page and one for each metric.
std::string EnginePageText(const EnginePage& page);

/// One object, with value null and a reason where there is none.
std::string EnginePageJson(const EnginePage& page);

/// The pages that could be read, each under its address.
std::string AddressPagesText(const endpoint::Url& url, const std::vector<AddressPage>& pages);

/// One object, with an error for each address whose page could not be read.
std::string AddressPagesJson(const endpoint::Url& url, const std::vector<AddressPage>& pages);

/// Of \p chosen, or, where that is null, of every engine: what its names begin with, where its page
/// is, and how it is switched on. Lines.
std::string LookedFor(const engine::Dialect* chosen);

}  // namespace kgs::cli
