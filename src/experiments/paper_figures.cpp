#include "experiments/paper_figures.h"

#include <cmath>

namespace infig {
namespace {

using Score = std::optional<PaperScore>;
constexpr Score kNone = std::nullopt;

constexpr Score at(double accuracy, double f1) { return PaperScore{.accuracy = accuracy, .f1 = f1}; }

}  // namespace

const std::array<PaperDataSet, kPaperDataSets>& paper_data_sets() {
  static const std::array<PaperDataSet, kPaperDataSets> kSets = {{{"mvsa-single", "MVSA-Single", false, 3611, 450, 450},
                                                                  {"mvsa-multiple", "MVSA-Multiple", false, 13624, 1700, 1700},
                                                                  {"tumemo", "TumEmo", false, 156204, 19525, 19536},
                                                                  {"hfm", "HFM", true, 19816, 2410, 2409}}};
  return kSets;
}

const std::vector<PaperRow>& paper_table2() {
  static const std::vector<PaperRow> kRows = {
      {"MultiSentiNet", "multisentinet", {at(.6984, .6963), at(.6886, .6811), at(.6418, .5692), kNone}},
      {"HSAN", "hsan", {at(.6988, .6690), at(.6796, .6776), at(.6309, .5398), kNone}},
      {"Co-Memory", "co-memory", {at(.7051, .7001), at(.6892, .6883), at(.6426, .5909), kNone}},
      {"MVAN", "mvan", {at(.7298, .7139), at(.7183, .7038), at(.6553, .6543), kNone}},
      {"MGNNS", "mgnns", {at(.7377, .7270), at(.7249, .6934), at(.6672, .6669), kNone}},
      {"Concat(2)", "concat2", {kNone, kNone, kNone, at(.8103, .7799)}},
      {"Concat(3)", "concat3", {kNone, kNone, kNone, at(.8174, .7874)}},
      {"MMSD", "mmsd", {kNone, kNone, kNone, at(.8344, .8018)}},
      {"D&R Net", "dr-net", {kNone, kNone, kNone, at(.8402, .8060)}},
      {"CLMLF", "clmlf", {at(.7533, .7346), at(.7200, .6983), kNone, at(.8543, .8487)}},
      {"INFIG", "full", {at(.7641, .7487), at(.7169, .6972), at(.6781, .6749), at(.8814, .8780)}},
  };
  return kRows;
}

const std::vector<PaperRow>& paper_table3() {
  static const std::vector<PaperRow> kRows = {
      {"INFIG", "full", {at(.7641, .7487), at(.7169, .6972), at(.6781, .6749), at(.8814, .8780)}},
      {"w/o CLIP", "without-clip", {at(.7608, .7423), at(.7144, .6946), at(.6752, .6698), at(.8795, .8729)}},
      {"w/o GAM", "without-gam", {at(.7485, .7336), at(.7098, .6813), at(.6661, .6630), at(.8742, .8699)}},
      {"w/o HFAM", "without-hfam", {at(.7433, .7233), at(.7051, .6802), at(.6679, .6635), at(.8760, .8709)}},
      {"w/o GAM and HFAM", "without-both", {at(.7274, .7193), at(.6997, .6738), at(.6588, .6561), at(.8647, .8600)}},
  };
  return kRows;
}

double accuracy_standard_error(double accuracy, int64_t posts) { return std::sqrt(accuracy * (1 - accuracy) / static_cast<double>(posts)); }

}  // namespace infig
