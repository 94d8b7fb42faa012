// SPDX-License-Identifier: Apache-2.0
// A study that grows: what it costs to plan, to keep and to look at, at a service whose time is
// simulated. XFER_GROWTH=domains,items[,domains,items...] runs other sizes and prints the curve.
#include "tests/study/study_testing.hpp"

#include "study/run/study_run.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/study/status.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <queue>
#include <sstream>

namespace xfer::study {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

/// Seconds that pass only when everybody waits for them. Used on one thread.
class SimulatedClock {
public:
  double now() const noexcept { return now_; }

  task<void> sleep_until(double time) {
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer timer(executor, boost::asio::steady_timer::time_point::max());
    sleepers_.push({time, next_++, &timer});
    if (!std::exchange(advancing_, true)) advance(executor, rounds_of_rest);
    boost::system::error_code woken;
    auto waiting = timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    co_await std::move(waiting);
  }

private:
  struct Sleeper {
    double time;
    std::uint64_t number;
    boost::asio::steady_timer* timer;
    bool operator<(const Sleeper& other) const {
      return std::tie(other.time, other.number) < std::tie(time, number);
    }
  };
  static constexpr int rounds_of_rest = 3;

  /// Those who can go on without the clock go first.
  void advance(const boost::asio::any_io_executor& executor, int rest) {
    boost::asio::post(executor, [this, executor, rest] {
      if (rest > 0) return advance(executor, rest - 1);
      if (sleepers_.empty()) {
        advancing_ = false;
        return;
      }
      const double time = sleepers_.top().time;
      now_ = std::max(now_, time);
      for (; !sleepers_.empty() && sleepers_.top().time <= time; sleepers_.pop())
        sleepers_.top().timer->cancel();
      advance(executor, rounds_of_rest);
    });
  }

  double now_ = 0.0;
  std::uint64_t next_ = 0;
  bool advancing_ = false;
  std::priority_queue<Sleeper> sleepers_;
};

/// Answers so many requests at the same time, each in its time; the others wait their turn.
class SimulatedService {
public:
  explicit SimulatedService(int at_once) {
    for (int i = 0; i < at_once; ++i) free_.push(0.0);
  }
  task<void> answer(double seconds) {
    const double done = std::max(clock_.now(), free_.top()) + seconds;
    free_.pop();
    free_.push(done);
    auto waiting = clock_.sleep_until(done);
    co_await std::move(waiting);
  }
  double now() const noexcept { return clock_.now(); }

  int legs_in_flight = 0;
  int most_legs_in_flight = 0;

private:
  SimulatedClock clock_;
  std::priority_queue<double, std::vector<double>, std::greater<>> free_;
};

constexpr std::int32_t yes = 'y';
constexpr std::int32_t end_of_turn = 256;

class SimulatedSampler final : public Sampler {
public:
  explicit SimulatedSampler(SimulatedService& service) : service_(&service) {}

private:
  task<std::vector<Completion>> do_sample(SampleRequest request) override {
    constexpr double seconds = 2.0;
    auto waiting = service_->answer(seconds);
    co_await std::move(waiting);
    Completion one;
    one.tokens = {yes, end_of_turn};
    one.logprobs = {-0.5F, -0.5F};
    one.stop_reason = StopReason::stop;
    std::vector<Completion> all(static_cast<std::size_t>(request.num_samples), one);
    co_return all;
  }
  task<std::vector<float>> do_score(ScoreRequest request) override {
    constexpr double seconds = 0.5;
    auto waiting = service_->answer(seconds);
    co_await std::move(waiting);
    std::vector<float> scores(request.tokens.size() - request.first, -1.0F);
    co_return scores;
  }
  SimulatedService* service_;
};

class SimulatedTrainer final : public Trainer {
public:
  SimulatedTrainer(SimulatedService& service, LoraConfig lora, std::string name)
      : service_(&service), lora_(lora), name_(std::move(name)) {
    service_->most_legs_in_flight =
        std::max(service_->most_legs_in_flight, ++service_->legs_in_flight);
  }
  ~SimulatedTrainer() override { --service_->legs_in_flight; }
  TrainerInfo info() const override {
    TrainerInfo info;
    info.lora = lora_;
    info.base_model = "simulated";
    return info;
  }

private:
  task<ForwardBackwardResult> do_forward_backward(ForwardBackwardRequest request, bool) override {
    constexpr double seconds = 3.0;
    auto waiting = service_->answer(seconds);
    co_await std::move(waiting);
    ForwardBackwardResult result;
    result.loss_fn_outputs.resize(request.data.size());
    result.metrics["loss:sum"] = 1.0;
    co_return result;
  }
  task<OptimStepResult> do_optim_step(AdamParams) override { co_return OptimStepResult(); }
  task<std::string> do_save_state(std::string name, bool) override {
    co_return "simulated://" + name_ + "/" + name;
  }
  task<void> do_load_state(std::string, bool) override { co_return; }
  task<std::shared_ptr<Sampler>> do_snapshot() override {
    co_return std::make_shared<SimulatedSampler>(*service_);
  }
  SimulatedService* service_;
  LoraConfig lora_;
  std::string name_;
};

class SimulatedBackend final : public Backend {
public:
  static constexpr int legs_at_once = 256;
  static constexpr int requests_at_once = 512;

