// SPDX-License-Identifier: Apache-2.0
#include "serve/rest.hpp"

#include "files/in_quotes.hpp"
#include "serve/refusal.hpp"
#include "tinker/wire/server_requests.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace xfer::serve {
namespace {

constexpr std::int64_t page_max = 1'000;

tinker::Checkpoint describe(const CheckpointRow& row) {
  tinker::Checkpoint out;
  out.checkpoint_id = row.kind + "/" + row.name;
  out.checkpoint_type = row.kind == "weights" ? "training" : "sampler";
  out.time = time_text(row.created);
  out.tinker_path = row.tinker_path();
  out.size_bytes = row.bytes;
  out.is_public = row.is_public;
  if (row.expires) out.expires_at = time_text(*row.expires);
  out.user_metadata = row.user_metadata;
  return out;
}

std::int64_t number_in(const HttpHead& head, const std::string& name, std::int64_t fallback,
                       std::int64_t most) {
  for (const auto& [key, text] : head.query) {
    if (key != name) continue;
    std::int64_t value = -1;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value < 0)
      throw Error(Errc::bad_data,
                  name + " must be a number from 0 (got " + files::in_quotes(text) + ")");
    return std::min(value, most);
  }
  return fallback;
}

tinker::PageOf page_of(const HttpHead& head) {
  tinker::PageOf page;
  page.limit = number_in(head, "limit", page.limit, page_max);
  page.offset = number_in(head, "offset", 0, std::int64_t{1} << 40U);
  return page;
}

[[noreturn]] void no_such_address() { throw not_found("there is nothing at this address"); }

void only(const HttpHead& head, const char* method) {
  if (head.method != method)
    throw Refusal(405, Errc::invalid_argument, std::string("the method here is ") + method);
}

}  // namespace

bool Rest::knows(const std::string& first) {
  return first == "training_runs" || first == "checkpoints" || first == "sessions";
}

HttpAnswer Rest::answer(const HttpHead& head, std::span<const std::string> path,
                        const std::string& body, const std::string& account) {
  if (path[0] == "training_runs" && path.size() >= 5 && path[2] == "checkpoints")
    return checkpoint_action(head, path, body, account);
  only(head, "GET");
  if (path[0] == "training_runs") {
    if (path.size() == 1) return runs(head, account);
    if (path.size() == 2) return run(path[1], account);
    if (path.size() == 3 && path[2] == "checkpoints") return checkpoints_of_run(path[1], account);
  } else if (path[0] == "checkpoints" && path.size() == 1) {
    return checkpoints(head, account);
  } else if (path[0] == "sessions") {
    if (path.size() == 1) return sessions(head, account);
    if (path.size() == 2) return session(path[1], account);
  }
  no_such_address();
}

RunRow Rest::own_run(const std::string& id, const std::string& account) {
  const auto row = context_.store.run(id);
  if (!row || row->account != account)
    throw not_found("there is no training run " + files::in_quotes(id));
  return *row;
}

tinker::TrainingRun Rest::describe(const RunRow& row) {
  tinker::TrainingRun out;
  out.training_run_id = row.id;
  out.base_model = row.base_model;
  out.model_owner = row.account;
  out.lora_rank = row.rank;
  out.last_request_time = time_text(row.last_request);
  out.user_metadata = row.user_metadata;
  for (const CheckpointRow& c : context_.store.checkpoints_of_run(row.id)) {
    auto& last = c.kind == "weights" ? out.last_checkpoint : out.last_sampler_checkpoint;
    if (!last) last = serve::describe(c);
  }
  return out;
}

HttpAnswer Rest::runs(const HttpHead& head, const std::string& account) {
  tinker::PageOf page = page_of(head);
  page.total = context_.store.count_runs(account);
  std::vector<tinker::TrainingRun> list;
  for (const RunRow& row : context_.store.runs(account, page.limit, page.offset))
    list.push_back(describe(row));
  return HttpAnswer(tinker::training_runs_answer(list, page));
}

