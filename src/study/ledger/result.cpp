// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/result.hpp"

#include "study/ledger/ledger.hpp"
#include "study/ledger/ledger_schema.hpp"
#include "study/ledger/regrade.hpp"
#include "study/ledger/sqlite.hpp"
#include "study/spec/spec_fields.hpp"

#include "xfer/error.hpp"
#include "xfer/study/plan.hpp"

#include <charconv>
#include <map>
#include <optional>

namespace xfer::study {
namespace {

class ResultReader {
public:
  ResultReader(const std::filesystem::path& path, Grading grading)
      : path_(path), grading_(grading), database_(path, Sqlite::Mode::read_only, "ledger") {}

  StudyResult read() {
    check_version();
    if (grading_ == Grading::latest) show_latest_grading(database_);
    database_.execute("BEGIN");  // one consistent view, also while a run goes on
    StudyResult result;
    result.spec = read_stored_spec(about("spec"), path_.string());
    result.model_name = about("model_name");
    result.model_hash = about("model_hash");
    result.model_parameters = count(about("model_parameters"));
    result.xfer_version = about("xfer_version");
    read_cells(result);
    read_legs(result);
    read_tried_rates(result);
    read_overlap(result);
    read_spending(result);
    result.looks = read_looks(database_);
    Statement seconds(database_, "SELECT total(seconds) FROM attempts");
    seconds.step();
    result.seconds = seconds.real(0);
    return result;
  }

private:
  [[noreturn]] void corrupt(const std::string& what) const {
    throw Error(Errc::bad_data, "ledger " + path_.string() + ": " + what);
  }

  void check_version() {
    Statement version(database_, "PRAGMA user_version");
    version.step();
    const std::int64_t schema = version.integer(0);
    if (schema == 0) corrupt("no study has started here");
    if (schema != ledger_schema_version)
      corrupt("written by " +
              std::string(schema > ledger_schema_version ? "a newer" : "an earlier") +
              " version of xfer (schema " + std::to_string(schema) + "; this one reads " +
              std::to_string(ledger_schema_version) + ")");
  }

  std::string about(const std::string& name) {
    Statement select(database_, "SELECT value FROM about WHERE name = ?");
    if (!select.bind(1, name).step()) corrupt("the entry '" + name + "' is missing");
    return select.text(0);
  }

  std::int64_t count(const std::string& text) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      corrupt("'" + text + "' is not a count");
    return value;
  }

