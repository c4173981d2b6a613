// The table of all settings: their names, their help, their parsers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/settings/settings.h"

namespace lakefs::gateway {

using Values = std::vector<std::string>;

// Takes the values of one source; an empty result is success, else what is
// wrong with them.
using Parser = std::function<std::string(const Values&, Settings&)>;

enum class From {
  kAnywhere,
  kEnvironmentAndFile,  // a secret
};

struct Field {
  std::string name;
  std::string help;
  Parser parse;
  From from = From::kAnywhere;
  // Names that others have for it; the first that is set counts.
  Values other_variables;
  bool is_switch = false;  // its flag may stand alone, for true
};

// In the order of --help.
const std::vector<Field>& Fields();

// The field of that name, or null.
const Field* FindField(absl::string_view name);

// Its variable: LAKEFS_STAGING_ and its name in capitals.
std::string VariableOf(const Field& field);

}  // namespace lakefs::gateway
