// SPDX-License-Identifier: Apache-2.0
#include "engine/checkpoint.hpp"

#include "engine/loader.hpp"
#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"
#include "xfer/files/safetensors.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace xfer::engine {
namespace {

namespace fs = std::filesystem;
using files::Safetensors;
using files::StoredTensor;
using files::StoredType;
using files::TensorToStore;

std::span<const std::byte> bytes_of(const Floats& values) {
  return std::as_bytes(std::span(values.data(), values.size()));
}

TensorToStore tensor(const std::string& name, const Parameter& p, const Floats& values) {
  const bool vector = p.rows == 1 && (p.name.ends_with("norm.weight") || p.name.ends_with(".bias"));
  return {name, StoredType::f32,
          vector ? std::vector<std::int64_t>{p.cols} : std::vector<std::int64_t>{p.rows, p.cols},
          bytes_of(values)};
}

void read_values(const Safetensors& file, const std::string& name, const Parameter& p,
                 Floats& out) {
  const StoredTensor* t = file.find(name);
  const std::string where = file.path().string() + ": tensor " + name;
  if (t == nullptr) throw Error(Errc::run_mismatch, where + " is missing");
  std::int64_t count = 1;
  for (const std::int64_t n : t->shape) count *= n;
  const bool fits =
      count == p.size() && (p.rows == 1 || t->shape == std::vector<std::int64_t>{p.rows, p.cols});
  if (!fits)
    throw Error(Errc::run_mismatch, where + " has another shape than [" + std::to_string(p.rows) +
                                        ", " + std::to_string(p.cols) + "]");
  read_floats(*t, where, out);
}

std::string adapter_config_text(const LoraConfig& lora, const std::string& base_model) {
  nlohmann::ordered_json json;
  json["peft_type"] = "LORA";
  json["task_type"] = "CAUSAL_LM";
  json["base_model_name_or_path"] = base_model;
  json["r"] = lora.rank;
  json["lora_alpha"] = lora.alpha;
  json["lora_dropout"] = 0.0;
  json["bias"] = "none";
  auto targets = nlohmann::ordered_json::array();
  if (lora.train_attn)
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) targets.push_back(name);
  if (lora.train_mlp)
    for (const char* name : {"gate_proj", "up_proj", "down_proj"}) targets.push_back(name);
  if (lora.train_unembed) targets.push_back("lm_head");
  json["target_modules"] = std::move(targets);
  return json.dump(2) + "\n";
}

std::string weights_file(const ParameterSet& parameters) {
  return parameters.pairs().empty() ? "model.safetensors" : "adapter_model.safetensors";
}

}  // namespace

void save_parameters(const fs::path& folder, const ParameterSet& parameters,
                     const ModelConfig& model, const LoraConfig& lora,
                     const std::string& base_model, bool with_optimizer) {
  const fs::path target = folder.lexically_normal();
  const fs::path parent = target.parent_path();
  const fs::path partial = parent / (target.filename().string() + ".partial");
  std::error_code failed;
  fs::remove_all(partial, failed);
  fs::create_directories(partial, failed);
  if (failed)
    throw Error(Errc::io,
                "save_state: cannot create " + partial.string() + ": " + failed.message());
  try {
    std::vector<TensorToStore> weights;
    std::vector<TensorToStore> moments;
    for (const Parameter& p : parameters.all()) {
      weights.push_back(tensor(p.name, p, p.value));
      moments.push_back(tensor(p.name + ".m", p, p.m));
      moments.push_back(tensor(p.name + ".v", p, p.v));
    }
    files::write_safetensors(partial / weights_file(parameters), weights, {{"format", "pt"}});
    if (parameters.pairs().empty())
      files::write_atomically(partial / "config.json", std::string_view(write_config(model)));
    else
      files::write_atomically(partial / "adapter_config.json",
                              std::string_view(adapter_config_text(lora, base_model)));
    if (with_optimizer)
      files::write_safetensors(partial / "optimizer.safetensors", moments,
                               {{"steps", std::to_string(parameters.steps())}});
  } catch (...) {
    fs::remove_all(partial, failed);
    throw;
  }
  fs::remove_all(target, failed);
  fs::rename(partial, target, failed);
  if (failed)
    throw Error(Errc::io,
                "save_state: cannot rename to " + target.string() + ": " + failed.message());
}

