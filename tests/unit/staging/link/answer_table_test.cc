// Every answer from 300 to 599, of every operation, by lakeFS and by what
// stands before it, through the client and the loop that repeats: what becomes
// of it. And client/ERRORS.md, whose tables say so.
#include "gateway/lakefs/answer_table.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/lakefs/login.h"
#include "gateway/lakefs/rest_client.h"
#include "gateway/metrics/metrics.h"
#include "gateway/staging/link/outcome.h"
#include "gateway/staging/repeat.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/golden.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;

// Always the same answer.
class OneAnswer final : public HttpClient {
 public:
  HttpResponse answer;
  int requests = 0;
  absl::StatusOr<HttpResponse> Send(const CallContext&,
                                    const HttpRequest&) override {
    ++requests;
    return answer;
  }
};

template <typename T>
absl::Status Of(const absl::StatusOr<T>& value) {
  return value.status();
}
absl::Status Of(const LinkAnswer& answer) { return answer.stats.status(); }
absl::Status Of(const absl::Status& status) { return status; }

using Operation =
    std::function<absl::Status(LakefsApi& lakefs, const CallContext& context)>;

const ObjectPath kObject{"repo", "main", "p"};
const MultipartUpload kUpload{.upload_id = "u", .physical_address = "a"};

const std::map<std::string, Operation>& Operations() {
  static const auto& operations = *new std::map<std::string, Operation>{
      {"abortPresignMultipartUpload",
       [](auto& l, auto& c) {
         return Of(l.AbortPresignMultipartUpload(c, kObject, kUpload));
       }},
      {"completePresignMultipartUpload",
       [](auto& l, auto& c) {
         return Of(
             l.CompletePresignMultipartUpload(c, kObject, kUpload, {}, {}, ""));
       }},
      {"createPresignMultipartUpload",
       [](auto& l, auto& c) {
         return Of(l.CreatePresignMultipartUpload(c, kObject, 1));
       }},
      {"deleteObject",
       [](auto& l, auto& c) { return Of(l.DeleteObject(c, kObject)); }},
      {"getBranch",
       [](auto& l, auto& c) { return Of(l.GetBranch(c, "repo", "main")); }},
      {"getConfig", [](auto& l, auto& c) { return Of(l.GetConfig(c)); }},
      {"getObject",
       [](auto& l, auto& c) { return Of(l.ReadFirstByte(c, kObject)); }},
      {"getPhysicalAddress",
       [](auto& l, auto& c) {
         return Of(l.GetPhysicalAddress(c, kObject, true));
       }},
      {"getRepository",
       [](auto& l, auto& c) { return Of(l.GetRepository(c, "repo")); }},
      {"healthCheck", [](auto& l, auto& c) { return Of(l.HealthCheck(c)); }},
      {"linkPhysicalAddress",
       [](auto& l, auto& c) {
         return Of(l.LinkPhysicalAddress(c, kObject, {}, {.if_absent = true}));
       }},
      {"statObject",
       [](auto& l, auto& c) { return Of(l.StatObject(c, kObject)); }},
      {"uploadObject",
       [](auto& l, auto& c) {
         const auto nothing = [](std::span<char>) -> absl::StatusOr<size_t> {
           return 0;
         };
         return Of(l.UploadObject(c, kObject, {}, {.read = nothing}));
       }},
      {"uploadPart",
       [](auto& l, auto& c) {
         return Of(l.UploadPart(c, kObject, kUpload, 1));
       }},
  };
  return operations;
}

std::string AdviceName(Advice advice) {
  switch (advice) {
    case Advice::kRetryCall:
      return "RETRY_CALL";
    case Advice::kRestart:
      return "RESTART";
    case Advice::kFixRequest:
      return "FIX_REQUEST";
    case Advice::kGiveUp:
      return "GIVE_UP";
  }
  return "";
}

