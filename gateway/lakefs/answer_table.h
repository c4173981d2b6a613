// What every answer to a request to lakeFS stands for: the table.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

// Whose word an answer is. lakeFS answers errors in JSON of its own; proxies,
// ingresses, firewalls and load balancers answer in HTML, in text, in other
// JSON, or with nothing, and none of that says anything of lakeFS's.
enum class Speaker { kAnybody, kLakefs, kAnother };

// Of all answers with a status from `first` to `last`, by that speaker, whose
// message holds `text`: the error. What may have taken effect, what is
// repeated, and what the caller is advised to do follow from the reason:
// Ambiguous(), Transient(), AdviceFor().
struct AnswerRow {
  int first;
  int last;
  Speaker speaker;
  absl::string_view text;  // empty: any
  absl::StatusCode code;
  Reason reason;
  absl::string_view hint = "";  // for who looks after what stands in between
};

// The first row that fits counts. Total: every answer with a status of 300 or
// more has one.
//
// Source: answers recorded from servers of v0.66 to v1.84, and their API
// documents; what others say, HTTP's own meaning of its codes.
std::span<const AnswerRow> AnswerTable();

// The row of an answer. `speaker` is not kAnybody; `message` is lakeFS's, or
// empty.
const AnswerRow& RowOf(int status, Speaker speaker, absl::string_view message);

}  // namespace lakefs::gateway