HttpAnswer Rest::run(const std::string& id, const std::string& account) {
  return HttpAnswer(tinker::training_run_answer(describe(own_run(id, account))));
}

HttpAnswer Rest::checkpoints_of_run(const std::string& id, const std::string& account) {
  std::vector<tinker::Checkpoint> list;
  for (const CheckpointRow& row : context_.store.checkpoints_of_run(own_run(id, account).id))
    list.push_back(serve::describe(row));
  tinker::PageOf page;
  page.total = static_cast<std::int64_t>(list.size());
  page.limit = page.total;
  return HttpAnswer(tinker::checkpoints_answer(list, page));
}

HttpAnswer Rest::checkpoints(const HttpHead& head, const std::string& account) {
  tinker::PageOf page = page_of(head);
  page.total = context_.store.count_checkpoints(account);
  std::vector<tinker::Checkpoint> list;
  for (const CheckpointRow& row : context_.store.checkpoints(account, page.limit, page.offset))
    list.push_back(serve::describe(row));
  return HttpAnswer(tinker::checkpoints_answer(list, page));
}

HttpAnswer Rest::checkpoint_action(const HttpHead& head, std::span<const std::string> path,
                                   const std::string& body, const std::string& account) {
  CheckpointRow row =
      context_.checkpoints.find_own("tinker://" + path[1] + "/" + path[3] + "/" + path[4], account);
  const std::string action = path.size() == 6 ? path[5] : "";
  if (path.size() > 6) no_such_address();
  if (action.empty()) {
    only(head, "DELETE");
    remove(row);
  } else if (action == "publish") {
    if (head.method != "POST") only(head, "DELETE");
    row.is_public = head.method == "POST";
    context_.store.put(row);
  } else if (action == "ttl") {
    only(head, "PUT");
    const auto ttl = tinker::read_ttl(tinker::parse_object(body, "ttl"));
    row.expires.reset();
    if (ttl)
      row.expires = now_us() + std::chrono::duration_cast<std::chrono::microseconds>(*ttl).count();
    context_.store.put(row);
  } else {
    no_such_address();
  }
  return HttpAnswer(tinker::plain_answer("checkpoint"));
}

HttpAnswer Rest::sessions(const HttpHead& head, const std::string& account) {
  const tinker::PageOf page = page_of(head);
  return HttpAnswer(
      tinker::sessions_answer(context_.store.session_ids(account, page.limit, page.offset)));
}

HttpAnswer Rest::session(const std::string& id, const std::string& account) {
  const auto row = context_.store.session(id);
  if (!row || row->account != account)
    throw not_found("there is no session " + files::in_quotes(id));
  tinker::SessionInfo out;
  out.training_run_ids = context_.store.run_ids_of_session(id);
  out.sampler_ids = context_.store.sampler_ids_of_session(id);
  out.user_metadata = row->user_metadata;
  out.display_name = row->display_name;
  return HttpAnswer(tinker::session_info_answer(out));
}

HttpAnswer Rest::weights_info(const std::string& tinker_path, const std::string& account) {
  const CheckpointRow checkpoint = context_.checkpoints.find(tinker_path, account);
  const RunRow row = *context_.store.run(checkpoint.run_id);
  tinker::WeightsInfo out;
  out.base_model = row.base_model;
  out.lora_rank = row.rank;
  out.train_attn = row.train_attn;
  out.train_mlp = row.train_mlp;
  out.train_unembed = row.train_unembed;
  return HttpAnswer(tinker::weights_info_answer(out));
}

void Rest::remove(const CheckpointRow& checkpoint) {
  context_.store.remove(checkpoint);
  context_.remove_folder(context_.checkpoints.folder_of(checkpoint));
}

void Rest::sweep() {
  for (const CheckpointRow& row : context_.store.expired(now_us())) remove(row);
}

}  // namespace xfer::serve
