// A named place where the process may die, for the crash laboratory (tests/crash).
//
// In walrelay this calls an empty function. The laboratory's program links another one, which ends the process on the spot at
// the n-th call of the point that WALRELAY_CRASH_AT=name:n names. Not for the way of a single row: once a record or rarer.
// Any thread.
#pragma once

namespace walrelay {

void CrashPoint(const char* name);

}  // namespace walrelay
