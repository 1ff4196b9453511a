// snapshot.mode, Debezium's meaning of each (OPTIONS.md §2.1).
#pragma once

namespace walrelay::app {

enum class SnapshotMode {
  kInitial,      // Snapshot when there is no position, then stream. Also "exported".
  kInitialOnly,  // Snapshot, then end.
  kNoData,       // Never a snapshot; stream from the position, else from the slot. Also "never".
  kAlways,       // Snapshot at every start, then stream.
  kWhenNeeded,   // As initial, and again when the position is no longer on the server.
};

}  // namespace walrelay::app