// What a link that ended with this error has done, as far as it tells.
// A 412 can be met by what the same link has just written.
bool MayHaveTakenEffect(const absl::Status& status) {
  return Ambiguous(status) || ReasonOf(status) == Reason::kObjectExists;
}
std::string EffectName(const absl::Status& status) {
  return MayHaveTakenEffect(status) ? "may have" : "nothing";
}
Advice AdviceOn(const absl::Status& status) {
  return AdviceFor({.status = status,
                    .outcome = Ambiguous(status) ? Outcome::kUnknown
                                                 : Outcome::kNotCommitted});
}

struct Kind {
  const char* name;
  std::string body;
};
const Kind kKinds[] = {
    {"lakeFS", R"({"message":"of the table nothing"})"},
    {"lakeFS", R"({"message":"branch 'main' not found"})"},
    {"HTML", "<html><head><title>Error</title></head></html>"},
    {"empty", ""},
};

// What becomes of the answer, in a line.
std::string BecomesOf(const Operation& operation, const Kind& kind,
                      int status) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(3600), "test");
  OneAnswer http;
  http.answer = {.status = status, .body = kind.body};
  FixedCredentials keys = FixedCredentials::Token("t");
  RestClient lakefs({.endpoint = "http://h"}, http, keys);
  RetryBudget budget({}, clock);
  std::mt19937_64 random(1);
  const absl::Status error = Repeat(context, budget, random,
                                    [&] { return operation(lakefs, context); });
  const bool anothers = std::string(kind.name) != "lakeFS";
  EXPECT_FALSE(anothers && absl::StartsWith(error.message(), "lakeFS answered"))
      << error;
  if (error.ok()) return "no error";
  EXPECT_EQ(DetailsOf(error).metadata["upstreamHttpStatus"],
            absl::StrCat(status));
  return absl::StrCat(absl::StatusCodeToString(error.code()), ", ",
                      ReasonName(ReasonOf(error)),
                      "; took effect: ", EffectName(error), "; attempts ",
                      http.requests, "; ", AdviceName(AdviceOn(error)));
}

// "300-399 407" of a sorted list.
std::string Ranges(const std::vector<int>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i;
    while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) {
      ++end;
    }
    absl::StrAppend(&text, text.empty() ? "" : " ", numbers[i]);
    if (end > i) absl::StrAppend(&text, "-", numbers[end]);
    i = end + 1;
  }
  return text;
}

TEST(AnswerTableTest, EveryAnswerOfEveryOperationBecomesWhatTheTableSays) {
  std::string table;
  for (const Kind& kind : kKinds) {
    // By what becomes of it: by status, the operations.
    std::map<std::string, std::map<std::string, std::vector<int>>> lines;
    for (int status = 300; status < 600; ++status) {
      std::map<std::string, std::string> operations;
      for (const auto& [name, operation] : Operations()) {
        std::string& names = operations[BecomesOf(operation, kind, status)];
        absl::StrAppend(&names, names.empty() ? "" : " ", name);
      }
      for (auto& [line, names] : operations) {
        lines[operations.size() == 1 ? "all" : names][line].push_back(status);
      }
    }
    absl::StrAppend(&table, "== ", kind.name, ": ", kind.body, "\n");
    for (const auto& [names, by_line] : lines) {
      absl::StrAppend(&table, names, "\n");
      std::map<std::vector<int>, std::string> sorted;
      for (const auto& [line, statuses] : by_line) sorted[statuses] = line;
      for (const auto& [statuses, line] : sorted) {
        absl::StrAppend(&table, "  ", Ranges(statuses), "\n      ", line, "\n");
      }
    }
  }
  ExpectGolden("lakefs_answer_table.txt", table);
}

