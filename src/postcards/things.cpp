#include <array>
#include <utility>

#include "postcards/scenes.h"

namespace infig::postcards {
namespace {

constexpr Colour kBlack{0, 0, 0};
constexpr Colour kShine{255, 255, 255};

// Position and size of a thing: everything below is in parts of `height`.
struct Stand {
  Point foot;
  int height;
  Colour colour;
  Colour ink;  // wheels, handles, poles
  Colour dark() const { return mix(colour, kBlack, 80); }
  Colour light() const { return mix(colour, kShine, 110); }
  // A point `across` hundredths of the height beside the foot and `up` hundredths above it.
  Point at(int across, int up) const { return {foot.x + across * height / 100, foot.y - up * height / 100}; }
  int part(int hundredths) const { return hundredths * height / 100; }
};

void ball(Canvas& canvas, const Stand& s) {
  const Point middle = s.at(0, 44);
  canvas.circle(middle.x, middle.y, s.part(44), s.dark());
  canvas.circle(middle.x - s.part(2), middle.y - s.part(2), s.part(40), s.colour);
  canvas.ellipse(middle.x - s.part(2), middle.y - s.part(2), s.part(24), s.part(40), s.dark());
  canvas.ellipse(middle.x - s.part(2), middle.y - s.part(2), s.part(19), s.part(39), s.colour);
  canvas.rect(middle.x - s.part(41), middle.y - s.part(4), middle.x + s.part(38), middle.y, s.dark());
  const Point shine = s.at(-18, 66);
  canvas.ellipse(shine.x, shine.y, s.part(10), s.part(7), kShine, 200);
}

void umbrella(Canvas& canvas, const Stand& s) {
  canvas.line(s.at(0, 8), s.at(0, 96), s.part(5), s.ink);
  canvas.line(s.at(0, 8), s.at(7, 2), s.part(5), s.ink);
  canvas.line(s.at(7, 2), s.at(14, 9), s.part(5), s.ink);
  std::array<Point, 17> dome{};
  for (int i = 0; i <= 16; ++i) dome[static_cast<size_t>(i)] = s.at(-cosine64(2 * i) * 58 / 1024, 52 + sine64(2 * i) * 42 / 1024);
  canvas.polygon(dome, mix(s.colour, s.dark(), 120));
  constexpr int kPanels = 4;
  for (int i = 0; i < kPanels; ++i) {  // each panel's lower edge is bowed
    const int from = -58 + 116 * i / kPanels, to = -58 + 116 * (i + 1) / kPanels, middle = (from + to) / 2;
    const int rise_from = 52 + sine64(32 * i / kPanels) * 40 / 1024, rise_to = 52 + sine64(32 * (i + 1) / kPanels) * 40 / 1024;
    canvas.polygon({s.at(from * 9 / 10, 54), s.at(middle, 59), s.at(to * 9 / 10, 54), s.at(to * 6 / 10, rise_to - 6), s.at(0, 92),
                    s.at(from * 6 / 10, rise_from - 6)},
                   i % 2 == 0 ? s.colour : mix(s.colour, s.dark(), 70));
  }
  canvas.line(s.at(0, 93), s.at(0, 100), s.part(4), s.ink);
}

void bicycle(Canvas& canvas, const Stand& s) {
  for (const int side : {-40, 40}) {
    const Point hub = s.at(side, 30);
    canvas.ring(hub.x, hub.y, s.part(28), s.part(7), s.ink);
    for (int step = 0; step < 32; step += 4) {
      const int x = s.part(26) * cosine64(step) / 1024, y = s.part(26) * sine64(step) / 1024;
      canvas.line({hub.x - x, hub.y - y}, {hub.x + x, hub.y + y}, s.part(2), {170, 170, 176}, 200);
    }
  }
  const Point back = s.at(-40, 30), pedal = s.at(-4, 28), seat = s.at(-16, 68), head = s.at(28, 70), front = s.at(40, 30);
  for (const auto& [from, to] : {std::pair{back, pedal}, {back, seat}, {seat, pedal}, {seat, head}, {pedal, head}, {head, front}}) {
    canvas.line(from, to, s.part(11), s.dark());
    canvas.line(from, to, s.part(8), s.colour);
  }
  canvas.line(seat, s.at(-18, 78), s.part(5), s.ink);
  canvas.line(s.at(-27, 80), s.at(-8, 79), s.part(8), s.ink);
  canvas.line(head, s.at(25, 86), s.part(6), s.ink);
  canvas.line(s.at(25, 86), s.at(40, 90), s.part(6), s.ink);
  canvas.circle(pedal.x, pedal.y, s.part(8), s.ink);
}

void suitcase(Canvas& canvas, const Stand& s) {
  const Point left = s.at(-17, 98), right = s.at(17, 98);
  canvas.line(s.at(-17, 70), left, s.part(5), s.ink);
  canvas.line(s.at(17, 70), right, s.part(5), s.ink);
  canvas.line(left, right, s.part(6), s.ink);
  const Point top = s.at(-40, 76), low = s.at(40, 6);
  canvas.rect(top.x, top.y + s.part(6), low.x, low.y - s.part(6), s.dark());
  canvas.rect(top.x + s.part(6), top.y, low.x - s.part(6), low.y, s.dark());
  for (const Point corner : {s.at(-34, 70), s.at(34, 70), s.at(-34, 12), s.at(34, 12)})
    canvas.circle(corner.x, corner.y, s.part(6), s.dark());
  canvas.rect(top.x + s.part(4), top.y + s.part(5), low.x - s.part(5), low.y - s.part(5), s.colour);
  for (const int across : {-22, 0, 22}) canvas.line(s.at(across, 14), s.at(across, 68), s.part(5), s.dark());
  canvas.line(s.at(-34, 66), s.at(-34, 16), s.part(3), s.light());
  for (const int across : {-28, 28}) canvas.circle(s.at(across, 4).x, s.at(across, 4).y, s.part(6), s.ink);
}

void chair(Canvas& canvas, const Stand& s) {
  for (const int across : {-24, 34}) canvas.line(s.at(across, 46), s.at(across - 3, 4), s.part(7), s.dark());
  canvas.polygon({s.at(-38, 100), s.at(22, 100), s.at(26, 46), s.at(-34, 46)}, s.dark());
  canvas.polygon({s.at(-34, 97), s.at(18, 97), s.at(22, 46), s.at(-30, 46)}, s.colour);
  for (const int up : {58, 71, 84}) canvas.line(s.at(-32, up), s.at(20, up), s.part(4), s.dark());
  canvas.polygon({s.at(-34, 50), s.at(26, 50), s.at(42, 34), s.at(-26, 34)}, s.light());
  canvas.polygon({s.at(-26, 34), s.at(42, 34), s.at(42, 26), s.at(-26, 26)}, s.colour);
  for (const int across : {-22, 38}) canvas.line(s.at(across, 28), s.at(across, 0), s.part(8), s.dark());
}

void bucket(Canvas& canvas, const Stand& s) {
  Point before = s.at(-34, 62);
  for (int step = 2; step <= 32; step += 2) {
    const Point next = s.at(-cosine64(step) * 34 / 1024, 62 + sine64(step) * 32 / 1024);
    canvas.line(before, next, s.part(5), s.ink);
    before = next;
  }
  canvas.polygon({s.at(-40, 64), s.at(40, 64), s.at(28, 4), s.at(-28, 4)}, s.dark());
  canvas.ellipse(s.foot.x, s.at(0, 4).y, s.part(28), s.part(6), s.dark());
  canvas.polygon({s.at(-36, 64), s.at(30, 64), s.at(20, 5), s.at(-24, 5)}, s.colour);
  canvas.polygon({s.at(-30, 60), s.at(-20, 60), s.at(-14, 8), s.at(-20, 8)}, s.light());
  canvas.ellipse(s.foot.x, s.at(0, 64).y, s.part(41), s.part(10), s.light());
  canvas.ellipse(s.foot.x, s.at(0, 64).y, s.part(35), s.part(7), mix(s.dark(), kBlack, 110));
}

}  // namespace

void paint_thing(int64_t thing, int64_t colour, Colour ink, Painter& painter) {
  // In the order of thing_colours().
  constexpr std::array<Colour, 6> kColours = {Colour{220, 38, 44},  Colour{36, 92, 214},  Colour{36, 158, 70},
                                              Colour{248, 206, 36}, Colour{144, 58, 182}, Colour{242, 242, 240}};
  const Point foot{painter.draw(200, 800), painter.draw(925, 960)};
  const int height = painter.draw(300, 380);
  const Colour paint = painter.near(kColours.at(static_cast<size_t>(colour)), 8);
  const Stand stand{.foot = foot, .height = height, .colour = paint, .ink = ink};
  painter.canvas.ellipse(foot.x, foot.y, height * 5 / 10, height / 14, kBlack, 90);
  switch (thing) {  // in the order of thing_names()
    case 0:
      return ball(painter.canvas, stand);
    case 1:
      return umbrella(painter.canvas, stand);
    case 2:
      return bicycle(painter.canvas, stand);
    case 3:
      return suitcase(painter.canvas, stand);
    case 4:
      return chair(painter.canvas, stand);
    default:
      return bucket(painter.canvas, stand);
  }
}

}  // namespace infig::postcards