  SimulatedService service{requests_at_once};

  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string model_name() const override { return "simulated"; }
  std::string model_hash() const override { return Sha256().update("simulated").hex(); }
  std::int64_t parameters() const override { return 0; }
  std::string version() const override { return "simulated 1"; }
  int concurrency() const override { return legs_at_once; }
  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path folder) override {
    co_return std::make_unique<SimulatedTrainer>(service, lora, folder.filename().string());
  }
  task<std::shared_ptr<Sampler>> base_sampler() override {
    co_return std::make_shared<SimulatedSampler>(service);
  }

private:
  text::Tokenizer tokenizer_ = testing::byte_tokenizer();
};

/// Problems of the usual length that are never read twice.
class CountingDataset final : public Dataset {
public:
  CountingDataset(std::string name, std::size_t items) : name_(std::move(name)), items_(items) {}
  std::string_view name() const noexcept override { return name_; }

private:
  std::size_t do_size(Split split) const override {
    return split == Split::train ? 64 : split == Split::test ? items_ : 0;
  }
  Example do_at(Split split, std::size_t index) const override {
    const std::string number = std::to_string(index);
    Example example;
    example.id = name_ + "/" + std::string(to_string(split)) + "/" + number;
    example.question = "Problem " + number + " of " + name_ +
                       ": a quantity is given, another is asked for, and both are told apart by "
                       "their number alone. Is it so?";
    example.answer = index % 2 == 0 ? "y" : "n";
    example.solution = "By the number " + number + " it follows: " + example.answer;
    return example;
  }
  std::string do_manifest_hash(Split split) const override {
    return HashBuilder("counting")
        .field("name", name_)
        .field("split", to_string(split))
        .field("items", static_cast<std::uint64_t>(items_))
        .hex();
  }
  std::string name_;
  std::size_t items_;
};

struct Size {
  int domains;
  int items;  ///< of each evaluation
};

struct Measured {
  std::size_t pairs = 0;
  std::size_t legs = 0;
  double items = 0.0;
  double plan_seconds = 0.0;
  double simulated_seconds = 0.0;
  double real_seconds = 0.0;
  double ledger_seconds = 0.0;
  double status_seconds = 0.0;
  int legs_in_flight = 0;
  /// Resident, in MB: when a third of the work was done, and at the end.
  double megabytes_early = 0.0;
  double megabytes_late = 0.0;
};

double resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0.0;
  double resident = 0.0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

StudySpec growing_study(const Size& size) {
  StudySpec spec;
  spec.name = "growth";
  spec.pairs.clear();
  for (int source = 0; source < size.domains; ++source)
    for (int target = 0; target < size.domains; ++target)
      if (source != target)
        spec.pairs.emplace_back("d" + std::to_string(source), "d" + std::to_string(target));
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                     Condition::sequential, Condition::joint};
  spec.seeds = {0};
  spec.steps = 2;
  spec.batch_size = 2;
  spec.items = size.items;
  spec.validation_items = 0;
  return spec;
}

