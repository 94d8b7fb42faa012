// SPDX-License-Identifier: Apache-2.0
#include "serve/sampling.hpp"

#include "engine/checkpoint.hpp"
#include "engine/kernels/thread_pool.hpp"
#include "engine/linear.hpp"
#include "engine/local_sampler.hpp"
#include "engine/network.hpp"
#include "files/in_quotes.hpp"
#include "serve/batch.hpp"
#include "serve/failure.hpp"
#include "serve/model_names.hpp"
#include "serve/refusal.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/hash.hpp"
#include "xfer/tinker/codec.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

#include <algorithm>
#include <limits>

namespace xfer::serve {
namespace {

namespace asio = boost::asio;
using tinker::SampleCall;

constexpr std::size_t loads_waiting_max = 65'536;
/// Clone k of a client begins to number its samples at k times this.
constexpr std::int64_t numbers_of_clone = 1'000'000'000;

std::string group_name(const std::string& session, std::int64_t clone) {
  return session + "/" + std::to_string(clone);
}

/// For samples without a seed: another one for each, yet the same when the request is sent again.
std::uint64_t seed_of(const std::string& request_id) {
  const auto digest = Sha256().update("sample\n").update(request_id).digest();
  std::uint64_t seed = 0;
  for (std::size_t i = 0; i < 8; ++i) seed = seed << 8U | digest[i];
  return seed;
}

std::shared_ptr<const engine::Adapter> load_packed(const engine::Model& model,
                                                   const std::filesystem::path& folder) {
  const auto parameters = engine::load_adapter(folder, model.config());
  // The engine's workers may be busy, and packing is cheap.
  engine::ThreadPool alone(1);
  return engine::pack_adapter(alone, *model.network(), parameters, false);
}

/// Rows from position `first` on, of which the first `left_out` were not asked for, with empty
/// ones before them.
tinker::TopLogprobs in_place(tinker::TopLogprobs rows, std::size_t left_out, std::size_t first) {
  tinker::TopLogprobs out(first);
  for (std::size_t i = left_out; i < rows.size(); ++i) out.push_back(std::move(rows[i]));
  return out;
}

/// Rows of one length as two arrays.
tinker::AltTokens arrays_of(const tinker::TopLogprobs& rows) {
  std::vector<std::int64_t> tokens;
  std::vector<float> logprobs;
  for (const auto& row : rows) {
    for (const tinker::TokenLogprob& cell : row) {
      tokens.push_back(cell.token);
      logprobs.push_back(cell.logprob);
    }
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  const std::int64_t columns = rows.empty() ? 0 : std::ssize(tokens) / count;
  tinker::AltTokens out;
  out.tokens = Tensor(std::move(tokens));
  out.logprobs = Tensor(std::move(logprobs));
  out.tokens.shape = {count, columns};
  out.logprobs.shape = out.tokens.shape;
  return out;
}

tinker::TopLogprobs on_wire(const std::vector<std::vector<engine::TokenLogprob>>& rows) {
  tinker::TopLogprobs out;
  for (const auto& row : rows) {
    auto& line = out.emplace_back();
    for (const engine::TokenLogprob& one : row) line.emplace_back(one.token, one.logprob);
  }
  return out;
}

/// Asks for the log-probabilities of given tokens, in rows for all tokens but the first.
void add_targets(const tinker::TensorData& asked, engine::PositionQuery& query) {
  constexpr std::size_t elements_max = std::size_t{1} << 22U;
  Tensor targets = dense_of(asked, elements_max, "sample: target_prompt_logprobs", -1);
  const std::size_t rows = query.tokens.size() - 1;
  if (targets.shape.size() != 2 || targets.shape[0] != static_cast<std::int64_t>(rows) ||
      targets.shape[1] < 1 || static_cast<std::size_t>(targets.shape[1]) * rows != targets.size())
    throw Error(Errc::invalid_argument,
                "sample: target_prompt_logprobs must have one row for each of the " +
                    std::to_string(rows) + " prompt tokens but the first");
  query.columns = static_cast<std::size_t>(targets.shape[1]);
  query.targets = std::move(std::get<std::vector<std::int64_t>>(targets.data));
}

/// Row-major values in the layout of what was asked.
tinker::TensorData like(tinker::TensorData asked, const std::vector<float>& values) {
  std::vector<float> out;
  if (!asked.csr) {
    out = values;
  } else {
    const auto columns = static_cast<std::size_t>(asked.values.shape[1]);
    for (std::size_t row = 0; row + 1 < asked.csr->crow.size(); ++row)
      for (auto j = asked.csr->crow[row]; j < asked.csr->crow[row + 1]; ++j)
        out.push_back(values[row * columns + static_cast<std::size_t>(
                                                 asked.csr->col[static_cast<std::size_t>(j)])]);
  }
  asked.values.data = std::move(out);
  return asked;
}

}  // namespace

Sampling::Sampling(Context& context)
    : context_(context), loading_(context.executor, 1, loads_waiting_max) {
  auto weights = std::make_shared<Weights>();
  weights->sampler = engine::make_local_sampler(context.model);
  base_ = std::move(weights);
}

std::string Sampling::id_of(const std::string& session_id, int number) {
  return session_id + ":sample:" + std::to_string(number);
}

std::string Sampling::create(const tinker::NewSampler& wanted, const std::string& account) {
  context_.sessions.use(wanted.session_id, account);
  SamplerRow row;
  row.id = id_of(wanted.session_id, wanted.sampling_session_seq_id);
  row.session_id = wanted.session_id;
  row.account = account;
  row.base_model = wanted.base_model;
  row.created = now_us();
  if (wanted.model_path.empty()) {
    check_model_name(context_.options, wanted.base_model);
  } else {
    const CheckpointRow checkpoint = context_.checkpoints.find(wanted.model_path, account);
    row.model_path = checkpoint.tinker_path();
    row.base_model = context_.store.run(checkpoint.run_id)->base_model;
  }
  if (const auto old = context_.store.sampler(row.id)) {
    if (old->model_path == row.model_path && old->base_model == row.base_model &&
        old->snapshot.empty())
      return row.id;
    throw Refusal(409, Errc::invalid_argument,
                  "create_sampling_session: sampling_session_seq_id was used for other weights");
  }
  context_.store.add(row);
  return row.id;
}

void Sampling::create_of_snapshot(SamplerRow row) {
  context_.store.add(row);
  const auto all = context_.store.snapshots_of_session(row.session_id);
  for (std::size_t i = context_.options.limits.snapshots_per_session; i < all.size(); ++i)
    drop_snapshot(all[i]);
}

void Sampling::drop_snapshot(const SamplerRow& row) {
  context_.store.remove_sampler(row.id);
  const auto folder = context_.checkpoints.folder_of_snapshot(row.snapshot);
  std::erase_if(loaded_, [&](const auto& entry) { return entry.first == folder.string(); });
  context_.remove_folder(folder);
}

void Sampling::end_session(const std::string& session_id) {
  for (const SamplerRow& row : context_.store.snapshots_of_session(session_id)) drop_snapshot(row);
}

SamplerRow Sampling::find(const std::string& id, const std::string& account) {
  const auto row = context_.store.sampler(id);
  if (!row || row->account != account)
    throw not_found("there is no sampling session " + files::in_quotes(id));
  return *row;
}

tinker::SamplerInfo Sampling::info(const std::string& id, const std::string& account) {
  const SamplerRow row = find(id, account);
  tinker::SamplerInfo info;
  info.sampler_id = row.id;
  info.base_model = row.base_model;
  info.model_path = row.model_path;
  return info;
}

Sampling::Submitted Sampling::submit(tinker::SampleSubmission submission,
                                     const std::string& account) {
  SamplerRow row = find(submission.sampling_session_id, account);
  context_.sessions.use(row.session_id, account);
  Submitted out;
  const std::string number = std::to_string(submission.seq_id);
  out.request_id = row.id + "/" + number;
  const int samples =
      std::clamp(submission.call.num_samples, 0, context_.options.limits.samples_per_request);
  for (int i = 0; i < samples; ++i)
    out.sequence_ids.push_back(row.id + ":" + number + ":" + std::to_string(i));
  if (context_.futures.contains(out.request_id)) return out;
  if (context_.stopping) throw stopping();
  if (running_.size() >= context_.options.limits.samples_in_flight)
    throw too_many("too many samples at once; try again later");
  context_.futures.add(out.request_id, account,
                       group_name(row.id, submission.seq_id / numbers_of_clone));
  Running& running = running_[out.request_id];
  running.account = account;
  auto work =
      run(out.request_id, std::move(row), std::move(submission.call), seed_of(out.request_id));
  asio::co_spawn(context_.executor, std::move(work),
                 asio::bind_cancellation_slot(
                     running.signal.slot(), [this, id = out.request_id](const std::exception_ptr&) {
                       running_.erase(id);
                     }));
  return out;
}

std::string Sampling::group_of(const std::string& sampling_session_id, std::int64_t clone,
                               const std::string& account) {
  const SamplerRow row = find(sampling_session_id, account);
  context_.sessions.use(row.session_id, account);
  return group_name(row.id, clone);
}

void Sampling::cancel(const std::string& request_id, const std::string& account) {
  const auto found = running_.find(request_id);
  if (found == running_.end() || found->second.account != account) return;
  found->second.signal.emit(asio::cancellation_type::terminal);
}

void Sampling::stop() {
  for (auto& [id, running] : running_) running.signal.emit(asio::cancellation_type::terminal);
}

std::filesystem::path Sampling::folder_of(const SamplerRow& row) {
  if (!row.snapshot.empty()) return context_.checkpoints.folder_of_snapshot(row.snapshot);
  return context_.checkpoints.folder_of(context_.checkpoints.find(row.model_path, row.account));
}

task<std::shared_ptr<const Sampling::Weights>> Sampling::weights(SamplerRow row) {
  if (row.model_path.empty() && row.snapshot.empty()) co_return base_;
  const std::filesystem::path folder = folder_of(row);
  const auto in_memory = [this, &folder]() -> std::shared_ptr<const Weights> {
    const auto found = std::find_if(loaded_.begin(), loaded_.end(), [&](const auto& entry) {
      return entry.first == folder.string();
    });
    if (found == loaded_.end()) return nullptr;
    loaded_.splice(loaded_.begin(), loaded_, found);
    return found->second;
  };
  if (auto found = in_memory()) co_return found;
  auto entering = loading_.enter();
  const tinker::Gate::Pass alone = co_await std::move(entering);
  if (auto found = in_memory()) co_return found;
  auto loading =
      on_worker(context_, [model = context_.model, folder] { return load_packed(*model, folder); });
  auto fresh = std::make_shared<Weights>();
  fresh->adapter = co_await std::move(loading);
  fresh->sampler = engine::make_sampler(context_.model, context_.model->network(), fresh->adapter);
  loaded_.emplace_front(folder.string(), fresh);
  while (loaded_.size() > context_.options.limits.adapters_in_memory) loaded_.pop_back();
  co_return fresh;
}

task<void> Sampling::run(std::string request_id, SamplerRow row, SampleCall call,
                         std::uint64_t fresh_seed) {
  Result result;
  try {
    auto work = carry_out(std::move(row), std::move(call), fresh_seed);
    result = co_await std::move(work);
  } catch (...) {
    // Cut short by our own end: nobody's fault, and lost like everything else in memory. Clients
    // ask the next server for it and learn that.
    if (context_.stopping) co_return;
    result = failure_of(std::current_exception());
  }
  context_.futures.settle(request_id, std::move(result));
}

void Sampling::check(const SampleCall& call, std::size_t prompt_size) const {
  const auto within = [](const char* name, int value, int least, int most) {
    if (value < least || value > most)
      throw Error(Errc::invalid_argument, std::string("sample: ") + name + " must be in " +
                                              std::to_string(least) + ".." + std::to_string(most) +
                                              " (got " + std::to_string(value) + ")");
  };
  const ServeLimits& limits = context_.options.limits;
  within("num_samples", call.num_samples, 1, limits.samples_per_request);
  within("topk_prompt_logprobs", call.topk_prompt_logprobs, 0, limits.top_logprobs);
  within("topk_sample_logprobs", call.topk_sample_logprobs, 0, limits.top_logprobs);
  within("prompt_alt_tokens_k", call.prompt_alt_tokens_k, 0, limits.top_logprobs);
  if (!call.prompt_logprobs_last_n) return;
  if (!call.prompt_logprobs)
    throw Error(Errc::invalid_argument, "sample: prompt_logprobs_last_n needs prompt_logprobs");
  within("prompt_logprobs_last_n", *call.prompt_logprobs_last_n, 1,
         static_cast<int>(prompt_size) - 1);
}

SampleRequest Sampling::request_of(const SampleCall& call, std::vector<std::int32_t> prompt,
                                   std::uint64_t fresh_seed) const {
  SampleRequest request(std::move(prompt));
  const tinker::SamplingParams& params = call.params;
  request.num_samples = call.num_samples;
  // No more than fit, whatever is asked for: caches are reserved for the longest outcome.
  const int positions = context_.model->network()->positions();
  const int room = std::max(
      1, positions - static_cast<int>(std::min<std::size_t>(request.prompt.size(), 1U << 30U)) + 1);
  request.max_tokens = std::min(params.max_tokens.value_or(room), room);
  request.temperature = params.temperature;
  request.top_k = params.top_k;
  request.top_p = params.top_p;
  request.seed = params.seed.value_or(fresh_seed);
  if (const auto* text = std::get_if<std::string>(&params.stop)) request.stop_strings = {*text};
  if (const auto* texts = std::get_if<std::vector<std::string>>(&params.stop))
    request.stop_strings = *texts;
  if (const auto* tokens = std::get_if<std::vector<std::int32_t>>(&params.stop))
    request.stop_tokens = *tokens;
  return request;
}

task<Result> Sampling::carry_out(SamplerRow row, SampleCall call, std::uint64_t fresh_seed) {
  std::vector<std::int32_t> prompt = tokens_of(call.prompt, "sample");
  check(call, prompt.size());
  auto loading = weights(std::move(row));
  const std::shared_ptr<const Weights> w = co_await std::move(loading);
  tinker::SampleResponse response;
  auto sampling = w->sampler->sample(request_of(call, prompt, fresh_seed));
  std::vector<Completion> completions = co_await std::move(sampling);
  for (Completion& c : completions) {
    tinker::SampledSequence sequence;
    if (call.topk_sample_logprobs > 0) {
      std::vector<std::int32_t> text = prompt;
      text.insert(text.end(), c.tokens.begin(), c.tokens.end() - 1);
      engine::PositionQuery query(std::move(text));
      query.first = prompt.size();
      query.last = prompt.size() + c.tokens.size();
      query.top = call.topk_sample_logprobs;
      auto looking = engine::look_at_positions(context_.model, w->adapter, std::move(query));
      engine::PositionAnswer answer = co_await std::move(looking);
      sequence.topk_logprobs = on_wire(answer.top);
    }
    sequence.tokens = std::move(c.tokens);
    sequence.logprobs = std::move(c.logprobs);
    sequence.stop_reason = c.stop_reason;
    response.sequences.push_back(std::move(sequence));
  }
  auto adding = add_prompt_positions(w, std::move(call), std::move(prompt), fresh_seed, response);
  co_await std::move(adding);
  co_return Result(true, tinker::encode_sample_response(response));
}

task<void> Sampling::add_prompt_positions(std::shared_ptr<const Weights> weights, SampleCall call,
                                          std::vector<std::int32_t> prompt,
                                          std::uint64_t fresh_seed,
                                          tinker::SampleResponse& response) {
  // Position 0 has no context, so there is nothing to say about it.
  const std::size_t first =
      call.prompt_logprobs_last_n
          ? prompt.size() - static_cast<std::size_t>(*call.prompt_logprobs_last_n)
          : 1;
  if (call.prompt_logprobs) {
    ScoreRequest request(prompt, first);
    auto scoring = weights->sampler->score(std::move(request));
    response.prompt_logprobs = co_await std::move(scoring);
    response.prompt_logprobs->insert(response.prompt_logprobs->begin(), first,
                                     std::numeric_limits<float>::quiet_NaN());
  }
  const bool all = call.target_prompt_logprobs || call.prompt_alt_tokens_k > 0;
  if (call.topk_prompt_logprobs == 0 && !all) co_return;
  engine::PositionQuery query(std::move(prompt));
  query.last = query.tokens.size();
  query.first = all ? 1 : first;
  query.top = call.topk_prompt_logprobs;
  query.draws = call.prompt_alt_tokens_k;
  query.temperature = call.params.temperature;
  query.seed = call.params.seed.value_or(fresh_seed);
  if (call.target_prompt_logprobs) add_targets(*call.target_prompt_logprobs, query);
  const std::size_t left_out = first - query.first;
  auto looking = engine::look_at_positions(context_.model, weights->adapter, std::move(query));
  engine::PositionAnswer answer = co_await std::move(looking);
  if (call.topk_prompt_logprobs > 0)
    response.topk_prompt_logprobs = in_place(on_wire(answer.top), left_out, first);
  if (call.prompt_alt_tokens_k > 0) response.prompt_alt_tokens = arrays_of(on_wire(answer.drawn));
  if (call.target_prompt_logprobs)
    response.target_prompt_logprobs = like(std::move(*call.target_prompt_logprobs), answer.targets);
}

}  // namespace xfer::serve