  std::vector<double> numbers(const std::string& text) const {
    std::vector<double> all;
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); at != end;) {
      double value = 0.0;
      const auto [stop, error] = std::from_chars(at, end, value);
      if (error != std::errc() || (stop != end && *stop != ' '))
        corrupt("'" + text + "' is not a list of numbers");
      all.push_back(value);
      at = stop == end ? end : stop + 1;
    }
    return all;
  }

  Condition condition(const std::string& name) const {
    const auto parsed = parse_condition(name);
    if (!parsed) corrupt("unknown condition '" + name + "'");
    return *parsed;
  }

  void read_cells(StudyResult& result) {
    for (const auto& [source, target] : result.spec.pairs)
      for (const Method method : result.spec.methods)
        result.cells.push_back(read_cell(source, target, method));
  }

  CellResult read_cell(const std::string& source, const std::string& target, Method method) {
    CellResult cell;
    cell.source = source;
    cell.target = target;
    cell.method = method;
    cell.field_metric = about(std::string(metric_entry) + target);
    Statement select(database_,
                     "SELECT c.id, c.condition, c.seed, e.id, e.protocol, e.finished FROM "
                     "conditions c JOIN evaluations e ON e.id = c.evaluation WHERE c.source = ? "
                     "AND c.target = ? AND c.method = ? ORDER BY c.id");
    select.bind(1, source).bind(2, target).bind(3, to_string(method));
    while (select.step()) {
      EvaluationResult evaluation;
      evaluation.condition = condition(select.text(1));
      evaluation.seed = static_cast<std::uint64_t>(select.integer(2));
      evaluation.protocol_hash = select.text(4);
      if (select.integer(5) != 0) {
        evaluation.items = items(select.integer(3));
        evaluation.legs = legs_of(select.integer(0));
        cell.evaluations.push_back(std::move(evaluation));
      }
      read_further_tests(select.integer(0), evaluation, cell);
      Curve curve = read_curve(select.integer(0));
      curve.condition = condition(select.text(1));
      curve.seed = static_cast<std::uint64_t>(select.integer(2));
      curve.rewards = read_rewards(select.integer(0));
      if (!curve.points.empty() || !curve.rewards.empty()) cell.curves.push_back(std::move(curve));
    }
    return cell;
  }

  /// `about` says of which condition and seed.
  void read_further_tests(std::int64_t condition_id, const EvaluationResult& about,
                          CellResult& cell) {
    Statement select(database_,
                     "SELECT f.kind, f.name, e.id, e.protocol FROM further_tests f JOIN "
                     "evaluations e ON e.id = f.evaluation WHERE f.condition = ? AND e.finished = "
                     "1 ORDER BY f.position");
    select.bind(1, condition_id);
    while (select.step()) {
      EvaluationResult evaluation;
      evaluation.condition = about.condition;
      evaluation.seed = about.seed;
      evaluation.protocol_hash = select.text(3);
      evaluation.items = items(select.integer(2));
      evaluation.legs = legs_of(condition_id);
      const std::string kind = select.text(0);
      const std::string name = select.text(1);
      if (kind == to_string(FurtherTest::held_out))
        cell.held_out.push_back(std::move(evaluation));
      else if (kind == to_string(FurtherTest::wording))
        named(cell.variants, &PromptVariantResult::name, name)
            .evaluations.push_back(std::move(evaluation));
      else if (kind == to_string(FurtherTest::other_domain))
        named(cell.other_domains, &OtherDomainResult::domain, name)
            .evaluations.push_back(std::move(evaluation));
      else
        corrupt("unknown kind of test '" + kind + "'");
    }
  }

  /// The one of that name, made where there is none.
  template <class T>
  static T& named(std::vector<T>& all, std::string T::*member, const std::string& name) {
    for (T& one : all)
      if (one.*member == name) return one;
    all.emplace_back().*member = name;
    return all.back();
  }

  std::vector<std::string> legs_of(std::int64_t condition_id) {
    Statement select(database_,
                     "SELECT l.key FROM stages s JOIN legs l ON l.id = s.leg WHERE s.condition = ? "
                     "ORDER BY s.steps_before");
    select.bind(1, condition_id);
    std::vector<std::string> keys;
    while (select.step()) keys.push_back(select.text(0));
    return keys;
  }

  std::vector<RewardPoint> read_rewards(std::int64_t condition_id) {
    Statement select(database_, reward_columns("s.steps_before") +
                                    "stages s JOIN rewards r ON r.leg = s.leg WHERE s.condition = "
                                    "? ORDER BY 1");
    select.bind(1, condition_id);
    return reward_points(select);
  }

  static std::string reward_columns(const std::string& steps_before) {
    return "SELECT r.step + " + steps_before +
           ", r.reward, r.trained_reward, r.kl_to_base, r.groups, r.silent_groups, "
           "r.sampled_tokens, r.answers FROM ";
  }

  static std::vector<RewardPoint> reward_points(Statement& select) {
    std::vector<RewardPoint> points;
    while (select.step()) {
      RewardPoint point;
      point.step = static_cast<int>(select.integer(0));
      point.reward = select.real(1);
      point.trained_reward = select.real(2);
      point.kl_to_base = select.optional_real(3);
      point.groups = static_cast<int>(select.integer(4));
      point.silent_groups = static_cast<int>(select.integer(5));
      if (select.integer(7) > 0)
        point.answer_tokens = select.real(6) / static_cast<double>(select.integer(7));
      points.push_back(point);
    }
    return points;
  }

  std::vector<ItemResult> items(std::int64_t evaluation) {
    Statement select(database_,
                     "SELECT item_id, kind, cluster, score, extracted, truncated, completion, "
                     "answer, failure, reference_bits, first_token_bits, reference_bytes, "
                     "first_token_bytes, question, reference, prompt_tokens, sampled_tokens, "
                     "scored_tokens, strict_score, strict_extracted, stopped_by_text, chosen, "
                     "gold, option_logprobs, right_option FROM items WHERE evaluation = ? ORDER BY "
                     "position");
    select.bind(1, evaluation);
    std::vector<ItemResult> all;
    while (select.step()) {
      ItemResult item;
      item.item_id = select.text(0);
      item.kind = select.text(1);
      item.cluster = select.text(2);
      item.score = select.real(3);
      item.extracted = select.integer(4) != 0;
      item.truncated = select.integer(5) != 0;
      item.completion = select.text(6);
      item.answer = select.text(7);
      item.failure = select.text(8);
      item.reference_bits = select.real(9);
      item.first_token_bits = select.real(10);
      item.reference_bytes = select.integer(11);
      item.first_token_bytes = select.integer(12);
      item.question = select.text(13);
      item.reference = select.text(14);
      item.prompt_tokens = select.integer(15);
      item.sampled_tokens = select.integer(16);
      item.scored_tokens = select.integer(17);
      item.strict_score = select.real(18);
      item.strict_extracted = select.integer(19) != 0;
      item.stopped_by_text = select.integer(20) != 0;
      item.chosen = select.integer(21) != 0;
      item.gold = select.text(22);
      item.option_logprobs = numbers(select.text(23));
      item.right_option = static_cast<int>(select.integer(24));
      all.push_back(std::move(item));
    }
    Statement planned(database_, "SELECT items FROM main.evaluations WHERE id = ?");
    if (!planned.bind(1, evaluation).step() || planned.integer(0) != std::ssize(all))
      corrupt("evaluation " + std::to_string(evaluation) + " is finished and holds " +
              std::to_string(all.size()) + " items, not all");
    read_samples(evaluation, all);
    return all;
  }

  /// Positions of a finished evaluation are places in its items.
  void read_samples(std::int64_t evaluation, std::vector<ItemResult>& items) {
    Statement select(database_,
                     "SELECT position, completion, score, truncated FROM samples WHERE evaluation "
                     "= ? ORDER BY position, number");
    select.bind(1, evaluation);
    while (select.step()) {
      const std::int64_t position = select.integer(0);
      if (position < 0 || position >= std::ssize(items))
        corrupt("evaluation " + std::to_string(evaluation) + " has answers to no item");
      SampledAnswer sample;
      sample.completion = select.text(1);
      sample.score = select.real(2);
      sample.truncated = select.integer(3) != 0;
      items[static_cast<std::size_t>(position)].samples.push_back(std::move(sample));
    }
  }

  void read_overlap(StudyResult& result) {
    Statement select(database_,
                     "SELECT id, train, test, train_items, test_items FROM overlap_checks ORDER BY "
                     "id");
    while (select.step()) {
      OverlapCheck check;
      check.train = select.text(1);
      check.test = select.text(2);
      check.train_items = select.integer(3);
      check.test_items = select.integer(4);
      Statement found(database_,
                      "SELECT item_id, train_id, kind FROM overlaps WHERE check_id = ? ORDER BY "
                      "position");
      found.bind(1, select.integer(0));
      while (found.step()) check.items.push_back({found.text(0), found.text(1), found.text(2)});
      result.overlap.push_back(std::move(check));
    }
  }

  /// Mean loss per target token of the steps after `from` up to `to`; nothing when they are not
  /// all there.
  std::optional<double> mean_loss(std::int64_t leg, std::int64_t from, std::int64_t to) {
    Statement select(database_,
                     "SELECT count(*), total(loss * target_tokens), total(target_tokens) FROM "
                     "steps WHERE leg = ? AND step > ? AND step <= ?");
    select.bind(1, leg).bind(2, from).bind(3, to).step();
    if (select.integer(0) != to - from || select.real(2) <= 0.0) return std::nullopt;
    return select.real(1) / select.real(2);
  }

  Curve read_curve(std::int64_t condition_id) {
    Statement select(database_,
                     "SELECT p.step, e.leg IS NULL, e.leg, e.step, avg(i.score), "
                     "sum(i.reference_bits), sum(i.reference_bytes), e.finished FROM curve_points "
                     "p JOIN evaluations e ON e.id = p.evaluation LEFT JOIN items i ON "
                     "i.evaluation = e.id WHERE p.condition = ? GROUP BY p.step ORDER BY p.step");
    select.bind(1, condition_id);
    struct Row {
      CurvePoint point;
      std::optional<std::int64_t> leg;
      std::int64_t leg_step = 0;
      bool finished = false;
    };
    std::vector<Row> rows;
    while (select.step()) {
      Row row;
      row.point.step = static_cast<int>(select.integer(0));
      if (select.integer(1) == 0) row.leg = select.integer(2);
      row.leg_step = select.integer(3);
      row.point.accuracy = select.real(4);
      const std::int64_t bytes = select.integer(6);
      row.point.bits_per_byte = bytes > 0 ? select.real(5) / static_cast<double>(bytes) : 0.0;
      row.finished = select.integer(7) != 0;
      rows.push_back(row);
    }
    Curve curve;
    for (std::size_t i = 0; i < rows.size() && rows[i].finished; ++i) {
      std::optional<double> loss;
      if (rows[i].leg)
        loss = mean_loss(*rows[i].leg,
                         i > 0 && rows[i - 1].leg == rows[i].leg ? rows[i - 1].leg_step : 0,
                         rows[i].leg_step);
      else if (i + 1 < rows.size() && rows[i + 1].leg)
        loss = mean_loss(*rows[i + 1].leg, 0, 1);
      if (!loss && rows.size() > 1) break;
      rows[i].point.train_loss_per_token = loss.value_or(0.0);
      curve.points.push_back(rows[i].point);
    }
    return curve;
  }

  void read_tried_rates(StudyResult& result) {
    Statement select(database_,
                     "SELECT learning, rate, accuracy, bits_per_byte FROM tried_rates ORDER BY id");
    while (select.step()) {
      TriedRate tried;
      if (select.text(0) == to_string(Learning::reinforcement))
        tried.learning = Learning::reinforcement;
      tried.rate = select.real(1);
      tried.accuracy = select.real(2);
      tried.bits_per_byte = select.real(3);
      result.tried_rates.push_back(tried);
    }
  }

  /// Of calls under way nobody knows what they cost: they count in full, as lost.
  void read_spending(StudyResult& result) {
    Statement sums(database_,
                   "SELECT total(useful + pending), total(lost) + (SELECT total(amount) FROM "
                   "reservations) FROM spending");
    sums.step();
    result.useful_dollars = sums.real(0) / 1e9;
    result.lost_dollars = sums.real(1) / 1e9;
    Statement outcome(database_, "SELECT outcome FROM attempts ORDER BY id DESC LIMIT 1");
    if (outcome.step() && outcome.text(0).starts_with("budget:")) result.stopped = outcome.text(0);
  }

  void read_legs(StudyResult& result) {
    Statement rewards(database_, reward_columns("0") + "rewards r WHERE r.leg = ? ORDER BY r.step");
    Statement select(database_,
                     "SELECT l.key, l.description, l.steps, l.seconds, total(s.tokens), "
                     "total(s.skipped), l.learning, total(r.sampled_tokens), "
                     "total(r.prefill_tokens), l.id FROM legs l LEFT JOIN steps s ON s.leg = l.id "
                     "LEFT JOIN rewards r ON r.leg = s.leg AND r.step = s.step WHERE "
                     "l.steps_done = l.steps GROUP BY l.id ORDER BY l.id");
    while (select.step()) {
      LegSummary leg;
      leg.key = select.text(0);
      leg.description = select.text(1);
      leg.steps = select.integer(2);
      leg.seconds = select.real(3);
      leg.train_tokens = static_cast<std::int64_t>(select.real(4));
      leg.skipped_examples = static_cast<int>(select.real(5));
      if (select.text(6) == to_string(Learning::reinforcement))
        leg.learning = Learning::reinforcement;
      leg.sampled_tokens = static_cast<std::int64_t>(select.real(7));
      leg.prefill_tokens = static_cast<std::int64_t>(select.real(8));
      rewards.bind(1, select.integer(9));
      leg.rewards = reward_points(rewards);
      rewards.reset();
      result.legs.push_back(leg);
    }
  }

  std::filesystem::path path_;
  Grading grading_;
  Sqlite database_;
};

}  // namespace

StudyResult load_result(const std::filesystem::path& run_folder, Grading grading) {
  const std::filesystem::path path = run_folder / "study.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw Error(Errc::io, "run folder " + run_folder.string() + ": holds no study.db");
  return ResultReader(path, grading).read();
}

}  // namespace xfer::study