Measured measure(const Size& size, const std::filesystem::path& folder) {
  Measured found;
  const StudySpec spec = growing_study(size);
  DomainSet domains;
  for (int d = 0; d < size.domains; ++d) {
    domains::Domain domain = letter_domain("d" + std::to_string(d), 'a');
    domain.dataset =
        std::make_shared<CountingDataset>(domain.name, static_cast<std::size_t>(size.items));
    domains.emplace(domain.name, std::move(domain));
  }
  SimulatedBackend backend;
  const auto begun = Clock::now();
  const Materials materials = gather_materials(spec, backend, std::move(domains));
  const Plan plan = make_plan(spec, materials);
  found.plan_seconds = seconds_since(begun);
  found.pairs = spec.pairs.size();
  found.legs = plan.legs.size();
  for (const PlannedEvaluation& e : plan.evaluations) found.items += e.items;

  Ledger ledger(folder);
  ledger.start(spec, {},
               {{"spec", spec.to_toml()}, {"xfer_version", "test"}, {"model_name", "simulated"}},
               plan);
  RunOptions options;
  options.run_folder = folder;
  options.on_event = [&](const Event& event) {
    if (found.megabytes_early == 0.0 && event.done_units > event.total_units / 3.0)
      found.megabytes_early = resident_megabytes();
  };
  const RunTuning tuning;
  const Wanted wanted = all_of_plan(plan);
  const auto running = Clock::now();
  StudyRun run(spec, materials, plan, wanted, backend, ledger, options, tuning);
  run_blocking(run.run());
  found.real_seconds = seconds_since(running);
  found.megabytes_late = resident_megabytes();
  found.simulated_seconds = backend.service.now();
  found.ledger_seconds = ledger.time_in_transactions().count();
  found.legs_in_flight = backend.service.most_legs_in_flight;
  const auto looking = Clock::now();
  const RunStatus status = read_status(folder);
  found.status_seconds = seconds_since(looking);
  EXPECT_EQ(static_cast<double>(status.items_done), found.items);
  EXPECT_EQ(status.cells.size(), spec.pairs.size());
  return found;
}

void print(const Size& size, const Measured& m) {
  std::printf(
      "growth: %d domains, %zu pairs, %zu legs, %.0f items | plan %.2f s | service %.0f s | runner "
      "%.1f s, %.1f us/item | ledger %.2f us/item, %.4f %% of the service's time | %d legs in "
      "flight | %.0f MB early, %.0f MB late | status %.3f s\n",
      size.domains, m.pairs, m.legs, m.items, m.plan_seconds, m.simulated_seconds, m.real_seconds,
      1e6 * m.real_seconds / m.items, 1e6 * m.ledger_seconds / m.items,
      100.0 * m.ledger_seconds / m.simulated_seconds, m.legs_in_flight, m.megabytes_early,
      m.megabytes_late, m.status_seconds);
  std::fflush(stdout);
}

std::vector<Size> sizes_asked_for() {
  const char* wanted = std::getenv("XFER_GROWTH");
  if (!wanted) return {{6, 20}, {12, 40}};
  std::vector<Size> sizes;
  std::istringstream text(wanted);
  std::string domains;
  std::string items;
  while (std::getline(text, domains, ',') && std::getline(text, items, ','))
    sizes.push_back({std::stoi(domains), std::stoi(items)});
  return sizes;
}

TEST(Growth, planning_keeping_and_looking_stay_cheap) {
  const bool on_disk = std::getenv("XFER_GROWTH_FOLDER") != nullptr;
  const TemporaryFolder temporary;
  const std::filesystem::path root =
      on_disk ? std::filesystem::path(std::getenv("XFER_GROWTH_FOLDER")) : temporary.path();
  for (const Size& size : sizes_asked_for()) {
    const std::filesystem::path folder = root / ("growth-" + std::to_string(size.domains));
    std::filesystem::remove_all(folder);
    const Measured m = measure(size, folder);
    print(size, m);
    EXPECT_LT(m.plan_seconds, 10.0);
    EXPECT_GE(m.legs_in_flight,
              std::min(static_cast<int>(m.legs) / 4, SimulatedBackend::legs_at_once));
    EXPECT_LT(m.status_seconds, 1.0);
    if (m.items > 1e5) {  // below, the first steps weigh too much
      EXPECT_LT(m.ledger_seconds, 0.01 * m.simulated_seconds);
      EXPECT_LT(m.megabytes_late - m.megabytes_early, 64.0);
    }
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace xfer::study
