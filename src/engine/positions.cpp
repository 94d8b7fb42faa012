// SPDX-License-Identifier: Apache-2.0
#include "xfer/engine/positions.hpp"

#include "engine/infer_pass.hpp"
#include "engine/kernels/kernels.hpp"
#include "engine/linear.hpp"
#include "engine/memory.hpp"
#include "engine/network.hpp"
#include "engine/runtime.hpp"
#include "engine/token_choice.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace xfer::engine {
namespace {

// Rows of one piece: few enough to share the engine, and the memory for their logits.
constexpr std::size_t rows_per_piece = 256;
constexpr std::size_t logits_per_piece = std::size_t{1} << 23U;

class Look {
public:
  Look(std::shared_ptr<const Model> model, std::shared_ptr<const Adapter> adapter,
       PositionQuery query)
      : model_(std::move(model)), adapter_(std::move(adapter)), query_(std::move(query)),
        pass_(model_->runtime().pool()), cache_(model_->config()) {
    check();
    const std::size_t rows = query_.last - query_.first;
    if (query_.top > 0) answer_.top.resize(rows);
    if (query_.draws > 0) answer_.drawn.resize(rows);
    answer_.targets.assign(rows * query_.columns, 0.0F);
  }

  /// Computes one piece; whether there is more. On the engine's thread.
  bool advance() {
    const std::size_t end = query_.last - 1;  // rows, each of which predicts the next token
    if (done_ == 0 && end > 0)
      require_memory(KvCache::bytes_per_token(model_->config()) * static_cast<std::int64_t>(end) +
                         InferPass::bytes(model_->config(), rows_per_piece,
                                          static_cast<std::int64_t>(logit_rows())),
                     "log-probabilities of " + std::to_string(end) + " positions");
    if (done_ + 1 < query_.first) {
      const std::size_t count = std::min(rows_per_piece, query_.first - 1 - done_);
      pass_.run(*model_->network(), {{&cache_, tokens(done_, count), adapter_.get()}});
      done_ += count;
      return true;
    }
    const std::size_t count = std::min(logit_rows(), end - std::min(done_, end));
    if (count == 0) return false;
    // One segment a token on the same cache: each gets its logits.
    std::vector<Segment> segments;
    for (std::size_t i = 0; i < count; ++i)
      segments.push_back({&cache_, tokens(done_ + i, 1), adapter_.get()});
    const float* logits = pass_.run(*model_->network(), segments);
    const auto vocab = static_cast<std::size_t>(model_->config().vocab_size);
    const std::size_t first = done_ + 1 - query_.first;
    model_->runtime().pool().run(static_cast<std::int64_t>(count), [&](std::int64_t i, int) {
      const auto row = static_cast<std::size_t>(i);
      read(std::span(logits + row * vocab, vocab), first + row);
    });
    done_ += count;
    return done_ < end;
  }

  PositionAnswer take() { return std::move(answer_); }

private:
  void check() const {
    const auto refuse = [](const std::string& what) {
      throw Error(Errc::invalid_argument, "log-probabilities: " + what);
    };
    const auto vocab = model_->config().vocab_size;
    const auto outside = [&](std::int64_t token) { return token >= vocab; };
    if (query_.first < 1 || query_.first > query_.last || query_.last > query_.tokens.size() + 1)
      refuse("positions out of range");
    if (query_.tokens.size() > static_cast<std::size_t>(model_->network()->positions()))
      refuse(std::to_string(query_.tokens.size()) + " tokens, the model takes " +
             std::to_string(model_->network()->positions()));
    for (const std::int32_t token : query_.tokens)
      if (token < 0 || outside(token))
        refuse("token " + std::to_string(token) + " is outside the vocabulary of " +
               std::to_string(vocab));
    for (const std::int64_t target : query_.targets)
      if (outside(target))
        refuse("target " + std::to_string(target) + " is outside the vocabulary of " +
               std::to_string(vocab));
    if (query_.targets.size() != (query_.last - query_.first) * query_.columns)
      refuse("the number of targets does not fit the positions");
  }

  std::size_t logit_rows() const {
    const auto vocab = static_cast<std::size_t>(model_->config().vocab_size);
    return std::clamp<std::size_t>(logits_per_piece / vocab, 1, rows_per_piece);
  }

  std::span<const std::int32_t> tokens(std::size_t first, std::size_t count) const {
    return std::span(query_.tokens).subspan(first, count);
  }

  /// The same formula as for a sampled token, so that both give the same bits.
  void read(std::span<const float> logits, std::size_t row) {
    std::vector<float> scratch(logits.begin(), logits.end());
    float max = 0.0F;
    const float log_sum =
        std::log(kernels().exp_shift(scratch.data(), 1.0F, static_cast<int>(scratch.size()), &max));
    const auto logprob = [&](std::size_t id) { return logits[id] - log_sum - max; };
    for (std::size_t c = 0; c < query_.columns; ++c) {
      const std::int64_t target = query_.targets[row * query_.columns + c];
      if (target >= 0)
        answer_.targets[row * query_.columns + c] = logprob(static_cast<std::size_t>(target));
    }
    if (query_.draws > 0) draw(logits, scratch, row);
    if (query_.top <= 0) return;
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto count = std::min(order.size(), static_cast<std::size_t>(query_.top));
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end(), [&](std::int32_t a, std::int32_t b) {
                        const float la = logits[static_cast<std::size_t>(a)];
                        const float lb = logits[static_cast<std::size_t>(b)];
                        return la != lb ? la > lb : a < b;
                      });
    for (std::size_t i = 0; i < count; ++i)
      answer_.top[row].emplace_back(order[i], logprob(static_cast<std::size_t>(order[i])));
  }

  void draw(std::span<const float> logits, std::vector<float>& scratch, std::size_t row) {
    SampleRequest how(std::vector<std::int32_t>{0});
    how.temperature = query_.temperature;
    // A stream of its own for each position, so that the pieces do not matter.
    Rng rng(query_.seed, std::uint64_t{row + query_.first} << 32U);
    for (int i = 0; i < query_.draws; ++i) {
      std::copy(logits.begin(), logits.end(), scratch.begin());
      const ChosenToken token = choose_token(scratch, how, rng);
      answer_.drawn[row].emplace_back(token.id, token.logprob);
    }
  }

  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Adapter> adapter_;
  PositionQuery query_;
  InferPass pass_;
  KvCache cache_;
  std::size_t done_ = 0;  ///< tokens that are in the cache
  PositionAnswer answer_;
};

}  // namespace

task<PositionAnswer> look_at_positions(std::shared_ptr<const Model> model,
                                       std::shared_ptr<const Adapter> adapter,
                                       PositionQuery query) {
  const auto look = std::make_shared<Look>(model, std::move(adapter), std::move(query));
  for (bool more = true; more;) {
    auto piece = on_engine(model->runtime(), [look] { return look->advance(); });
    more = co_await std::move(piece);
  }
  co_return look->take();
}

}  // namespace xfer::engine
