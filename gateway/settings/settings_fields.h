// The table of all settings: their names, their help, their parsers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
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

// Whether it may be set for each store of a lakeFS that has several.
bool LeadsToStore(const Field& field);

// Takes the values of `source`, such as a flag.
// Errors: INVALID_ARGUMENT that names it, and its value if that is no secret.
absl::Status Apply(const Field& field, const Values& values,
                   absl::string_view source, Settings& settings);

// Without what stands around a value in a file or the environment, which is
// seldom meant: a Secret that was made of a file ends with the file's line end.
std::string Trimmed(absl::string_view value);

// Its variable: LAKEFS_STAGING_ and its name in capitals.
std::string VariableOf(const Field& field);

}  // namespace lakefs::gateway
