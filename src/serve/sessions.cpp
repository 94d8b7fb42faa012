// SPDX-License-Identifier: Apache-2.0
#include "serve/sessions.hpp"

#include "files/in_quotes.hpp"
#include "serve/accounts.hpp"
#include "serve/refusal.hpp"

namespace xfer::serve {

Sessions::Sessions(Store& store, std::size_t sessions_max, std::chrono::milliseconds idle_max)
    : store_(store), sessions_max_(sessions_max), idle_max_(idle_max) {
  for (const SessionRow& row : store_.sessions_going_on()) {
    Session session;
    session.account = row.account;
    session.seen = Clock::now();
    session.models_lost = !store_.run_ids_of_session(row.id).empty();
    going_on_.emplace(row.id, session);
  }
}

std::string Sessions::begin(SessionRow wanted) {
  if (going_on_.size() >= sessions_max_)
    throw too_many("there are " + std::to_string(sessions_max_) +
                   " sessions already; try again when some have ended");
  wanted.id = random_id("session");
  wanted.created = now_us();
  store_.add(wanted);
  Session session;
  session.account = wanted.account;
  session.seen = Clock::now();
  going_on_.emplace(wanted.id, session);
  return wanted.id;
}

void Sessions::use(const std::string& id, const std::string& account) {
  const auto found = going_on_.find(id);
  if (found != going_on_.end() && found->second.account == account) {
    found->second.seen = Clock::now();
    return;
  }
  const auto row = store_.session(id);
  if (row && row->account == account)
    throw gone("session " + files::in_quotes(id) + " is over; begin a new one");
  throw not_found("there is no session " + files::in_quotes(id));
}

void Sessions::heartbeat(const std::string& id, const std::string& account) {
  use(id, account);
  if (going_on_.at(id).models_lost)
    throw gone("the models of session " + files::in_quotes(id) +
               " were lost when the server was started anew; load their last checkpoints in a "
               "new session");
}

void Sessions::end(const std::string& id) {
  if (going_on_.erase(id) != 0) store_.end_session(id);
}

std::vector<std::string> Sessions::idle(Clock::time_point now) const {
  std::vector<std::string> out;
  for (const auto& [id, session] : going_on_)
    if (now - session.seen >= idle_max_) out.push_back(id);
  return out;
}

}  // namespace xfer::serve
