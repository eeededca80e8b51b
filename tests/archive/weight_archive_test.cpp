#include "archive/weight_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "archive/archives.h"
#include "core/error.h"
#include "core/files.h"

namespace infig {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string open_error(const fs::path& path) {
  try {
    open_archive(path);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(WeightArchive, WhatAFileIsDecides) {
  const TemporaryFolder folder;
  const SafetensorsFile expected(kGolden / "torch_expected.safetensors");
  const std::vector<std::pair<const char*, ArchiveFormat>> sources = {{"torch_zip.pth", ArchiveFormat::kTorchZip},
                                                                      {"torch_legacy.pth", ArchiveFormat::kTorchLegacy},
                                                                      {"torch_expected.safetensors", ArchiveFormat::kSafetensors}};
  for (const auto& [source, format] : sources) {
    for (const char* name : {"a.safetensors", "a.bin", "a.pth", "a"}) {
      SCOPED_TRACE(std::string(source) + " as " + name);
      fs::copy_file(kGolden / source, folder / name, fs::copy_options::overwrite_existing);
      WeightArchive archive = open_archive(folder / name);
      const WeightArchive moved = std::move(archive);
      EXPECT_EQ(moved.format(), format);
      EXPECT_EQ(moved.file_format(), format);
      EXPECT_EQ(moved.files(), (std::vector<fs::path>{folder / name}));
      expect_same_tensors(moved.tensors(), expected.tensors());
    }
  }
  EXPECT_EQ(open_archive(kGolden / "one_metadata.safetensors").metadata().at("format"), "pt");
  EXPECT_EQ(open_archive(kGolden / "checkpoint_zip.pt").left_out().size(), 4U);
}

TEST(WeightArchive, Shards) {
  const SafetensorsFile expected(kGolden / "torch_expected.safetensors");
  for (const auto& [path, format] : {std::pair<const char*, ArchiveFormat>{"sharded_safetensors", ArchiveFormat::kSafetensors},
                                     {"sharded_safetensors/model.safetensors.index.json", ArchiveFormat::kSafetensors},
                                     {"sharded_bin", ArchiveFormat::kTorchZip}}) {
    SCOPED_TRACE(path);
    const WeightArchive archive = open_archive(kGolden / path);
    EXPECT_EQ(archive.format(), ArchiveFormat::kIndex);
    EXPECT_EQ(archive.file_format(), format);
    EXPECT_EQ(archive.files().size(), 2U);
    expect_same_tensors(archive.tensors(), expected.tensors());
    EXPECT_EQ(archive.metadata().size(), format == ArchiveFormat::kSafetensors ? 1U : 0U);
  }
}

TEST(WeightArchive, FoldersInOrder) {
  const TemporaryFolder folder;
  EXPECT_THAT(open_error(folder.path()), HasSubstr("pytorch_model.bin.index.json"));
  for (const auto& entry : fs::directory_iterator(kGolden / "sharded_bin")) fs::copy_file(entry, folder / entry.path().filename().string());
  EXPECT_EQ(find_weights(folder.path()).filename(), "pytorch_model.bin.index.json");
  fs::copy_file(kGolden / "torch_zip.pth", folder / "pytorch_model.bin");
  EXPECT_EQ(find_weights(folder.path()).filename(), "pytorch_model.bin");
  for (const auto& entry : fs::directory_iterator(kGolden / "sharded_safetensors")) {
    fs::copy_file(entry, folder / entry.path().filename().string());
  }
  EXPECT_EQ(find_weights(folder.path()).filename(), "model.safetensors.index.json");
  fs::copy_file(kGolden / "torch_expected.safetensors", folder / "model.safetensors");
  EXPECT_EQ(open_archive(folder.path()).files(), (std::vector<fs::path>{folder / "model.safetensors"}));
}

// What open_clip and people call their files; of several that nobody knows none is taken.
TEST(WeightArchive, OtherNamesInAFolder) {
  const TemporaryFolder folder;
  fs::copy_file(kGolden / "torch_zip.pth", folder / "best.pth.tar");
  EXPECT_EQ(find_weights(folder.path()).filename(), "best.pth.tar");
  fs::copy_file(kGolden / "torch_zip.pth", folder / "last.pt");
  EXPECT_THAT(open_error(folder.path()), AllOf(HasSubstr("best.pth.tar, last.pt"), HasSubstr("holds no weights")));
  fs::copy_file(kGolden / "torch_zip.pth", folder / "open_clip_pytorch_model.bin");
  EXPECT_EQ(find_weights(folder.path()).filename(), "open_clip_pytorch_model.bin");
  fs::copy_file(kGolden / "torch_expected.safetensors", folder / "open_clip_model.safetensors");
  EXPECT_EQ(find_weights(folder.path()).filename(), "open_clip_model.safetensors");
  EXPECT_THROW(open_archive(folder.path(), "ema"), CheckpointError);  // a safetensors file has no entries
}

TEST(WeightArchive, BrokenIndexes) {
  const TemporaryFolder folder;
  for (const auto& entry : fs::directory_iterator(kGolden / "sharded_safetensors")) {
    fs::copy_file(entry, folder / entry.path().filename().string());
  }
  const fs::path index = folder / "model.safetensors.index.json";
  const std::string first = "model-00001-of-00002.safetensors", second = "model-00002-of-00002.safetensors";
  const nlohmann::json good = nlohmann::json::parse(read_file(index));
  const auto error_of = [&](const nlohmann::json& changed) {
    write_file_atomic(index, changed.dump());
    return open_error(folder.path());
  };
  EXPECT_EQ(error_of(good), "");
  nlohmann::json changed = good;
  changed["weight_map"]["absent"] = first;
  EXPECT_THAT(error_of(changed), HasSubstr("tensor 'absent' should be in the shard " + first));
  changed = good;
  changed["weight_map"].erase("tied.a");
  EXPECT_THAT(error_of(changed), HasSubstr("tensor 'tied.a' is in the shard " + second));
  changed = good;
  changed["weight_map"]["tied.a"] = first;
  EXPECT_THAT(error_of(changed), HasSubstr("the index says " + first));
  changed = good;
  changed["weight_map"]["x"] = "model-00003-of-00003.safetensors";
  EXPECT_THAT(error_of(changed), HasSubstr("model-00003-of-00003.safetensors is missing (1 tensors"));
  for (const char* bad : {"../secret", "/etc/passwd", "", ".."}) {
    changed["weight_map"]["x"] = bad;
    EXPECT_THAT(error_of(changed), HasSubstr("beside the index"));
  }
  changed["weight_map"]["x"] = std::string(300, 'b');  // longer than a file's name can be
  EXPECT_THAT(error_of(changed), AllOf(HasSubstr(index.string()), HasSubstr("cannot be opened")));
  changed["weight_map"]["x"] = 3;
  EXPECT_THAT(error_of(changed), HasSubstr("'x' names no file"));
  EXPECT_THAT(error_of({{"weights", 1}}), HasSubstr("no object weight_map"));
  write_file_atomic(index, "{\"weight_map\": {");
  EXPECT_THAT(open_error(index), AllOf(HasSubstr("like a JSON index of shards, but is not JSON"), HasSubstr("name another file")));
  write_file_atomic(index, std::string(200'000, '{'));
  EXPECT_THAT(open_error(index), HasSubstr("not JSON"));
}

TEST(WeightArchive, NamesWhatSomethingElseIs) {
  const TemporaryFolder folder;
  const auto error_of = [&](const std::string& bytes, const std::string& name = "w.bin") {
    write_file_atomic(folder / name, bytes);
    return open_error(folder / name);
  };
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), HasSubstr("git lfs pull"));
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "m.safetensors"), HasSubstr("git lfs pull"));
  EXPECT_THAT(error_of("<!doctype html>"), HasSubstr("web page"));
  EXPECT_THAT(error_of("\x80\x04K\x01."), HasSubstr("did not write"));
  EXPECT_THAT(error_of("\x89HDF\r\n"), HasSubstr("HDF5"));
  EXPECT_THAT(error_of("GGUF"), HasSubstr("GGUF"));
  EXPECT_THAT(error_of(""), HasSubstr("is empty"));
  EXPECT_THAT(error_of("what is this"), HasSubstr("unknown format"));
  EXPECT_THAT(error_of("what is this", "m.safetensors"), HasSubstr("m.safetensors"));
  EXPECT_THAT(error_of(little(5000, 8) + "{}"), HasSubstr("the header claims 5000 bytes"));
  EXPECT_THAT(open_error(folder / "absent"), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace infig