TEST(AnswerTableTest, LoginIsAnsweredByTheSameTable) {
  for (int status = 300; status < 600; ++status) {
    for (const Kind& kind : kKinds) {
      FakeClock clock;
      const CallContext context(clock, clock.Now() + seconds(60), "test");
      OneAnswer http;
      http.answer = {.status = status, .body = kind.body};
      Metrics metrics("test");
      Login login({.endpoint = "http://h", .key = {"id", "secret"}}, http,
                  metrics);
      const auto header = login.Get(context);
      ASSERT_FALSE(header.ok());
      const Speaker speaker = std::string(kind.name) == "lakeFS"
                                  ? Speaker::kLakefs
                                  : Speaker::kAnother;
      const AnswerRow& row = RowOf(status, speaker, kind.body);
      EXPECT_EQ(header.status().code(), row.code) << status;
      EXPECT_EQ(ReasonOf(header.status()), row.reason) << status;
      EXPECT_EQ(http.requests, 1);
    }
  }
}

TEST(AnswerTableTest, NoRowIsHiddenByOthers) {
  for (const AnswerRow& row : AnswerTable()) {
    bool reached = false;
    for (const Speaker speaker : {Speaker::kLakefs, Speaker::kAnother}) {
      if (row.speaker != Speaker::kAnybody && row.speaker != speaker) continue;
      for (int status = row.first; status <= row.last; ++status) {
        reached |= &RowOf(status, speaker, row.text) == &row;
      }
    }
    EXPECT_TRUE(reached) << row.first << " " << row.text;
  }
}

std::string DocumentPath() { return SourceDir() + "/client/ERRORS.md"; }
std::string Document() {
  std::ifstream file(DocumentPath(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The table as client/ERRORS.md shows it.
std::string Shown() {
  std::string text =
      "| status | whose word | that says | code | reason | may have taken "
      "effect | is repeated | advice |\n|---|---|---|---|---|---|---|---|\n";
  for (const AnswerRow& row : AnswerTable()) {
    const absl::Status error = MakeError(row.code, "", row.reason);
    absl::StrAppend(
        &text, "| ", row.first,
        row.last != row.first ? absl::StrCat("-", row.last) : "", " | ",
        row.speaker == Speaker::kLakefs    ? "lakeFS's"
        : row.speaker == Speaker::kAnother ? "another's"
                                           : "anybody's",
        " | ", row.text.empty() ? "" : absl::StrCat("`", row.text, "`"), " | ",
        absl::StatusCodeToString(row.code), " | ", ReasonName(row.reason),
        " | ", MayHaveTakenEffect(error) ? "yes" : "no", " | ",
        Transient(error) ? "yes" : "no", " | ", AdviceName(AdviceOn(error)),
        " |\n");
  }
  return text;
}

TEST(AnswerTableTest, TheDocumentShowsTheTable) {
  constexpr char kBegin[] =
      "<!-- answers: written by UPDATE_GOLDEN=1, from answer_table.cc -->\n";
  constexpr char kEnd[] = "<!-- end of answers -->\n";
  std::string document = Document();
  const size_t begin = document.find(kBegin);
  const size_t end = document.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos);
  const size_t from = begin + sizeof(kBegin) - 1;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    document.replace(from, end - from, Shown());
    std::ofstream(DocumentPath(), std::ios::binary) << document;
    return;
  }
  EXPECT_EQ(document.substr(from, end - from), Shown())
      << "UPDATE_GOLDEN=1 rewrites it";
}

TEST(AnswerTableTest, TheReadmesErrorsHaveEachCodeWithEachReason) {
  const std::regex row(R"(\n\| ([A-Z_, ]+) \| ([A-Z_, ]+) \|[^|\n]+\|)");
  const std::string document = Document();
  for (const AnswerRow& answer : AnswerTable()) {
    const std::string code = absl::StatusCodeToString(answer.code);
    const std::string reason(ReasonName(answer.reason));
    bool found = false;
    for (std::sregex_iterator it(document.begin(), document.end(), row), none;
         it != none; ++it) {
      const std::string codes = absl::StrCat(", ", it->str(1), ",");
      const std::string reasons = absl::StrCat(", ", it->str(2), ",");
      found |= absl::StrContains(codes, absl::StrCat(", ", code, ",")) &&
               absl::StrContains(reasons, absl::StrCat(", ", reason, ","));
    }
    EXPECT_TRUE(found) << code << " " << reason;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
