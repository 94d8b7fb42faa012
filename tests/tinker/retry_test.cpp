// SPDX-License-Identifier: Apache-2.0
// When a request is sent again, and how a future is waited for: tables, no socket.
#include "tinker/client/retry.hpp"
#include "tinker/client/poll.hpp"

#include <gtest/gtest.h>

#include <set>

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

Attempt status(int code, bool empty = false) {
  Attempt a;
  a.status = code;
  a.empty_body = empty;
  return a;
}

enum class Outcome { done, again, fail };
Outcome outcome(const RetryMachine::Step& step) {
  if (std::holds_alternative<RetryMachine::Done>(step)) return Outcome::done;
  return std::holds_alternative<RetryMachine::Wait>(step) ? Outcome::again : Outcome::fail;
}

TEST(RetryMachine, decides_by_status_and_by_what_may_be_repeated) {
  struct Row {
    Attempt attempt;
    Outcome freely;
    Outcome when_refused;
  };
  using enum Outcome;
  const std::vector<Row> table = {
      {status(200), done, done},
      {status(204), done, done},
      {status(400), fail, fail},
      {status(400, true), again, again},
      {status(401), fail, fail},
      {status(402), again, again},
      {status(403), fail, fail},
      {status(404), fail, fail},
      {status(408), again, again},
      {status(409), again, again},
      {status(410), fail, fail},
      {status(422), fail, fail},
      {status(429), again, again},
      {status(500), again, fail},
      {status(502), again, fail},
      {status(503), again, again},
      {status(504), again, fail},
      {status(302), fail, fail},
      {Attempt(Attempt::End::not_sent), again, again},
      {Attempt(Attempt::End::lost), again, fail},
      {Attempt(Attempt::End::hopeless), fail, fail},
  };
  for (const Row& row : table) {
    EXPECT_EQ(outcome(RetryMachine({}, Repeat::freely).on_attempt(row.attempt, 0ms, 0.0)),
              row.freely)
        << row.attempt.status;
    EXPECT_EQ(outcome(RetryMachine({}, Repeat::when_refused).on_attempt(row.attempt, 0ms, 0.0)),
              row.when_refused)
        << row.attempt.status;
  }
}

TEST(RetryMachine, knows_when_a_request_may_have_been_carried_out) {
  RetryMachine machine({}, Repeat::freely);
  machine.on_attempt(status(429), 0ms, 0.0);
  machine.on_attempt(Attempt(Attempt::End::not_sent), 0ms, 0.0);
  EXPECT_FALSE(machine.maybe_done());
  machine.on_attempt(Attempt(Attempt::End::lost), 0ms, 0.0);
  EXPECT_TRUE(machine.maybe_done());
}

TEST(RetryMachine, a_conflict_after_a_lost_attempt_is_that_attempt) {
  RetryMachine machine({}, Repeat::freely);
  EXPECT_EQ(outcome(machine.on_attempt(status(409), 0ms, 0.0)), Outcome::again);
  machine.on_attempt(Attempt(Attempt::End::lost), 0ms, 0.0);
  EXPECT_EQ(outcome(machine.on_attempt(status(409), 0ms, 0.0)), Outcome::fail);
  EXPECT_TRUE(machine.maybe_done());
}

milliseconds delay(const RetryMachine::Step& step) {
  return std::get<RetryMachine::Wait>(step).delay;
}

TEST(RetryMachine, doubles_the_delay_and_obeys_the_service) {
  RetryMachine machine({}, Repeat::freely);
  EXPECT_EQ(delay(machine.on_attempt(status(500), 0ms, 0.0)), 500ms);
  EXPECT_EQ(delay(machine.on_attempt(status(500), 0ms, 0.0)), 1000ms);
  EXPECT_EQ(delay(machine.on_attempt(status(500), 0ms, 1.0)), 1500ms);  // 2000 less a quarter
  for (int i = 0; i < 5; ++i) machine.on_attempt(status(500), 0ms, 0.0);
  EXPECT_EQ(delay(machine.on_attempt(status(500), 0ms, 0.0)), 10s);
  Attempt asked = status(429);
  asked.retry_after = 7s;
  EXPECT_EQ(delay(machine.on_attempt(asked, 0ms, 0.0)), 7s);
}

