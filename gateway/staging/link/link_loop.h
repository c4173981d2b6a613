// Links an object to its path, and finds out what became of it.
#pragma once

#include <chrono>

#include "absl/random/bit_gen_ref.h"
#include "gateway/base/backoff.h"
#include "gateway/base/call_context.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/staging/link/link_gate.h"
#include "gateway/staging/link/link_request.h"
#include "gateway/staging/link/outcome.h"
#include "gateway/staging/link/undecided_link.h"

namespace lakefs::gateway {

struct LinkOptions {
  // Addresses that are tried, the first included.
  int max_rounds = 8;
  // Links that are sent in all. A race with commits is lost a few times at
  // most; more is a server that means something else.
  int max_links = 32;
  // Kept of the deadline for finding out, but at most a tenth of what is left.
  std::chrono::milliseconds reserve{2'000};
  // For finding out after the call has ended with a link in flight.
  std::chrono::milliseconds find_out{5'000};
  // How long the commit is waited for that decides about an entry of ours. The
  // slowest of a hundred took 141 ms; a branch of millions of changes takes
  // longer.
  std::chrono::milliseconds commit_patience{10'000};
  // The same where it is not known of any commit. An entry that stands so long,
  // and no commit takes, is believed.
  std::chrono::milliseconds settled_after{1'000};
  // How long is looked for what was sent through lakeFS, got no answer, and
  // cannot be sent again: lakeFS may still be storing it.
  std::chrono::milliseconds look_on{10'000};
  // Between a link that is sent and the end of its address's life.
  std::chrono::milliseconds expiry_margin{30'000};
  BackoffOptions backoff;
};

// lakeFS's answers to a link can be lost, ambiguous or false. What is done
// about each (A is an address of this call):
//
//  answer            | stat shows      | then
//  ------------------+-----------------+---------------------------------------
//  200               |                 | COMMITTED
//  200, if_absent,   | another's       | ALREADY_EXISTS, UNKNOWN: skipped for
//    v1.12 to v1.21  |                 |   it, or replaced by it
//                    | else            | COMMITTED
//  409, after a lost | A               | back off, prove A
//    link            | another's       | as for lost
//                    | else            | back off, link A again; at the second
//                    |                 |   409, as below: the lost link is
//                    |                 |   refused like these
//  409, a location   |                 | bytes there, link at once
//  409               |                 | back off, new address
//  412               | A               | prove A: the stat does not
//                    | nothing         | link A with the condition
//                    | another's       | ALREADY_EXISTS
//  lost, 5xx, 429,   | A               | prove A
//    423             | as before       | back off, link A again
//                    | another's       | SUPERSEDED; if_absent: ALREADY_EXISTS
//  400 expired, used | A               | by commit
//                    | another's       | as for lost, if one was lost before
//                    | else            | new address
//  400 else          | A, before       | by commit: A is not signed
//                    |                 | NOT_FOUND if the branch is missing,
//                    |                 |   else NOT_COMMITTED
//  never left        |                 | back off, link A again
//  anything else     |                 | NOT_COMMITTED
//
// "As before" is what stood at the path when the upload began, and "another's"
// what has come since. Where nobody looked at the path then (of a small object
// nobody does, nor before a link by itself), the first look after a loss tells,
// by lakeFS's clock, as the one reply has it:
//
//  its age: Date - mtime                   | counts as
//  ----------------------------------------+----------------------------------
//  less than our first link's, by 2 s      | another's
//  more; no Date; the mtime is yet to come | as before
//
// The 2 s are what a Date can be behind: within them nobody can tell. The rest
// is as after a look: what comes after this one is another's. To count as
// before is always right, since our call has not ended: its link comes after
// what it replaces, and COMMITTED is true. To count as another's is wrong only
// where an mtime is not true, because its writer chose one between our link and
// now, or another replica of lakeFS, with a clock ahead of that of the Date, or
// set back since, wrote it shortly before our link: then SUPERSEDED is said of
// an object that never stood there. COMMITTED and NOT_COMMITTED hang on no
// clock.
//
// To prove A is to link it again without the condition: the 200 is the proof.
// Where A can be linked no more (releases that take an address once; what went
// through lakeFS), A stays if its write had no condition. Else a commit that
// got in between keeps it or drops it, and that is seen:
//
//  BRANCH shows      | BRANCH@ shows   | then
//  ------------------+-----------------+---------------------------------------
//                    | A               | COMMITTED
//  nothing           |                 | lost: new address, with the condition
//  another's         |                 | ALREADY_EXISTS, UNKNOWN
//  A                 | else            | look again, for 10 s at most. UNKNOWN
//                    |                 |   then after a 412, which says that a
//                    |                 |   commit is under way; else A is
//                    |                 |   believed after one second
//
// With if_match, "as before" is an object of the checksum that is expected, and
// "nothing" counts as another's. What A is known by later is its checksum: an
// upload with if_match marks its object with the one that it replaces
// (kReplacesKey). So the mark of what stands there tells what it was made
// from. To prove A is to link it under If-Match of A's own checksum, which
// overwrites nobody, and which nobody's 412 can deny but by A's being gone:
//
//  412               | A               | prove A
//                    | as before       | link A with the condition
//  412, lost         | another's, made | SUPERSEDED: A stood there
//                    |   from A        |
//  412               | another's, made | OBJECT_CHANGED, NOT_COMMITTED: if A
//                    |   from what A   |   stood there, it was dropped again
//                    |   replaces      |
//                    | nothing         | the same, unless A was seen there
//                    | another's else  | OBJECT_CHANGED, UNKNOWN: it may have
//                    |                 |   come after A
//  lost              | A, as before    | as for lost without if_match
//                    | another's else  | OBJECT_CHANGED, UNKNOWN
//  501               |                 | UNIMPLEMENTED, NOT_COMMITTED
//
// Where nobody has looked at the path by then, that is done before the first
// link: what is neither A nor as before is OBJECT_CHANGED, NOT_COMMITTED.
//
// Where A has the checksum that it replaces, a mark tells nothing: UNKNOWN. By
// commit, "nothing" is what A replaces.
//
// A complete is a link without a condition, with these rows of its own:
//
//  lost, 5xx         | A               | prove A: its parts are together
//                    | else            | as above, but complete again
//  NoSuchUpload,     | A               | prove A
//    after a lost    | another's       | SUPERSEDED
//    complete        | else            | it has done the store's half: link A,
//                    |                 |   then read a byte back before
//                    |                 |   believing it; no bytes: put back
//                    |                 |   what was before, new address, unless
//                    |                 |   an answer to that was lost: it could
//                    |                 |   yet fall on the new object; where
//                    |                 |   addresses are taken once, as 400
//  NoSuchUpload else |                 | new address; also after an abort of
//                    |                 |   ours, when a call is resumed
//  InvalidPart       |                 | the store has lost a part: new address
//
// Where others may go on with the same upload, by a resume token:
//
//  anything          | A, of another   | what they completed are other bytes:
//                    |   checksum      |   LINK_CONFLICT, nothing of ours
//  NoSuchUpload      | A               | they have completed the same bytes:
//                    |                 |   prove A
//                    | else            | they complete it, or have dropped it:
//                    |                 |   UNKNOWN
//  InvalidPart       |                 | they have put other bytes in:
//                    |                 |   LINK_CONFLICT
//
// An upload through lakeFS is a link that brings its bytes along. A is what
// carries the call's mark, and a new address is to send the bytes once more:
//
//  201, another size |                 | DATA_LOSS, UNKNOWN
//  lost, before the  |                 | never left: lakeFS writes nothing that
//    last byte left  |                 |   has not come to its end
//  lost, and the     | else            | look on, for 10 s at most; then
//  UNKNOWN
//    bytes are gone  |                 |
//
// On releases that take an address once, A is linked again all the same after a
// lost link: it may still come, and only if A turns out to be used up, and a
// second stat does not show it, is a new address taken. After a 412, A is used
// up for certain.
//
// NOT_COMMITTED becomes UNKNOWN where an earlier link was lost, ALREADY_EXISTS
// or not: it may have taken effect before another's, or may still. A 412 over
// another's object is believed: if it was false, ours stood there for an
// instant, and was replaced.
//
// Rounds are bounded, and the whole lives inside the deadline of the call. If
// that ends with a link in flight, the loop still looks what became of it, on
// time of its own, but links nothing that it does not see. What stays UNKNOWN
// is decided later by the same rows.
//
// An address is never linked past its life: it counts as expired before.
//
// Source: answers and races recorded from servers of v0.66 to v1.84.
class LinkLoop {
 public:
  LinkLoop(LakefsApi& lakefs, RetryBudget& budget, LinkGate& gate,
           LinkOptions options = {});

  // Blocking: until the outcome is known, at most until the deadline and
  // `find_out` beyond it. Threads: any; `random` is used by this call alone.
  LinkReport Run(const CallContext& context, const LinkRequest& request,
                 const Before& before, Placement placement, const Place& place,
                 absl::BitGenRef random);

  // Goes on where a Run ended with kUnknown, with a call of its own; `place`
  // brings the bytes again if they are needed.
  LinkReport Resume(const CallContext& context, const UndecidedLink& link,
                    const Place& place, absl::BitGenRef random);

  // Looks what became of a link, until that shows or the call is over. Links
  // again only what it sees at the path, since that is the proof.
  LinkReport FindOut(const CallContext& context, const UndecidedLink& link,
                     absl::BitGenRef random);

 private:
  LakefsApi& lakefs_;
  RetryBudget& budget_;
  LinkGate& gate_;
  const LinkOptions options_;
};

}  // namespace lakefs::gateway