void load_parameters(const fs::path& folder, ParameterSet& parameters, bool with_optimizer) {
  const auto weights = Safetensors::open(folder / weights_file(parameters));
  // Into a copy first: a state that turns out not to fit leaves the trainer as it was.
  ParameterSet loaded = parameters;
  for (Parameter& p : loaded.all()) read_values(weights, p.name, p, p.value);
  std::set<std::string> known;
  for (const Parameter& p : loaded.all()) known.insert(p.name);
  for (const auto& [name, ignored] : weights.tensors())
    if (known.count(name) == 0)
      throw Error(Errc::run_mismatch,
                  weights.path().string() + ": tensor " + name + " has no place in this trainer");
  loaded.clear_moments();
  if (with_optimizer) {
    const auto moments = Safetensors::open(folder / "optimizer.safetensors");
    for (Parameter& p : loaded.all()) {
      read_values(moments, p.name + ".m", p, p.m);
      read_values(moments, p.name + ".v", p, p.v);
    }
    const auto steps = moments.metadata().find("steps");
    std::int64_t count = -1;
    if (steps != moments.metadata().end() && !steps->second.empty() && steps->second.size() < 16 &&
        steps->second.find_first_not_of("0123456789") == std::string::npos)
      count = std::stoll(steps->second);
    if (count < 0)
      throw Error(Errc::bad_data, moments.path().string() + ": metadata 'steps' is not a number");
    loaded.set_steps(count);
  }
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    // Keeps the gradient buffers where they are: the trainer holds pointers to them.
    Parameter& to = parameters.all()[i];
    Parameter& from = loaded.all()[i];
    to.value.swap(from.value);
    to.m.swap(from.m);
    to.v.swap(from.v);
    std::fill(to.grad.begin(), to.grad.end(), 0.0F);
  }
  parameters.set_steps(loaded.steps());
}

AdapterFileConfig read_adapter_config(const fs::path& folder) {
  const fs::path file = folder / "adapter_config.json";
  const std::string origin = file.string();
  const auto json = nlohmann::json::parse(files::read_text(file, 1U << 24U), nullptr, false);
  const auto refuse = [&](const std::string& what) {
    throw Error(Errc::bad_data, origin + ": " + what);
  };
  if (!json.is_object()) refuse("not a JSON object");
  if (json.value("peft_type", nlohmann::json("")) != "LORA") refuse("peft_type must be LORA");
  const auto number = [&](const char* key) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_number()) refuse(std::string(key) + " must be a number");
    return it->get<double>();
  };
  for (const char* key : {"use_dora", "use_rslora", "fan_in_fan_out"})
    if (const auto it = json.find(key); it != json.end() && *it == true)
      refuse(std::string(key) + " is not supported");
  for (const char* key : {"rank_pattern", "alpha_pattern"})
    if (const auto it = json.find(key); it != json.end() && it->is_object() && !it->empty())
      refuse(std::string(key) + " is not supported");
  // Those that are active behind chosen tokens alone, or whose layers stand for several, have the
  // tensors of ordinary ones.
  for (const char* key : {"alora_invocation_tokens", "layer_replication"})
    if (const auto it = json.find(key); it != json.end() && !it->is_null())
      refuse(std::string(key) + " is not supported");
  AdapterFileConfig config;
  const double rank = number("r");
  if (rank < 1 || rank > 65536 || rank != std::floor(rank)) refuse("r must be in 1..65536");
  config.rank = static_cast<int>(rank);
  config.alpha = number("lora_alpha");
  const auto targets = json.find("target_modules");
  if (targets == json.end() || !targets->is_array()) refuse("target_modules must be a list");
  std::set<std::string> names;
  for (const auto& name : *targets) {
    if (!name.is_string()) refuse("target_modules must hold names");
    names.insert(name.get<std::string>());
  }
  const auto group = [&](const std::vector<std::string>& members) {
    std::size_t present = 0;
    for (const auto& member : members) present += names.erase(member);
    if (present != 0 && present != members.size())
      refuse("target_modules must hold all or none of q, k, v, o_proj and of gate, up, down_proj");
    return present != 0;
  };
  config.attn = group({"q_proj", "k_proj", "v_proj", "o_proj"});
  config.mlp = group({"gate_proj", "up_proj", "down_proj"});
  config.unembed = group({"lm_head"});
  if (!names.empty()) refuse("target module '" + *names.begin() + "' is not known");
  return config;
}

ParameterSet load_adapter(const fs::path& folder, const ModelConfig& model) {
  const AdapterFileConfig file = read_adapter_config(folder);
  LoraConfig lora;
  lora.rank = file.rank;
  lora.alpha = file.alpha;
  lora.train_attn = file.attn;
  lora.train_mlp = file.mlp;
  lora.train_unembed = file.unembed;
  ParameterSet parameters = ParameterSet::lora(model, lora);
  load_parameters(folder, parameters, false);
  return parameters;
}

}  // namespace xfer::engine
