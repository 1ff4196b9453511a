#include "pg/copy.h"

#include "base/status.h"
#include "pg/error.h"
#include "pg/session.h"

namespace walrelay::pg {
namespace {

// libpq buffers without bound in non-blocking mode: send what has gathered once it is worth a
// system call.
constexpr size_t kFlushBytes = 64 * 1024;
// PQputCopyData takes its size as an int.
constexpr size_t kMaxPutBytes = 16 * 1024 * 1024;

}  // namespace

absl::Status CopyWriter::Put(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kMaxPutBytes);
    const int taken =
        PQputCopyData(session_->native(), piece.data(), static_cast<int>(piece.size()));
    if (taken < 0) return session_->SendFailed();
    if (taken == 0) {
      RETURN_IF_ERROR(session_->Flush(session_->Deadline()));
      continue;
    }
    bytes.remove_prefix(piece.size());
    unflushed_ += piece.size();
    if (unflushed_ < kFlushBytes) continue;
    RETURN_IF_ERROR(session_->Flush(session_->Deadline()));
    unflushed_ = 0;
  }
  return absl::OkStatus();
}

absl::Status CopyWriter::SendEnd(const char* failure, SteadyTime deadline) {
  int sent = 0;
  while ((sent = PQputCopyEnd(session_->native(), failure)) == 0) {
    RETURN_IF_ERROR(session_->Flush(deadline));
  }
  return sent < 0 ? session_->SendFailed() : absl::OkStatus();
}

absl::StatusOr<int64_t> CopyWriter::End() {
  const SteadyTime deadline = session_->Deadline();
  RETURN_IF_ERROR(SendEnd(nullptr, deadline));
  ASSIGN_OR_RETURN(const Result result, session_->Collect(deadline));
  return result.affected_rows();
}

absl::Status CopyWriter::EndLater(Later take) {
  const SteadyTime deadline = session_->Deadline();
  RETURN_IF_ERROR(SendEnd(nullptr, deadline));
  return session_->AnswerLater(std::move(take), deadline);
}

absl::Status CopyWriter::Abort(std::string_view reason) {
  const SteadyTime deadline = session_->Deadline();
  RETURN_IF_ERROR(SendEnd(session_->Terminated(reason), deadline));
  const absl::Status status = session_->Collect(deadline).status();
  // 57014 query_canceled is the server's answer to CopyFail.
  return SqlStateOf(status) == "57014" ? absl::OkStatus() : status;
}

absl::StatusOr<CopyReader::Step> CopyReader::Next() {
  char* row = nullptr;
  buffer_.reset();
  size_ = 0;
  int size = PQgetCopyData(session_->native(), &row, /*async=*/1);
  if (size == 0) {
    (void)PQconsumeInput(session_->native());  // A failure shows in the next result.
    size = PQgetCopyData(session_->native(), &row, /*async=*/1);
  }
  if (size > 0) {
    buffer_.reset(row);
    size_ = static_cast<size_t>(size);
    return Step::kRow;
  }
  if (size == 0 && !session_->is_lost()) return Step::kWouldBlock;
  RETURN_IF_ERROR(session_->Collect(session_->Deadline()).status());
  return Step::kEnd;
}

absl::StatusOr<CopyReader::Step> CopyReader::WaitNext() {
  const SteadyTime deadline = session_->Deadline();
  while (true) {
    ASSIGN_OR_RETURN(const Step step, Next());
    if (step != Step::kWouldBlock) return step;
    RETURN_IF_ERROR(session_->WaitReadable(deadline));
  }
}

int CopyReader::socket() const { return PQsocket(session_->native()); }

}  // namespace walrelay::pg
