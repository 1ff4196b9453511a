#include "app/pipeline.h"

#include <sys/prctl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <mutex>
#include <thread>

#include "admin/http_server.h"
#include "admin/metrics.h"
#include "admin/router.h"
#include "admin/status_board.h"
#include "app/capture.h"
#include "app/exit_code.h"
#include "app/lossy_modes.h"
#include "app/sink_worker.h"
#include "app/stage_options.h"
#include "app/supervise.h"
#include "base/log.h"

namespace walrelay::app {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kStopLimit{10};

// What the stages of one run share. Outlives their threads.
struct Shared {
  StopSignal stop;
  admin::StatusBoard board;
  admin::Metrics metrics;
  asio::io_context loop{1};

  std::mutex mutex;
  absl::Status failure;  // The first permanent error.
  size_t running = 0;

  asio::steady_timer deadline{loop};

  // Every stage is to end now. What cannot end in time is ended with the process: the position says
  // where to go on.
  void AskToStop() {
    stop.Ask();
    asio::post(loop, [this] {
      deadline.expires_after(kStopLimit);
      deadline.async_wait([](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        log::Error("a stage did not stop within ", kStopLimit.count(), " s; leaving without it");
        std::_Exit(static_cast<int>(ExitCode::kUnknown));
      });
    });
  }

  // A stage's thread ends: the last one, or a failed one, ends the run.
  void Ended(const std::string& stage, const absl::Status& status) {
    const std::lock_guard lock(mutex);
    if (!status.ok()) {
      log::Error(stage, ": ", Message(status));
      if (failure.ok()) failure = status;
      AskToStop();
    }
    if (--running == 0) asio::post(loop, [this] { loop.stop(); });
  }
};

std::jthread StartStage(Shared& shared, std::string stage, std::function<absl::Status()> session,
                        int64_t max_retries = -1) {
  return std::jthread(
      [&shared, stage = std::move(stage), session = std::move(session), max_retries] {
        // "walrelay:lake" in ps and top.
        prctl(PR_SET_NAME, Cat("wr:", stage).substr(0, 15).c_str());
        shared.Ended(stage, Supervise(stage, shared.board, shared.stop, session, max_retries));
      });
}

absl::StatusOr<std::unique_ptr<admin::HttpServer>> ServeAdmin(const Config& config, Shared& shared,
                                                              const admin::PipelineView& view) {
  if (config.admin.listen.empty()) return nullptr;
  auto server = admin::HttpServer::Listen(
      shared.loop, {.address = config.admin.listen, .allow_remote = config.admin.allow_remote},
      [&shared, &view](const admin::Request& request) {
        return admin::Respond(request,
                              {.pipeline = view, .board = shared.board, .metrics = shared.metrics},
                              WallNow());
      });
  if (!server.ok()) return WithExitCode(server.status(), ExitCode::kUsage);
  return server;
}

}  // namespace

absl::Status RunPipeline(const Config& config, Stages stages) {
  Shared shared;
  ASSIGN_OR_RETURN(std::vector<SinkWorkerOptions> sinks, MakeWorkerOptions(config, stages));
  std::optional<CaptureSettings> capture;
  if (stages != Stages::kApply) {
    ASSIGN_OR_RETURN(capture, MakeCaptureSettings(config));
  }
  if (!capture && sinks.empty()) {
    return ExitError(ExitCode::kUsage,
                     "there is nothing to run: give [lake] or [target] a connection");
  }
  for (const std::string& notice : config.notices) log::Info(notice);
  if (!sinks.empty()) {
    for (const std::string& loss : LossyModes(config)) log::Warn(loss);
  }

  const admin::PipelineView view = MakePipelineView(config);
  // Signals and HTTP live on this thread; the stages have their own.
  asio::signal_set signals(shared.loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    log::Info("stopping: ", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    shared.AskToStop();
  });
  std::signal(SIGPIPE,
              SIG_IGN);  // A peer that goes away is an error of the write, not of the process.
  ASSIGN_OR_RETURN(const auto server, ServeAdmin(config, shared, view));
  log::Info("walrelay ", view.version, ": pipeline ", view.name,
            config.admin.listen.empty() ? "" : Cat(", status on http://", config.admin.listen));

  shared.running = (capture ? 1 : 0) + sinks.size();
  {
    std::vector<std::jthread> threads;
    std::optional<Capture> capture_stage;
    if (capture) {
      const int64_t max_retries = capture->source.max_retries;
      capture_stage.emplace(*std::move(capture), shared.stop, shared.board, shared.metrics);
      threads.push_back(StartStage(
          shared, "capture", [&] { return capture_stage->Run(); }, max_retries));
    }
    std::vector<std::unique_ptr<SinkWorker>> workers;
    for (SinkWorkerOptions& options : sinks) {
      const std::string stage = options.name();
      workers.push_back(std::make_unique<SinkWorker>(std::move(options), shared.stop, shared.board,
                                                     shared.metrics));
      threads.push_back(
          StartStage(shared, stage, [worker = workers.back().get()] { return worker->Run(); }));
    }
    shared.loop.run();
    shared.stop.Ask();
    threads.clear();  // Joins; the stages see the stop within their limits.
  }
  const std::lock_guard lock(shared.mutex);
  if (shared.failure.ok()) log::Info("stopped");
  return shared.failure;
}

}  // namespace walrelay::app