TEST(RetryMachine, gives_up_when_the_time_is_over) {
  RetryMachine machine({}, Repeat::freely);
  EXPECT_EQ(outcome(machine.on_attempt(status(500), 299s, 0.0)), Outcome::again);
  EXPECT_EQ(outcome(machine.on_attempt(status(500), 299'500ms, 0.0)), Outcome::fail);
}

TEST(RetryMachine, waits_for_payment_apart_from_other_waiting) {
  RetryTiming timing;
  timing.billing_total = 20s;
  RetryMachine machine(timing, Repeat::when_refused);
  milliseconds elapsed{0};
  int pauses = 0;
  for (;;) {
    const auto step = machine.on_attempt(status(402), elapsed, 0.0);
    if (outcome(step) != Outcome::again) break;
    elapsed += delay(step);
    ++pauses;
  }
  EXPECT_EQ(pauses, 4);
  RetryMachine other({}, Repeat::freely);
  for (int i = 0; i < 100; ++i) other.on_attempt(status(402), 0ms, 0.0);
  EXPECT_EQ(outcome(other.on_attempt(status(500), 510s, 0.0)), Outcome::again);
}

TEST(RetryMachine, x_should_retry_decides) {
  Attempt yes = status(400);
  yes.should_retry = true;
  Attempt no = status(503);
  no.should_retry = false;
  EXPECT_EQ(outcome(RetryMachine({}, Repeat::freely).on_attempt(yes, 0ms, 0.0)), Outcome::again);
  EXPECT_EQ(outcome(RetryMachine({}, Repeat::freely).on_attempt(no, 0ms, 0.0)), Outcome::fail);
  // But for what must not be done twice.
  yes.status = 500;
  EXPECT_EQ(outcome(RetryMachine({}, Repeat::when_refused).on_attempt(yes, 0ms, 0.0)),
            Outcome::fail);
}

TEST(Attempt, reads_headers_and_ignores_nonsense_in_them) {
  const auto after = [](const char* name, const char* value) {
    HttpResponse r;
    r.status = 429;
    r.headers.emplace_back(name, value);
    return attempt_of(r).retry_after;
  };
  EXPECT_EQ(after("retry-after", "2"), 2s);
  EXPECT_EQ(after("retry-after", "0.5"), 500ms);
  EXPECT_EQ(after("retry-after-ms", "250"), 250ms);
  for (const char* bad : {"0", "-1", "61", "nan", "inf", "1e300", "soon", "", "5 "})
    EXPECT_FALSE(after("retry-after", bad)) << bad;
}

TEST(Attempt, statuses_become_codes_a_caller_can_act_on) {
  EXPECT_EQ(errc_of_status(400), Errc::invalid_argument);
  EXPECT_EQ(errc_of_status(401), Errc::unauthorized);
  EXPECT_EQ(errc_of_status(403), Errc::unauthorized);
  EXPECT_EQ(errc_of_status(404), Errc::invalid_argument);
  EXPECT_EQ(errc_of_status(429), Errc::rate_limited);
  EXPECT_EQ(errc_of_status(500), Errc::unavailable);
  EXPECT_EQ(errc_of_status(504), Errc::timeout);
}

PollReply reply(PollReply::Kind kind, int code = 0, milliseconds took = 1s) {
  PollReply r(kind);
  r.status = code;
  r.took = took;
  return r;
}
PollReply http(int code) { return reply(PollReply::Kind::status, code); }
using Kind = PollReply::Kind;

TEST(PollMachine, ends_as_the_answer_says) {
  const auto first = [](const PollReply& r) { return PollMachine({}).on_reply(r, 0.0); };
  EXPECT_TRUE(std::holds_alternative<PollMachine::Done>(first(reply(Kind::result))));
  EXPECT_TRUE(std::holds_alternative<PollMachine::Failed>(first(reply(Kind::failed))));
  EXPECT_TRUE(std::holds_alternative<PollMachine::Lost>(first(http(410))));
  for (const auto& [code, errc] : std::map<int, Errc>{
           {401, Errc::unauthorized}, {404, Errc::invalid_argument}, {422, Errc::invalid_argument}})
    EXPECT_EQ(std::get<PollMachine::GiveUp>(first(http(code))).code, errc);
  for (const int code : {409, 429, 500, 502, 503, 504})
    EXPECT_TRUE(std::holds_alternative<PollMachine::Send>(first(http(code)))) << code;
}

milliseconds pause(const PollMachine::Step& step) {
  return std::get<PollMachine::Send>(step).delay;
}

TEST(PollMachine, polls_again_at_once_but_never_in_a_spin) {
  PollMachine machine({});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pause(machine.on_reply(reply(Kind::again), 0.0)), 0ms);
  milliseconds waited{0};
  int polls = 0;
  while (waited < 60s) {
    waited += pause(machine.on_reply(reply(Kind::again, 0, 0ms), 0.0));
    ++polls;
  }
  EXPECT_LT(polls, 80);
  EXPECT_EQ(pause(machine.on_reply(reply(Kind::again), 0.0)), 0ms);
  EXPECT_EQ(pause(machine.on_reply(reply(Kind::again, 0, 0ms), 0.0)), 20ms);
}

TEST(PollMachine, tries_a_bad_request_three_times) {
  PollMachine machine({});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pause(machine.on_reply(http(400), 0.0)), 0ms);
  EXPECT_EQ(std::get<PollMachine::GiveUp>(machine.on_reply(http(400), 0.0)).code,
            Errc::invalid_argument);
}

TEST(PollMachine, asks_again_for_a_damaged_result_a_few_times) {
  PollMachine machine({});
  for (int i = 0; i < 5; ++i) pause(machine.on_reply(reply(Kind::garbled), 0.0));
  EXPECT_EQ(std::get<PollMachine::GiveUp>(machine.on_reply(reply(Kind::garbled), 0.0)).code,
            Errc::bad_data);
}

TEST(PollMachine, gives_up_only_after_a_long_silence) {
  PollMachine machine({});
  milliseconds silent{0};
  for (;;) {
    const auto step = machine.on_reply(reply(Kind::no_answer, 0, 0ms), 0.0);
    if (const auto* end = std::get_if<PollMachine::GiveUp>(&step)) {
      EXPECT_EQ(end->code, Errc::unavailable);
      break;
    }
    silent += pause(step);
    ASSERT_LE(silent, 1800s);
  }
  EXPECT_GT(silent, 1780s);
  // A sign of life starts the count anew.
  PollMachine other({});
  for (int i = 0; i < 1000; ++i) {
    for (int k = 0; k < 20; ++k) pause(other.on_reply(reply(Kind::no_answer, 0, 0ms), 0.0));
    pause(other.on_reply(reply(Kind::again), 0.0));
  }
}

TEST(PollMachine, waits_for_payment_for_a_limited_time) {
  RetryTiming timing;
  timing.billing_total = 10s;
  PollMachine machine(timing);
  EXPECT_EQ(pause(machine.on_reply(http(402), 0.0)), 5s);
  EXPECT_EQ(pause(machine.on_reply(http(402), 0.0)), 5s);
  EXPECT_EQ(std::get<PollMachine::GiveUp>(machine.on_reply(http(402), 0.0)).code,
            Errc::not_available);
}

}  // namespace
}  // namespace xfer::tinker
