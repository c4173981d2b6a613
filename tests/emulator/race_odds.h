// How often a commit gets in between the steps of a write.
#pragma once

namespace lakefs::gateway::testing {

// While a branch is committed in a loop: the share of its writes (0 to 1) that
// are under way when a commit seals the staging area which they write to.
//
// A real server has these shares from the times that its key-value store takes
// for the steps. Here dice say where in the commit a write falls, and the write
// waits for that moment: the shares are then the same on a machine that is
// busy, while what comes of it is the mechanism's doing.
//
// Source: 8 writers and 2 committers in a loop, on servers of v1.21 and v1.84.
struct RaceOdds {
  // Its entry is written before the commit reads the area. A conditional write
  // is answered 412 and stays.
  double kept = 0;

  // Its entry is written after the commit has read the area. A conditional
  // write is answered 412, and is lost.
  double lost = 0;
};

}  // namespace lakefs::gateway::testing
