#include "gateway/server/access/allow_list.h"

#include <fnmatch.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"
#include "gateway/base/secret_file.h"

namespace lakefs::gateway {
namespace {

// A change of rights takes at most so long to bite.
constexpr std::chrono::seconds kLookEvery{1};

using Texts = std::vector<std::string>;

bool Glob(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

bool OneOf(const std::vector<int64_t>& ids, int64_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

absl::Status Wrong(const YAML::Node& node, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", node.Mark().line + 1, ": ", what));
}

// The keys of `map` are all among `known`.
absl::Status CheckKeys(const YAML::Node& map, const Texts& known) {
  if (!map.IsMap()) return Wrong(map, "is not a map");
  for (const auto& entry : map) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Wrong(entry.first, absl::StrCat("unknown key \"", key, "\""));
    }
  }
  return absl::OkStatus();
}

// A text or a list of texts; none if there is no such key.
absl::StatusOr<Texts> TextsOf(const YAML::Node& map, const char* key) {
  const YAML::Node node = map[key];
  if (!node) return Texts();
  if (node.IsScalar()) return Texts{node.Scalar()};
  if (!node.IsSequence()) {
    return Wrong(node, absl::StrCat(key, " is neither a value nor a list"));
  }
  Texts texts;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) {
      return Wrong(item, absl::StrCat(key, " has an item that is no text"));
    }
    texts.push_back(item.Scalar());
  }
  return texts;
}

absl::StatusOr<std::vector<int64_t>> IdsOf(const YAML::Node& map,
                                           const char* key) {
  const auto texts = TextsOf(map, key);
  if (!texts.ok()) return texts.status();
  std::vector<int64_t> ids;
  for (const std::string& text : *texts) {
    int64_t id = 0;
    if (!absl::SimpleAtoi(text, &id) || id < 0) {
      return Wrong(map[key], absl::StrCat(key, " is not a number"));
    }
    ids.push_back(id);
  }
  return ids;
}

}  // namespace

absl::StatusOr<AllowList> AllowList::Parse(const std::string& yaml) try {
  const YAML::Node root = YAML::Load(yaml);
  if (auto s = CheckKeys(root, {"callers"}); !s.ok()) return s;
  const YAML::Node callers = root["callers"];
  if (!callers || !callers.IsSequence()) {
    return Wrong(root, "callers is not a list");
  }
  AllowList list;
  for (const YAML::Node& caller : callers) {
    const auto keys =
        CheckKeys(caller, {"name", "certificate", "uid", "gid", "may_write"});
    if (!keys.ok()) return keys;
    const auto names = TextsOf(caller, "certificate");
    const auto uids = IdsOf(caller, "uid");
    const auto gids = IdsOf(caller, "gid");
    for (const absl::Status& s :
         {names.status(), uids.status(), gids.status()}) {
      if (!s.ok()) return s;
    }
    Entry entry{*names, *uids, *gids, {}};
    for (const std::string& name : *names) {
      if (!absl::StartsWith(name, "dns:") && !absl::StartsWith(name, "uri:")) {
        return Wrong(caller["certificate"],
                     "a certificate name begins with dns: or uri:");
      }
    }
    if (names->empty() && uids->empty() && gids->empty()) {
      return Wrong(caller, "a caller has a certificate, a uid or a gid");
    }
    const YAML::Node rules = caller["may_write"];
    if (!rules || !rules.IsSequence()) {
      return Wrong(caller, "may_write is not a list");
    }
    for (const YAML::Node& rule : rules) {
      if (auto s = CheckKeys(rule, {"repository", "branches"}); !s.ok()) {
        return s;
      }
      const YAML::Node repository = rule["repository"];
      if (!repository || !repository.IsScalar()) {
        return Wrong(rule, "repository is missing");
      }
      const auto branches = TextsOf(rule, "branches");
      if (!branches.ok()) return branches.status();
      entry.rules.push_back({repository.Scalar(), *branches});
      if (!rule["branches"]) entry.rules.back().branches = {"*"};
    }
    list.entries_.push_back(std::move(entry));
  }
  return list;
} catch (const YAML::Exception& error) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", error.mark.line + 1, ": ", error.msg));
}

bool AllowList::Matches(const Entry& entry, const Caller& caller) {
  for (const std::string& name : caller.certificate_names) {
    const auto& names = entry.certificate_names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  }
  return caller.peer && (OneOf(entry.uids, caller.peer->uid) ||
                         OneOf(entry.gids, caller.peer->gid));
}

AllowList::Verdict AllowList::Check(const Caller& caller,
                                    const ObjectPath& object) const {
  Verdict verdict = Verdict::kUnknownCaller;
  for (const Entry& entry : entries_) {
    if (!Matches(entry, caller)) continue;
    verdict = Verdict::kNotAllowed;
    for (const Rule& rule : entry.rules) {
      if (!Glob(rule.repository, object.repository)) continue;
      for (const std::string& branch : rule.branches) {
        if (Glob(branch, object.branch)) return Verdict::kAllowed;
      }
    }
  }
  return verdict;
}

bool AllowList::Knows(const Caller& caller) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return Matches(entry, caller);
  });
}

absl::StatusOr<std::unique_ptr<AllowFile>> AllowFile::Open(
    const std::string& path, const Clock& clock) {
  auto file = std::unique_ptr<AllowFile>(new AllowFile(path, clock));
  absl::MutexLock lock(&file->mu_);
  file->looked_ = clock.Now();
  file->text_ = ReadFile(path);
  if (auto s = file->Take(file->text_); !s.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--allow-file=", s.message()));
  }
  return file;
}

absl::Status AllowFile::Take(const absl::StatusOr<std::string>& text) {
  if (!text.ok()) return text.status();
  auto list = AllowList::Parse(*text);
  if (!list.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": ", list.status().message()));
  }
  list_ = *std::move(list);
  return absl::OkStatus();
}

void AllowFile::ReadIfChanged() {
  if (clock_.Now() - looked_ < kLookEvery) return;
  looked_ = clock_.Now();
  auto text = ReadFile(path_);
  if (text == text_) return;
  text_ = std::move(text);
  const absl::Status read = Take(text_);
  Log(read.ok() ? LogLevel::kInfo : LogLevel::kError,
      read.ok() ? "allow-file read again" : "allow-file is wrong",
      {{"message", std::string(read.message())}});
}

AllowList::Verdict AllowFile::Check(const Caller& caller,
                                    const ObjectPath& object) {
  absl::MutexLock lock(&mu_);
  ReadIfChanged();
  return list_.Check(caller, object);
}

bool AllowFile::Knows(const Caller& caller) {
  absl::MutexLock lock(&mu_);
  ReadIfChanged();
  return list_.Knows(caller);
}

}  // namespace lakefs::gateway
